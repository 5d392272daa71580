"""The close look of this engine: which models may be asked about a visit, and what looks beside them."""

from collections.abc import Collection, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Final

from home_sentry_engine.context.association import AssociationRules
from home_sentry_engine.contract import Component, ComponentState
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.labels import CARRIED_CLASSES
from home_sentry_engine.operations.registry import PartPlan, Rank
from home_sentry_engine.pipeline.closely import CloseGather, VisitPictures, WholePictures
from home_sentry_engine.pipeline.enrich import cards
from home_sentry_engine.pipeline.enrich.desk import EnrichmentRules, Models
from home_sentry_engine.pipeline.enrich.enrichment import Enrichment, Renew, as_they_are
from home_sentry_engine.pipeline.identity_ports import Appearances
from home_sentry_engine.pipeline.likeness import Likeness
from home_sentry_engine.pipeline.ports import Store
from home_sentry_engine.pipeline.subject_views import CloseLeg
from home_sentry_engine.pipeline.whereabouts import whereabouts
from home_sentry_engine.resilience.breaker import Breakers
from home_sentry_engine.settings import EnrichmentSettings, Settings, VisionSettings
from home_sentry_engine.vision.models import ModelState
from home_sentry_engine.vision.services import ServedModels, Services, served
from home_sentry_engine.vision.services.sight import Ask
from home_sentry_engine.vision.session import AcceleratorGate, Runner
from home_sentry_engine.vision.tasks.depth import DepthOf, DepthScale
from home_sentry_engine.vision.zoo import Zoo

