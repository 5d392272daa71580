"""What a clip is made of: stills that are shown for a while and parts of videos, in order."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from hashlib import sha256
import json
from pathlib import Path
from typing import Any, Final

from .mask import Shape, Veil

_RECIPE: Final = 1
_DIGEST: Final = 24


class ClipKind(StrEnum):
    """A format of clips; the value is its suffix without the dot."""

    MP4 = "mp4"
    GIF = "gif"

    @property
    def mime(self) -> str:
        """Give the media type to serve it under."""
        return "video/mp4" if self is ClipKind.MP4 else "image/gif"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A still shown for ``seconds``, or, with ``start_s``, that much of a video from there on; ``token`` names it.

    No folder from ``below`` on to the file may be a link.
    """

    path: Path
    token: str
    seconds: float
    start_s: float | None = None
    below: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipPlan:
    """A clip to be made: its parts in order, what covers them, and how it shall look.

    ``rate`` is in frames per second, None follows the first video. No side is longer than ``longest_side`` pixels.
    """

    parts: tuple[Part, ...]
    kind: ClipKind = ClipKind.MP4
    veil: Veil | None = None
    rate: float | None = None
    longest_side: int = 1920

    @property
    def seconds(self) -> float:
        """Give how long it is going to be."""
        return sum(part.seconds for part in self.parts)

    @property
    def digest(self) -> str:
        """Name what it shows and how, its masks aside."""
        shown = [(part.token, round(part.seconds, 3), part.start_s) for part in self.parts]
        recipe = (_RECIPE, self.kind.value, self.rate, self.longest_side, shown)
        return sha256(json.dumps(recipe).encode()).hexdigest()[:_DIGEST]


def to_json(plan: ClipPlan) -> dict[str, Any]:
    """Give a plan as plain values, for another process."""
    return {
        "parts": [asdict(part) | {"path": str(part.path), "below": str(part.below or "")} for part in plan.parts],
        "kind": plan.kind.value,
        "shapes": plan.veil.shapes if plan.veil is not None else [],
        "rate": plan.rate,
        "longest_side": plan.longest_side,
    }


def from_json(values: Mapping[str, Any]) -> ClipPlan:
    """Give the plan back."""
    shapes = tuple(_shape(one) for one in values["shapes"])
    return ClipPlan(
        parts=tuple(_part(one) for one in values["parts"]),
        kind=ClipKind(values["kind"]),
        veil=Veil(shapes=shapes) if shapes else None,
        rate=values["rate"],
        longest_side=values["longest_side"],
    )


def _part(values: dict[str, Any]) -> Part:
    below = Path(values["below"]) if values["below"] else None
    return Part(**values | {"path": Path(values["path"]), "below": below})


def _shape(points: Sequence[Sequence[float]]) -> Shape:
    return tuple((x, y) for x, y in points)
