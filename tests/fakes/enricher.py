"""An engine whose models know one answer."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from home_sentry_engine.api.enrich_ports import PictureQuestion
from home_sentry_engine.contract.errors import NotFound, ServiceUnavailable


class FakeEnricher:
    """``api.enrich_ports.Enricher``; questions in ``off`` have no model."""

    def __init__(self, pause: Callable[[], Awaitable[None]]) -> None:
        self._pause = pause
        self.asked: list[PictureQuestion] = []
        self.off: set[str] = set()

    async def answer(self, question: PictureQuestion) -> dict[str, Any]:
        await self._pause()
        self.asked.append(question)
        if question.about in self.off:
            raise ServiceUnavailable("it is off", details={"outcome": "skipped", "reason": "it is off"})
        return {"about": question.about, "model_id": "test", "inference_time_ms": 1.5}

    async def enrich(self, kind: str, question: PictureQuestion, about: Sequence[str]) -> dict[str, Any]:
        await self._pause()
        self.asked.append(question)
        return {"detection_type": kind, "results": {name: {"outcome": "ran", "model_id": "test"} for name in about}}

    async def models_status(self) -> dict[str, Any]:
        await self._pause()
        return {"models": [{"name": "test", "status": "ready"}]}

    async def preload(self, model_id: str) -> dict[str, Any]:
        await self._pause()
        if model_id != "test":
            raise NotFound("there is no such model")
        return {"model_name": model_id, "status": "loaded"}
