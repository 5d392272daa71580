"""What a test may need from the machine. In CI a skip stands only if the machine really lacks what its reason names."""

from collections.abc import Callable
import os
from pathlib import Path
import re
import shutil

import pytest


def find_command(name: str) -> str | None:
    """Return the path of a program, in Debian's folders of PostgreSQL and of servers too."""
    beside = [*sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}")), *Path("/usr/sbin").glob(name)]
    return shutil.which(name) or (str(beside[-1]) if beside else None)


def command(name: str) -> str:
    """Return the path of a program, or skip."""
    found = find_command(name)
    if found is None:
        pytest.skip(f"needs the command {name}")
    return found


def folder_from(variable: str) -> Path:
    """Return the folder that an environment variable names, or skip."""
    value = os.environ.get(variable, "")
    if not value:
        pytest.skip(f"needs {variable}")
    folder = Path(value)
    if not folder.is_dir():
        pytest.fail(f"{variable} names no folder: {value}")
    return folder


def root() -> None:
    """Skip without the rights of root, which mounting a file system takes."""
    if os.geteuid() != 0:
        pytest.skip("needs root")


def _without(*paths: str) -> bool:
    return not any(Path(path).exists() for path in paths)


# phrase in a skip's reason -> whether the machine lacks it
LACKING: dict[str, Callable[[], bool]] = {
    "chromium": lambda: find_command("chromium") is None,
    "ffmpeg": lambda: find_command("ffmpeg") is None,
    "mosquitto": lambda: find_command("mosquitto") is None,
    "postgres": lambda: find_command("postgres") is None,
    "redis-server": lambda: find_command("redis-server") is None,
    "needs a GPU": lambda: _without("/dev/nvidia0", "/dev/dri/renderD128"),
    "needs CUDA": lambda: _without("/dev/nvidia0"),
    "needs root": lambda: os.geteuid() != 0,
}


def unproven(reason: str) -> str | None:
    """Tell what is wrong with a skip's reason; None if the machine really lacks what the reason names."""
    if reason.strip() in {"", "unconditional skip"}:
        return "a skip without a reason"
    if any(not os.environ.get(name) for name in re.findall(r"HOME_SENTRY_[A-Z_]+", reason)):
        return None
    if any(phrase in reason and lacks() for phrase, lacks in LACKING.items()):
        return None
    return f"not shown to be lacking here: {reason}"
