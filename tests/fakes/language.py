"""A language model that a test scripts."""

from collections.abc import Callable, Sequence
import json
from typing import Any

from home_sentry_engine.language.backends.base import Completion, Message, Question

ANSWER: dict[str, Any] = {
    "reasoning": "A person stands at the door.",
    "risk_score": 40,
    "summary": "A person waits at the door.",
    "recommended_action": "Look at the camera.",
    "entities": ["person"],
    "flags": [],
    "confidence": 70,
    "confidence_factors": ["clear picture"],
}


def answer(**changes: Any) -> str:
    """Write a valid answer with changes; ``None`` leaves a field out."""
    return json.dumps({key: value for key, value in {**ANSWER, **changes}.items() if value is not None})


type Step = str | Completion | Exception | Callable[[Question], str]


class FakeBackend:
    """Plays its steps one after the other, the last one for ever; a token is four characters."""

    model_id = "fake"

    def __init__(self, *steps: Step, window: int = 4096) -> None:
        self.steps = list(steps) or [answer()]
        self.questions: list[Question] = []
        self.window_tokens = window
        self.closed = False

    async def window(self) -> int:
        return self.window_tokens

    async def count(self, messages: Sequence[Message]) -> int:
        return sum(len(message.content) // 4 + 1 for message in messages)

    async def complete(self, question: Question) -> Completion:
        self.questions.append(question)
        step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        if isinstance(step, Exception):
            raise step
        if isinstance(step, Completion):
            return step
        text = step if isinstance(step, str) else step(question)
        return Completion(text=text, truncated=False, prompt_tokens=100, answer_tokens=50)

    async def aclose(self) -> None:
        self.closed = True
