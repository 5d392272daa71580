"""How prompts and verdicts are reviewed: the desks of the API, and what runs in spare time."""

from typing import Final

from home_sentry_engine.api.evaluation_ports import Review
from home_sentry_engine.language.assessor import LanguageAssessor
from home_sentry_engine.language.evaluator import SelfEvaluator
from home_sentry_engine.operations.idle import IdleWatch
from home_sentry_engine.operations.prompt_files import PromptFiles
from home_sentry_engine.operations.registry import PartPlan, Rank

from .evaluation_desk import EvaluationDesk
from .ground import Ground
from .minds import Minds
from .pipeline_room import PipelineRoom
from .prompt_desk import PromptDesk, Trying
from .self_evaluating import SpareEvaluations
from .shadow import ShadowDesk

PART: Final = "self_evaluation"


async def open_reviewing(ground: Ground, room: PipelineRoom) -> Review:
    """Make the desks, and write the files of prompts that are missing."""
    database, clock = ground.database, ground.clock
    shadow = ShadowDesk(database, clock, ground.around.ids)
    shadow.busy = lambda: works(room)
    await shadow.recover()
    ground.stack.push_async_callback(shadow.aclose)
    trying = Trying(trials=room.pipeline.trials, shadow=shadow)
    prompts = PromptDesk(database, room.prompts, PromptFiles(ground.settings.data), trying, clock)
    await prompts.sync()
    evaluations = _make_desk(ground, room)
    evaluations.standing = lambda: _standing(ground)
    return Review(prompts=prompts, evaluations=evaluations)


def reviewing_parts(ground: Ground, minds: Minds, room: PipelineRoom) -> list[PartPlan]:
    """Give what runs beside judging: the weeks that are over, and evaluations in spare time."""
    keeping = _make_desk(ground, room)
    parts = [PartPlan(id="calibration", jobs={"weeks": keeping.run}, rank=Rank.OPTIONAL)]
    language, wanted = minds.language, ground.settings.language.self_evaluation
    if not isinstance(language, LanguageAssessor) or wanted == "off":
        return parts
    figures = ground.measuring.attached
    idle = IdleWatch(figures.now, lambda: works(room), ground.clock)
    evaluator = SelfEvaluator(language.backend, ground.settings.language)
    spare = SpareEvaluations(ground.database, ground.tables, evaluator, idle, ground.clock)
    spare.busy = lambda: works(room)
    if wanted == "auto":
        spare.refused = lambda: _without_card(ground)
    parts.append(PartPlan(id=PART, jobs={"self-evaluation": spare.run}, rank=Rank.OPTIONAL, details=spare.details))
    return parts


def works(room: PipelineRoom) -> bool:
    """Tell whether a file or a visit is worked on at this moment."""
    workers = (*room.pipeline.detect, *room.pipeline.assess)
    return any(worker.counts.running for worker in workers)


def _make_desk(ground: Ground, room: PipelineRoom) -> EvaluationDesk:
    trials, zone = room.pipeline.trials, ground.settings.time_zone
    return EvaluationDesk(ground.database, ground.tables, trials, ground.clock, zone)


def _without_card(ground: Ground) -> str | None:
    summary = ground.measuring.summary()
    if summary.utilization_percent is None and summary.memory_total_bytes is None:
        return "this machine has no graphics card; the setting self_evaluation 'on' uses the processor"
    return None


def _standing(ground: Ground) -> str:
    known = {part.component.id: part.component for part in ground.wellbeing.registry.parts()}
    component = known.get(PART)
    return str(component.details.get("state")) if component is not None else "off: this engine evaluates nothing"
