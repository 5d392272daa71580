"""Which sources a verdict really rested on, and what each of them changed in the rule score."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from home_sentry_engine.contract import Event, EventAudit, EvidenceFlags
from home_sentry_engine.domain.enrichment import Outcome
from home_sentry_engine.domain.messages import Absent, ModelVerdict, RuleVerdict, Scene, Verdict

from .enrich.cards import FASHION

# source -> the legs that follow from it alone
LEGS: Final[Mapping[str, tuple[str, ...]]] = {
    "florence": (
        *("caption", "scene", "scene_in_detail", "answers_about_the_picture", "text_in_the_scene"),
        "parts_of_the_scene",
    ),
    "clip": ("identity", "deviation"),
    "violence": ("violence",),
    "clothing": ("clothing", "covered_face", "attributes"),
    "vehicle": ("vehicle", "damage"),
    "pet": ("pets",),
    "weather": ("weather", "home_weather"),
    "image_quality": ("quality",),
    "zones": ("zones", "routes"),
    "baseline": ("baseline",),
    "cross_camera": ("cross_camera",),
}
# source -> the questions to models that count for it, also where their answer was that there is nothing
_QUESTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "florence": ("caption", "more_detailed_caption", "vqa", "ocr", "ocr_with_region", "od", "dense_region_caption"),
    "violence": ("violence",),
    "clothing": ("clothing", "clothes_segments"),
    "vehicle": ("vehicle_type", "vehicle_colour", "damage"),
    "pet": ("pets",),
    "weather": ("weather",),
    "image_quality": ("quality",),
}
# attributes follow from captions and from the detector too, so alone they are no sign that anybody looked at clothes
_SHARED: Final = frozenset({"attributes"})
_DETECTOR: Final = "rtdetr"
_IMAGE_TEXT: Final = frozenset({*FASHION, "service:clip"})
_COUNT: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What was looked at for a scene, and by how many points the rule score is higher with it than without it."""

    present: frozenset[str]
    effects: Mapping[str, int]


def sources_of(scene: Scene, rule: Callable[[Scene], RuleVerdict]) -> Sources:
    """Judge a scene by rules again without each of its sources; takes some milliseconds."""
    present = present_in(scene)
    return Sources(present=present, effects=effects_of(scene, present, rule))


def audit_of(event: Event, verdict: Verdict, sources: Sources, at: datetime) -> EventAudit:
    """Make the record of a verdict."""
    model = verdict.model if isinstance(verdict.model, ModelVerdict) else None
    return EventAudit(
        event_id=event.event_id,
        camera_id=event.camera_id,
        at=at,
        state=verdict.state,
        flags=EvidenceFlags(**dict.fromkeys(sources.present, True)),
        utilisation=round(len(sources.present) / _COUNT, 4),
        effects=dict(sources.effects),
        model_id=model.model_id if model else None,
        prompt_version=model.prompt_version if model else None,
        prompt_chars=len(model.prompt) if model else None,
        prompt_tokens=model.prompt_tokens if model else None,
    )


def present_in(scene: Scene) -> frozenset[str]:
    """Name the sources that were looked at for a scene."""
    ran = {one.about: one.model_id for one in scene.enrichment.attempts if one.outcome is Outcome.RAN} if (
        scene.enrichment is not None
    ) else {}  # fmt: skip
    found = {
        name
        for name, legs in LEGS.items()
        if any(leg not in _SHARED and _there(scene, leg) for leg in legs)
        or any(question in ran for question in _QUESTIONS.get(name, ()))
    }
    if any(model in _IMAGE_TEXT for model in ran.values()):
        found.add("clip")
    if scene.batch.sightings:
        found.add(_DETECTOR)
    return frozenset(found)


def effects_of(scene: Scene, present: frozenset[str], rule: Callable[[Scene], RuleVerdict]) -> dict[str, int]:
    """Give by how many points the rule score is higher with each source than without it.

    A scene without detections is none, so what the detector changes cannot be measured.
    """
    with_all = rule(scene).score
    effects: dict[str, int] = {}
    for name in sorted(present - {_DETECTOR}):
        rest = {leg: value for leg, value in scene.legs.items() if leg not in LEGS[name]}
        effects[name] = with_all - rule(replace(scene, legs=rest)).score
    return effects


def _there(scene: Scene, leg: str) -> bool:
    return leg in scene.legs and not isinstance(scene.legs[leg], Absent)
