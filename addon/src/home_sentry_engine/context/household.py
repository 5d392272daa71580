"""The household: members and vehicles that are known, and how sure that is; the leg ``household``."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
import re
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from home_sentry_engine.domain.household import Member, Sample, Vehicle

from .identity import DEFAULT_THRESHOLD, THRESHOLDS
from .index import Vectors, unit_rows

_NOT_PLATE: Final = re.compile(r"[^A-Z0-9]")
_CONTRADICTS: Final = 3


class MatchOutcome(StrEnum):
    """What a comparison with the household gave; only ``match`` may lower a risk.

    ``person_away``: it looks like somebody whom Home Assistant has known to be elsewhere for a while.
    """

    MATCH = "match"
    PROBABLE = "probable"
    OUTSIDE_SCHEDULE = "outside_schedule"
    PERSON_AWAY = "person_away"
    NO_MATCH = "no_match"
    UNAVAILABLE_REENROLL = "unavailable_reenroll"
    NO_GALLERY = "no_gallery"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognised:
    """Outcome of one comparison; ``owner`` is who it is or probably is, ``by`` plate or appearance."""

    outcome: MatchOutcome
    owner: Member | Vehicle | None = None
    similarity: float | None = None
    by: str | None = None

    def document(self) -> dict[str, object]:
        """Give it as the rules read it."""
        record: dict[str, object] = {"name": self.owner.name if self.owner else "", "outcome": self.outcome.value}
        if self.owner is not None:
            record |= {"role": self.owner.role, "trust": self.owner.trust}
        if self.similarity is not None:
            record["similarity"] = round(self.similarity, 3)
        return record | ({"by": self.by} if self.by else {})


class Gallery[O: (Member, Vehicle)]:
    """Owners with their samples by model."""

    def __init__(self, owners: Iterable[O], samples: Iterable[Sample]) -> None:
        """Take owners and samples; samples of others are left out."""
        self.owners: dict[str, O] = {owner.id: owner for owner in owners}
        groups: dict[tuple[str, str, bool], list[ArrayLike]] = {}
        for sample in samples:
            if sample.owner_id in self.owners:
                groups.setdefault((sample.model_id, sample.owner_id, sample.negative), []).append(sample.vector)
        self._rows: dict[tuple[str, str, bool], Vectors] = {
            key: unit_rows(np.stack([np.asarray(one, dtype=np.float32) for one in vectors]))
            for key, vectors in groups.items()
        }

    @property
    def models(self) -> frozenset[str]:
        """Models that somebody is enrolled with."""
        return frozenset(model for model, _, negative in self._rows if not negative)

    def nearest(self, model_id: str, vector: ArrayLike) -> tuple[O, float] | None:
        """Give the likest owner and the cosine; whom a negative sample resembles as much is left out."""
        query = unit_rows(vector)[0]
        best: tuple[O, float] | None = None
        for (model, owner_id, negative), rows in self._rows.items():
            if model != model_id or negative or rows.shape[1] != len(query):
                continue
            similarity = float((rows @ query).max())
            against = self._rows.get((model, owner_id, True))
            if against is not None and float((against @ query).max()) >= similarity:
                continue
            if best is None or similarity > best[1]:
                best = self.owners[owner_id], similarity
        return best


def recognise_person(
    gallery: Gallery[Member], model_id: str, vector: ArrayLike, *, local: datetime, threshold: float | None = None
) -> Recognised:
    """Compare a person's look with the members."""
    return _by_appearance(gallery, model_id, vector, local, threshold)


def recognise_vehicle(
    gallery: Gallery[Vehicle],
    *,
    plate: str | None,
    look: tuple[str, ArrayLike] | None,
    local: datetime,
    threshold: float | None = None,
) -> Recognised:
    """Compare a vehicle by its plate first, then by its look (model id, vector).

    One wrong letter is probable; a plate that clearly differs rules the vehicle out, whatever it looks like.
    """
    read = clean_plate(plate)
    if read:
        distances = {owner.id: edit_distance(read, clean_plate(owner.plate)) for owner in _plated(gallery)}
        nearest = min(distances, key=lambda owner_id: distances[owner_id], default=None)
        if nearest is not None and distances[nearest] <= 1:
            owner = gallery.owners[nearest]
            sure = MatchOutcome.MATCH if distances[nearest] == 0 else MatchOutcome.PROBABLE
            certainty = 1.0 if distances[nearest] == 0 else 1.0 - 1.0 / max(len(read), 2)
            return Recognised(outcome=_in_time(sure, owner, local), owner=owner, similarity=certainty, by="plate")
    if look is None:
        if not gallery.owners:
            return Recognised(outcome=MatchOutcome.NO_GALLERY)
        return Recognised(outcome=MatchOutcome.NO_MATCH if read and _plated(gallery) else MatchOutcome.NO_GALLERY)
    found = _by_appearance(gallery, *look, local, threshold)
    plated = isinstance(found.owner, Vehicle) and clean_plate(found.owner.plate)
    if read and plated and edit_distance(read, plated) >= _CONTRADICTS:
        return Recognised(outcome=MatchOutcome.NO_MATCH, similarity=found.similarity, by="plate")
    return found


def household_leg(
    persons: Sequence[Recognised] | None, vehicles: Sequence[Recognised] | None, facts: Sequence[dict[str, object]] = ()
) -> dict[str, object]:
    """Write the leg ``household``; a list is there only if somebody compared."""
    leg: dict[str, object] = {}
    for name, found in (("persons", persons), ("vehicles", vehicles)):
        if found is not None:
            leg[name] = [one.document() for one in found]
    if facts:
        leg["facts"] = list(facts)
    return leg


def clean_plate(plate: str | None) -> str:
    """Give a plate's letters and digits in upper case."""
    return _NOT_PLATE.sub("", (plate or "").upper())


def edit_distance(one: str, other: str) -> int:
    """Give the fewest insertions, deletions and replacements of a letter between two texts (Levenshtein)."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, start=1):
        before, row[0] = row[0], i
        for j, b in enumerate(other, start=1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return row[-1]


def _plated(gallery: Gallery[Vehicle]) -> list[Vehicle]:
    return [owner for owner in gallery.owners.values() if clean_plate(owner.plate)]


def _by_appearance[O: (Member, Vehicle)](
    gallery: Gallery[O], model_id: str, vector: ArrayLike, local: datetime, threshold: float | None
) -> Recognised:
    if not gallery.models:
        return Recognised(outcome=MatchOutcome.NO_GALLERY)
    if model_id not in gallery.models:
        return Recognised(outcome=MatchOutcome.UNAVAILABLE_REENROLL)
    least = THRESHOLDS.get(model_id, DEFAULT_THRESHOLD) if threshold is None else threshold
    nearest = gallery.nearest(model_id, vector)
    if nearest is None or nearest[1] < least:
        return Recognised(outcome=MatchOutcome.NO_MATCH, similarity=nearest[1] if nearest else None)
    owner, similarity = nearest
    outcome = _in_time(MatchOutcome.MATCH, owner, local)
    return Recognised(outcome=outcome, owner=owner, similarity=similarity, by="appearance")


def _in_time(outcome: MatchOutcome, owner: Member | Vehicle, local: datetime) -> MatchOutcome:
    if owner.schedule is None or owner.schedule.holds(local):
        return outcome
    return MatchOutcome.OUTSIDE_SCHEDULE
