"""The deterministic score: factors that sum exactly to it, clamping included."""

from collections.abc import Iterable, Sequence
from typing import Final

from home_sentry_engine.contract import Factor
from home_sentry_engine.domain.messages import RuleVerdict, Scene
from home_sentry_engine.domain.risk import MAX_SCORE, MIN_SCORE, Bands, ScoreRange

from .evidence import EVIDENCE_TABLE, EvidenceRule, allowed_range, settled_by
from .explain import summary_of
from .factors import Points, factors_of
from .facts import Facts, facts_of
from .legs import known_of
from .trusted import trusted_factor

UNTRUSTED_ENTITY: Final = "untrusted_entity"
_NOT_TRUSTED: Final = "somebody who is not trusted was probably seen"
_GRAVE: Final = frozenset({"forced_entry", "weapon", "inside_armed_away"})
_SERIOUS: Final = frozenset({"trying_handles", "climbing", "violence", "tamper", "looking_in"})
_LINGERING_MOST: Final = 60
_SERIOUS_MOST: Final = 84
_WITHOUT_PERSON_MOST: Final = 28


def score_scene(
    scene: Scene, *, points: Points, table: Sequence[EvidenceRule] = EVIDENCE_TABLE, bands: Bands | None = None
) -> RuleVerdict:
    """Judge a scene by rules alone; equal scenes give equal verdicts.

    Somebody who is not trusted raises the level by one, and no model takes that back.
    """
    facts, known = facts_of(scene), known_of(scene)
    factors = [*factors_of(facts, known, points), *trusted_factor(facts, known)]
    allowed = allowed_range(facts, known, table)
    total = _sum(factors)
    for correction in _corrections(total, factors, facts, allowed):
        factors.append(correction)
        total += correction.points
    if any(factor.id == UNTRUSTED_ENTITY for factor in factors):
        raised = _next_level(total, bands or Bands())
        factors.append(Factor(id="one_level_up", points=raised - total, text=_NOT_TRUSTED))
        allowed = allowed.merged(ScoreRange(floor=raised, floor_reason=_NOT_TRUSTED))
        total = raised
    return RuleVerdict(
        score=total,
        factors=tuple(factors),
        allowed=allowed,
        summary=summary_of(facts, known, tuple(factors)),
        settled=settled_by(facts, known, table),
    )


def _next_level(score: int, bands: Bands) -> int:
    return next((least for least in (bands.medium, bands.high, bands.critical) if score < least), score)


def _sum(factors: Iterable[Factor]) -> int:
    return sum(factor.points for factor in factors)


def _corrections(total: int, factors: Sequence[Factor], facts: Facts, allowed: ScoreRange) -> Iterable[Factor]:
    most, reason = _most(factors, facts)
    for factor_id, low, high, why in (
        ("saturation", total, most, reason),
        ("range", MIN_SCORE, MAX_SCORE, "scores stay within 0 and 100"),
        ("ceiling", MIN_SCORE, allowed.ceiling, allowed.ceiling_reason),
        ("floor", allowed.floor, MAX_SCORE, allowed.floor_reason),
    ):
        bounded = min(max(low, total), high)
        if bounded != total:
            yield Factor(id=factor_id, points=bounded - total, text=why or factor_id)
            total = bounded


def _most(factors: Sequence[Factor], facts: Facts) -> tuple[int, str]:
    """Circumstances alone never make a case: they add up only to what the gravest finding bears."""
    found = {factor.id for factor in factors}
    if found & _GRAVE:
        return MAX_SCORE, ""
    if found & _SERIOUS:
        return _SERIOUS_MOST, "without entry, weapon or intrusion the score stays below critical"
    if facts.persons:
        return _LINGERING_MOST, "presence alone bears no more"
    if found & {"unknown_vehicle", "vehicle_damage"}:
        return _LINGERING_MOST, "a vehicle alone bears no more"
    return _WITHOUT_PERSON_MOST, "without a person the score stays low"
