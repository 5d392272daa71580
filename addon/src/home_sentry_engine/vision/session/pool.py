"""Which graphs are in memory: one load at a time per model, a byte budget, the least recently used goes first."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
import logging
from pathlib import Path

from home_sentry_engine.domain.clock import Clock

from .errors import BudgetExceeded
from .providers import ProviderChoice
from .runtime import Session, open_session

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSpec:
    """What to load and how much it is expected to need; a higher ``priority`` stays longer, ``pinned`` always."""

    key: str
    path: Path
    choice: ProviderChoice
    threads: int = 0
    need_bytes: int = 0
    priority: int = 0
    pinned: bool = False


@dataclass(slots=True, kw_only=True)
class PoolEntry:
    """A session in memory: who holds it, when it was used last, how many bytes it was counted with."""

    spec: SessionSpec
    session: Session
    bytes_counted: int
    last_used: float
    holders: int = field(default=0)


type OpenSession = Callable[[SessionSpec], Session]


class SessionPool:
    """Sessions by key. ``budget_bytes`` None = no limit; sessions in use or pinned are never unloaded."""

    def __init__(
        self,
        executor: Executor,
        clock: Clock,
        *,
        budget_bytes: int | None = None,
        idle_s: float = 300.0,
        opener: OpenSession | None = None,
    ) -> None:
        """Take threads for loading, the clock, the budget and the idle time after which a session is unloaded."""
        self._executor = executor
        self._clock = clock
        self._budget_bytes = budget_bytes
        self._idle_s = idle_s
        self._open = opener or _open
        self._entries: dict[str, PoolEntry] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._admission = asyncio.Lock()

    @property
    def entries(self) -> tuple[PoolEntry, ...]:
        """Sessions in memory."""
        return tuple(self._entries.values())

    @property
    def bytes_used(self) -> int:
        """Bytes counted against the budget."""
        return sum(entry.bytes_counted for entry in self._entries.values())

    @asynccontextmanager
    async def lease(self, spec: SessionSpec) -> AsyncIterator[Session]:
        """Hold a session, loading it if need be; raises ``BudgetExceeded``, ``SessionFailed``, ``RuntimeMissing``."""
        entry = await self._held(spec)
        try:
            yield entry.session
        finally:
            entry.holders -= 1
            entry.last_used = self._clock.monotonic()

    def unload_idle(self) -> tuple[str, ...]:
        """Unload what nobody used for the idle time; gives the keys."""
        before = self._clock.monotonic() - self._idle_s
        idle = [entry for entry in self._evictable() if entry.last_used <= before]
        for entry in idle:
            self._unload(entry, "idle")
        return tuple(entry.spec.key for entry in idle)

    def clear(self) -> None:
        """Unload everything that nobody holds."""
        for entry in [entry for entry in self._entries.values() if entry.holders == 0]:
            self._unload(entry, "closing")

    async def _held(self, spec: SessionSpec) -> PoolEntry:
        async with self._locks.setdefault(spec.key, asyncio.Lock()):
            entry = self._entries.get(spec.key)
            if entry is None:
                entry = await self._load(spec)
            entry.holders += 1
            entry.last_used = self._clock.monotonic()
            return entry

    async def _load(self, spec: SessionSpec) -> PoolEntry:
        async with self._admission:
            self._make_room(spec)
            session = await asyncio.get_running_loop().run_in_executor(self._executor, self._open, spec)
            counted = max(spec.need_bytes, session.memory_bytes)
            entry = PoolEntry(spec=spec, session=session, bytes_counted=counted, last_used=self._clock.monotonic())
            self._entries[spec.key] = entry
        _LOGGER.info(
            "model loaded", extra={"model_id": spec.key, "provider": session.provider, "memory_bytes": counted}
        )
        return entry

    def _make_room(self, spec: SessionSpec) -> None:
        if self._budget_bytes is None:
            return
        for entry in self._evictable():
            if self.bytes_used + spec.need_bytes <= self._budget_bytes:
                return
            self._unload(entry, f"to make room for {spec.key}")
        free = self._budget_bytes - self.bytes_used
        if spec.need_bytes > free:
            raise BudgetExceeded(
                f"{spec.key} needs {spec.need_bytes / 1e6:.0f} MB, free {max(0, free) / 1e6:.0f} MB", code="budget"
            )

    def _evictable(self) -> list[PoolEntry]:
        free = [entry for entry in self._entries.values() if entry.holders == 0 and not entry.spec.pinned]
        return sorted(free, key=lambda entry: (entry.spec.priority, entry.last_used))

    def _unload(self, entry: PoolEntry, why: str) -> None:
        del self._entries[entry.spec.key]
        _LOGGER.info("model unloaded", extra={"model_id": entry.spec.key, "why": why})


def _open(spec: SessionSpec) -> Session:
    return open_session(spec.path, choice=spec.choice, threads=spec.threads)
