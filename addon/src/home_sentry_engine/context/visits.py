"""Visits of zones: who stood where, for how long, in which order; the leg ``zones`` of a scene."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from home_sentry_engine.contract import Zone, ZoneType

from .geometry import centroid
from .motion import Approach, Crossing, approach_of, crossings, dwell_s
from .tracks import Look, Subject
from .zones import ZoneMap, clean_name, stands_in

_SUBJECTS_MOST: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneStay:
    """One subject in one zone; ``dwell_s`` needs two looks inside, else it is None."""

    zone: Zone
    subject: Subject
    looks: tuple[Look, ...]
    crossed: tuple[Crossing, ...]
    approach: Approach | None

    @property
    def dwell_s(self) -> float | None:
        """Seconds between the first and the last look of the longest unbroken stay of surely the same one."""
        inside = set(self.looks)
        parts = [tuple(look for look in part.looks if look in inside) for part in self.subject.parts]
        return max((stayed for part in parts if (stayed := dwell_s(part)) is not None), default=None)

    @property
    def entered(self) -> bool:
        """Tell whether the subject was seen outside before."""
        return self.subject.first.at < self.looks[0].at

    @property
    def left(self) -> bool:
        """Tell whether the subject was seen outside afterwards."""
        return self.subject.last.at > self.looks[-1].at

    @property
    def loitering(self) -> bool:
        """Tell whether the stay is longer than the zone allows; never where no time is set."""
        limit, stayed = self.zone.loitering_s, self.dwell_s
        return limit is not None and stayed is not None and stayed > limit


def stays_in(zones: ZoneMap, subjects: Sequence[Subject]) -> tuple[ZoneStay, ...]:
    """Give every stay, zones by priority; in a video an object counts once it was inside for the zone's inertia."""
    found = []
    for zone in zones.zones:
        if zone.type is ZoneType.IGNORE:
            continue
        for subject in subjects:
            looks = _longest_run(zone, subject)
            if len(looks) >= (zone.inertia if subject.moving else 1):
                found.append(
                    ZoneStay(
                        zone=zone,
                        subject=subject,
                        looks=looks,
                        crossed=_crossed(subject, zone),
                        approach=approach_of(subject.parts[-1], centroid(zone.points)),
                    )
                )
    return tuple(found)


def route_of(stays: Sequence[ZoneStay], subject: Subject) -> tuple[str, ...]:
    """Give the names of the zones that a subject went through, in the order in which it entered them."""
    own = [stay for stay in stays if stay.subject is subject]
    return tuple(clean_name(stay.zone.name) for stay in sorted(own, key=lambda stay: stay.looks[0].at))


def zones_leg(stays: Sequence[ZoneStay]) -> list[dict[str, object]]:
    """Write the leg ``zones``: one record for each zone in which anything stood."""
    by_zone: dict[str, list[ZoneStay]] = {}
    for stay in stays:
        by_zone.setdefault(stay.zone.id, []).append(stay)
    return [_record(group) for group in by_zone.values()]


def subjects_leg(subjects: Iterable[Subject], *, counted: float) -> list[dict[str, object]]:
    """Write the leg ``subjects``: those that are sure enough to count, the most looked at first."""
    sure = [subject for subject in subjects if subject.confidence >= counted]
    return [
        {
            "label": subject.label,
            "confidence": round(subject.confidence, 2),
            "looks": len(subject.looks),
            "seconds": round((subject.last.at - subject.first.at).total_seconds(), 1),
        }
        for subject in sorted(sure, key=lambda one: -len(one.looks))[:_SUBJECTS_MOST]
    ]


def routes_leg(stays: Sequence[ZoneStay], subjects: Sequence[Subject]) -> list[dict[str, object]]:
    """Write the leg ``routes``: for each subject that was in a zone, the zones in order."""
    return [
        {"subject": subject.number, "label": subject.label, "zones": list(route)}
        for subject in subjects
        if (route := route_of(stays, subject))
    ]


def _crossed(subject: Subject, zone: Zone) -> tuple[Crossing, ...]:
    line = zone.line
    return tuple(found for part in subject.parts for found in crossings(part, line)) if line else ()


def _record(stays: Sequence[ZoneStay]) -> dict[str, object]:
    zone = stays[0].zone
    record: dict[str, object] = {
        "name": clean_name(zone.name),
        "type": zone.type.value,
        "labels": sorted({stay.subject.label for stay in stays}),
        "subjects": len(stays),
        "inside": zone.inside,
        "loitering": any(stay.loitering for stay in stays),
    }
    if zone.private is not None:
        record["private"] = zone.private
    measured = [stay.dwell_s for stay in stays if stay.dwell_s is not None]
    if measured:
        record["dwell_s"] = round(max(measured), 1)
    for name, happened in (("entered", any(s.entered for s in stays)), ("left", any(s.left for s in stays))):
        if happened:
            record[name] = True
    if crossed := [crossing.value for stay in stays for crossing in stay.crossed]:
        record["crossed"] = crossed
    nearest = min((s.approach for s in stays if s.approach and s.approach.approaching), key=_eta, default=None)
    if nearest is not None:
        record["approach"] = nearest.document()
    return record


def _eta(approach: Approach) -> float:
    return approach.eta_s if approach.eta_s is not None else float("inf")


def _longest_run(zone: Zone, subject: Subject) -> tuple[Look, ...]:
    best: list[Look] = []
    run: list[Look] = []
    for look in subject.looks:
        if stands_in(zone, look.detection.box, look.image):
            run.append(look)
            if _length(run) > _length(best):
                best = list(run)
        else:
            run = []
    return tuple(best)


def _length(run: Sequence[Look]) -> tuple[float, int]:
    return ((run[-1].at - run[0].at).total_seconds() if run else -1.0), len(run)
