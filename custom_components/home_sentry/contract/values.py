"""Small values shared by several messages."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """Bounding box in pixels of the original picture, origin top left."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """One reason of a rule score: signed points and the evidence that they rest on."""

    id: str
    points: int
    text: str
    evidence: tuple[str, ...] = ()
