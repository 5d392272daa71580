"""Somebody who looks like a member of the household whom Home Assistant knows to be elsewhere."""

from collections.abc import Iterator
from typing import Final

from home_sentry_engine.contract import Factor

from .legs import Known
from .words import listed

LINKED_PERSON_AWAY: Final = "linked_person_away"
_OUTCOME: Final = "person_away"


def away_of(known: Known) -> Iterator[Factor]:
    """Name them: what such a match would lower stays as it is, and nothing is added."""
    names = list(dict.fromkeys(match.name for match in known.persons or () if match.outcome == _OUTCOME))
    if names:
        text = f"it looks like {listed(names)}, but the linked person is away: that is not counted"
        evidence = (*(f"household:{name}" for name in names), "state:linked_person")
        yield Factor(id=LINKED_PERSON_AWAY, points=0, text=text, evidence=evidence)
