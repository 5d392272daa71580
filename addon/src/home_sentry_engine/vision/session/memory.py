"""How much memory of the machine itself sessions on the processor may count on."""

from pathlib import Path
from typing import Final

import psutil

_GROUP: Final = Path("/sys/fs/cgroup")


def host_total_bytes(group: Path = _GROUP) -> int:
    """Give the memory that this process may have: the machine's, or less where a container sets a limit."""
    limit = _number(group / "memory.max")
    total = int(psutil.virtual_memory().total)
    return total if limit is None else min(total, limit)


def host_free_bytes(group: Path = _GROUP) -> int:
    """Give the memory that is free at this moment, within the limit of a container; caches count as free."""
    free = int(psutil.virtual_memory().available)
    limit, used = _number(group / "memory.max"), _number(group / "memory.current")
    if limit is None or used is None:
        return free
    return max(0, min(free, limit - used + _reclaimable(group)))


def _number(file: Path) -> int | None:
    try:
        return int(file.read_text(encoding="ascii"))
    except OSError, ValueError:
        return None


def _reclaimable(group: Path) -> int:
    try:
        lines = (group / "memory.stat").read_text(encoding="ascii").splitlines()
        return sum(int(line.split()[1]) for line in lines if line.startswith("inactive_file "))
    except OSError, ValueError, IndexError:
        return 0
