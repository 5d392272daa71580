"""The API's operations on models."""

import asyncio
from collections.abc import Mapping
from typing import Final

from home_sentry_engine.contract import (
    ModelFetch,
    ModelFileCheck,
    ModelLatency,
    ModelLatencyList,
    ModelList,
    ModelMemory,
    ModelMinute,
    ModelProgress,
    ModelRecord,
    ModelRemoved,
    ModelsStatus,
    ModelState,
    ModelVerified,
)
from home_sentry_engine.contract.errors import Conflict, NotFound
from home_sentry_engine.vision.adapters import adapter_of
from home_sentry_engine.vision.catalog import Card, UnknownModel
from home_sentry_engine.vision.models import ModelStatus
from home_sentry_engine.vision.needs import model_of
from home_sentry_engine.vision.store import FileState, LicenceNotAccepted, StoredModel, require_licence
from home_sentry_engine.vision.tiers import is_resident
from home_sentry_engine.vision.zoo import Zoo

_ELSEWHERE: Final = {
    "source": "its file is not here yet; it is fetched when it is first needed",
    "none": "its file is not here; put it into the model folder or a mirror",
}


class ModelDesk:
    """``api.model_ports.ModelShelf`` over the zoo; its fetches must be running elsewhere."""

    def __init__(self, zoo: Zoo) -> None:
        """Take the zoo and listen to its fetches."""
        self._zoo = zoo
        self._changed = asyncio.Event()
        self._fresh: dict[str, Card] = {}
        zoo.models.fetches.on_change(self._note)

    async def all(self) -> ModelList:
        """Give every model, without reading any file."""
        stored = await self._zoo.store.listing(self._zoo.catalogue)
        told = {status.model_id: status for status in self._zoo.models.describe()}
        return ModelList(items=tuple(self._record(one, told) for one in stored), memory=self._memory())

    async def one(self, model_id: str) -> ModelRecord:
        """Give one model; raises ``NotFound``."""
        (stored,) = await self._zoo.store.listing([self._card(model_id)])
        return self._record(stored, {status.model_id: status for status in self._zoo.models.describe()})

    async def status(self) -> ModelsStatus:
        """Give the state in short."""
        by_state: dict[str, list[str]] = {}
        for one in self._zoo.models.describe():
            by_state.setdefault(one.state, []).append(one.model_id)
        return ModelsStatus(
            memory=self._memory(),
            loaded=tuple(by_state.get("loaded", ())),
            cold=tuple(one for one in by_state.get("loaded", ()) if self._zoo.models.history.is_cold(one)),
            fetching=tuple(by_state.get("fetching", ())),
            failed=tuple(by_state.get("failed", ())),
            refusals=sum(self._zoo.pool.refusals.values()),
        )

    async def latency(self) -> ModelLatencyList:
        """Give how long models took within the last hour."""
        return ModelLatencyList(
            items=tuple(
                ModelLatency(
                    model_id=one.model_id,
                    calls=one.calls,
                    p50_ms=one.p50_ms,
                    p95_ms=one.p95_ms,
                    minutes=tuple(
                        ModelMinute(at=at.at, calls=at.calls, mean_ms=at.mean_ms, longest_ms=at.longest_ms)
                        for at in one.minutes
                    ),
                )
                for one in self._zoo.models.history.all()
            )
        )

    async def get(self, model_id: str, accepted: str | None) -> ModelRecord:
        """Begin to fetch its files; raises ``NotFound``, ``Conflict``."""
        card = self._card(model_id)
        if not card.files:
            raise Conflict(f"{card.name} has no files: {card.note or 'it is computed'}", details={"model_id": model_id})
        _licensed(card, accepted)
        self._zoo.models.fetches.want(model_id)
        return await self.one(model_id)

    async def verify(self, model_id: str) -> ModelVerified:
        """Read its files again; raises ``NotFound``."""
        reports = await self._zoo.store.verify(self._card(model_id))
        return ModelVerified(
            id=model_id,
            ok=all(one.state is FileState.VERIFIED for one in reports),
            files=tuple(
                ModelFileCheck(
                    file=one.file,
                    state=one.state.value,
                    origin=one.origin,
                    sha256=one.sha256,
                    expected=one.expected,
                    size_bytes=one.size_bytes,
                )
                for one in reports
            ),
        )

    async def remove(self, model_id: str) -> ModelRemoved:
        """Unload it and delete our own copies; raises ``NotFound``, ``Conflict``."""
        card = self._card(model_id)
        self._zoo.models.unload(model_id)
        self._refuse_in_use(card)
        return ModelRemoved(id=model_id, freed_bytes=await self._zoo.store.remove(card))

    async def switch(self, model_id: str, *, on: bool, accepted: str | None = None) -> ModelRecord:
        """Allow or forbid it; raises ``NotFound``, ``Conflict``."""
        card = self._card(model_id)
        if on:
            _licensed(card, accepted)
            await asyncio.to_thread(lambda: self._zoo.switches.switch_on(card, accepted=accepted))
        else:
            await asyncio.to_thread(self._zoo.switches.switch_off, card)
            self._zoo.models.unload(model_id)
        return await self.one(model_id)

    async def load(self, model_id: str) -> ModelRecord:
        """Load it now and prove it; raises ``NotFound``, ``Conflict``, ``StageError``."""
        card = self._card(model_id)
        kind = adapter_of(card)
        if kind is None:
            raise Conflict(f"{card.name} is not loaded on demand", details={"model_id": model_id})
        await self._zoo.models.preload(model_id, kind)
        return await self.one(model_id)

    async def unload(self, model_id: str) -> ModelRecord:
        """Let go of its memory; raises ``NotFound``, ``Conflict``."""
        card = self._card(model_id)
        self._zoo.models.unload(model_id)
        self._refuse_in_use(card)
        return await self.one(model_id)

    async def news(self) -> tuple[ModelProgress, ...]:
        """Wait until the fetching of models went on, and tell the newest of each."""
        await self._changed.wait()
        self._changed.clear()
        cards, self._fresh = self._fresh, {}
        told = {status.model_id: status for status in self._zoo.models.describe() if status.model_id in cards}
        return tuple(
            ModelProgress(model_id=one.model_id, state=_state(one), reason=one.reason, fetch=self._fetch(one.model_id))
            for one in told.values()
        )

    def _note(self, card: Card) -> None:
        self._fresh[card.id] = card
        self._changed.set()

    def _card(self, model_id: str) -> Card:
        try:
            return self._zoo.catalogue.get(model_id)
        except UnknownModel as err:
            raise NotFound("there is no such model") from err

    def _refuse_in_use(self, card: Card) -> None:
        if any(model_of(entry.spec.key) == card.id for entry in self._zoo.pool.entries):
            raise Conflict(f"{card.name} is in use at this moment", details={"model_id": card.id})

    def _fetch(self, model_id: str) -> ModelFetch | None:
        news = self._zoo.models.fetches.progress(model_id)
        if news is None:
            return None
        return ModelFetch(file=news.file, origin=news.origin, done_bytes=news.done_bytes, total_bytes=news.total_bytes)

    def _memory(self) -> ModelMemory:
        pool, tier = self._zoo.pool, self._zoo.rules.tier
        return ModelMemory(
            tier=int(tier),
            used_bytes=pool.bytes_used,
            budget_bytes=pool.room.budget_bytes,
            reserve_bytes=pool.room.reserve_bytes,
            left_bytes=pool.left,
            resident_bytes=sum(entry.bytes_counted for entry in pool.entries if entry.spec.resident),
        )

    def _record(self, stored: StoredModel, told: Mapping[str, ModelStatus]) -> ModelRecord:
        card, status = stored.card, told[stored.card.id]
        state, reason = _with_its_file(_state(status), status.reason, stored)
        return ModelRecord(
            id=card.id,
            name=card.name,
            task=card.task.value,
            state=state,
            on=self._zoo.models.allowed(card),
            licence=card.licence,
            permissive=card.permissive,
            source=f"{card.source.host}:{card.source.repository}@{card.source.revision}",
            place=stored.place,
            rank=card.rank,
            default_on=card.default_on,
            resident=is_resident(card, self._zoo.rules.tier),
            measured=status.measured,
            reason=reason,
            note=card.note,
            variant_of=card.variant_of,
            unconfirmed=card.unconfirmed,
            sha256=card.files[0].sha256 if card.files else None,
            provider=status.provider,
            size_bytes=stored.size_bytes,
            memory_bytes=status.memory_bytes,
            loads=status.loads,
            uses=status.uses,
            failures=status.failures,
            last_ms=status.last_ms,
            fetch=self._fetch(card.id),
            cold=state is ModelState.LOADED and self._zoo.models.history.is_cold(card.id),
        )


def _licensed(card: Card, accepted: str | None) -> None:
    try:
        require_licence(card, accepted)
    except LicenceNotAccepted as err:
        raise Conflict(err.reason, details={"reason": "licence", "licence": card.licence}) from err


def _state(status: ModelStatus) -> ModelState:
    return ModelState(status.state.value)


def _with_its_file(state: ModelState, reason: str | None, stored: StoredModel) -> tuple[ModelState, str | None]:
    """Tell a model that is allowed from one that could be used at once."""
    if state is not ModelState.READY or stored.place not in _ELSEWHERE:
        return state, reason
    return ModelState.MISSING, _ELSEWHERE[stored.place]
