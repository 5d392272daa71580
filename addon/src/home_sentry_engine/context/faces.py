"""Faces of a visit: open set, a name only when enough faces agree; a stranger stays unknown."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from home_sentry_engine.domain.embedded import Embedded
from home_sentry_engine.domain.household import Member

from .household import Gallery


class FaceOutcome(StrEnum):
    """What the faces of one subject say."""

    MATCH = "match"
    UNKNOWN = "unknown"
    TOO_FEW = "too_few"


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceRules:
    """A name needs ``least`` faces of which the share ``agreement`` is one person's."""

    least: int = 3
    agreement: float = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceFinding:
    """What the faces of one subject say; ``agreement`` is the share of the most frequent answer."""

    subject: int
    outcome: FaceOutcome
    faces: int
    agreement: float = 0.0
    owner_id: str | None = None
    similarity: float | None = None

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Self | None:
        """Read it back from the leg ``known_faces``; None for what is none."""
        try:
            return cls(
                subject=int(record["subject"]),
                outcome=FaceOutcome(record["outcome"]),
                faces=int(record["faces"]),
                agreement=float(record["agreement"]),
                owner_id=record.get("member"),
                similarity=record.get("similarity"),
            )
        except KeyError, TypeError, ValueError:
            return None

    def document(self) -> dict[str, object]:
        """Write it for the leg ``known_faces``."""
        record: dict[str, object] = {
            "subject": self.subject,
            "outcome": self.outcome.value,
            "faces": self.faces,
            "agreement": round(self.agreement, 2),
        }
        if self.owner_id is not None:
            record["member"] = self.owner_id
        if self.similarity is not None:
            record["similarity"] = round(self.similarity, 3)
        return record


def name_faces(
    subject: int, faces: Sequence[Embedded], gallery: Gallery[Member], rules: FaceRules | None = None
) -> FaceFinding:
    """Compare the faces of one subject with the members; each face names one member or nobody."""
    rules = rules or FaceRules()
    if len(faces) < rules.least:
        return FaceFinding(subject=subject, outcome=FaceOutcome.TOO_FEW, faces=len(faces))
    votes: Counter[str | None] = Counter()
    best: dict[str, float] = {}
    for face in faces:
        nearest = gallery.nearest(face.model_id, face.vector)
        if nearest is None or nearest[1] < face.same_above:
            votes[None] += 1
            continue
        owner, similarity = nearest
        votes[owner.id] += 1
        best[owner.id] = max(best.get(owner.id, -1.0), similarity)
    winner, count = votes.most_common(1)[0]
    share = count / len(faces)
    plain = FaceFinding(subject=subject, outcome=FaceOutcome.UNKNOWN, faces=len(faces), agreement=share)
    if winner is None or share < rules.agreement:
        return plain
    return FaceFinding(
        subject=subject,
        outcome=FaceOutcome.MATCH,
        faces=len(faces),
        agreement=share,
        owner_id=winner,
        similarity=best[winner],
    )
