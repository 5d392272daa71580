"""Models for tests of the API."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

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
from tests.fakes.clock import START

type Pause = Callable[[], Awaitable[None]]

MEMORY = ModelMemory(tier=0, used_bytes=30_000_000)


def record(model_id: str = "yunet", *, licence: str = "MIT") -> ModelRecord:
    return ModelRecord(
        id=model_id,
        name=model_id,
        task="face",
        state=ModelState.READY,
        on=True,
        licence=licence,
        permissive=licence == "MIT",
        source="github:a/b@c",
        place="mirror",
        rank="medium",
    )


class FakeModels:
    def __init__(self, pause: Pause) -> None:
        self._pause = pause
        self.records = {one.id: one for one in (record(), record("agpl", licence="AGPL-3.0"))}
        self._news: asyncio.Queue[ModelProgress] = asyncio.Queue()

    def progress(self, done: int) -> None:
        fetch = ModelFetch(file="yunet.onnx", origin="mirror", done_bytes=done, total_bytes=100)
        self._news.put_nowait(ModelProgress(model_id="yunet", state=ModelState.FETCHING, fetch=fetch))

    async def all(self) -> ModelList:
        await self._pause()
        return ModelList(items=tuple(self.records.values()), memory=MEMORY)

    async def one(self, model_id: str) -> ModelRecord:
        await self._pause()
        if model_id not in self.records:
            raise NotFound("there is no such model")
        return self.records[model_id]

    async def status(self) -> ModelsStatus:
        await self._pause()
        return ModelsStatus(memory=MEMORY, loaded=("yunet",))

    async def latency(self) -> ModelLatencyList:
        await self._pause()
        minute = ModelMinute(at=START, calls=1, mean_ms=2.0, longest_ms=2.0)
        return ModelLatencyList(items=(ModelLatency(model_id="yunet", calls=1, p50_ms=2.0, minutes=(minute,)),))

    async def get(self, model_id: str, accepted: str | None) -> ModelRecord:
        found = await self.one(model_id)
        if not found.permissive and accepted != found.licence:
            raise Conflict("accept the licence", details={"reason": "licence", "licence": found.licence})
        return replace(found, state=ModelState.FETCHING)

    async def verify(self, model_id: str) -> ModelVerified:
        await self.one(model_id)
        return ModelVerified(id=model_id, ok=True, files=(ModelFileCheck(file="yunet.onnx", state="verified"),))

    async def remove(self, model_id: str) -> ModelRemoved:
        await self.one(model_id)
        return ModelRemoved(id=model_id, freed_bytes=5)

    async def switch(self, model_id: str, *, on: bool, accepted: str | None = None) -> ModelRecord:
        found = await (self.get(model_id, accepted) if on else self.one(model_id))
        self.records[model_id] = replace(found, on=on, state=ModelState.READY)
        return self.records[model_id]

    async def load(self, model_id: str) -> ModelRecord:
        return replace(await self.one(model_id), state=ModelState.LOADED)

    async def unload(self, model_id: str) -> ModelRecord:
        return await self.one(model_id)

    async def news(self) -> tuple[ModelProgress, ...]:
        return (await self._news.get(),)
