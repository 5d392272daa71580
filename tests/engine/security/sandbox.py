"""A container's bounds without a container: another root, read-only, and a user without any capability."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
import shlex
import subprocess
import sys
from typing import Any

import pytest

from tests import needs

ROOT = Path(__file__).parents[3]
DEVICES = ("null", "zero", "full", "random", "urandom")
CODE = {
    path
    for path in (ROOT, Path(sys.prefix).resolve(), Path(sys.base_prefix).resolve())
    if path == ROOT or not path.is_relative_to(ROOT)
}
SYSTEM = ("bin", "etc", "lib", "lib64", "opt", "sbin", "usr")


def needed() -> None:
    """Skip where a program cannot be given another root."""
    needs.root()
    for name in ("unshare", "setpriv", "chroot", "mount"):
        needs.command(name)
    for path in CODE:
        if path.stat().st_mode & 0o5 != 0o5:
            pytest.skip(f"needs {path} to be readable by everybody")


@dataclass(frozen=True, slots=True, kw_only=True)
class Confined:
    """What a service of Compose asks for: ``volumes`` maps a place to (folder of this machine, whether read-only)."""

    place: Path
    user: int
    volumes: Mapping[str, tuple[Path, bool]]
    tmpfs: tuple[str, ...]
    environment: Mapping[str, str]

    def command(self, *program: str) -> list[str]:
        """Give the command that runs a program within these bounds, in its own process."""
        self.place.mkdir(exist_ok=True)
        inside = ["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups", "--no-new-privs"]
        inside += ["--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all", *program]
        script = [*self._mounts(), f"exec chroot {self.place} {shlex.join(inside)}"]
        return ["unshare", "--mount", "--propagation=private", "sh", "-ec", "\n".join(script)]

    def start(self, *program: str, **how: Any) -> subprocess.Popen[bytes]:
        """Run a program there; its process is the one that is given."""
        return subprocess.Popen(self.command(*program), env=dict(self.environment), cwd="/", **how)

    def answer(self, *program: str) -> tuple[int, str]:
        """Run a program there to its end; gives status and output."""
        done = subprocess.run(
            self.command(*program), env=dict(self.environment), cwd="/", check=False, capture_output=True, text=True
        )
        return done.returncode, done.stdout

    def _mounts(self) -> list[str]:
        steps = [f"mount -t tmpfs -o mode=755 root {self.place}"]
        for name in SYSTEM:
            path = Path("/", name)
            if path.is_symlink():
                steps.append(f"ln -s {path.readlink()} {self.place}/{name}")
            elif path.is_dir():
                steps += self._bound(path, path, read_only=True)
        steps += self._bound(Path("/proc"), Path("/proc"), read_only=False)
        for name in DEVICES:
            steps += [f"mkdir -p {self.place}/dev", f"touch {self.place}/dev/{name}"]
            steps.append(f"mount --bind /dev/{name} {self.place}/dev/{name}")
        for name in ("/dev/shm", *self.tmpfs):
            steps += [f"mkdir -p {self.place}{name}", f"mount -t tmpfs -o nosuid,nodev,noexec none {self.place}{name}"]
        # after the empty folders: a checkout may lie below one of them
        for path in sorted(CODE):
            steps += self._bound(path, path, read_only=True)
        for name, (source, read_only) in sorted(self.volumes.items()):
            steps += self._bound(source, Path(name), read_only=read_only)
        return [*steps, f"mount -o remount,ro {self.place}"]

    def _bound(self, source: Path, at: Path, *, read_only: bool) -> list[str]:
        there = f"{self.place}{at}"
        steps = [f"mkdir -p {there}", f"mount --bind {source} {there}"]
        return [*steps, f"mount -o remount,bind,ro {there}"] if read_only else steps
