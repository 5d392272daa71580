"""Small values shared by several messages."""

from dataclasses import dataclass
from datetime import datetime


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who or what a visit's subject is, or probably is; never more than ``finding`` says.

    ``finding`` is ``match``, ``probable``, ``outside_schedule`` and such for the household, and ``probable same
    subject`` for somebody who was seen before, at ``camera_id`` and ``seen_at``; ``by`` is plate, face or appearance.
    """

    kind: str
    finding: str
    name: str | None = None
    trust: str | None = None
    similarity: float | None = None
    by: str | None = None
    entity_id: str | None = None
    camera_id: str | None = None
    seen_at: datetime | None = None
