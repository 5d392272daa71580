"""What every backend offers."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
import math
from typing import Any, Final, Literal, Protocol

# models turn a picture into one token per 28 x 28 pixels or fewer, and some into a fixed number that is no higher
_PICTURE_CELL_PX: Final = 28
_PICTURE_LEAST: Final = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A JPEG without metadata, ``width`` x ``height`` pixels."""

    jpeg: bytes
    width: int
    height: int

    @property
    def tokens(self) -> int:
        """Estimate from above how many tokens a model makes of it."""
        cells = math.ceil(self.width / _PICTURE_CELL_PX) * math.ceil(self.height / _PICTURE_CELL_PX)
        return max(_PICTURE_LEAST, cells)

    @property
    def base64(self) -> str:
        """The file as text."""
        return base64.b64encode(self.jpeg).decode("ascii")


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One turn; the content is text from outside as far as tokens are concerned: never read as a template token.

    ``pictures`` come before the content; only models that see take them.
    """

    role: Literal["system", "user"]
    content: str
    pictures: tuple[Picture, ...] = ()


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Occupancy:
    """How many ``slots`` of a model are ``busy`` with a question, how many are ``waiting``; None is not known."""

    busy: int
    slots: int
    waiting: int | None = None


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
