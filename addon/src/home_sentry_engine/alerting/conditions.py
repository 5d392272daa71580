"""The conditions of a rule against one event: which of them does not hold, or what matched."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from zoneinfo import ZoneInfo

from home_sentry_engine.contract import AlertCondition, AlertRule, Event, ObjectGroup, PathMove
from home_sentry_engine.domain.labels import canonical_label, group_of

from .schedule import holds


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One object of a visit; zones are ids: where it stood, ``arrived`` and ``left`` of them, ``route`` in order.

    ``private`` are those of its zones that are private ground.
    """

    label: str
    confidence: float
    zones: frozenset[str] = frozenset()
    private: frozenset[str] = frozenset()
    arrived: frozenset[str] = frozenset()
    left: frozenset[str] = frozenset()
    route: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """All conditions hold: because of an object of this type, in these zones of the rule."""

    object_type: str
    zone_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Miss:
    """The first condition that does not hold, in words."""

    condition: AlertCondition
    detail: str


type Look = Callable[[], tuple[Seen, ...]]


def match(rule: AlertRule, event: Event, look: Look, home: ZoneInfo) -> Match | Miss:
    """Hold a rule that is not broken against an event; ``look`` is asked only where what it gives is needed."""
    miss = next(_misses(rule, event, home), None)
    if miss is not None:
        return miss
    labels = _wanted(rule, event.object_types)
    if not needs_look(rule):
        return Match(object_type=labels[0] if labels else "none")
    return _match_objects(rule, look())


def needs_look(rule: AlertRule) -> bool:
    """Tell whether a rule asks for more than an event says by itself."""
    return bool(rule.min_confidence is not None or rule.zone_ids or rule.moves or rule.zone_sequence)


def _misses(rule: AlertRule, event: Event, home: ZoneInfo) -> Iterator[Miss]:
    if rule.camera_ids and event.camera_id not in rule.camera_ids:
        yield Miss(condition=AlertCondition.CAMERA_IDS, detail=f"it is of the camera {event.camera_id}")
    if rule.levels and event.risk_level not in rule.levels:
        yield Miss(condition=AlertCondition.LEVELS, detail=f"its level is {event.risk_level}")
    if rule.risk_threshold is not None and event.risk_score < rule.risk_threshold:
        text = f"its score is {event.risk_score}, the rule asks for {rule.risk_threshold}"
        yield Miss(condition=AlertCondition.RISK_THRESHOLD, detail=text)
    if rule.object_types and not _wanted(rule, event.object_types):
        text = f"it shows {', '.join(event.object_types) or 'nothing that has a name'}"
        yield Miss(condition=AlertCondition.OBJECT_TYPES, detail=text)
    if rule.schedule is not None:
        ends = (event.started_at, event.ended_at or event.started_at)
        if not any(holds(rule.schedule, at, home) for at in ends):
            yield Miss(condition=AlertCondition.SCHEDULE, detail="it lies outside the schedule")


def _match_objects(rule: AlertRule, seen: tuple[Seen, ...]) -> Match | Miss:
    steps: tuple[tuple[AlertCondition, Callable[[Seen], bool], str], ...] = (
        (AlertCondition.OBJECT_TYPES, lambda one: bool(_wanted(rule, (one.label,))), "no object is of such a type"),
        (
            AlertCondition.MIN_CONFIDENCE,
            lambda one: one.confidence >= (rule.min_confidence or 0.0),
            "no such object is sure enough",
        ),
        (
            AlertCondition.ZONE_IDS,
            lambda one: not rule.zone_ids or bool(one.zones.intersection(rule.zone_ids)),
            "no such object stood in one of the zones",
        ),
        (AlertCondition.MOVES, lambda one: _moved(rule, one), "no such object came or went there"),
        (
            AlertCondition.ZONE_SEQUENCE,
            lambda one: _follows(one.route, rule.zone_sequence),
            "no such object passed the zones in this order",
        ),
    )
    left = seen
    for condition, fits, text in steps:
        kept = tuple(one for one in left if fits(one))
        if not kept:
            return Miss(condition=condition, detail=text)
        left = kept
    best = max(left, key=lambda one: (-_rank(one.label), one.confidence, one.label))
    named = dict.fromkeys((*rule.zone_ids, *rule.zone_sequence))
    return Match(object_type=best.label, zone_ids=tuple(zone for zone in named if zone in best.zones))


def _moved(rule: AlertRule, one: Seen) -> bool:
    if not rule.moves:
        return True
    where = frozenset(rule.zone_ids) or one.private
    came = PathMove.ARRIVE in rule.moves and bool(one.arrived & where)
    return came or (PathMove.LEAVE in rule.moves and bool(one.left & where))


def _follows(route: tuple[str, ...], wanted: tuple[str, ...]) -> bool:
    left = iter(route)
    return all(zone in left for zone in wanted)


def _wanted(rule: AlertRule, labels: tuple[str, ...]) -> list[str]:
    """Give the labels that a rule asks for, persons first."""
    words = {canonical_label(word) for word in rule.object_types}
    found = [label for label in labels if not words or label in words or group_of(label).value in words]
    return sorted(found, key=lambda label: (_rank(label), label))


@lru_cache(maxsize=1024)
def _rank(label: str) -> int:
    return tuple(ObjectGroup).index(group_of(label))
