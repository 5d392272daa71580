"""What the API asks of the engine on behalf of other programs that have pictures and no models."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureQuestion:
    """A question about encoded pictures; ``corners`` (left, top, right, bottom) in pixels limit it to a part."""

    about: str
    pictures: tuple[bytes, ...]
    corners: tuple[int, int, int, int] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


class Enricher(Protocol):
    """The models for other programs; nothing is stored."""

    async def answer(self, question: PictureQuestion) -> dict[str, Any]:
        """Answer one question; raises ``Rejected``, ``Unprocessable`` or ``ServiceUnavailable`` with the outcome."""
        ...

    async def enrich(self, kind: str, question: PictureQuestion, about: Sequence[str]) -> dict[str, Any]:
        """Answer several about a person, vehicle or animal, all that fit where none is named; raises ``Rejected``."""
        ...

    async def models_status(self) -> dict[str, Any]:
        """Tell which models there are and how they are."""
        ...

    async def preload(self, model_id: str) -> dict[str, Any]:
        """Load a model now; raises ``NotFound`` or ``ServiceUnavailable`` with the outcome."""
        ...
