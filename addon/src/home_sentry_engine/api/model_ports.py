"""What the API asks about models."""

from typing import Protocol

from home_sentry_engine.contract import (
    ModelLatencyList,
    ModelList,
    ModelProgress,
    ModelRecord,
    ModelRemoved,
    ModelsStatus,
    ModelVerified,
)


class ModelShelf(Protocol):
    """The models of this engine; every call with an id raises ``NotFound`` for an unknown one."""

    async def all(self) -> ModelList:
        """Give every model, without reading any file."""
        ...

    async def one(self, model_id: str) -> ModelRecord:
        """Give one model."""
        ...

    async def status(self) -> ModelsStatus:
        """Give the state in short."""
        ...

    async def latency(self) -> ModelLatencyList:
        """Give how long models took within the last hour."""
        ...

    async def get(self, model_id: str, accepted: str | None) -> ModelRecord:
        """Begin to fetch its files; raises ``Conflict`` where its licence is not accepted or nothing can be fetched."""
        ...

    async def verify(self, model_id: str) -> ModelVerified:
        """Read its files again."""
        ...

    async def remove(self, model_id: str) -> ModelRemoved:
        """Unload it and delete our own copies; raises ``Conflict`` while it is in use."""
        ...

    async def switch(self, model_id: str, *, on: bool, accepted: str | None = None) -> ModelRecord:
        """Allow or forbid it; raises ``Conflict`` where its licence is not accepted."""
        ...

    async def load(self, model_id: str) -> ModelRecord:
        """Load it now; raises ``Conflict`` for one that is not loaded on demand, or a ``StageError``."""
        ...

    async def unload(self, model_id: str) -> ModelRecord:
        """Let go of its memory; raises ``Conflict`` while it is in use."""
        ...

    async def news(self) -> tuple[ModelProgress, ...]:
        """Wait until the fetching of models went on, and tell the newest of each."""
        ...
