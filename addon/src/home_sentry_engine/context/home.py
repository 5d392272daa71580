"""The home as Home Assistant describes it: alarm, presence, doors, weather, sun; the legs that follow from that.

What an entity said counts for a visit only while Home Assistant still speaks, and only if the entity had that state
when the visit ended.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from home_sentry_engine.contract import HomeFact, HomeFactKind, HomeReport
from home_sentry_engine.domain.messages import Absent

SILENT_S: Final = 1800.0
_AFTERWARDS: Final = timedelta(seconds=60)
_OPEN: Final = frozenset({"on", "open", "opening", "unlocked", "unlocking", "jammed"})
_HOME: Final = frozenset({"home", "on"})

_ARMED: Final = tuple(f"armed_{name}" for name in ("home", "away", "night", "vacation", "custom_bypass"))
# what an alarm may be set to, as Home Assistant calls it
MODES: Final = ("disarmed", *_ARMED)
_BETWEEN: Final = frozenset({"arming", "pending", "triggered", "disarming"})

type _Leg = object | Absent


def is_stale(report: HomeReport, now: datetime) -> bool:
    """Tell whether Home Assistant has said nothing for so long that its word does not count any more."""
    return report.received_at is None or (now - report.received_at).total_seconds() > SILENT_S


def modes_now(report: HomeReport | None, now: datetime) -> frozenset[str] | None:
    """Give what the home may be armed to now, None if that is not known; an alarm that sounds is armed somehow."""
    if report is None or is_stale(report, now):
        return None
    said = [fact.state for fact in report.facts if fact.kind is HomeFactKind.ALARM and fact.state is not None]
    if not said:
        return None
    modes = [frozenset(_ARMED) if state in _BETWEEN else frozenset({state}) for state in said]
    known = frozenset().union(*modes)
    return known if known <= set(MODES) else None


def home_legs(report: HomeReport | None, *, last_at: datetime, now: datetime) -> dict[str, _Leg]:
    """Write the legs of the home for a visit that was seen last at ``last_at``.

    ``home_gaps`` lists why something that was chosen is not known; it is missing where nothing is.
    """
    if report is None:
        return {name: Absent(reason="Home Assistant said nothing about the home") for name, *_ in _LEGS}
    gaps: list[str] = []
    legs: dict[str, _Leg] = {}
    for name, kind, make in _LEGS:
        facts = [fact for fact in report.facts if fact.kind is kind]
        legs[name] = leg = _leg(facts, make, report, last_at, now)
        if facts and isinstance(leg, Absent):
            gaps.append(f"{name.replace('_', ' ')}: {leg.reason}")
    gaps += _not_told(report, now)
    return legs | ({"home_gaps": gaps} if gaps else {})


def _not_told(report: HomeReport, now: datetime) -> list[str]:
    """Say what of those facts is not known that count as facts of the household."""
    gaps = []
    for name, kind in _HOUSEHOLD:
        facts = [fact for fact in report.facts if fact.kind is kind]
        if facts and is_stale(report, now):
            gaps.append(f"{name}: Home Assistant is silent")
        elif any(fact.state is None for fact in facts):
            gaps.append(f"{name}: {_missing(facts).reason}")
    return gaps


def _leg(
    facts: Sequence[HomeFact],
    make: Callable[[Sequence[HomeFact], datetime], _Leg],
    report: HomeReport,
    last_at: datetime,
    now: datetime,
) -> _Leg:
    if not facts:
        return Absent(reason="no entity was chosen for it")
    if is_stale(report, now):
        return Absent(reason="Home Assistant is silent")
    later = [fact for fact in facts if fact.changed_at is not None and fact.changed_at > last_at + _AFTERWARDS]
    if len(later) == len(facts):
        return Absent(reason=f"{later[0].entity_id} changed after the visit")
    return make([fact for fact in facts if fact not in later], last_at)


def _missing(facts: Sequence[HomeFact]) -> Absent:
    return Absent(reason=f"{', '.join(fact.entity_id for fact in facts if fact.state is None)} is not available")


def _alarm(facts: Sequence[HomeFact], _at: datetime) -> _Leg:
    return next((fact.state for fact in facts if fact.state is not None), None) or _missing(facts)


def _presence(facts: Sequence[HomeFact], _at: datetime) -> _Leg:
    """Somebody is home as soon as one says so; nobody is only if all of them say so."""
    here = [_is_home(fact.state) for fact in facts]
    if not any(here) and None in here:
        return _missing(facts)
    return {"home": any(here), "people": sum(one is True for one in here)}


def _is_home(state: str | None) -> bool | None:
    if state is None:
        return None
    return int(state) > 0 if state.isdecimal() else state in _HOME


def _contacts(facts: Sequence[HomeFact], at: datetime) -> _Leg:
    if all(fact.state is None for fact in facts):
        return _missing(facts)
    return [_contact(fact, at) for fact in facts]


def _contact(fact: HomeFact, at: datetime) -> dict[str, object]:
    if fact.state is None:
        return {"name": fact.name, "state": "not available"}
    record: dict[str, object] = {"name": fact.name, "state": "open" if fact.state in _OPEN else "closed"}
    if fact.changed_at is not None:
        record["seconds"] = round(max(0.0, (at - fact.changed_at).total_seconds()))
    return record


def _weather(facts: Sequence[HomeFact], _at: datetime) -> _Leg:
    known = next((fact for fact in facts if fact.state is not None), None)
    if known is None:
        return _missing(facts)
    return {"condition": known.state, **known.details, "source": f"Home Assistant, {known.entity_id}"}


def _sun(facts: Sequence[HomeFact], _at: datetime) -> _Leg:
    known = next((fact for fact in facts if fact.state is not None), None)
    if known is None:
        return _missing(facts)
    return {"below_horizon": known.state == "below_horizon", **known.details}


_HOUSEHOLD: Final = (("expected visitors", HomeFactKind.VISITORS), ("guest mode", HomeFactKind.GUESTS))
_LEGS: Final = (
    ("arm_mode", HomeFactKind.ALARM, _alarm),
    ("presence", HomeFactKind.PRESENCE, _presence),
    ("contacts", HomeFactKind.CONTACT, _contacts),
    ("home_weather", HomeFactKind.WEATHER, _weather),
    ("sun", HomeFactKind.SUN, _sun),
)
