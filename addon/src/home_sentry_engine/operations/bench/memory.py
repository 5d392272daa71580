"""Benchmark ``memory``: what an engine holds and does that has nothing to do, with a small detector and without models.

Each engine is a ``serve`` process of its own and is looked at from outside, in ``/proc``. It finds its database made
already, as every start but the first does: making it needs libraries that later starts do not load.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import asdict, dataclass
import os
from pathlib import Path
import tempfile
import time
from typing import Any, Final

from home_sentry_engine.domain.clock import SystemClock
from home_sentry_engine.operations.data_folder import DATABASE_FILE
from home_sentry_engine.settings import Settings
from home_sentry_engine.storage.database import Database, sqlite_url

from .scratch_engine import scratch_engine
from .spread import Spread

WITHOUT_MODELS_MB: Final = 150.0
SMALL_DETECTOR_MB: Final = 350.0
IDLE_CORE: Final = 0.01
_SMALL: Final = "deimv2-atto"
_SETTLE_S: Final = 3.0
_LOOKS: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class IdleEngine:
    """One idle engine: resident megabytes at several looks, share of a core over the time between, threads."""

    what: str
    rss_mb: Spread
    own_mb: float
    core: float
    threads: int
    over_s: float
    limit_mb: float
    limit_core: float = IDLE_CORE

    @property
    def passed(self) -> bool:
        """Whether memory and processor time stay below their limits."""
        return self.rss_mb.p95 <= self.limit_mb and self.core < self.limit_core


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryBench:
    """Result: every kind of engine that could be started."""

    engines: tuple[IdleEngine, ...]

    @property
    def passed(self) -> bool:
        """Whether all of them stay below their limits."""
        return all(one.passed for one in self.engines)

    def document(self) -> dict[str, Any]:
        """Give the result as JSON values."""
        return {"bench": "memory", **asdict(self), "passed": self.passed}

    def rows(self) -> list[tuple[str, str, str]]:
        """Give the table: what, figure, share of the limit."""
        rows = []
        for one in self.engines:
            resident = f"{one.rss_mb.p50:.0f} MB (n {one.rss_mb.n}, p95 {one.rss_mb.p95:.0f}; own {one.own_mb:.0f})"
            share = f"{one.rss_mb.p95 / one.limit_mb:.2f} of {one.limit_mb:g} MB"
            rows.append((f"{one.what}: resident memory", resident, share))
            busy = f"{one.core:.2%} of a core over {one.over_s:.0f} s, {one.threads} threads"
            rows.append((f"{one.what}: processor", busy, f"{one.core / one.limit_core:.2f} of {one.limit_core:.0%}"))
        return rows


async def bench_memory(settings: Settings, *, seconds: float) -> MemoryBench:
    """Look at each engine for so long; raises ``EngineDied``.

    The one with a detector is left out where its model is neither in the settings' folder nor in their mirror.
    """
    found = []
    with tempfile.TemporaryDirectory(prefix="home-sentry-bench-") as empty:
        nothing = {"models": empty, "model_mirror": None, "offline": True, "llm": False}
        found.append(await _idle("no models", settings, nothing, WITHOUT_MODELS_MB, seconds))
    if _has_small(settings):
        small = {"detector": _SMALL, "llm": False}
        found.append(await _idle(f"detector {_SMALL}", settings, small, SMALL_DETECTOR_MB, seconds))
    return MemoryBench(engines=tuple(found))


def _has_small(settings: Settings) -> bool:
    folders = [settings.models.folder, Path(settings.models.mirror or settings.models.folder)]
    return any(next(folder.rglob("*deimv2*atto*.onnx"), None) for folder in folders if folder.is_dir())


async def _idle(
    what: str, settings: Settings, overrides: Mapping[str, object], limit_mb: float, seconds: float
) -> IdleEngine:
    with tempfile.TemporaryDirectory(prefix="home-sentry-bench-") as data:
        file = Path(data) / "data" / DATABASE_FILE
        async with Database(sqlite_url(file), SystemClock()):
            pass
        async with scratch_engine(settings, overrides, data=Path(data)) as engine:
            await asyncio.sleep(_SETTLE_S)
            process = Path("/proc") / str(engine.pid)
            began, spent = time.monotonic(), _spent_s(process)
            looks = []
            for _ in range(_LOOKS):
                await asyncio.sleep(seconds / _LOOKS)
                looks.append(_status(process, "VmRSS") / 1000)
            over_s = time.monotonic() - began
            return IdleEngine(
                what=what,
                rss_mb=Spread.of(looks),
                own_mb=_status(process, "RssAnon") / 1000,
                core=(_spent_s(process) - spent) / over_s,
                threads=_status(process, "Threads"),
                over_s=over_s,
                limit_mb=limit_mb,
            )


def _status(process: Path, name: str) -> int:
    lines = (process / "status").read_text(encoding="ascii", errors="replace").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def _spent_s(process: Path) -> float:
    # the name in parentheses may hold spaces
    fields = (process / "stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
