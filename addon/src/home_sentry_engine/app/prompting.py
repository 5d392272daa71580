"""The prompts that hold: read from the database, checked, and given to what asks models."""

from collections.abc import Mapping
from functools import partial
import logging
from typing import Any, Final

from home_sentry_engine.contract import PromptChange, PromptConfig, PromptModel, PromptVersion
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.prompting import InvalidPrompt
from home_sentry_engine.language.assessor import LanguageAssessor
from home_sentry_engine.language.vision import VisionAssessor
from home_sentry_engine.language.wording import SHIPPED, SHIPPED_SEEING, Wording, content_of, wording_of
from home_sentry_engine.pipeline.enrich.asked import VISION_MODELS, asked
from home_sentry_engine.pipeline.enrich.asked import content_of as asked_content
from home_sentry_engine.pipeline.enrich.desk import EnrichmentRules
from home_sentry_engine.storage.database import Database
from home_sentry_engine.storage.repositories.prompts import Prompts

from .ground import Ground

_LOGGER = logging.getLogger(__name__)
_EVERY_S: Final = 5.0
# the words in which models that judge are asked where nobody changed them
JUDGES: Final[Mapping[PromptModel, Wording]] = {PromptModel.NEMOTRON: SHIPPED, PromptModel.VISION: SHIPPED_SEEING}
MODELS: Final = (*JUDGES, *VISION_MODELS)

type Judges = Mapping[PromptModel, LanguageAssessor | VisionAssessor]


class ActivePrompts:
    """What models are asked at this moment; ``run`` learns what other engines on the database changed."""

    def __init__(self, database: Database, rows: Prompts, shipped: EnrichmentRules, clock: Clock) -> None:
        """Take the rows, and what models of pictures are asked under the settings."""
        self._database = database
        self._rows = rows
        self._shipped = shipped
        self._clock = clock
        self._marks: Mapping[str, int] = {}
        self._versions: Mapping[PromptModel, PromptVersion] = {}
        self._wordings = JUDGES
        self._contents: Mapping[PromptModel, dict[str, Any]] = {}

    def wording(self, model: PromptModel = PromptModel.NEMOTRON) -> Wording:
        """Give the words in which a model that judges is asked."""
        return self._wordings[model]

    def under(self, rules: EnrichmentRules) -> EnrichmentRules:
        """Give rules with what models of pictures are asked now."""
        for model, content in self._contents.items():
            rules = asked(rules, model, content)
        return rules

    def lead(self, judges: Judges) -> None:
        """Let models that judge be asked in the words that hold, whenever those change."""
        for model, judge in judges.items():
            judge.wording = partial(self.wording, model)

    async def read(self) -> None:
        """Take what the database holds; a configuration that this release cannot use gives way to the shipped one."""
        active = await self._database.read(self._rows.active)
        wordings = dict(JUDGES)
        contents: dict[PromptModel, dict[str, Any]] = {}
        for model, version in active.items():
            if version.change is PromptChange.RESET:
                continue
            try:
                self.check(model, version.content)
            except InvalidPrompt as err:
                _LOGGER.warning("The prompt %s is not used in version %d: %s", model.value, version.version, err)
                continue
            if model in JUDGES:
                wordings[model] = self.wording_with(model, version.content, version.version)
            else:
                contents[model] = version.content
        self._versions, self._wordings, self._contents = active, wordings, contents
        self._marks = {model.value: version.version for model, version in active.items()}

    async def run(self) -> None:
        """Look for changes every five seconds until cancelled."""
        while True:
            await self._clock.sleep(_EVERY_S)
            if await self._database.read(self._rows.marks) != self._marks:
                await self.read()

    def check(self, model: PromptModel, content: object) -> dict[str, Any]:
        """Give a configuration whole, with what it does not name as shipped; raises ``InvalidPrompt``."""
        if model in JUDGES:
            return content_of(self.wording_with(model, content))
        return asked_content(asked(self._shipped, model, content), model)

    def wording_with(self, model: PromptModel, content: object, version: int = 0) -> Wording:
        """Give the words of a configuration of a model that judges; raises ``InvalidPrompt``."""
        return wording_of(content, version=version, shipped=JUDGES[model])

    def rules_with(self, model: PromptModel, content: object) -> EnrichmentRules:
        """Give the present rules with another configuration of one model; raises ``InvalidPrompt``."""
        return asked(self.under(self._shipped), model, content)

    def shipped(self, model: PromptModel) -> dict[str, Any]:
        """Give what a model is asked where nobody changed it."""
        return self.check(model, {})

    def config(self, model: PromptModel, version: PromptVersion | None = None) -> PromptConfig:
        """Describe what holds for a model, or what would with another version."""
        known = version or self._versions.get(model)
        if known is None:
            return PromptConfig(model=model, version=0, content=self.shipped(model), shipped=True)
        reset = known.change is PromptChange.RESET
        return PromptConfig(
            model=model,
            version=known.version,
            content=self.shipped(model) if reset else known.content,
            shipped=reset,
            at=known.at,
            author=known.author,
            note=known.note,
        )


async def open_prompts(ground: Ground, judges: Judges, shipped: EnrichmentRules) -> ActivePrompts:
    """Read what holds, and let the models that judge be asked so; other engines' changes are followed."""
    prompts = ActivePrompts(ground.database, ground.tables.prompts, shipped, ground.clock)
    await prompts.read()
    prompts.lead(judges)
    if not ground.settings.storage.is_local:
        ground.links.jobs["prompts"] = prompts.run
    return prompts
