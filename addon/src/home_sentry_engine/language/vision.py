"""Judging by a vision-language model: the best pictures of a visit, and the text model in its place when it fails."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
import logging
from typing import Final, Protocol

from home_sentry_engine.contract import AnalysisReason, AnalysisState, VisualVerdict
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.messages import ModelFailure, ModelVerdict, RuleVerdict, Scene
from home_sentry_engine.resilience.backoff import Backoff
from home_sentry_engine.resilience.breaker import BreakerOpen
from home_sentry_engine.settings import LanguageSettings

from .backends.base import Completion, Message, Question
from .budget import Fitted, fit
from .errors import BadOutput, ContextOverflow, LanguageError, OutputTruncated
from .failures import failure_of
from .gate import gated
from .prompt import Prompt, prompts, repaired, seeing_text, seeing_version
from .reply import objects_of
from .schema import SEEING_FIELDS, Answer, answer_of, json_schema
from .seeing import SeeingModel
from .stills import Show, Still

_LOGGER = logging.getLogger(__name__)
# who rejects without being sure cannot tell
_SURE: Final = 50


class Assessor(Protocol):
    """What judges scenes beside the rules."""

    async def assess(self, scene: Scene, rule: RuleVerdict) -> ModelVerdict | ModelFailure:
        """Give the model's opinion, or why there is none."""
        ...


@dataclass(frozen=True, slots=True)
class _Reply:
    answer: Answer
    completion: Completion
    fitted: Fitted
    stills: tuple[Still, ...]


class VisionAssessor:
    """Assessor that shows a model one to four pictures of a visit; ``asked`` hears outcomes and their seconds."""

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
        self._clock = clock
        self._backoff = backoff or Backoff(base_s=2.0, cap_s=30.0)
        self._version = seeing_version()
        self.asked: Callable[[str, float], None] = lambda _outcome, _seconds: None

    async def assess(self, scene: Scene, rule: RuleVerdict) -> ModelVerdict | ModelFailure:
        """Ask about a scene that is worth it and of which there are pictures; trouble with the model never raises."""
        if (closed := gated(rule, self._settings.min_rule_score)) is not None:
            return closed
        seen = await self._show(scene, self._stills)
        if not seen.stills:
            detail = f"no picture of the visit can be shown: {seen.trouble or 'there is none'}"
            return ModelFailure(reason=AnalysisReason.GATED, detail=detail)
        started = self._clock.monotonic()
        try:
            reply = await self._tried(scene, rule, seen.stills)
        except (BreakerOpen, LanguageError) as err:
            failure = failure_of(err)
            _LOGGER.info("No verdict of the vision model: %s", err, extra={"event_id": scene.batch.event_id})
            self.model.note(failure)
            self.asked(failure.reason.value, self._clock.monotonic() - started)
            return failure
        self.model.note(None)
        seconds = self._clock.monotonic() - started
        self.asked("answered", seconds)
        return self._verdict(rule, reply, seconds * 1000)

    async def _tried(self, scene: Scene, rule: RuleVerdict, stills: tuple[Still, ...]) -> _Reply:
        for attempt in range(1, self._settings.tries + 1):
            try:
                return await self._once(scene, rule, stills)
            except LanguageError as err:
                if not err.retryable or attempt == self._settings.tries:
                    raise
                _LOGGER.info("The vision model is asked again: %s", err, extra={"event_id": scene.batch.event_id})
            await self._clock.sleep(self._backoff.delay_s(attempt))
        raise AssertionError("the last try returns or raises")

    async def _once(self, scene: Scene, rule: RuleVerdict, stills: tuple[Still, ...]) -> _Reply:
        fitted, shown = await self._fitted(scene, rule, stills)
        completion = await self._complete(fitted.prompt, shown, fitted.answer_tokens)
        try:
            return _Reply(_parsed(completion), completion, fitted, shown)
        except OutputTruncated:
            raise
        except BadOutput as err:
            completion = await self._complete(repaired(fitted.prompt, str(err)), shown, fitted.answer_tokens)
            return _Reply(_parsed(completion), completion, fitted, shown)

    async def _fitted(
        self, scene: Scene, rule: RuleVerdict, stills: tuple[Still, ...]
    ) -> tuple[Fitted, tuple[Still, ...]]:
        """Leave out text before pictures, and pictures where even the shortest text leaves no room for all."""
        window = await self.model.backend.window()
        for shown in _fewer(stills):
            forms = prompts(scene, rule, language=self._settings.language, system=seeing_text)

            async def count(prompt: Prompt, shown: Sequence[Still] = shown) -> int:
                return await self.model.backend.count(_messages(prompt, shown))

            try:
                return await fit(forms, count=count, window=window, answer_tokens=self._settings.max_tokens), shown
            except ContextOverflow:
                if len(shown) == 1:
                    raise
        raise AssertionError("the last form fits or raises")

    async def _complete(self, prompt: Prompt, shown: Sequence[Still], max_tokens: int) -> Completion:
        return await self.model.complete(
            Question(
                messages=_messages(prompt, shown),
                schema=json_schema(prompt.size, SEEING_FIELDS),
                max_tokens=max_tokens,
                temperature=self._settings.temperature,
                top_p=self._settings.top_p,
                timeout_s=self._settings.timeout_s,
            )
        )

    def _verdict(self, rule: RuleVerdict, reply: _Reply, duration_ms: float) -> ModelVerdict:
        answer, prompt = reply.answer, reply.fitted.prompt
        score, said = answer.risk_score, VisualVerdict(answer.verdict or VisualVerdict.UNCERTAIN)
        if prompt.attempts:
            _LOGGER.warning("Text in a scene tried to instruct the model", extra={"attempts": len(prompt.attempts)})
            # who tries to talk the model down gets nothing for it
            score = max(score, rule.score)
        if said is VisualVerdict.REJECTED and (prompt.attempts or answer.confidence < _SURE):
            said = VisualVerdict.UNCERTAIN
        return ModelVerdict(
            score=score,
            summary=answer.summary,
            reasoning=answer.reasoning,
            recommended_action=answer.recommended_action,
            confidence=answer.confidence / 100,
            flags=answer.flags,
            entities=answer.entities,
            model_id=self.model.backend.model_id,
            prompt_version=self._version,
            prompt=f"{prompt.system}\n\n{prompt.user}",
            prompt_tokens=reply.completion.prompt_tokens or reply.fitted.tokens,
            answer_tokens=reply.completion.answer_tokens,
            duration_ms=duration_ms,
            state=AnalysisState.VLM,
            visual=said,
            stills=tuple(still.media_id for still in reply.stills),
        )


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


def _messages(prompt: Prompt, shown: Sequence[Still]) -> tuple[Message, ...]:
    pictures = tuple(still.picture for still in shown)
    first = shown[0].at
    seconds = ", ".join(f"{(still.at - first).total_seconds():.0f}" for still in shown)
    told = f"{len(shown)} pictures, taken at these seconds: {seconds}" if len(shown) > 1 else "1 picture"
    user = Message(role="user", content=f"{told}\n{prompt.user}", pictures=pictures)
    return Message(role="system", content=prompt.system), user


def _parsed(completion: Completion) -> Answer:
    found = objects_of(completion.text)
    if found:
        return answer_of(found[-1], SEEING_FIELDS)
    if completion.truncated:
        raise OutputTruncated("the answer was cut at its token limit")
    raise BadOutput("the answer holds no JSON object" if completion.text.strip() else "the answer is empty")
