"""The close look of this engine: which models may be asked about a visit, and what looks beside them."""

from collections.abc import Iterable
from typing import Final

from home_sentry_engine.contract import Component, ComponentState
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.operations.registry import PartPlan, Rank
from home_sentry_engine.pipeline.closely import CloseGather, VisitPictures, WholePictures
from home_sentry_engine.pipeline.enrich.desk import EnrichmentRules, Models
from home_sentry_engine.pipeline.enrich.enrichment import Enrichment
from home_sentry_engine.pipeline.ports import Store
from home_sentry_engine.pipeline.subject_views import CloseLeg
from home_sentry_engine.settings import Settings
from home_sentry_engine.vision.models import ModelState
from home_sentry_engine.vision.zoo import Zoo

_SWEEP_S: Final = 30.0


def make_closely(
    settings: Settings, store: Store, pictures: WholePictures | None, models: Models | None, legs: Iterable[CloseLeg]
) -> CloseGather | None:
    """Give what looks closely at visits; None where no pictures can be had."""
    if pictures is None:
        return None
    wanted = settings.enrichment
    rules = EnrichmentRules(
        switched_off=wanted.off,
        reported=settings.detect.classes,
        at_once=wanted.at_once,
        deadline_s=wanted.timeout_s,
    )
    enrich = Enrichment(models, rules) if models is not None and wanted.enabled else None
    return CloseGather(legs, VisitPictures(store, pictures), enrich=enrich)


def enrichment_part(zoo: Zoo, clock: Clock) -> PartPlan:
    """Give the jobs around the models that look closer: fetching what was asked for, letting go of what idles."""

    async def sweep() -> None:
        while True:
            await clock.sleep(_SWEEP_S)
            zoo.pool.unload_idle()

    return PartPlan(
        id="enrichment",
        jobs={"model files": zoo.models.run, "idle models": sweep},
        rank=Rank.OPTIONAL,
        describe=lambda: enrichment_component(zoo),
    )


def enrichment_component(zoo: Zoo) -> Component:
    """Tell how the models do: degraded while one that was asked does not work."""
    broken = [f"{one.name}: {one.reason}" for one in zoo.models.describe() if one.state is ModelState.FAILED]
    return Component(
        id="enrichment",
        state=ComponentState.DEGRADED if broken else ComponentState.HEALTHY,
        reason="; ".join(broken) or None,
        fix="get the file again with `home-sentry models get`, or switch the model off" if broken else None,
    )
