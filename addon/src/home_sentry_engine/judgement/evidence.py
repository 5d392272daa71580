"""Floor and ceiling: what must not be talked away and what must not be talked up, as one editable table."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from home_sentry_engine.contract import ObjectGroup
from home_sentry_engine.domain.risk import MAX_SCORE, MIN_SCORE, ScoreRange

from .factors import adverse, all_known, trusted_only
from .facts import Facts
from .legs import Known


class Condition(StrEnum):
    """A finding on which a limit may rest."""

    EMPTY = "empty"
    PET_ONLY = "pet_only"
    KNOWN_RESIDENT = "known_resident"
    TRUSTED_ENTITY = "trusted_entity"
    PRIVATE_ZONE_AT_NIGHT = "private_zone_at_night"
    INSIDE_ARMED_AWAY = "inside_armed_away"
    TRYING_HANDLES = "trying_handles"
    WEAPON_AGREED = "weapon_agreed"
    FORCED_ENTRY = "forced_entry"
    TAMPERED = "tampered"


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceRule:
    """One row: where the condition holds, the score stays within floor and ceiling, for this reason.

    One that ``settles`` needs no model's opinion.
    """

    when: Condition
    reason: str
    settles: bool = False
    floor: int = MIN_SCORE
    ceiling: int = MAX_SCORE

    def __post_init__(self) -> None:
        """Raise ``ValueError`` unless 0 <= floor <= ceiling <= 100."""
        if not MIN_SCORE <= self.floor <= self.ceiling <= MAX_SCORE:
            raise ValueError(f"limits of '{self.when}' must satisfy 0 <= {self.floor} <= {self.ceiling} <= 100")


EVIDENCE_TABLE: Final[tuple[EvidenceRule, ...]] = (
    EvidenceRule(when=Condition.EMPTY, ceiling=0, reason="nothing was detected"),
    EvidenceRule(when=Condition.PET_ONLY, ceiling=29, settles=True, reason="only pets were seen"),
    EvidenceRule(when=Condition.KNOWN_RESIDENT, ceiling=29, reason="everybody seen is a known resident"),
    EvidenceRule(when=Condition.TRUSTED_ENTITY, ceiling=29, reason="everybody seen is probably somebody trusted"),
    EvidenceRule(
        when=Condition.PRIVATE_ZONE_AT_NIGHT, floor=30, reason="an unidentified person on private ground at night"
    ),
    EvidenceRule(when=Condition.TAMPERED, floor=30, reason="the camera was tampered with"),
    EvidenceRule(when=Condition.INSIDE_ARMED_AWAY, floor=60, reason="a person inside while armed away"),
    EvidenceRule(when=Condition.TRYING_HANDLES, floor=60, reason="somebody tried handles or doors"),
    EvidenceRule(when=Condition.WEAPON_AGREED, floor=70, reason="two looks agree on a weapon"),
    EvidenceRule(when=Condition.FORCED_ENTRY, floor=85, reason="somebody forced a way in"),
)


def allowed_range(facts: Facts, known: Known, table: Sequence[EvidenceRule] = EVIDENCE_TABLE) -> ScoreRange:
    """Combine all rows that hold: the highest floor and the lowest ceiling, each with its reason."""
    allowed = ScoreRange()
    for row in table:
        if _HOLDS[row.when](facts, known):
            allowed = allowed.merged(
                ScoreRange(
                    floor=row.floor,
                    floor_reason=row.reason if row.floor > MIN_SCORE else None,
                    ceiling=row.ceiling,
                    ceiling_reason=row.reason if row.ceiling < MAX_SCORE else None,
                )
            )
    return allowed


def settled_by(facts: Facts, known: Known, table: Sequence[EvidenceRule] = EVIDENCE_TABLE) -> str | None:
    """Give the reason of the first row that holds and settles a scene, None without."""
    return next((row.reason for row in table if row.settles and _HOLDS[row.when](facts, known)), None)


def _empty(facts: Facts, known: Known) -> bool:
    return not facts.counts and not adverse(known)


def _pet_only(facts: Facts, known: Known) -> bool:
    return facts.pet_only and (known.household_pet or facts.sure_pet) and not adverse(known)


def _known_resident(facts: Facts, known: Known) -> bool:
    return all_known(facts, known) and not adverse(known)


def _trusted_entity(facts: Facts, known: Known) -> bool:
    return trusted_only(facts, known) and not adverse(known)


def _private_at_night(facts: Facts, known: Known) -> bool:
    there = any(zone.private and "person" in zone.labels for zone in known.zones or ())
    return facts.deep_night and facts.persons > 0 and there and not _identified(facts, known)


def _identified(facts: Facts, known: Known) -> bool:
    matched = [match for match in known.persons or () if match.outcome == "match"]
    return len(matched) >= facts.persons


def _inside_armed_away(facts: Facts, known: Known) -> bool:
    return facts.persons > 0 and known.inside is True and known.armed_away


def _seen_doing(kind: str) -> Callable[[Facts, Known], bool]:
    return lambda facts, known: facts.many(ObjectGroup.PERSON) > 0 and known.behaves(kind)


_HOLDS: Final[dict[Condition, Callable[[Facts, Known], bool]]] = {
    Condition.EMPTY: _empty,
    Condition.PET_ONLY: _pet_only,
    Condition.KNOWN_RESIDENT: _known_resident,
    Condition.TRUSTED_ENTITY: _trusted_entity,
    Condition.PRIVATE_ZONE_AT_NIGHT: _private_at_night,
    Condition.INSIDE_ARMED_AWAY: _inside_armed_away,
    Condition.TRYING_HANDLES: _seen_doing("trying_handles"),
    Condition.WEAPON_AGREED: lambda _facts, known: len(known.weapon_looks()) > 1,
    Condition.FORCED_ENTRY: _seen_doing("forced_entry"),
    Condition.TAMPERED: lambda _facts, known: known.tamper is not None,
}