_SWEEP_S: Final = 30.0
_FRAMES_APART: Final = 2.2
SERVICE_CALLS: Final = 2
SERVICE_NAMES: Final = ("florence", "clip", "enrichment")
SERVICE_THREADS: Final = 5 * SERVICE_CALLS
_SERVED_IN_A_ROW: Final = 2
_SIGHT_SLACK_S: Final = 5.0
_STAND_INS: Final[Mapping[tuple[str, ...], tuple[str, ...]]] = {
    cards.CAPTIONS: (served.SIGHT, served.FLORENCE),
    cards.SENTENCES: (served.CLIP,),
    cards.FASHION: (served.CLOTHING, served.CLIP),
    cards.POSES: (served.POSE,),
    cards.PETS: (served.PET,),
    cards.VEHICLE_TYPE: (served.VEHICLE,),
    cards.DEPTH: (served.DEPTH,),
    cards.CLIP_ACTION: (served.ACTION,),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Eyes:
    """What looks closely: pictures at full size, models by their cards, what tells persons apart, and other legs."""

    pictures: WholePictures | None
    models: Models | None
    persons: Appearances | None
    legs: tuple[CloseLeg, ...]
    newest: Renew = as_they_are


def make_closely(settings: Settings, store: Store, eyes: Eyes) -> CloseGather | None:
    """Give what looks closely at visits; None where no pictures can be had."""
    models = eyes.models
    if eyes.pictures is None:
        return None
    enabled = settings.enrichment.enabled
    enrich = None
    if models is not None and enabled:
        enrich = Enrichment(models, rules_of(settings, models), newest=eyes.newest)
    association = association_of(settings)
    likeness = Likeness(eyes.persons) if eyes.persons is not None else None
    views = VisitPictures(store, eyes.pictures, association=association, likeness=likeness)
    around = whereabouts(store, counted=association.counted) if likeness is not None else ()
    return CloseGather((*eyes.legs, *around), views, enrich=enrich)


def rules_of(settings: Settings, models: Models | None) -> EnrichmentRules:
    """Give what is asked under these settings, by the services that they name where there are some."""
    wanted = settings.enrichment
    return EnrichmentRules(
        switched_off=wanted.off,
        reported=settings.detect.classes | CARRIED_CLASSES,
        at_once=wanted.at_once,
        deadline_s=wanted.timeout_s,
        vision_tasks=wanted.vision_tasks,
        vision_questions=wanted.vision_questions,
        depth_scales={camera: DepthScale(**metres) for camera, metres in wanted.depth_scales.items()},
        depth_of=DepthOf(wanted.depth_of),
        instead=stand_ins(models.ids, by_sight=settings.vision.describes) if isinstance(models, ServedModels) else {},
        patience_s={**served.PATIENCE_S, served.SIGHT: settings.vision.timeout_s + _SIGHT_SLACK_S},
        confirmer=served.SIGHT if isinstance(models, ServedModels) and served.SIGHT in models.ids else None,
    )


def association_of(settings: Settings) -> AssociationRules:
    """Give the rules of who is who: in a clip a subject may be missing in one of the frames that are looked at."""
    usual = AssociationRules()
    return replace(usual, video_gap_s=max(usual.video_gap_s, _FRAMES_APART * settings.ingest.frame_interval_s))


def with_services(wanted: EnrichmentSettings, own: Models, executor: Executor, sight: Ask | None = None) -> Models:
    """Give this engine's models, with the services that the settings name in the place of some.

    ``sight`` is the way to a vision-language model, None where there is none.
    """
    if not (wanted.url or wanted.florence_url or wanted.clip_url or sight):
        return own
    services = Services(
        florence_url=wanted.florence_url,
        florence_token=wanted.florence_token,
        clip_url=wanted.clip_url,
        clip_token=wanted.clip_token,
        enrichment_url=wanted.url,
        enrichment_token=wanted.token,
        sight=sight,
    )
    slowest_s = max(served.PATIENCE_S.values())
    return ServedModels(own, services, lambda: Runner(executor, AcceleratorGate(SERVICE_CALLS), timeout_s=slowest_s))


def services_s(wanted: EnrichmentSettings, vision: VisionSettings) -> float:
    """Give how much longer the questions of one visit may take because services answer some of them."""
    asked = {
        served.POSE: wanted.url is not None,
        served.CLIP: wanted.clip_url is not None,
        served.FLORENCE: wanted.florence_url is not None,
    }
    slowest_s = max((served.PATIENCE_S[name] for name, there in asked.items() if there), default=0.0)
    return max(_SERVED_IN_A_ROW * slowest_s, vision.timeout_s + _SIGHT_SLACK_S if vision.wanted else 0.0)


def watch_services(models: Models | None, breakers: Breakers) -> None:
    """Show the breakers of the services."""
    if isinstance(models, ServedModels):
        for name, breaker in models.breakers.items():
            breakers.add(name, lambda one=breaker: one)  # type: ignore[misc]


def stand_ins(services: Collection[str], *, by_sight: bool = False) -> Mapping[tuple[str, ...], str]:
    """Tell for which cards each service stands; ``by_sight`` for captions it is the vision-language model."""
    services = [one for one in services if by_sight or one != served.SIGHT]
    named = {known: next((one for one in able if one in services), None) for known, able in _STAND_INS.items()}
    return {known: service for known, service in named.items() if service is not None}


def enrichment_part(zoo: Zoo, clock: Clock, breakers: Breakers) -> PartPlan:
    """Give the jobs around the models that look closer: fetching what was asked for, letting go of what idles.

    A restart asks services again that were left alone.
    """

    async def sweep() -> None:
        while True:
            await clock.sleep(_SWEEP_S)
            zoo.pool.unload_idle()

    async def renew() -> None:
        breakers.reset(*SERVICE_NAMES)

    return PartPlan(
        id="enrichment",
        jobs={"model files": zoo.models.run, "idle models": sweep},
        rank=Rank.OPTIONAL,
        describe=lambda: enrichment_component(zoo),
        renew=renew,
    )


def enrichment_component(zoo: Zoo, part_id: str = "enrichment") -> Component:
    """Tell how the models do: degraded while one that was asked does not work."""
    broken = [f"{one.name}: {one.reason}" for one in zoo.models.describe() if one.state is ModelState.FAILED]
    return Component(
        id=part_id,
        state=ComponentState.DEGRADED if broken else ComponentState.HEALTHY,
        reason="; ".join(broken) or None,
        fix="get the file again with `home-sentry models get`, or switch the model off" if broken else None,
    )
