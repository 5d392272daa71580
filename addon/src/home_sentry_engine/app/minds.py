"""What looks and what judges: the models of pictures and the language model, by the roles of this engine."""

import asyncio
from dataclasses import dataclass, replace

from home_sentry_engine.contract import Component, ModelLoad
from home_sentry_engine.language.assessor import LanguageAssessor
from home_sentry_engine.language.backends.disabled import Disabled
from home_sentry_engine.language.backends.local import LocalModel
from home_sentry_engine.language.backends.remote import RemoteModel
from home_sentry_engine.language.opening import open_assessor
from home_sentry_engine.language.seeing import SeeingModel
from home_sentry_engine.resilience.breaker import Breaker
from home_sentry_engine.vision.detector import Detector, DetectorStatus
from home_sentry_engine.vision.remote import RemoteEye
from home_sentry_engine.vision.zoo import Zoo

from .ground import Ground
from .health import detector_component
from .judging import CatalogueFiles
from .model_room import model_rules
from .sighted import open_vision


@dataclass(frozen=True, slots=True, kw_only=True)
class Minds:
    """The open models; ``detector`` is None on an engine that does not look, ``vision`` where no model sees."""

    zoo: Zoo
    language: LanguageAssessor | Disabled
    detector: Detector | None
    vision: SeeingModel | None = None

    def language_name(self) -> str | None:
        """Give the card of the language model that answers at this moment."""
        return self.language.backend.model_id or None if isinstance(self.language, LanguageAssessor) else None

    async def language_load(self) -> ModelLoad | None:
        """Describe how busy the language model is, None where none judges."""
        return await model_load(self.language)


async def model_load(language: LanguageAssessor | Disabled) -> ModelLoad | None:
    """Describe how busy a language model is; one that did not answer last is not asked. Raises ``LanguageError``."""
    if not isinstance(language, LanguageAssessor) or not language.backend.model_id:
        return None
    backend, known = language.backend, None
    if language.worked and isinstance(backend, LocalModel | RemoteModel):
        known = await backend.occupancy()
    if known is None:
        return ModelLoad(model_id=backend.model_id)
    return ModelLoad(model_id=backend.model_id, busy=known.busy, slots=known.slots, waiting=known.waiting)


async def open_minds(ground: Ground) -> Minds:
    """Open the models on the ground; what the detector and the language model say of themselves is reported."""
    settings, enter = ground.settings, ground.stack.enter_async_context
    looks, judges = "detect" in settings.roles, "assess" in settings.roles

    def heard(status: DetectorStatus) -> None:
        if looks:
            ground.board.report(detector_component(status))
            ground.wellbeing.monitor.hurry("detector")

    rules = await asyncio.to_thread(model_rules, settings)
    zoo = await enter(Zoo(settings.detect, settings.models, ground.clock, on_status=heard, rules=rules))
    heard(zoo.detector.describe())
    language = await enter(
        open_assessor(
            settings.language if judges else replace(settings.language, enabled=False),
            files=CatalogueFiles(zoo.catalogue, zoo.store),
            clock=ground.clock,
            report=ground.board.report if judges else _unheard,
            on_process=ground.wellbeing.model_process,
        )
    )
    _show_breakers(ground, zoo, language)
    vision = await open_vision(ground, zoo)
    return Minds(zoo=zoo, language=language, detector=zoo.detector if looks else None, vision=vision)


def _show_breakers(ground: Ground, zoo: Zoo, language: LanguageAssessor | Disabled) -> None:
    breakers = ground.measuring.breakers

    def remote() -> Breaker | None:
        eye = zoo.detector.eye
        return eye.breaker if isinstance(eye, RemoteEye) else None

    breakers.add("detector", remote)
    if isinstance(language, LanguageAssessor):
        breakers.add("llm", lambda: language.breaker)
        language.asking.asked = ground.measuring.tallies.asked


def _unheard(_component: Component) -> None:
    return
