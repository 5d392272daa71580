"""The vision-language model of this engine: opened where the settings want one, judging and answering."""

import asyncio
from collections.abc import Mapping
from concurrent.futures import Executor
from datetime import date
from typing import Any, Final

from home_sentry_engine.contract import PromptModel
from home_sentry_engine.domain.errors import Unavailable
from home_sentry_engine.language.allowance import Allowance, Caps
from home_sentry_engine.language.assessor import LanguageAssessor
from home_sentry_engine.language.backends.disabled import Disabled
from home_sentry_engine.language.backends.local import LocalModel
from home_sentry_engine.language.errors import LanguageError
from home_sentry_engine.language.seeing import SeeingModel
from home_sentry_engine.language.sight import COMPONENT, Means, SightWatch, limits_of, open_sight
from home_sentry_engine.language.vision import InTurn, VisionAssessor
from home_sentry_engine.operations.registry import PartPlan, Rank
from home_sentry_engine.pipeline.closely import WholePictures
from home_sentry_engine.pipeline.ports import Assessor
from home_sentry_engine.pipeline.stills import VisitStills, part_to_show, picture_of
from home_sentry_engine.resilience.breaker import BreakerOpen
from home_sentry_engine.settings import Settings
from home_sentry_engine.storage.database import Connection, Database
from home_sentry_engine.storage.repositories.meta import Meta
from home_sentry_engine.vision.services.sight import Ask, Told
from home_sentry_engine.vision.tasks.pictures import Frame
from home_sentry_engine.vision.zoo import Zoo

from .enriching import association_of
from .ground import Ground
from .judging import CatalogueFiles

_TOKENS: Final = "vision_tokens"
_SLACK_S: Final = 5.0


async def open_vision(ground: Ground, zoo: Zoo) -> SeeingModel | None:
    """Open the model that the settings want; None where there is nothing for it to do on this engine."""
    settings = ground.settings
    vision = settings.vision
    asked = vision.judges or (vision.describes and settings.enrichment.enabled)
    if "assess" not in settings.roles or not asked:
        return None
    means = Means(
        files=CatalogueFiles(zoo.catalogue, zoo.store),
        clock=ground.clock,
        report=ground.board.report,
        on_process=lambda state, reason: ground.wellbeing.model_process(state, reason, COMPONENT),
        allowance=_allowance(ground) if vision.url is not None and vision.cloud else None,
    )
    model = await ground.stack.enter_async_context(open_sight(vision, settings.language, means))
    ground.measuring.breakers.add(COMPONENT, lambda: model.breaker)
    ground.wellbeing.watch_model(model.backend, COMPONENT)
    return model


def judges_of(
    ground: Ground,
    text: LanguageAssessor | Disabled,
    model: SeeingModel | None,
    pictures: WholePictures,
    drawing: Executor,
) -> dict[PromptModel, LanguageAssessor | VisionAssessor]:
    """Give the models that judge on this engine, by what their prompts are called."""
    settings = ground.settings
    judges: dict[PromptModel, LanguageAssessor | VisionAssessor] = {}
    if isinstance(text, LanguageAssessor):
        judges[PromptModel.NEMOTRON] = text
    if model is not None and settings.vision.judges:
        show = VisitStills(
            ground.store,
            pictures,
            drawing,
            longest_px=settings.vision.picture_px,
            association=association_of(settings),
        )
        limits = limits_of(settings.vision, settings.language)
        seeing = VisionAssessor(model, show, settings=limits, stills=settings.vision.stills, clock=ground.clock)
        seeing.asking.asked = ground.measuring.tallies.asked
        judges[PromptModel.VISION] = seeing
    return judges


def judging_by(judges: Mapping[PromptModel, Assessor], text: Assessor) -> Assessor:
    """Give what judges beside the rules: the text model, or the one that sees and the text model where it cannot."""
    seeing = judges.get(PromptModel.VISION)
    return text if seeing is None else InTurn(seeing, text)


def way_to(model: SeeingModel | None, settings: Settings) -> Ask | None:
    """Give the way for threads that look closer to ask the model, None without one; call it on the event loop."""
    if model is None:
        return None
    loop = asyncio.get_running_loop()
    longest_px, timeout_s = settings.vision.picture_px, settings.vision.timeout_s

    def ask(frame: Frame, asked: str, schema: Mapping[str, Any], most_tokens: int) -> Told:
        pixels = frame.pixels
        whole = part_to_show((), (frame.width, frame.height))
        shown = picture_of(pixels, whole, longest_px)
        answering = model.answer([shown], asked, schema, max_tokens=most_tokens, timeout_s=timeout_s)
        future = asyncio.run_coroutine_threadsafe(answering, loop)
        try:
            return Told(answer=future.result(timeout_s + _SLACK_S), model_id=model.backend.model_id or COMPONENT)
        except TimeoutError as err:
            future.cancel()
            raise Unavailable(f"the vision model gave no answer within {timeout_s:g} s", code="timeout") from err
        except (LanguageError, BreakerOpen) as err:
            raise Unavailable(f"the vision model: {err}", code="vlm") from err

    return ask


def vision_part(ground: Ground, model: SeeingModel) -> PartPlan:
    """Give the job that wakes the model; a restart makes it prove anew that it sees."""

    async def renew() -> None:
        model.renew()
        if isinstance(model.backend, LocalModel):
            await model.backend.aclose()

    watch = SightWatch(model, ground.clock)
    return PartPlan(id=COMPONENT, jobs={"vision model": watch.run}, rank=Rank.MODEL, describe=lambda: None, renew=renew)


def _allowance(ground: Ground) -> Allowance:
    rows, settings = DailyTokens(ground.database), ground.settings
    vision = settings.vision
    caps = Caps(tokens=vision.daily_tokens, price=vision.token_price, money=vision.daily_cost)
    return Allowance(caps, clock=ground.clock, zone=settings.time_zone, read=rows.read, keep=rows.keep)


class DailyTokens:
    """How many tokens a model elsewhere was asked for on its last day."""

    def __init__(self, database: Database) -> None:
        """Keep it among the small values."""
        self._database = database
        self._meta = Meta()

    async def read(self) -> tuple[date, int] | None:
        """Give the last day and its tokens, None before the first one."""
        kept = await self._database.read(lambda conn: self._meta.get(conn, _TOKENS))
        return None if kept is None else (date.fromisoformat(kept["day"]), int(kept["tokens"]))

    async def keep(self, day: date, tokens: int) -> None:
        """Keep the tokens of a day."""

        def write(conn: Connection) -> None:
            self._meta.set(conn, _TOKENS, {"day": day.isoformat(), "tokens": tokens})

        await self._database.write(write)
