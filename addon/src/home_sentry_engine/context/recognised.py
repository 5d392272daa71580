"""The leg ``household`` and what it means: comparisons of a visit's subjects with the household, and its facts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from home_sentry_engine.contract import Identity
from home_sentry_engine.domain.household import HouseholdFact, PlateRead
from home_sentry_engine.domain.messages import Absent, Scene

from .identity import WORDING

NOBODY_ENROLLED: Final = "nobody is enrolled"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadPlate:
    """A plate as the leg ``plates`` tells it; ``subject`` is the number of the vehicle, where that is known."""

    text: str
    confidence: float
    subject: int | None = None


def plates_of(leg: object) -> tuple[ReadPlate, ...]:
    """Read the leg ``plates``: a list of records with ``text`` or ``plate``; what is malformed is left out."""
    if isinstance(leg, Mapping):
        leg = leg.get("plates") or leg.get("reads")
    if not isinstance(leg, list | tuple):
        return ()
    found = []
    for record in leg:
        if not isinstance(record, Mapping):
            continue
        text = record.get("text") or record.get("plate")
        confidence, subject = record.get("confidence"), record.get("subject")
        if isinstance(text, str) and text.strip():
            found.append(
                ReadPlate(
                    text=text.strip()[:16],
                    confidence=float(confidence) if isinstance(confidence, int | float) else 0.0,
                    subject=subject if isinstance(subject, int) else None,
                )
            )
    return tuple(found)


def facts_now(facts: Iterable[HouseholdFact], at: datetime) -> list[dict[str, object]]:
    """Write the facts that hold at a moment, for the rules."""
    return [
        {
            "id": fact.kind,
            "text": fact.text,
            "points": fact.points,
            "expires_at": fact.expires_at.isoformat(),
        }
        for fact in facts
        if fact.expires_at > at and (fact.begins_at is None or fact.begins_at <= at)
    ]


def with_facts(leg: object | Absent | None, facts: Sequence[dict[str, object]]) -> object | Absent:
    """Join what was recognised, or why nothing was, with the facts."""
    if isinstance(leg, Mapping):
        plain = {key: value for key, value in leg.items() if key != "facts"}
        return plain | ({"facts": list(facts)} if facts else {})
    if not facts:
        return leg if isinstance(leg, Absent) else Absent(reason=NOBODY_ENROLLED)
    reason = leg.reason if isinstance(leg, Absent) else "not compared yet"
    return {"facts": list(facts), "not_compared": reason}


def still_holds(leg: Mapping[str, Any] | None, *, persons: int, vehicles: int) -> dict[str, Any] | None:
    """Give the household of an earlier record of the same visit without the part that newer subjects outnumber."""
    leg = leg.get("household") if leg is not None else None
    if leg is None:
        return None
    now = {"persons": persons, "vehicles": vehicles}
    kept = {key: value for key, value in leg.items() if key not in now or len(value) >= now[key]}
    return kept if any(key in kept for key in now) else None


def recognition_record(identity: object | Absent, household: object | Absent) -> dict[str, Any]:
    """Join both legs for keeping: what was compared, and why a part was not."""
    record: dict[str, Any] = {"unavailable": {}}
    for name, leg in (("identity", identity), ("household", household)):
        if isinstance(leg, Absent):
            record["unavailable"][name] = leg.reason
        else:
            record[name] = leg
    return record


def identities_of(scene: Scene) -> tuple[Identity, ...]:
    """Give what clients are told of who was recognised: the household first, then probable subjects."""
    household, identity = scene.legs.get("household"), scene.legs.get("identity")
    found = [*_household(household)] if isinstance(household, Mapping) else []
    if isinstance(identity, Mapping):
        found += [_probable(record) for record in identity.get("subjects", ()) if record.get("finding") == WORDING]
    return tuple(found)


def plate_read(plate: ReadPlate, scene: Scene, expires_at: datetime, owner_id: str | None) -> PlateRead:
    """Make the row of a plate that was read."""
    return PlateRead(
        camera_id=scene.batch.camera_id,
        plate=plate.text,
        at=scene.batch.last_at,
        expires_at=expires_at,
        confidence=min(1.0, max(0.0, plate.confidence)),
        event_id=scene.batch.event_id,
        owner_id=owner_id,
    )


def _household(leg: Mapping[str, Any]) -> Iterable[Identity]:
    for part, kind in (("persons", "person"), ("vehicles", "vehicle")):
        for record in leg.get(part, ()):
            if record.get("name"):
                yield Identity(
                    kind=kind,
                    finding=record["outcome"],
                    name=record["name"],
                    trust=record.get("trust"),
                    similarity=record.get("similarity"),
                    by=record.get("by"),
                )


def _probable(record: Mapping[str, Any]) -> Identity:
    seen, entity = record.get("seen") or [{}], record.get("entity") or {}
    return Identity(
        kind=record["kind"],
        finding=WORDING,
        name=entity.get("name"),
        trust=entity.get("trust"),
        similarity=record.get("similarity"),
        entity_id=entity.get("id"),
        camera_id=seen[0].get("camera"),
        seen_at=datetime.fromisoformat(seen[0]["at"]) if "at" in seen[0] else None,
    )
