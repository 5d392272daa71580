"""Where a database file lies: refuses file systems on which SQLite's write-ahead log does not work."""

from pathlib import Path
from typing import Final

from .errors import NetworkFileSystem

_NETWORK: Final = frozenset(
    {
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "9p", "ceph", "glusterfs", "lustre", "davfs"),
        *("fuse.sshfs", "fuse.rclone", "fuse.glusterfs", "fuse.davfs", "fuse.s3fs", "fuse.smbnetfs"),
    }
)
_MOUNTS: Final = Path("/proc/self/mountinfo")


def file_system_of(folder: Path, mounts: str) -> str | None:
    """Give the type of the file system that holds a folder, by the text of ``mountinfo``; None when it is not told."""
    target, found, best = folder.resolve(), None, -1
    for line in mounts.splitlines():
        head, _, tail = line.partition(" - ")
        fields, kind = head.split(), tail.split()
        if len(fields) < 5 or not kind:
            continue
        mount = Path(fields[4].encode().decode("unicode_escape"))
        if target.is_relative_to(mount) and len(mount.parts) >= best:
            found, best = kind[0], len(mount.parts)
    return found


def refuse_network(folder: Path, mounts_file: Path | None = None) -> None:
    """Raise ``NetworkFileSystem`` if the folder lies on one; where mounts cannot be read nothing is refused."""
    try:
        kind = file_system_of(folder, (mounts_file or _MOUNTS).read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return
    if kind in _NETWORK:
        raise NetworkFileSystem(
            f"the database folder lies on a network file system ({kind}), which breaks SQLite's locking; "
            "put the data folder on a local disk or use a postgresql:// database"
        )
