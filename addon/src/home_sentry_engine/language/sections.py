"""The sections of a prompt's data: what each shows, what it is called, and which go first when space is short."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
import json
from typing import Any, Final

from home_sentry_engine.domain.labels import group_of
from home_sentry_engine.domain.messages import Absent, RuleVerdict, Scene, Sighting

from .sanitize import Cap, clean, clean_value

# leg -> its title in the prompt; a leg that is not here is shown under its own cleaned name
LEGS: Final[dict[str, str]] = {
    "subjects": "subjects over all pictures",
    "zones": "zones",
    "routes": "ways through the zones",
    "baseline": "comparison with the usual activity",
    "deviation": "deviation score",
    "cross_camera": "other cameras",
    "household": "household",
    "arm_mode": "alarm mode",
    "presence": "presence",
    "contacts": "doors and windows",
    "home_weather": "weather (Home Assistant)",
    "sun": "sun",
    "identity": "seen before (probable)",
    "known_faces": "faces of members",
    "plates": "plates read",
    "faces": "faces",
    "texts": "text seen in the picture",
    "caption": "caption",
    "scene": "scene",
    "attributes": "attributes",
    "vehicle": "vehicle type",
    "damage": "vehicle damage",
    "clothing": "clothing",
    "covered_face": "covered face",
    "pets": "pets",
    "pose": "posture",
    "behaviour": "behaviour",
    "action": "action",
    "violence": "violence",
    "threats": "dangerous objects",
    "weather": "weather",
    "quality": "image quality",
    "depth": "distances",
    "camera_health": "camera health",
    "tamper": "camera tampering",
    "owner_notes": "owner's notes",
}

# first to go first; what is not listed here (time, objects, rule score, threats, tampering …) always stays
DROP_ORDER: Final[tuple[str, ...]] = (
    "depth",
    "quality",
    "weather",
    "home_weather",
    "sun",
    "clothing",
    "damage",
    "vehicle",
    "pets",
    "camera_health",
    "faces",
    "known_faces",
    "pose",
    "action",
    "scene",
    "caption",
    "texts",
    "plates",
    "identity",
    "attributes",
    "cross_camera",
    "deviation",
    "owner_notes",
    "not_performed",
    "detections",
    "baseline",
    "routes",
    "subjects",
    "contacts",
    "presence",
    "factors",
)

_BEST_DETECTIONS: Final = 12
# the absent legs that these sum up say their reasons themselves
_SAID_ELSEWHERE: Final = frozenset({"home_gaps"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One section as one line: full and short text, and whether the compact prompt keeps it."""

    key: str
    text: str
    short: str = ""
    compact: bool = False
    droppable: bool = False
    attempts: tuple[str, ...] = ()


def lines_of(scene: Scene, rule: RuleVerdict) -> tuple[Line, ...]:
    """Render every section of a scene, the always present ones first."""
    return (*_base(scene), *_rule(scene, rule), *_legs(scene), *_not_performed(scene))


def _base(scene: Scene) -> Iterator[Line]:
    batch, local = scene.batch, scene.local_time
    camera = clean(batch.camera_name, Cap.CAMERA)
    yield Line(
        key="camera",
        text=f"camera: {_json(camera.text)}",
        short=f"at {_json(camera.text[:24])}",
        compact=True,
        attempts=camera.attempts,
    )
    lasted = round((batch.last_at - batch.opened_at).total_seconds())
    part = _part_of_day(local.hour)
    yield Line(
        key="time",
        text=f"time: {local:%A} {local:%Y-%m-%d %H:%M}, {part}, the visit lasts {lasted} s so far",
        short=f"{local:%H:%M}, {lasted} s",
        compact=True,
    )
    seen, attempts = _objects(batch.sightings)
    yield Line(
        key="objects", text=f"most objects at once: {_json(seen)}", short=_json(seen), compact=True, attempts=attempts
    )
    if batch.sightings:
        yield Line(key="detections", text=f"detections: {_json(_detections(batch.sightings))}", droppable=True)


