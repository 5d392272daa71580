"""The close look of this engine: which models may be asked about a visit, and what looks beside them."""

from collections.abc import Iterable

from home_sentry_engine.pipeline.closely import CloseGather, VisitPictures, WholePictures
from home_sentry_engine.pipeline.enrich.desk import EnrichmentRules, Models
from home_sentry_engine.pipeline.enrich.enrichment import Enrichment
from home_sentry_engine.pipeline.ports import Store
from home_sentry_engine.pipeline.subject_views import CloseLeg
from home_sentry_engine.settings import Settings


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
