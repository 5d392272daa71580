"""Judging by a vision-language model: the best pictures of a visit, and the text model in its place when it fails."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from home_sentry_engine.contract import AnalysisReason, AnalysisState, VisualVerdict
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.messages import ModelFailure, ModelVerdict, RuleVerdict, Scene
from home_sentry_engine.resilience.backoff import Backoff
from home_sentry_engine.settings import LanguageSettings

from .asking import Asking, Assessor, Messages, Reply, Way, verdict_of
from .backends.base import Message
from .errors import ContextOverflow
from .gate import gated
from .prompt import Prompt
from .seeing import SeeingModel
from .stills import Show, Still
from .worded import SHOWN
from .wording import SHIPPED_SEEING, Wording

# who rejects without being sure cannot tell
_SURE: Final = 50


class VisionAssessor:
    """Assessor that shows a model one to four pictures of a visit; ``wording`` gives the words of each question."""

    def __init__(
        self,
        model: SeeingModel,
        show: Show,
        *,
        settings: LanguageSettings,
        stills: int,
        clock: Clock,
        backoff: Backoff | None = None,
    ) -> None:
        """Take the model, what gives pictures, how answers are asked for, and how many pictures at most."""
        self.model = model
        self._show = show
        self._settings = settings
        self._stills = stills
        self.asking = Asking("vision model", model, settings=settings, clock=clock, backoff=backoff)
        self.wording: Callable[[], Wording] = lambda: SHIPPED_SEEING

    async def assess(
        self, scene: Scene, rule: RuleVerdict, *, wording: Wording | None = None
    ) -> ModelVerdict | ModelFailure:
        """Ask about a scene that is worth it and of which there are pictures; trouble with the model never raises.

        With a ``wording`` of its own it is a trial, for which every scene is worth it.
        """
        if wording is None and (closed := gated(rule, self._settings.min_rule_score)) is not None:
            return closed
        seen = await self._show(scene, self._stills)
        if not seen.stills:
            detail = f"no picture of the visit can be shown: {seen.trouble or 'there is none'}"
            return ModelFailure(reason=AnalysisReason.GATED, detail=detail)
        words = wording or self.wording()
        told = await self.asking.outcome(scene.batch.event_id, lambda: self._once(scene, rule, seen.stills, words))
        if isinstance(told, ModelFailure):
            return told
        (reply, shown), duration_ms = told
        model_id = self.model.backend.model_id
        verdict = verdict_of(rule, reply, model_id=model_id, duration_ms=duration_ms, state=AnalysisState.VLM)
        return replace(verdict, visual=_visual(reply), stills=tuple(still.media_id for still in shown))

    async def _once(
        self, scene: Scene, rule: RuleVerdict, stills: tuple[Still, ...], wording: Wording
    ) -> tuple[Reply, tuple[Still, ...]]:
        """Leave out text before pictures, and pictures where even the shortest text leaves no room for all."""
        window = await self.model.backend.window()
        for shown in _fewer(stills):
            way = Way(
                form=SHOWN,
                wording=wording,
                window=window,
                messages=partial(_messages, shown),
                count=self.model.backend.count,
                complete=self.model.complete,
            )
            try:
                fitted = await self.asking.fitted(scene, rule, way)
            except ContextOverflow:
                if len(shown) == 1:
                    raise
            else:
                return await self.asking.reply(fitted, way), shown
        raise AssertionError("the last form fits or raises")


class InTurn:
    """Assessor that asks the vision model, and the text model where that gives no verdict."""

    def __init__(self, vision: Assessor, text: Assessor) -> None:
        """Take both."""
        self._vision = vision
        self._text = text

    async def assess(self, scene: Scene, rule: RuleVerdict) -> ModelVerdict | ModelFailure:
        """Give the vision model's verdict, else the text model's with a note of that, else both reasons."""
        seen = await self._vision.assess(scene, rule)
        if isinstance(seen, ModelVerdict):
            return seen
        read = await self._text.assess(scene, rule)
        why = f"the vision model gave no verdict ({seen.reason}: {seen.detail})"
        if isinstance(read, ModelVerdict):
            return replace(read, note=f"{why}: the language model judged instead")
        if AnalysisReason.DISABLED is read.reason or seen == read:
            return seen
        return ModelFailure(reason=seen.reason, detail=f"{why}; nor did the language model ({read.reason})"[:500])


def _fewer(stills: tuple[Still, ...]) -> Iterator[tuple[Still, ...]]:
    """Give all pictures, then fewer, spread over the visit."""
    for count in range(len(stills), 0, -1):
        last = max(1, count - 1)
        places = sorted({round(number * (len(stills) - 1) / last) for number in range(count)})
        yield tuple(stills[place] for place in places)


def _messages(shown: Sequence[Still], prompt: Prompt) -> Messages:
    pictures = tuple(still.picture for still in shown)
    first = shown[0].at
    seconds = ", ".join(f"{(still.at - first).total_seconds():.0f}" for still in shown)
    told = f"{len(shown)} pictures, taken at these seconds: {seconds}" if len(shown) > 1 else "1 picture"
    user = Message(role="user", content=f"{told}\n{prompt.user}", pictures=pictures)
    return Message(role="system", content=prompt.system), user


def _visual(reply: Reply) -> VisualVerdict:
    said = VisualVerdict(reply.answer.verdict or VisualVerdict.UNCERTAIN)
    unsure = reply.fitted.prompt.attempts or reply.answer.confidence < _SURE
    return VisualVerdict.UNCERTAIN if said is VisualVerdict.REJECTED and unsure else said
