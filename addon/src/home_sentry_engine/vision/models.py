"""Models on demand: whatever is not the detector is loaded when somebody needs it, if it is allowed and if it fits."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
import logging
from pathlib import Path
import time
from typing import Any, Final, Protocol

from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.errors import StageError, Unavailable

from .catalog import Card, Catalogue
from .eyes import draw_canary
from .fetches import Fetches
from .history import LatencyHistory
from .needs import model_of, provider_for, specs_of
from .session import (
    Cancel,
    PoolEntry,
    ProviderChoice,
    Room,
    Runner,
    SessionFailed,
    SessionPool,
    available_providers,
    choose_provider,
    has_accelerator,
)
from .store import HashMismatch, LocalModel, ModelMissing, ModelStore, Switches
from .tasks.graph import Graph, Loaded
from .tasks.pictures import Frame, RgbFrame
from .tiers import Tier

_LOGGER = logging.getLogger(__name__)
_BROKEN_S: Final = 300.0
_ON_PROCESSOR_S: Final = 300.0
_CHEAP_S: Final = 0.25
_OUT_OF_MEMORY: Final = "out_of_memory"


class NotSwitchedOn(Unavailable):
    """The card is off by default and nobody switched it on; the sentence names its licence or what it needs."""


class Adapter(Protocol):
    """A task over one loaded model: made from it, and able to prove that it works; blocking, thread-safe."""

    def __init__(self, loaded: Loaded) -> None:
        """Match card and graphs; raises ``StageError`` where they differ."""
        ...

    def canary(self, frame: Frame) -> None:
        """Run once on a drawn picture; raises ``StageError``."""
        ...


class ModelState(StrEnum):
    """Where a model stands."""

    OFF = "off"
    READY = "ready"
    MISSING = "missing"
    FETCHING = "fetching"
    LOADED = "loaded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelStatus:
    """What there is to say about one model; ``memory_bytes`` is ``measured`` once it was loaded, expected otherwise."""

    model_id: str
    name: str
    task: str
    licence: str
    state: ModelState
    reason: str | None = None
    provider: str | None = None
    memory_bytes: int | None = None
    measured: bool = False
    loads: int = 0
    uses: int = 0
    failures: int = 0
    last_ms: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRules:
    """Which models may run and how much they may take.

    ``switched_on`` are cards that the settings allow although they are off by default, ``switches`` a person's choices,
    which may change while the engine runs. Models stay loaded ``idle_s``
    after their last use, those of the ``tier``'s resident set for good.
    """

    switched_on: frozenset[str] = frozenset()
    room: Room = field(default_factory=Room)
    provider: str = "auto"
    idle_s: float = 300.0
    tier: Tier = Tier.CPU
    switches: Switches | None = None


@dataclass(slots=True, kw_only=True)
class _Record:
    uses: int = 0
    failures: int = 0
    last_ms: float | None = None
    broken: tuple[str, str] | None = None
    broken_until: float = 0.0
    bad_file: str | None = None
    on_processor_until: float = float("-inf")
    model: LocalModel | None = None
    adapters: dict[tuple[type[Any], bool], Any] = field(default_factory=dict)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Models:
    """Hands out models by id; each is loaded on first use, proven by a canary, and let go by the pool when it idles.

    ``fetches`` gets the files that somebody asked for. One event loop only. A model whose device has no memory left is
    tried again once the others that nobody uses are unloaded, and then on the processor for five minutes.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        store: ModelStore,
        pool: SessionPool,
        runner: Runner,
        clock: Clock,
        rules: ModelRules,
    ) -> None:
        """Take what there is, how to run it, and what is allowed; the room is already the pool's."""
        self._catalogue = catalogue
        self._store = store
        self._pool = pool
        self._runner = runner
        self._clock = clock
        self._rules = rules
        self._choice: ProviderChoice | None = None
        self._records: dict[str, _Record] = {}
        self.fetches = Fetches(catalogue, store, clock)
        self.history = LatencyHistory(clock)
        pool.on_unload(self._forget)
        self.fetches.on_change(self._fetched)

    async def use[A: Adapter, T](
        self, model_id: str, kind: type[A], work: Callable[[A, Cancel], T],
        *, priority: int = 0, timeout_s: float | None = None,
    ) -> T:  # fmt: skip
        """Do ``work`` with a model in a thread, loading it if need be.

        Raises ``UnknownModel``, and ``StageError``: ``NotSwitchedOn``, ``StoreError`` (no file), ``BudgetExceeded`` (no
        room), ``OutOfMemory``, ``SessionFailed``, ``UnsupportedGraph``, ``InferenceTimeout``, what ``work`` raises.
        """
        card = self._catalogue.get(model_id)
        record = self._records.setdefault(model_id, _Record())
        record.uses += 1

        async def attempt() -> T:
            async with self._adapter(card, record, kind) as adapter:
                began = time.perf_counter()
                result = await self._runner.run(
                    lambda cancel: work(adapter, cancel), priority=priority, timeout_s=timeout_s
                )
                record.last_ms = (time.perf_counter() - began) * 1000.0
            return result

        try:
            result = await self._with_memory(card, record, attempt)
        except StageError as err:
            _note_failure(record, err)
            raise
        if record.last_ms is not None:
            self.history.note(model_id, record.last_ms)
        return result

    async def preload[A: Adapter](self, model_id: str, kind: type[A]) -> None:
        """Load and prove a model now; raises as ``use``."""
        card = self._catalogue.get(model_id)
        record = self._records.setdefault(model_id, _Record())

        async def attempt() -> None:
            async with self._adapter(card, record, kind):
                pass

        try:
            await self._with_memory(card, record, attempt)
        except StageError as err:
            _note_failure(record, err)
            raise

    def unload(self, model_id: str) -> bool:
        """Let go of a model that nobody uses at this moment; tells whether anything was unloaded."""
        return bool(self._pool.unload(lambda key: model_of(key) == model_id))

    async def run(self) -> None:
        """Fetch what was asked for and is not here, until cancelled."""
        await self.fetches.run()

    def allowed(self, card: Card) -> bool:
        """Tell whether a model may run: by the settings, a person's choice, its licence and default."""
        return self._refusal(card) is None

    def describe(self) -> tuple[ModelStatus, ...]:
        """Tell the state of every card at this moment."""
        return tuple(self._status(card) for card in self._catalogue)

    async def _with_memory[T](self, card: Card, record: _Record, attempt: Callable[[], Awaitable[T]]) -> T:
        try:
            return await attempt()
        except StageError as err:
            if err.code != _OUT_OF_MEMORY:
                raise
            _LOGGER.warning("memory ran out: unused models are unloaded", extra={"model_id": card.id})
        self._pool.relieve()
        record.broken = None
        try:
            return await attempt()
        except StageError as err:
            if err.code != _OUT_OF_MEMORY or self._on_processor(record):
                raise
            _LOGGER.warning("memory ran out again: the processor takes over", extra={"model_id": card.id})
        record.on_processor_until = self._clock.monotonic() + _ON_PROCESSOR_S
        record.broken = None
        self._pool.relieve()
        return await attempt()

    def _on_processor(self, record: _Record) -> bool:
        return self._choice is None or self._choice.wanted[0] == "cpu" or self._exiled(record)

    def _exiled(self, record: _Record) -> bool:
        return self._clock.monotonic() < record.on_processor_until

    @asynccontextmanager
    async def _adapter[A: Adapter](self, card: Card, record: _Record, kind: type[A]) -> AsyncIterator[A]:
        now = self._clock.monotonic()
        if record.broken is not None and now < record.broken_until:
            raise Unavailable(record.broken[0], code=record.broken[1])
        choice = await self._permitted(card)
        exiled = self._exiled(record) and choice.wanted[0] != "cpu"
        if exiled:
            choice = ProviderChoice(wanted=("cpu",), reason="the device had no memory left for it")
        # files of a model in memory were read already: no need to look at the disk for every use
        model = record.model or await self._files(card)
        async with AsyncExitStack() as stack:
            graphs: dict[str, Graph] = {}
            for key, spec in specs_of(card, model, choice, self._rules.tier, aside=exiled).items():
                graphs[key] = await stack.enter_async_context(self._pool.lease(spec))
            record.bad_file = None
            async with record.lock:
                adapter = record.adapters.get((kind, exiled))
                if adapter is None:
                    loaded = Loaded(card=card, graphs=graphs, paths=_paths(model))
                    adapter = await self._proven(card, record, kind, loaded)
                    record.adapters[kind, exiled] = adapter
                    record.model = model
            yield adapter

    async def _proven[A: Adapter](self, card: Card, record: _Record, kind: type[A], loaded: Loaded) -> A:
        def make(_: Cancel) -> A:
            adapter, canary, began = kind(loaded), RgbFrame.of(draw_canary()), self._clock.monotonic()
            adapter.canary(canary)
            if self._clock.monotonic() - began < _CHEAP_S:
                # caches and threads are warm after three
                adapter.canary(canary)
                adapter.canary(canary)
            return adapter

        try:
            adapter = await self._runner.run(make)
        except StageError as err:
            reason = f"{card.name} does not work: {err.reason}"
            record.broken, record.broken_until = (reason, err.code), self._clock.monotonic() + _BROKEN_S
            _LOGGER.warning("%s", reason, extra={"model_id": card.id})
            raise Unavailable(reason, code=err.code) from err
        record.broken = None
        self.history.touch(card.id)
        return adapter

    async def _permitted(self, card: Card) -> ProviderChoice:
        if self._choice is None:
            available = await asyncio.to_thread(available_providers)
            self._choice = choose_provider(self._rules.provider, available)
        refusal = self._refusal(card)
        if refusal is not None:
            raise NotSwitchedOn(refusal, code="off")
        return provider_for(card, self._choice)

    def _refusal(self, card: Card) -> str | None:
        if card.id in self._rules.switched_on:
            return None
        chosen = self._rules.switches.choice(card) if self._rules.switches is not None else None
        if chosen is not None:
            return None if chosen else f"{card.name} is off: a person switched it off"
        if not card.permissive:
            return f"{card.name} is off: its licence is {card.licence}"
        if not card.default_on:
            return f"{card.name} is off until somebody switches it on"
        slow = self._choice is not None and not has_accelerator(self._choice.wanted)
        if card.quirks.get("accelerator_only") and slow:
            return f"{card.name} is off: it is made for a GPU and none is here"
        return None

    async def _files(self, card: Card) -> LocalModel:
        model = await self._store.find(card)
        if model is not None:
            return model
        self.fetches.want(card.id)
        raise ModelMissing(f"the file of {card.name} is not here", code="missing")

    def _forget(self, key: str) -> None:
        """Let go of adapters over a session that was unloaded; otherwise they would keep its memory."""
        record = self._records.get(model_of(key))
        if record is not None:
            record.adapters.clear()
            record.model = None

    def _fetched(self, card: Card) -> None:
        """Believe a file that is being fetched anew until it proves to be bad too."""
        record = self._records.get(card.id)
        if record is not None:
            record.bad_file = None

    def _status(self, card: Card) -> ModelStatus:
        record = self._records.get(card.id, _Record())
        entries = [entry for entry in self._pool.entries if model_of(entry.spec.key) == card.id]
        state, reason = self._state(card, record, loaded=bool(entries))
        measured = self._measured(card, entries)
        loads = [count for key, count in self._pool.loads.items() if model_of(key) == card.id]
        return ModelStatus(
            model_id=card.id,
            name=card.name,
            task=card.task,
            licence=card.licence,
            state=state,
            reason=reason,
            provider=entries[0].session.provider if entries else None,
            memory_bytes=measured if measured is not None else card.memory_bytes,
            measured=measured is not None,
            loads=max(loads, default=0),
            uses=record.uses,
            failures=record.failures,
            last_ms=record.last_ms,
        )

    def _measured(self, card: Card, entries: Sequence[PoolEntry]) -> int | None:
        if entries:
            return sum(entry.bytes_counted for entry in entries)
        known = [size for key, size in self._pool.measured.items() if model_of(key) == card.id]
        return sum(known) if known else None

    def _state(self, card: Card, record: _Record, *, loaded: bool) -> tuple[ModelState, str | None]:
        refusal = self._refusal(card)
        if record.broken is not None and self._clock.monotonic() < record.broken_until:
            return ModelState.FAILED, record.broken[0]
        bad_file = record.bad_file or self.fetches.corrupt(card.id)
        if bad_file is not None:
            return ModelState.FAILED, bad_file
        if loaded:
            return ModelState.LOADED, None
        if refusal is not None:
            return ModelState.OFF, refusal
        if self.fetches.progress(card.id) is not None:
            return ModelState.FETCHING, None
        if self.fetches.is_wanted(card.id):
            return ModelState.MISSING, self.fetches.failure(card.id) or "its file is being fetched"
        return ModelState.READY, None


def _note_failure(record: _Record, err: StageError) -> None:
    record.failures += 1
    if isinstance(err, HashMismatch | SessionFailed) and err.code != _OUT_OF_MEMORY:
        record.bad_file = err.reason


def _paths(model: LocalModel) -> Mapping[str, Path]:
    return {file.role: model.paths[file.name] for file in model.card.files}
