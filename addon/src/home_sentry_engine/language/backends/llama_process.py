"""A GGUF file in a child process."""

from collections.abc import Sequence
from typing import Any, Final

from home_sentry_engine.language.errors import BadOutput
from home_sentry_engine.language.process import ModelProcess

from .base import Completion, Message, Picture, Question

_COUNT_TIMEOUT_S: Final = 30.0
_MOST_WEIGHTS: Final = 8


class LlamaCppProcess:
    """Backend over a supervised ``ModelProcess``."""

    def __init__(self, process: ModelProcess, *, model_id: str) -> None:
        """Take the process and the name to show."""
        self._process = process
        self._model_id = model_id
        self._weights: dict[Picture, int] = {}

    @property
    def model_id(self) -> str:
        """Name of the model file."""
        return self._model_id

    @property
    def process(self) -> ModelProcess:
        """The child process, for its state."""
        return self._process

    async def window(self) -> int:
        """Give the window that the child opened; starts it if needed."""
        facts = await self._process.ready()
        return int(facts["window"])

    async def count(self, messages: Sequence[Message]) -> int:
        """Count with the model's own tokenizer and eyes; each picture is counted once."""
        sent = {"messages": [{"role": message.role, "content": message.content} for message in messages]}
        answer = await self._process.call("count", sent, timeout_s=_COUNT_TIMEOUT_S)
        shown = [await self._weight(picture) for message in messages for picture in message.pictures]
        return int(answer["tokens"]) + sum(shown)

    async def _weight(self, picture: Picture) -> int:
        if picture not in self._weights:
            answer = await self._process.call("weigh", {"picture": picture.base64}, timeout_s=_COUNT_TIMEOUT_S)
            while len(self._weights) >= _MOST_WEIGHTS:
                del self._weights[next(iter(self._weights))]
            self._weights[picture] = int(answer["tokens"])
        return self._weights[picture]

    async def complete(self, question: Question) -> Completion:
        """Ask the child; it is killed at the deadline."""
        sent = {
            "messages": [_turn(message) for message in question.messages],
            "schema": question.schema,
            "max_tokens": question.max_tokens,
            "temperature": question.temperature,
            "top_p": question.top_p,
        }
        answer = await self._process.call("complete", sent, timeout_s=question.timeout_s)
        try:
            return Completion(
                text=str(answer["text"]),
                truncated=bool(answer["truncated"]),
                prompt_tokens=int(answer["prompt_tokens"]),
                answer_tokens=int(answer["answer_tokens"]),
            )
        except (KeyError, TypeError, ValueError) as err:
            raise BadOutput("the model's process gave an incomplete answer") from err

    async def aclose(self) -> None:
        """End the child."""
        await self._process.aclose()


def _turn(message: Message) -> dict[str, Any]:
    turn: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.pictures:
        turn["pictures"] = [picture.base64 for picture in message.pictures]
    return turn
