"""This engine's models for other programs, such as an engine on a machine without a graphics card."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Any, Final

from home_sentry_engine.api.enrich_ports import PictureQuestion
from home_sentry_engine.contract.errors import NotFound, ServiceUnavailable, Unprocessable
from home_sentry_engine.domain.box import Box
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.enrichment import Outcome
from home_sentry_engine.domain.errors import Permanent, StageError, Unavailable
from home_sentry_engine.domain.files import Provenance
from home_sentry_engine.media.frames import Frames
from home_sentry_engine.media.limits import Limits
from home_sentry_engine.pipeline.enrich.peers import ABOUT, PeerDesk, PeerQuestion
from home_sentry_engine.vision.adapters import adapter_of
from home_sentry_engine.vision.catalog import UnknownModel
from home_sentry_engine.vision.models import NotSwitchedOn
from home_sentry_engine.vision.tasks.pictures import RgbFrame
from home_sentry_engine.vision.zoo import Zoo

_HERE: Final = frozenset({"local", "mirror", "package"})
_RAN: Final = Outcome.RAN.value
_UNAVAILABLE: Final = Outcome.UNAVAILABLE.value


class PeerEyes:
    """``api.enrich_ports.Enricher``: own models only, so that two engines that ask each other never go in circles."""

    def __init__(self, zoo: Zoo, frames: Frames, limits: Limits, executor: Executor, clock: Clock) -> None:
        """Take the models, and what decodes pictures under the usual bounds."""
        self._zoo = zoo
        self._frames = frames
        self._limits = limits
        self._executor = executor
        self._clock = clock
        self._desk = PeerDesk(zoo.models)

    async def answer(self, question: PictureQuestion) -> dict[str, Any]:
        """Answer one question."""
        asked = await self._decoded(question)
        try:
            return await self._desk.answer(asked)
        except Permanent as err:
            raise Unprocessable(err.reason, details={"reason": err.code}) from err
        except (StageError, TimeoutError) as err:
            raise _absent(err) from err

    async def enrich(self, kind: str, question: PictureQuestion, about: Sequence[str]) -> dict[str, Any]:
        """Answer several questions about one thing."""
        unknown = sorted(set(about) - {one for names in ABOUT.values() for one in names})
        if unknown:
            raise Unprocessable(f"nobody answers questions about {unknown[0][:40]}", details={"known": ABOUT[kind]})
        asked = await self._decoded(question)
        names = tuple(about) or ABOUT[kind]
        questions = (
            PeerQuestion(about=name, frames=asked.frames, box=asked.box, options=asked.options) for name in names
        )
        told = await asyncio.gather(*(self._desk.outcome(one) for one in questions))
        results = dict(zip(names, told, strict=True))
        tried = {name: one for name, one in results.items() if one["outcome"] in {_RAN, _UNAVAILABLE}}
        ran = [one for one in tried.values() if one["outcome"] == _RAN]
        rate = len(ran) / len(tried) if tried else 1.0
        return {
            "detection_type": kind,
            "results": results,
            "status": "success" if rate == 1.0 else "partial" if rate else "failed",
            "success_rate": rate,
            "successful_models": list(dict.fromkeys(one["model_id"] for one in ran)),
            "failed_models": [name for name, one in tried.items() if one["outcome"] == _UNAVAILABLE],
            "errors": {name: one["reason"] for name, one in tried.items() if one["outcome"] == _UNAVAILABLE},
        }

    async def models_status(self) -> dict[str, Any]:
        """Tell the state of every model that answers such questions."""
        cards = {card.id: card for card in self._zoo.catalogue}
        stored = await self._zoo.store.listing(self._zoo.catalogue)
        here = {one.card.id for one in stored if one.place in _HERE}
        return {
            "models": [
                {
                    "name": one.model_id,
                    "task": one.task,
                    "status": one.state.value if one.model_id in here or one.state.value != "ready" else "missing",
                    "reason": one.reason,
                    "memory_bytes": one.memory_bytes,
                    "provider": one.provider,
                }
                for one in self._zoo.models.describe()
                if adapter_of(cards[one.model_id]) is not None
            ],
            "questions": {kind: list(names) for kind, names in ABOUT.items()},
            "used_bytes": self._zoo.pool.bytes_used,
        }

    async def preload(self, model_id: str) -> dict[str, Any]:
        """Load and prove a model."""
        try:
            card = self._zoo.catalogue.get(model_id)
        except UnknownModel as err:
            raise NotFound("there is no such model") from err
        kind = adapter_of(card)
        if kind is None:
            raise NotFound("this model does not answer such questions")
        try:
            await self._zoo.models.preload(model_id, kind)
        except StageError as err:
            raise _absent(err) from err
        return {"model_name": model_id, "status": "loaded"}

    async def _decoded(self, question: PictureQuestion) -> PeerQuestion:
        frames = await self._run(lambda: tuple(self._frame(data) for data in question.pictures))
        box = None
        if question.corners is not None:
            left, top, right, bottom = question.corners
            box = Box(x=left, y=top, width=right - left, height=bottom - top)
        return PeerQuestion(about=question.about, frames=frames, box=box, options=question.options)

    def _frame(self, data: bytes) -> RgbFrame:
        picture = self._frames.inspect_still(data, Provenance(seen_at=self._clock.now())).picture
        if picture is None:
            raise Permanent("only pictures are looked at here", code="not_a_picture")
        return RgbFrame.of(picture.full(self._limits).pixels)

    async def _run[T](self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)


def _absent(err: StageError | TimeoutError) -> ServiceUnavailable:
    reason = err.reason if isinstance(err, StageError) else "the model gave no answer in time"
    outcome = Outcome.SKIPPED if isinstance(err, NotSwitchedOn) else Outcome.UNAVAILABLE
    details: dict[str, Any] = {"outcome": outcome.value, "reason": reason}
    if isinstance(err, Unavailable) and err.retry_after_s is not None:
        details["retry_after_s"] = err.retry_after_s
    return ServiceUnavailable(reason, details=details)
