"""Which file system holds a folder."""

from pathlib import Path

import pytest

from home_sentry_engine.storage.errors import NetworkFileSystem
from home_sentry_engine.storage.location import file_system_of, refuse_network

MOUNTS = r"""
21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
22 21 0:5 / /data rw - nfs4 nas:/export rw
23 22 8:2 / /data/local rw - xfs /dev/sdb rw
24 21 0:6 / /my\040share rw - fuse.sshfs host:/ rw
25 21 0:7 / /late rw - ext4 /dev/sdc rw
26 21 0:8 / /late rw - cifs //nas/late rw
broken line
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/", "ext4"),
        ("/home/x", "ext4"),
        ("/data", "nfs4"),
        ("/data/deep/er", "nfs4"),
        ("/data/local/db", "xfs"),
        ("/database", "ext4"),
        ("/my share/db", "fuse.sshfs"),
        ("/late/db", "cifs"),
    ],
)
def test_the_deepest_and_newest_mount_counts(folder, kind):
    assert file_system_of(Path(folder), MOUNTS) == kind


def test_only_network_file_systems_are_refused(tmp_path):
    mounts = tmp_path / "mountinfo"
    mounts.write_text("1 0 0:1 / / rw - nfs nas:/ rw\n")
    with pytest.raises(NetworkFileSystem, match="local disk"):
        refuse_network(tmp_path, mounts)
    mounts.write_text("1 0 0:1 / / rw - overlay overlay rw\n")
    refuse_network(tmp_path, mounts)
    refuse_network(tmp_path, tmp_path / "no such file")


def test_the_folder_of_the_tests_is_local(tmp_path):
    refuse_network(tmp_path)
