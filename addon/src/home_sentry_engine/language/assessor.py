"""One question to the model per scene: gate, prompt, budget, tries, repair, verdict."""

from collections.abc import Callable
from dataclasses import dataclass
import logging
from typing import Final, Protocol

from home_sentry_engine.contract import AnalysisState
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.messages import ModelFailure, ModelVerdict, RuleVerdict, Scene
from home_sentry_engine.resilience.backoff import Backoff
from home_sentry_engine.resilience.breaker import Breaker, BreakerOpen, BreakerPolicy
from home_sentry_engine.settings import LanguageSettings

from .backends.base import Backend, Completion, Message, Question
from .budget import Fitted, fit
from .errors import (
    BadOutput,
    ContextOverflow,
    LanguageError,
    ModelMissing,
    ModelTimeout,
    ModelTooLarge,
    OutputTruncated,
)
from .failures import failure_of
from .gate import gated
from .prompt import Prompt, prompts, repaired
from .reply import parse_reply
from .schema import Answer, Size, json_schema
from .worded import system_of, version_of
from .wording import SHIPPED, Wording

_LOGGER = logging.getLogger(__name__)

# a model that is away is asked at most once a minute; slow or useless answers are no sign that it is away
BREAKER: Final = BreakerPolicy(
    failures=5,
    open_s=60.0,
    half_open_calls=1,
    successes=2,
    excluded=(BadOutput, ContextOverflow, ModelTimeout, ModelMissing, ModelTooLarge),
)


_CANARY_SCHEMA: Final = {
    "type": "object",
    "properties": {"ok": {"type": "boolean"}},
    "required": ["ok"],
    "additionalProperties": False,
}
# below this window the full prompt does not fit anyway
_ROOMY_TOKENS: Final = 2048


class Assessor(Protocol):
    """What judges scenes beside the rules."""

    async def assess(self, scene: Scene, rule: RuleVerdict) -> ModelVerdict | ModelFailure:
        """Give the model's opinion, or why there is none; trouble with the model never raises."""
        ...


@dataclass(frozen=True, slots=True)
class _Reply:
    answer: Answer
    completion: Completion
    fitted: Fitted
    wording: Wording


