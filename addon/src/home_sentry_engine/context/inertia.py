"""Inertia of required zones: what is inside for a frame or two of a clip does not stand there."""

from collections.abc import Iterator, Sequence

from home_sentry_engine.contract import Zone
from home_sentry_engine.domain.detection import Detection
from home_sentry_engine.domain.messages import Sighting

from .association import AssociationRules, associate
from .sieve import Screen
from .tracks import Look, Subject
from .zones import ZoneMap, stands_in


def inertia_screen(zones: ZoneMap, sightings: Sequence[Sighting], rules: AssociationRules) -> Screen | None:
    """Object to boxes that stand in a required zone for fewer frames of a clip in a row than its inertia.

    The screen holds for the very detections of the sightings. A clip of which fewer frames were looked at asks for all
    of them; None where nothing is required, and for a still, which has no other frame to ask.
    """
    required = [zone for zone in zones.zones if zone.required_for]
    if not required or not any(one.offset_s is not None for one in sightings):
        return None
    settled: dict[str, set[int]] = {zone.id: set() for zone in required}
    for subject in associate(sightings, rules=rules):
        for zone in required:
            least = min(zone.inertia, len(sightings))
            runs = (run for run in _runs(zone, subject) if len(run) >= least)
            settled[zone.id].update(id(look.detection) for run in runs for look in run)

    def screen(detection: Detection, _image: tuple[int, int]) -> str | None:
        asked = zones.required_for(detection.label)
        kept = not asked or any(id(detection) in settled[zone.id] for zone in asked)
        return None if kept else "required_zone"

    return screen


def _runs(zone: Zone, subject: Subject) -> Iterator[list[Look]]:
    run: list[Look] = []
    for look in subject.looks:
        if stands_in(zone, look.detection.box, look.image):
            run.append(look)
        elif run:
            yield run
            run = []
    if run:
        yield run
