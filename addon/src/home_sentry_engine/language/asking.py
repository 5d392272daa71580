"""The steps of asking a model about a scene: the form that fits, tries, one repair, the verdict."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
import logging
from typing import Protocol

from home_sentry_engine.contract import AnalysisState
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.messages import ModelFailure, ModelVerdict, RuleVerdict, Scene
from home_sentry_engine.resilience.backoff import Backoff
from home_sentry_engine.resilience.breaker import BreakerOpen
from home_sentry_engine.settings import LanguageSettings

from .backends.base import Completion, Message, Question
from .budget import Fitted, fit
from .errors import BadOutput, LanguageError, OutputTruncated
from .failures import failure_of
from .prompt import Prompt, prompts, repaired
from .reply import parse_reply
from .schema import Answer, json_schema
from .worded import Form, system_of, version_of
from .wording import Wording

_LOGGER = logging.getLogger(__name__)

type Messages = tuple[Message, ...]


class Assessor(Protocol):
    """What judges scenes beside the rules."""

    async def assess(self, scene: Scene, rule: RuleVerdict) -> ModelVerdict | ModelFailure:
        """Give the model's opinion, or why there is none; trouble with the model never raises."""
        ...


class Noted(Protocol):
    """What is told how each use of a model ended."""

    last_failure: ModelFailure | None

    def note(self, failure: ModelFailure | None) -> None:
        """Take how a use ended, None where there was an answer."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How one model is asked about one scene; ``messages`` writes a prompt as the model takes it."""

    form: Form
    wording: Wording
    window: int
    messages: Callable[[Prompt], Messages]
    count: Callable[[Messages], Awaitable[int]]
    complete: Callable[[Question], Awaitable[Completion]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A usable answer, and what was asked for it."""

    answer: Answer
    completion: Completion
    fitted: Fitted
    way: Way


class Asking:
    """Asks the model called ``name``; ``asked`` hears the outcome of each question and its seconds, tries included."""

    def __init__(
        self, name: str, noted: Noted, *, settings: LanguageSettings, clock: Clock, backoff: Backoff | None = None
    ) -> None:
        """Take who is told of outcomes, how answers are asked for, time, and the wait between tries."""
        self.asked: Callable[[str, float], None] = lambda _outcome, _seconds: None
        self._name = name
        self._noted = noted
        self._settings = settings
        self._clock = clock
        self._backoff = backoff or Backoff(base_s=2.0, cap_s=30.0)

    async def outcome[R](self, event_id: str, once: Callable[[], Awaitable[R]]) -> tuple[R, float] | ModelFailure:
        """Give what comes back and its milliseconds, or why nothing does; ``once`` is one try."""
        started = self._clock.monotonic()
        try:
            reply = await self._tried(event_id, once)
        except (BreakerOpen, LanguageError) as err:
            failure, last = failure_of(err), self._noted.last_failure
            known = last is not None and last.reason is failure.reason
            level = logging.INFO if known else logging.WARNING
            _LOGGER.log(level, "No verdict of the %s: %s", self._name, err, extra={"event_id": event_id})
            self._noted.note(failure)
            self.asked(failure.reason.value, self._clock.monotonic() - started)
            return failure
        self._noted.note(None)
        seconds = self._clock.monotonic() - started
        self.asked("answered", seconds)
        return reply, seconds * 1000

    async def fitted(self, scene: Scene, rule: RuleVerdict, way: Way) -> Fitted:
        """Give the fullest form of the prompt that the model's window holds; raises ``ContextOverflow``."""
        forms = prompts(scene, rule, language=self._settings.language, system=system_of(way.wording, way.form))
        wanted = self._settings.max_tokens if way.wording.max_tokens is None else way.wording.max_tokens

        async def count(prompt: Prompt) -> int:
            return await way.count(way.messages(prompt))

        return await fit(forms, count=count, window=way.window, answer_tokens=wanted)

    async def reply(self, fitted: Fitted, way: Way) -> Reply:
        """Ask, and once more where the answer cannot be used; raises ``LanguageError``."""
        try:
            return await self._once(fitted, fitted.prompt, fitted.answer_tokens, way)
        except OutputTruncated:
            raise
        except BadOutput as err:
            _LOGGER.info("The answer of the %s is to be repaired: %s", self._name, err)
            again = repaired(fitted.prompt, str(err))
            room = way.window - await way.count(way.messages(again))
            if room < 1:
                raise
            return await self._once(fitted, again, min(fitted.answer_tokens, room), way)

    async def _tried[R](self, event_id: str, once: Callable[[], Awaitable[R]]) -> R:
        for attempt in range(1, self._settings.tries + 1):
            try:
                return await once()
            except LanguageError as err:
                if not err.retryable or attempt == self._settings.tries:
                    raise
                _LOGGER.info("The %s is asked again: %s", self._name, err, extra={"event_id": event_id})
            await self._clock.sleep(self._backoff.delay_s(attempt))
        raise AssertionError("the last try returns or raises")

    async def _once(self, fitted: Fitted, prompt: Prompt, max_tokens: int, way: Way) -> Reply:
        settings, wording = self._settings, way.wording
        completion = await way.complete(
            Question(
                messages=way.messages(prompt),
                schema=json_schema(prompt.size, way.form.fields),
                max_tokens=max_tokens,
                temperature=settings.temperature if wording.temperature is None else wording.temperature,
                top_p=settings.top_p if wording.top_p is None else wording.top_p,
                timeout_s=settings.timeout_s,
            )
        )
        answer = parse_reply(completion.text, truncated=completion.truncated, fields=way.form.fields)
        return Reply(answer=answer, completion=completion, fitted=fitted, way=way)


def verdict_of(
    rule: RuleVerdict, reply: Reply, *, model_id: str, duration_ms: float, state: AnalysisState
) -> ModelVerdict:
    """Give the verdict of an answer; who tries to talk the model down gets nothing for it."""
    answer, prompt = reply.answer, reply.fitted.prompt
    score = answer.risk_score
    if prompt.attempts:
        _LOGGER.warning("Text in a scene tried to instruct the model", extra={"attempts": len(prompt.attempts)})
        score = max(score, rule.score)
    return ModelVerdict(
        score=score,
        summary=answer.summary,
        reasoning=answer.reasoning,
        recommended_action=answer.recommended_action,
        confidence=answer.confidence / 100,
        flags=answer.flags,
        entities=answer.entities,
        model_id=model_id,
        prompt_version=version_of(reply.way.wording, reply.way.form),
        prompt=f"{prompt.system}\n\n{prompt.user}",
        prompt_tokens=reply.completion.prompt_tokens or reply.fitted.tokens,
        answer_tokens=reply.completion.answer_tokens,
        duration_ms=duration_ms,
        state=state,
    )
