"""Looking back, wired: what notes who watched, what writes summaries, what makes exports."""

from typing import Final

from home_sentry_engine.contract import ComponentState
from home_sentry_engine.language.summarist import Summarist
from home_sentry_engine.operations.disk import free_bytes
from home_sentry_engine.operations.registry import PartPlan, Rank
from home_sentry_engine.storage.repositories.watching import Ability

from .attendance import Attendance
from .exports import ExportDesk, ExportMeans
from .ground import Ground
from .minds import Minds
from .pipeline_room import PipelineRoom
from .sharing import SharedPictures
from .summaries import SummaryClock, SummaryDesk, SummaryTerms

_EXPORTS: Final = "exports"
_UNHURRIED: Final = 10
_IDLE: Final = frozenset(
    {ComponentState.STARTING, ComponentState.UNHEALTHY, ComponentState.FAILED, ComponentState.DISABLED}
)


def make_summaries(ground: Ground, minds: Minds) -> SummaryDesk:
    """Give what writes summaries with the language model of this engine."""
    settings = ground.settings
    terms = SummaryTerms(zone=settings.time_zone, ids=ground.around.ids, announced=ground.links.announce)
    summarist = Summarist(minds.language, ground.clock, code=settings.language.language)
    return SummaryDesk(ground.database, ground.tables, ground.clock, summarist, terms)


def make_exports(ground: Ground, minds: Minds, room: PipelineRoom) -> ExportDesk:
    """Give what makes exports in the data folder of this engine."""
    writing, data = ground.threads(1, "export", niceness=_UNHURRIED), ground.settings.data
    means = ExportMeans(
        folder=data / _EXPORTS,
        node=ground.node,
        gallery=room.gallery,
        shared=SharedPictures(minds.zoo.models, room.sight.pictures, writing),
        guard=ground.wellbeing.guard,
        free=lambda: free_bytes(data),
        executor=writing,
    )
    return ExportDesk(ground.database, ground.tables, ground.clock, ground.around.ids, means)


def exports_part(exports: ExportDesk) -> PartPlan:
    """Give the part that makes exports."""
    return PartPlan(id="exports", jobs={"exports": exports.run}, rank=Rank.OPTIONAL)


def summaries_part(ground: Ground, minds: Minds) -> PartPlan:
    """Give the part that writes about each hour and day."""
    watch = SummaryClock(make_summaries(ground, minds), ground.clock)
    return PartPlan(id="summaries", jobs={"summaries": watch.run}, rank=Rank.OPTIONAL)


def attendance_part(ground: Ground) -> PartPlan:
    """Give the part that notes what this engine can do."""
    notes = Attendance(ground.database, ground.tables.spells, ground.clock, ground.node, lambda: abilities(ground))
    return PartPlan(id="attendance", jobs={"attendance": notes.run}, rank=Rank.OPTIONAL, fixed=True)


def abilities(ground: Ground) -> frozenset[Ability]:
    """Tell what this engine can do at this moment, as far as its roles go."""
    roles, state = ground.settings.roles, ground.board.state
    able = {Ability.RUN}
    if "ingest" in roles and ground.wellbeing.guard.paused is None and state("ingest") not in _IDLE:
        able.add(Ability.TAKE)
    if "detect" in roles and not {state("detector"), state("detect_workers")} & _IDLE:
        able.add(Ability.LOOK)
    return frozenset(able)