class LanguageAssessor:
    """Assessor over a backend; ``asked`` hears the outcome of each question and its seconds, tries included."""

    def __init__(
        self,
        backend: Backend,
        *,
        settings: LanguageSettings,
        clock: Clock,
        breaker: Breaker | None = None,
        backoff: Backoff | None = None,
        on_outcome: Callable[[ModelFailure | None], None] = lambda _failure: None,
    ) -> None:
        """Take the backend and the limits; ``on_outcome`` hears how each use of the model ended."""
        self.backend = backend
        self._settings = settings
        self._clock = clock
        self.breaker = breaker or Breaker("the language model", monotonic=clock.monotonic, policy=BREAKER)
        self._backoff = backoff or Backoff(base_s=2.0, cap_s=30.0)
        self._on_outcome = on_outcome
        self.wording: Callable[[], Wording] = lambda: SHIPPED
        self.injections_seen = 0
        self.last_failure: ModelFailure | None = None
        self.worked = False
        self.asked: Callable[[str, float], None] = lambda _outcome, _seconds: None

    async def assess(
        self, scene: Scene, rule: RuleVerdict, *, wording: Wording | None = None
    ) -> ModelVerdict | ModelFailure:
        """Ask the model about a scene that is worth it; the prompt's window, deadline and tries are respected.

        With a ``wording`` of its own it is a trial, for which every scene is worth it.
        """
        if wording is None and (closed := gated(rule, self._settings.min_rule_score)) is not None:
            return closed
        started = self._clock.monotonic()
        try:
            reply = await self._asked(scene, rule, wording or self.wording())
        except (BreakerOpen, LanguageError) as err:
            failure = failure_of(err)
            known = self.last_failure is not None and self.last_failure.reason is failure.reason
            level = logging.INFO if known else logging.WARNING
            _LOGGER.log(level, "No verdict of the language model: %s", err, extra={"event_id": scene.batch.event_id})
            self._note(failure)
            self.asked(failure.reason.value, self._clock.monotonic() - started)
            return failure
        self._note(None)
        self.asked("answered", self._clock.monotonic() - started)
        return self._verdict(rule, reply, (self._clock.monotonic() - started) * 1000)

    async def wake(self) -> ModelFailure | None:
        """Load the model and let it answer the fixed part of the prompt; gives what is wrong with it, None if it works.

        A real answer is the proof; what it says does not matter.
        """
        try:
            with self.breaker.call():
                await self.backend.complete(self._canary(await self.backend.window()))
        except (BreakerOpen, LanguageError) as err:
            self._note(failure_of(err))
        else:
            self._note(None)
        return self.last_failure

    async def aclose(self) -> None:
        """Let go of the backend."""
        await self.backend.aclose()

    def _canary(self, window: int) -> Question:
        size = Size.FULL if window > _ROOMY_TOKENS else Size.COMPACT
        system = system_of(self.wording())(size, self._settings.language)
        return Question(
            messages=(Message(role="system", content=system), Message(role="user", content='Answer {"ok": true}.')),
            schema=_CANARY_SCHEMA,
            max_tokens=24,
            temperature=0.0,
            top_p=1.0,
            timeout_s=self._settings.timeout_s,
        )

    def _note(self, failure: ModelFailure | None) -> None:
        self.last_failure = failure
        self.worked = failure is None
        self._on_outcome(failure)

    async def _asked(self, scene: Scene, rule: RuleVerdict, wording: Wording) -> _Reply:
        for attempt in range(1, self._settings.tries + 1):
            try:
                with self.breaker.call():
                    return await self._once(scene, rule, wording)
            except LanguageError as err:
                if not err.retryable or attempt == self._settings.tries:
                    raise
                _LOGGER.info("The language model is asked again: %s", err, extra={"event_id": scene.batch.event_id})
            await self._clock.sleep(self._backoff.delay_s(attempt))
        raise AssertionError("the last try returns or raises")

    async def _once(self, scene: Scene, rule: RuleVerdict, wording: Wording) -> _Reply:
        window = await self.backend.window()
        forms = prompts(scene, rule, language=self._settings.language, system=system_of(wording))
        wanted = self._settings.max_tokens if wording.max_tokens is None else wording.max_tokens
        fitted = await fit(forms, count=self._count, window=window, answer_tokens=wanted)
        completion = await self._complete(fitted.prompt, fitted.answer_tokens, wording)
        try:
            answer = parse_reply(completion.text, truncated=completion.truncated)
        except OutputTruncated:
            raise
        except BadOutput as err:
            _LOGGER.info("The model's answer is to be repaired: %s", err)
            return await self._repair(fitted, str(err), window, wording)
        return _Reply(answer, completion, fitted, wording)

    async def _repair(self, fitted: Fitted, fault: str, window: int, wording: Wording) -> _Reply:
        again = repaired(fitted.prompt, fault)
        room = window - await self._count(again)
        if room < 1:
            raise BadOutput(fault)
        completion = await self._complete(again, min(fitted.answer_tokens, room), wording)
        answer = parse_reply(completion.text, truncated=completion.truncated)
        return _Reply(answer, completion, fitted, wording)

    async def _count(self, prompt: Prompt) -> int:
        return await self.backend.count(_messages(prompt))

    async def _complete(self, prompt: Prompt, max_tokens: int, wording: Wording) -> Completion:
        settings = self._settings
        question = Question(
            messages=_messages(prompt),
            schema=json_schema(prompt.size),
            max_tokens=max_tokens,
            temperature=settings.temperature if wording.temperature is None else wording.temperature,
            top_p=settings.top_p if wording.top_p is None else wording.top_p,
            timeout_s=self._settings.timeout_s,
        )
        return await self.backend.complete(question)

    def _verdict(self, rule: RuleVerdict, reply: _Reply, duration_ms: float) -> ModelVerdict:
        answer, prompt = reply.answer, reply.fitted.prompt
        score = answer.risk_score
        if prompt.attempts:
            self.injections_seen += len(prompt.attempts)
            _LOGGER.warning("Text in a scene tried to instruct the model", extra={"attempts": len(prompt.attempts)})
            # who tries to talk the model down gets nothing for it
            score = max(score, rule.score)
        return ModelVerdict(
            score=score,
            summary=answer.summary,
            reasoning=answer.reasoning,
            recommended_action=answer.recommended_action,
            confidence=answer.confidence / 100,
            flags=answer.flags,
            entities=answer.entities,
            model_id=self.backend.model_id,
            prompt_version=version_of(reply.wording),
            prompt=f"{prompt.system}\n\n{prompt.user}",
            prompt_tokens=reply.completion.prompt_tokens or reply.fitted.tokens,
            answer_tokens=reply.completion.answer_tokens,
            duration_ms=duration_ms,
            state=AnalysisState.LLM,
        )


def _messages(prompt: Prompt) -> tuple[Message, ...]:
    return Message(role="system", content=prompt.system), Message(role="user", content=prompt.user)
