"""Members of the household who are linked to persons of Home Assistant: who is elsewhere is hardly at the door.

A match may be wrong, and so may a phone: somebody who is away withholds trust, and nobody is accused because of it.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from home_sentry_engine.contract import HomeFactKind, HomeReport
from home_sentry_engine.domain.household import Member

from .home import is_stale
from .household import MatchOutcome, Recognised

AWAY_S: Final = 600.0
_HOME: Final = "home"
_KINDS: Final = frozenset({HomeFactKind.PRESENCE, HomeFactKind.PERSON})


def away_persons(report: HomeReport | None, *, at: datetime, now: datetime) -> frozenset[str]:
    """Give the persons who at a moment had been away from home for longer than ten minutes.

    Who is home by now counts as home, and so does everybody of whom nothing is known or Home Assistant is silent.
    """
    if report is None or is_stale(report, now):
        return frozenset()
    return frozenset(
        fact.entity_id
        for fact in report.facts
        if fact.kind in _KINDS
        and fact.entity_id.startswith("person.")
        and fact.state not in {None, _HOME}
        and fact.changed_at is not None
        and (at - fact.changed_at).total_seconds() > AWAY_S
    )


def held_back(found: Sequence[Recognised] | None, away: Collection[str]) -> list[Recognised] | None:
    """Take the certainty out of matches with members whose person is away."""
    return None if found is None else [_doubted(one) if _is_away(one, away) else one for one in found]


def _is_away(one: Recognised, away: Collection[str]) -> bool:
    return one.outcome is MatchOutcome.MATCH and isinstance(one.owner, Member) and one.owner.ha_person in away


def _doubted(one: Recognised) -> Recognised:
    return replace(one, outcome=MatchOutcome.PERSON_AWAY)
