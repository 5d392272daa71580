"""Which graphs are in memory: one load at a time, as much as fits, the least important and least used goes first."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import IntEnum
import logging
from pathlib import Path

from home_sentry_engine.domain.clock import Clock

from .errors import BudgetExceeded
from .providers import ProviderChoice
from .runtime import Session, open_session

_LOGGER = logging.getLogger(__name__)


class Rank(IntEnum):
    """How long a session stays when memory is short; nobody makes room at the cost of a higher rank."""

    LOW = 0
    MEDIUM = 1
    HIGH = 2
    CRITICAL = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSpec:
    """What to load and how much it is expected to need; a higher ``priority`` (a ``Rank``) stays longer.

    ``pinned`` stays always, ``resident`` until others need its room: it does not idle out. No session takes less than
    its ``file_bytes``, so a smaller measurement is not believed.
    """

    key: str
    path: Path
    choice: ProviderChoice
    threads: int = 0
    need_bytes: int = 0
    file_bytes: int = 0
    priority: int = 0
    pinned: bool = False
    resident: bool = False


@dataclass(slots=True, kw_only=True)
class PoolEntry:
    """A session in memory: who holds it, when it was used last, how many bytes it was counted with."""

    spec: SessionSpec
    session: Session
    bytes_counted: int
    last_used: float
    holders: int = field(default=0)


type OpenSession = Callable[[SessionSpec], Session]
type FreeBytes = Callable[[], int | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """How much sessions may take: ``budget_bytes`` as set (None = no limit), and what is really free on the device.

    ``free_bytes`` is asked before every load (None = unknown); ``reserve_bytes`` of it are left to others.
    """

    budget_bytes: int | None = None
    free_bytes: FreeBytes | None = None
    reserve_bytes: int = 0

    def free(self) -> int | None:
        """Ask the device; None = unknown."""
        return self.free_bytes() if self.free_bytes is not None else None

    def left(self, used_bytes: int) -> int | None:
        """Give the bytes that one more session may take; None = no limit is known."""
        limits = [] if self.budget_bytes is None else [self.budget_bytes - used_bytes]
        free = self.free()
        if free is not None:
            limits.append(free - self.reserve_bytes)
        return min(limits) if limits else None


class SessionPool:
    """Sessions by key; those in use or pinned are never unloaded.

    A session's need is what its first load took, before that what its spec says.
    """

    def __init__(
        self,
        executor: Executor,
        clock: Clock,
        *,
        room: Room | None = None,
        idle_s: float = 300.0,
        opener: OpenSession | None = None,
    ) -> None:
        """Take threads for loading, the clock, the room and the idle time after which a session is unloaded."""
        self._executor = executor
        self._clock = clock
        self._room = room or Room()
        self._idle_s = idle_s
        self._open = opener or _open
        self._entries: dict[str, PoolEntry] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._admission = asyncio.Lock()
        self._measured: dict[str, int] = {}
        self._listeners: list[Callable[[str], None]] = []
        self._loads: Counter[str] = Counter()
        self._refusals: Counter[str] = Counter()

    @property
    def entries(self) -> tuple[PoolEntry, ...]:
        """Sessions in memory."""
        return tuple(self._entries.values())

    @property
    def bytes_used(self) -> int:
        """Bytes counted against the budget."""
        return sum(entry.bytes_counted for entry in self._entries.values())

    @property
    def measured(self) -> Mapping[str, int]:
        """Bytes that each key took when it was loaded last, also of those that were unloaded since."""
        return dict(self._measured)

    @property
    def loads(self) -> Mapping[str, int]:
        """How often each key was loaded; a key that nobody needed is not in it."""
        return dict(self._loads)

    @property
    def room(self) -> Room:
        """How much sessions may take."""
        return self._room

    @property
    def left(self) -> int | None:
        """Bytes that one more session may take at this moment; None = no limit is known."""
        return self._room.left(self.bytes_used)

    @property
    def refusals(self) -> Mapping[str, int]:
        """How often each key did not fit."""
        return dict(self._refusals)

    def on_unload(self, listener: Callable[[str], None]) -> None:
        """Tell ``listener`` the key of every session that is let go, so that nobody keeps it alive."""
        self._listeners.append(listener)

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
        idle = [entry for entry in self._evictable() if entry.last_used <= before and not entry.spec.resident]
        for entry in idle:
            self._unload(entry, "idle")
        return tuple(entry.spec.key for entry in idle)

    def relieve(self) -> int:
        """Unload everything that nobody holds and that is not pinned, because memory ran out; gives how many."""
        free = self._evictable()
        for entry in free:
            self._unload(entry, "memory ran out")
        return len(free)

    def unload(self, keys: Callable[[str], bool]) -> tuple[str, ...]:
        """Unload the sessions with such keys that nobody holds; gives their keys."""
        chosen = [entry for entry in self._evictable() if keys(entry.spec.key)]
        for entry in chosen:
            self._unload(entry, "a person wished it")
        return tuple(entry.spec.key for entry in chosen)

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
            free_before = self._room.free()
            session = await asyncio.get_running_loop().run_in_executor(self._executor, self._open, spec)
            counted = self._taken(spec, session, free_before)
            self._measured[spec.key] = counted
            entry = PoolEntry(spec=spec, session=session, bytes_counted=counted, last_used=self._clock.monotonic())
            self._entries[spec.key] = entry
            self._loads[spec.key] += 1
        _LOGGER.info(
            "model loaded", extra={"model_id": spec.key, "provider": session.provider, "memory_bytes": counted}
        )
        return entry

    def _taken(self, spec: SessionSpec, session: Session, free_before: int | None) -> int:
        free_after = self._room.free() if free_before is not None else None
        on_device = free_before - free_after if free_before is not None and free_after is not None else 0
        measured = max(on_device, session.memory_bytes)
        return measured if measured > spec.file_bytes else max(spec.need_bytes, spec.file_bytes)

    def _make_room(self, spec: SessionSpec) -> None:
        need = self._measured.get(spec.key, spec.need_bytes)
        for entry in self._evictable():
            left = self._room.left(self.bytes_used)
            if left is None or need <= left or entry.spec.priority > spec.priority:
                break
            self._unload(entry, f"to make room for {spec.key}")
        left = self._room.left(self.bytes_used)
        if left is not None and need > left:
            self._refusals[spec.key] += 1
            raise BudgetExceeded(
                f"{spec.key} needs {need / 1e6:.0f} MB, free {max(0, left) / 1e6:.0f} MB", code="budget"
            )

    def _evictable(self) -> list[PoolEntry]:
        free = [entry for entry in self._entries.values() if entry.holders == 0 and not entry.spec.pinned]
        return sorted(free, key=lambda entry: (entry.spec.priority, entry.last_used))

    def _unload(self, entry: PoolEntry, why: str) -> None:
        del self._entries[entry.spec.key]
        for listener in self._listeners:
            listener(entry.spec.key)
        _LOGGER.info("model unloaded", extra={"model_id": entry.spec.key, "why": why})


def _open(spec: SessionSpec) -> Session:
    return open_session(spec.path, choice=spec.choice, threads=spec.threads)
