"""What the API asks of the engine about prompts; ``app`` implements it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from home_sentry_engine.contract import (
    PromptConfig,
    PromptDiff,
    PromptExport,
    PromptImport,
    PromptModel,
    PromptTest,
    PromptVersion,
    ShadowRun,
)
from home_sentry_engine.storage.query import Page
from home_sentry_engine.storage.repositories.prompts import HistoryQuery


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Who changes something and why."""

    author: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What is tried on which event: this content, or a version, or with neither what holds."""

    event_id: str
    content: dict[str, Any] | None = None
    version: int | None = None


class Prompts(Protocol):
    """Configurations of what models are asked; a wrong content raises ``Unprocessable`` naming the field."""

    async def all(self) -> tuple[PromptConfig, ...]:
        """Give what every model is asked."""
        ...

    async def one(self, model: PromptModel) -> PromptConfig:
        """Give what a model is asked."""
        ...

    async def write(self, model: PromptModel, content: object, change: Change) -> PromptConfig:
        """Use another configuration from now on."""
        ...

    async def reset(self, model: PromptModel, change: Change) -> PromptConfig:
        """Go back to what is shipped."""
        ...

    async def restore(self, model: PromptModel, version: int, change: Change) -> PromptConfig:
        """Use an earlier version as a new one; raises ``NotFound``."""
        ...

    async def history(self, query: HistoryQuery) -> Page[PromptVersion]:
        """Give versions, the newest first."""
        ...

    async def export(self) -> PromptExport:
        """Give every configuration that somebody changed."""
        ...

    async def take(self, prompts: Mapping[str, object], change: Change, *, apply: bool) -> PromptImport:
        """Compare an export with what holds, and use it if told so and none of it is wrong."""
        ...

    async def difference(self, model: PromptModel, content: object) -> PromptDiff:
        """Tell what a configuration would change."""
        ...

    async def test(self, model: PromptModel, trial: Trial) -> PromptTest | None:
        """Try a configuration on an event, nothing is kept; None without the event, raises a ``StageError``."""
        ...

    async def shadow(self, model: PromptModel, content: object, limit: int) -> ShadowRun:
        """Try a configuration on events with feedback, in the background; raises ``Conflict`` while another runs."""
        ...

    async def shadow_run(self, run_id: str) -> ShadowRun | None:
        """Give how a trial stands, None for an unknown one."""
        ...
