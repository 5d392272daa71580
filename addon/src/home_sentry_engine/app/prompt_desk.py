"""The API's prompts: configurations with their history, as files too, to carry elsewhere, and trials."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
import difflib
import json
import logging
from typing import Any, Final

from home_sentry_engine.api.prompt_ports import Change, Trial
from home_sentry_engine.contract import (
    VERSION,
    PromptChange,
    PromptConfig,
    PromptDiff,
    PromptExport,
    PromptFieldDiff,
    PromptImport,
    PromptModel,
    PromptTest,
    PromptVersion,
    ShadowRun,
)
from home_sentry_engine.contract.errors import NotFound, Unprocessable
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.prompting import InvalidPrompt
from home_sentry_engine.operations.prompt_files import PromptFiles
from home_sentry_engine.pipeline.trials import Trials
from home_sentry_engine.storage.database import Connection, Database
from home_sentry_engine.storage.query import Page
from home_sentry_engine.storage.repositories.prompts import HistoryQuery, PromptChangeRow, Prompts

from .prompting import JUDGES, MODELS, ActivePrompts
from .shadow import ShadowDesk, Try

_LOGGER = logging.getLogger(__name__)
FORMAT: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Trying:
    """What tries prompts: on one event, and on many in the background."""

    trials: Trials
    shadow: ShadowDesk


class PromptDesk:
    """``api.prompt_ports.Prompts`` over the rows; every change takes effect with the next visit that is judged."""

    def __init__(
        self, database: Database, active: ActivePrompts, files: PromptFiles, trying: Trying, clock: Clock
    ) -> None:
        """Take the rows, what holds, where files go, and what tries things."""
        self._database = database
        self._shadow = trying.shadow
        self._rows = Prompts()
        self._clock = clock
        self._active = active
        self._files = files
        self._trials = trying.trials

    async def all(self) -> tuple[PromptConfig, ...]:
        """Give what every model is asked."""
        await self._active.read()
        return tuple(self._active.config(model) for model in MODELS)

    async def one(self, model: PromptModel) -> PromptConfig:
        """Give what a model is asked."""
        await self._active.read()
        return self._active.config(model)

    async def write(self, model: PromptModel, content: object, change: Change) -> PromptConfig:
        """Use another configuration from now on; raises ``Unprocessable`` naming the field."""
        return await self._add(
            PromptChangeRow(
                model=model,
                change=PromptChange.WRITTEN,
                content=self._checked(model, content),
                author=change.author,
                note=change.note,
            )
        )

    async def reset(self, model: PromptModel, change: Change) -> PromptConfig:
        """Go back to what is shipped, which later releases may improve; the history stays."""
        return await self._add(
            PromptChangeRow(
                model=model,
                change=PromptChange.RESET,
                content=self._active.shipped(model),
                author=change.author,
                note=change.note,
            )
        )

    async def restore(self, model: PromptModel, version: int, change: Change) -> PromptConfig:
        """Use an earlier version as a new one; raises ``NotFound``, or ``Unprocessable`` for one of another time."""
        found = await self._version(model, version)
        return await self._add(
            PromptChangeRow(
                model=model,
                change=PromptChange.RESTORED,
                content=self._checked(model, found.content),
                author=change.author,
                note=change.note,
                source=version,
            )
        )

    async def history(self, query: HistoryQuery) -> Page[PromptVersion]:
        """Give versions, the newest first."""
        return await self._database.read(lambda conn: self._rows.history(conn, query))

    async def export(self) -> PromptExport:
        """Give every configuration that somebody changed."""
        await self._active.read()
        configs = [self._active.config(model) for model in MODELS]
        changed = {one.model.value: one.content for one in configs if not one.shipped}
        return PromptExport(format=FORMAT, engine_version=VERSION, at=self._clock.now(), prompts=changed)

    async def take(self, prompts: Mapping[str, object], change: Change, *, apply: bool) -> PromptImport:
        """Compare an export with what holds, and use it all at once if told so and none of it is wrong."""
        await self._active.read()
        found = tuple(self._difference(name, content) for name, content in prompts.items())
        if not apply or any(one.error is not None for one in found):
            return PromptImport(applied=False, items=found)
        rows = [
            PromptChangeRow(
                model=one.model,
                change=PromptChange.IMPORTED,
                content=self._active.check(one.model, prompts[one.model.value]),
                author=change.author,
                note=change.note,
            )
            for one in found
            if not one.same
        ]
        await self._add_all(rows)
        return PromptImport(applied=True, items=found)

    async def difference(self, model: PromptModel, content: object) -> PromptDiff:
        """Tell what a configuration would change."""
        await self._active.read()
        return self._difference(model.value, content)

    async def test(self, model: PromptModel, trial: Trial) -> PromptTest | None:
        """Try a configuration on an event, nothing is kept; None without the event."""
        content, version = trial.content, trial.version
        if version is not None:
            content = (await self._version(model, version)).content
        await self._active.read()
        if content is None:
            config = self._active.config(model)
            content, version = config.content, config.version
        self._checked(model, content)
        return await self._attempt(model, content, version or 0)(trial.event_id)

    async def shadow(self, model: PromptModel, content: object, limit: int) -> ShadowRun:
        """Try a configuration on events with feedback, in the background; raises ``Conflict`` while another runs."""
        await self._active.read()
        self._checked(model, content)
        return await self._shadow.begin(model, self._attempt(model, content, 0), limit)

    async def shadow_run(self, run_id: str) -> ShadowRun | None:
        """Give how a trial stands."""
        return await self._shadow.get(run_id)

    async def sync(self) -> None:
        """Write the files that are missing; what cannot be written is logged and tried with the next change."""
        versions = await self._database.read(self._rows.all)
        await self._active.read()
        await asyncio.to_thread(self._keep, versions)

    def _attempt(self, model: PromptModel, content: object, version: int) -> Try:
        if model in JUDGES:
            wording = self._active.wording_with(model, content, version)
            return lambda event_id: self._trials.words(event_id, model, wording)
        rules = self._active.rules_with(model, content)
        return lambda event_id: self._trials.looks(event_id, model, rules)

    async def _version(self, model: PromptModel, version: int) -> PromptVersion:
        found = await self._database.read(lambda conn: self._rows.get(conn, model, version))
        if found is None:
            raise NotFound(f"there is no version {version} of {model.value}")
        return found

    async def _add(self, row: PromptChangeRow) -> PromptConfig:
        await self._add_all([row])
        return self._active.config(row.model)

    async def _add_all(self, rows: list[PromptChangeRow]) -> None:
        def work(conn: Connection) -> tuple[PromptVersion, ...]:
            now = self._clock.steady()
            return tuple(self._rows.add(conn, row, now) for row in rows)

        made = await self._database.write(work)
        await self._active.read()
        await asyncio.to_thread(self._keep, made)

    def _keep(self, versions: tuple[PromptVersion, ...]) -> None:
        try:
            for version in versions:
                self._files.keep(version)
            for model in MODELS:
                self._files.show(self._active.config(model))
        except OSError as err:
            _LOGGER.warning("The files of the prompts could not be written: %s", err.strerror)

    def _checked(self, model: PromptModel, content: object) -> dict[str, Any]:
        try:
            return self._active.check(model, content)
        except InvalidPrompt as err:
            raise Unprocessable(str(err), details={"field": err.wrong, "expected": err.expected}) from err

    def _difference(self, name: str, content: object) -> PromptDiff:
        model = PromptModel(name)
        if model not in MODELS:
            known = ", ".join(MODELS)
            return PromptDiff(model=model, version=0, same=False, error=f"must be one of {known}", wrong=name[:40])
        now = self._active.config(model)
        try:
            wanted = self._active.check(model, content)
        except InvalidPrompt as err:
            return PromptDiff(model=model, version=now.version, same=False, error=err.expected, wrong=err.wrong)
        # what was written before a field existed counts as whole too
        before = self._active.check(model, now.content)
        changed = tuple(
            PromptFieldDiff(name=field, lines=_lines(before.get(field), value))
            for field, value in wanted.items()
            if before.get(field) != value
        )
        return PromptDiff(model=model, version=now.version, same=not changed, changed=changed)


def _lines(before: object, after: object) -> tuple[str, ...]:
    told = difflib.unified_diff(_text(before), _text(after), lineterm="", n=1)
    return tuple(line for line in told if not line.startswith(("---", "+++", "@@")))


def _text(value: object) -> list[str]:
    if isinstance(value, str):
        return value.splitlines()
    if isinstance(value, list):
        return [json.dumps(item, ensure_ascii=False) for item in value]
    return [json.dumps(value)]
