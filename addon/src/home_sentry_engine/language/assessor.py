"""Judging by a language model: it is told the scene in words, gate, prompt, budget, tries and repair included."""

from collections.abc import Callable
from typing import Final

from home_sentry_engine.contract import AnalysisState
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.messages import ModelFailure, ModelVerdict, RuleVerdict, Scene
from home_sentry_engine.resilience.backoff import Backoff
from home_sentry_engine.resilience.breaker import Breaker, BreakerOpen
from home_sentry_engine.settings import LanguageSettings

from .asking import Asking, Messages, Reply, Way, verdict_of
from .backends.base import Backend, Message, Question
from .errors import LanguageError
from .failures import BREAKER, failure_of
from .gate import gated
from .prompt import Prompt
from .schema import Size
from .worded import TOLD, system_of
from .wording import SHIPPED, Wording

_CANARY_SCHEMA: Final = {
    "type": "object",
    "properties": {"ok": {"type": "boolean"}},
    "required": ["ok"],
    "additionalProperties": False,
}
# below this window the full prompt does not fit anyway
_ROOMY_TOKENS: Final = 2048


class LanguageAssessor:
    """Assessor over a backend; ``wording`` gives the words of each question."""

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
        self.breaker = breaker or Breaker("the language model", monotonic=clock.monotonic, policy=BREAKER)
        self.asking = Asking("language model", self, settings=settings, clock=clock, backoff=backoff)
        self._on_outcome = on_outcome
        self.wording: Callable[[], Wording] = lambda: SHIPPED
        self.last_failure: ModelFailure | None = None
        self.worked = False

    async def assess(
        self, scene: Scene, rule: RuleVerdict, *, wording: Wording | None = None
    ) -> ModelVerdict | ModelFailure:
        """Ask the model about a scene that is worth it; the prompt's window, deadline and tries are respected.

        With a ``wording`` of its own it is a trial, for which every scene is worth it.
        """
        if wording is None and (closed := gated(rule, self._settings.min_rule_score)) is not None:
            return closed
        words = wording or self.wording()
        told = await self.asking.outcome(scene.batch.event_id, lambda: self._once(scene, rule, words))
        if isinstance(told, ModelFailure):
            return told
        reply, duration_ms = told
        return verdict_of(rule, reply, model_id=self.backend.model_id, duration_ms=duration_ms, state=AnalysisState.LLM)

    async def wake(self) -> ModelFailure | None:
        """Load the model and let it answer the fixed part of the prompt; gives what is wrong with it, None if it works.

        A real answer is the proof; what it says does not matter.
        """
        try:
            with self.breaker.call():
                await self.backend.complete(self._canary(await self.backend.window()))
        except (BreakerOpen, LanguageError) as err:
            self.note(failure_of(err))
        else:
            self.note(None)
        return self.last_failure

    def note(self, failure: ModelFailure | None) -> None:
        """Take how a use of the model ended."""
        self.last_failure = failure
        self.worked = failure is None
        self._on_outcome(failure)

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

    async def _once(self, scene: Scene, rule: RuleVerdict, wording: Wording) -> Reply:
        with self.breaker.call():
            way = Way(
                form=TOLD,
                wording=wording,
                window=await self.backend.window(),
                messages=_messages,
                count=self.backend.count,
                complete=self.backend.complete,
            )
            return await self.asking.reply(await self.asking.fitted(scene, rule, way), way)


def _messages(prompt: Prompt) -> Messages:
    return Message(role="system", content=prompt.system), Message(role="user", content=prompt.user)
