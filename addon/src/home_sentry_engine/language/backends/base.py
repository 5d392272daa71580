"""What every backend offers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One turn; the content is text from outside as far as tokens are concerned: never read as a template token."""

    role: Literal["system", "user"]
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What to ask: messages, the schema that binds the answer, and the limits."""

    messages: Sequence[Message]
    schema: dict[str, Any]
    max_tokens: int
    temperature: float
    top_p: float
    timeout_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """Raw answer; ``truncated`` when it ended at its token limit."""

    text: str
    truncated: bool
    prompt_tokens: int
    answer_tokens: int


class Backend(Protocol):
    """A language model somewhere; all methods raise ``LanguageError`` and nothing else."""

    @property
    def model_id(self) -> str:
        """Name of the model as it is shown with a verdict."""
        ...

    async def window(self) -> int:
        """Give the tokens that prompt and answer share."""
        ...

    async def count(self, messages: Sequence[Message]) -> int:
        """Count the tokens of a rendered prompt."""
        ...

    async def complete(self, question: Question) -> Completion:
        """Ask; thinking is off, special tokens in the messages stay text."""
        ...

    async def aclose(self) -> None:
        """Let go of processes and connections."""
        ...