def _rule(scene: Scene, rule: RuleVerdict) -> Iterator[Line]:
    del scene
    limits = f"{rule.allowed.floor} to {max(rule.allowed.floor, rule.allowed.ceiling)}"
    yield Line(
        key="rule_score",
        text=f"rule_score: {rule.score} (the evidence allows {limits})",
        short=f"rules {rule.score}",
        compact=True,
    )
    factors, attempts = clean_value([f"{factor.text} {factor.points:+d}" for factor in rule.factors], cap=120, items=24)
    yield Line(key="factors", text=f"factors: {_json(factors)}", droppable=True, attempts=attempts)


def _legs(scene: Scene) -> Iterator[Line]:
    for name, value in scene.legs.items():
        if isinstance(value, Absent) or name in _SAID_ELSEWHERE:
            continue
        key = clean(name, 40)
        title = LEGS.get(name, key.text)
        cap = (
            Cap.DESCRIPTION if name in {"caption", "owner_notes", "scene", "scene_in_detail", "identity"} else Cap.SEEN
        )
        shown, attempts = clean_value(_told(name, value), cap=cap)
        yield Line(
            key=key.text,
            text=f"{title}: {_json(shown)}",
            droppable=name not in LEGS or name in DROP_ORDER,
            attempts=(*key.attempts, *attempts),
        )


def _told(name: str, value: object) -> object:
    """Leave out what only programs read."""
    if name != "identity" or not isinstance(value, Mapping):
        return value
    return {key: part for key, part in value.items() if key != "subjects"}


def _not_performed(scene: Scene) -> Iterator[Line]:
    """Tell apart what nobody looked at, grouped by reason so that twenty absent legs cost one line."""
    by_reason: dict[str, list[str]] = {}
    attempts: list[str] = []
    for name, title in LEGS.items():
        value = scene.legs.get(name)
        if name not in scene.legs:
            by_reason.setdefault("no such step ran", []).append(title)
        elif isinstance(value, Absent):
            reason = clean(value.reason, 80)
            attempts.extend(reason.attempts)
            by_reason.setdefault(reason.text or "no reason given", []).append(title)
    if by_reason:
        groups = "; ".join(f"{', '.join(titles)} ({reason})" for reason, titles in by_reason.items())
        yield Line(key="not_performed", text=f"not performed: {groups}", droppable=True, attempts=tuple(attempts))


def _objects(sightings: tuple[Sighting, ...]) -> tuple[dict[str, int], tuple[str, ...]]:
    most: Counter[str] = Counter()
    for sighting in sightings:
        most |= Counter(detection.label for detection in sighting.detections)
    attempts: list[str] = []
    shown: dict[str, int] = {}
    for label, count in sorted(most.items(), key=lambda pair: (-pair[1], pair[0]))[:12]:
        cleaned = clean(label, Cap.OBJECT)
        attempts.extend(cleaned.attempts)
        shown[cleaned.text] = count
    return shown, tuple(attempts)


def _detections(sightings: tuple[Sighting, ...]) -> list[dict[str, Any]]:
    start = min(sighting.at for sighting in sightings)
    every = [(detection, sighting) for sighting in sightings for detection in sighting.detections]
    best = sorted(every, key=lambda pair: -pair[0].confidence)[:_BEST_DETECTIONS]
    return [
        {
            "label": clean(detection.label, Cap.OBJECT).text,
            "group": group_of(detection.label).value,
            "confidence": round(detection.confidence, 2),
            "second": round((sighting.at - start).total_seconds()),
            "centre": _centre(
                detection.box.bottom_centre((max(1, sighting.image_width), max(1, sighting.image_height)))
            ),
        }
        for detection, sighting in sorted(best, key=lambda pair: pair[1].at)
    ]


def _centre(point: tuple[float, float]) -> list[float]:
    return [round(point[0], 2), round(point[1], 2)]


def _part_of_day(hour: int) -> str:
    if hour < 6 or hour >= 22:
        return "night"
    if hour < 12:
        return "morning"
    return "afternoon" if hour < 18 else "evening"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
