"""Whether a visit holds nobody but those whom the household trusts, which stops its alerts and keeps its event."""

from collections.abc import Iterable, Iterator
from typing import Final

from home_sentry_engine.contract import ONLY_TRUSTED, Factor, ObjectGroup

from .factors import TRUSTED, UNTRUSTED, adverse
from .facts import Facts
from .legs import FULL_TRUST, RESIDENT_ROLES, Known, Match

_DOUBTS: Final = frozenset({"no_match", "person_away"})


def only_trusted(facts: Facts, known: Known) -> bool:
    """Tell whether every person and vehicle is fully trusted, or every animal where there is neither.

    Trusted is a matched resident or vehicle with full trust, and what a person marked so. One who was not recognised,
    is not trusted, or should be elsewhere, takes that from all; so does what nobody should explain away.
    """
    matches = (*(known.persons or ()), *(known.vehicles or ()))
    doubted = any(match.outcome in _DOUBTS for match in matches)
    if doubted or adverse(known) or any(one.trust == UNTRUSTED for one in known.returning):
        return False
    people, vehicles = facts.many(ObjectGroup.PERSON), facts.many(ObjectGroup.VEHICLE)
    if not people and not vehicles:
        return 0 < facts.many(ObjectGroup.ANIMAL) <= _marked(known, "animal")
    return people <= max(_marked(known, "person"), _full(known.persons)) and vehicles <= max(
        _marked(known, "vehicle"), _full(known.vehicles)
    )


def trusted_factor(facts: Facts, known: Known) -> Iterator[Factor]:
    """Name it as a reason without points."""
    if only_trusted(facts, known):
        marked = (f"entity:{one.id}" for one in known.returning if one.trust == TRUSTED)
        matched = (f"household:{match.name}" for match in (*(known.persons or ()), *(known.vehicles or ())))
        text = "everybody seen is trusted: nobody is alerted"
        yield Factor(id=ONLY_TRUSTED, points=0, text=text, evidence=(*marked, *matched))


def _marked(known: Known, kind: str) -> int:
    return sum(one.kind == kind and one.trust == TRUSTED for one in known.returning)


def _full(matches: Iterable[Match] | None) -> int:
    return sum(
        match.outcome == "match" and match.trust == FULL_TRUST and match.role in RESIDENT_ROLES
        for match in matches or ()
    )
