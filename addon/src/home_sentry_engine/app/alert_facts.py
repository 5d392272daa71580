"""What rules of alerts are held against: the rules as this home can use them, and what a visit's objects did."""

from dataclasses import replace
from typing import Final

from home_sentry_engine.alerting.conditions import Seen
from home_sentry_engine.alerting.rules import BUILTIN, Places, broken_reason
from home_sentry_engine.context.association import associate
from home_sentry_engine.context.motion import Crossing
from home_sentry_engine.context.tracks import Subject
from home_sentry_engine.context.visits import ZoneStay, stays_in
from home_sentry_engine.context.zones import ZoneMap
from home_sentry_engine.contract import AlertRule, Event, Zone, ZoneType
from home_sentry_engine.storage.database import Connection

from .tables import Tables

_PRIVATE: Final = frozenset({ZoneType.ENTRY_POINT, ZoneType.YARD})


def rules_of(conn: Connection, tables: Tables) -> tuple[AlertRule, ...]:
    """Give all rules, the built-in one first, each with the reason why it cannot hold."""
    stored = tables.alerting.rules.all(conn)
    own = tuple(rule for rule in stored if not rule.builtin)
    builtin = next((rule for rule in stored if rule.builtin), BUILTIN)
    found = (builtin, *own)
    if not any(rule.camera_ids or rule.zone_ids or rule.zone_sequence for rule in found):
        return tuple(replace(rule, broken=broken_reason(rule, Places())) for rule in found)
    places = places_of(conn, tables)
    return tuple(replace(rule, broken=broken_reason(rule, places)) for rule in found)


def places_of(conn: Connection, tables: Tables) -> Places:
    """Give the cameras and zones that rules may name."""
    on: dict[str, set[str]] = {camera_id: set() for camera_id in tables.alerting.rules.cameras(conn)}
    off: dict[str, set[str]] = {camera_id: set() for camera_id in on}
    for camera_id, zone_id, matches in tables.alerting.rules.zones(conn):
        if camera_id in on:
            (on if matches else off)[camera_id].add(zone_id)
    return Places(
        zones={camera: frozenset(ids) for camera, ids in on.items()},
        switched_off={camera: frozenset(ids) for camera, ids in off.items()},
    )


def seen_of(conn: Connection, tables: Tables, event: Event) -> tuple[Seen, ...]:
    """Give the objects of a visit with the zones that each went through."""
    parts = tables.alerting
    sightings = tables.detections.sightings_of_event(conn, event.event_id, best=parts.best_detections)
    subjects = associate(sightings, rules=parts.association)
    stays = stays_in(ZoneMap(tables.zones.of(conn, event.camera_id)), subjects)
    return tuple(_seen(subject, [stay for stay in stays if stay.subject is subject]) for subject in subjects)


def _seen(subject: Subject, stays: list[ZoneStay]) -> Seen:
    inwards = {stay.zone.id for stay in stays if stay.entered or Crossing.IN in stay.crossed}
    outwards = {stay.zone.id for stay in stays if stay.left or Crossing.OUT in stay.crossed}
    return Seen(
        label=subject.label,
        confidence=subject.confidence,
        zones=frozenset(stay.zone.id for stay in stays),
        private=frozenset(stay.zone.id for stay in stays if _is_private(stay.zone)),
        arrived=frozenset(inwards),
        left=frozenset(outwards),
        route=tuple(stay.zone.id for stay in sorted(stays, key=lambda one: one.looks[0].at)),
    )


def _is_private(zone: Zone) -> bool:
    return zone.private if zone.private is not None else zone.type in _PRIVATE
