"""The orchestrator: all questions that a visit raises, at the same time, each with its deadline."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from home_sentry_engine.contract import PromptModel
from home_sentry_engine.domain.enrichment import VISION_TASKS, EnrichmentResult
from home_sentry_engine.pipeline.subject_views import SceneViews

from .crosscheck import settle
from .desk import Case, Desk, EnrichmentRules, Models, Step
from .persons import PERSON_BRANCHES
from .surroundings import SCENE_BRANCHES
from .vehicles import VEHICLE_BRANCHES
from .whole_picture import picture_branches
from .words import CAPTION_BRANCHES, caption_branches

BRANCHES: Final[tuple[tuple[Step, ...], ...]] = (
    *PERSON_BRANCHES, *VEHICLE_BRANCHES, *SCENE_BRANCHES, *CAPTION_BRANCHES
)  # fmt: skip

_ABOUT: Final[Mapping[PromptModel, frozenset[str]]] = {
    PromptModel.FLORENCE2: frozenset(VISION_TASKS),
    PromptModel.YOLO_WORLD: frozenset({"threats"}),
    PromptModel.XCLIP: frozenset({"action"}),
    PromptModel.FASHION_CLIP: frozenset({"clothing"}),
}


def branches_of(rules: EnrichmentRules) -> tuple[tuple[Step, ...], ...]:
    """Give what is asked under some rules: the usual questions, and those tasks whose flags are set."""
    usual = (*PERSON_BRANCHES, *VEHICLE_BRANCHES, *SCENE_BRANCHES)
    tasks = rules.vision_tasks
    return (*usual, *caption_branches(tasks), *picture_branches(tasks, rules.vision_questions))


def branches_about(rules: EnrichmentRules, model: PromptModel) -> tuple[tuple[Step, ...], ...]:
    """Give those of the branches under some rules that a configurable model answers."""
    wanted = _ABOUT.get(model, frozenset())
    return tuple(branch for branch in branches_of(rules) if any(step.about in wanted for step in branch))


type Renew = Callable[[EnrichmentRules], EnrichmentRules]


def as_they_are(rules: EnrichmentRules) -> EnrichmentRules:
    """Change nothing."""
    return rules


class Enrichment:
    """Asks the models about a visit; a step of a branch waits for the one before it, branches wait for nobody."""

    def __init__(
        self,
        models: Models,
        rules: EnrichmentRules | None = None,
        *,
        branches: Sequence[Sequence[Step]] | None = None,
        newest: Renew = as_they_are,
    ) -> None:
        """Take the models, the rules, and other branches than theirs; raises ``ValueError`` for two of one name.

        ``newest`` makes of the rules those that hold for a visit.
        """
        self._models = models
        self._rules = rules or EnrichmentRules()
        self._newest = newest
        self._branches = branches
        first = branches_of(self._rules) if branches is None else branches
        names = [step.about for branch in first for step in branch]
        if len(set(names)) != len(names):
            raise ValueError("two questions have the same name")
        self._at_once = asyncio.Semaphore(self._rules.at_once)

    async def __call__(self, views: SceneViews) -> EnrichmentResult:
        """Give what was found and what became of every question; never raises for what a model does."""
        rules = self._newest(self._rules)
        return await self.under(rules, self._branches if self._branches is not None else branches_of(rules), views)

    async def under(
        self, rules: EnrichmentRules, branches: Sequence[Sequence[Step]], views: SceneViews
    ) -> EnrichmentResult:
        """Ask what these branches ask, under these rules."""
        case = Case(views=views, reported=rules.reported)
        desk = Desk(self._models, self._at_once, rules)
        async with asyncio.TaskGroup() as group:
            for branch in branches:
                group.create_task(_asked(desk, branch, case), name=f"enrich {branch[0].about}")
        order = {step.about: index for index, step in enumerate(step for branch in branches for step in branch)}
        return EnrichmentResult(
            findings=settle(sorted(desk.findings, key=lambda one: (order[one.about], one.subject or 0))),
            attempts=tuple(sorted(desk.attempts, key=lambda one: order[one.about])),
            unreadable=dict(views.unreadable),
        )


async def _asked(desk: Desk, branch: Sequence[Step], case: Case) -> None:
    for step in branch:
        await desk.put(step, case)
