"""What is asked about animals and about the scene as a whole: pets, quality, weather, distances, things by name."""

import asyncio
from collections.abc import Mapping
from typing import Final

from home_sentry_engine.contract import ObjectGroup
from home_sentry_engine.domain.box import InvalidBoundingBoxError
from home_sentry_engine.domain.errors import StageError
from home_sentry_engine.domain.messages import Absent
from home_sentry_engine.judgement.legs import WEAPONS
from home_sentry_engine.pipeline.subject_views import SubjectView
from home_sentry_engine.vision.models import NotSwitchedOn
from home_sentry_engine.vision.services import ServedSight
from home_sentry_engine.vision.session import Cancel
from home_sentry_engine.vision.tasks.classify import Classifier, Pet, Ranked, Weather, pet_of, weather_of
from home_sentry_engine.vision.tasks.crops import cut_box
from home_sentry_engine.vision.tasks.depth import DepthGauge, proximity
from home_sentry_engine.vision.tasks.open_vocabulary import Named, NamedFinder
from home_sentry_engine.vision.tasks.pictures import RgbFrame
from home_sentry_engine.vision.tasks.quality import QualityMeter
from home_sentry_engine.vision.tasks.sentences import weather_by_sentences
from home_sentry_engine.vision.tasks.zero_shot import ImageText

from .cards import DEPTH, NAMED, PETS, QUALITY, SENTENCES, WEATHER
from .desk import Case, Desk, NotAsked, Notes, Step, cut_out

_PETS: Final = frozenset({"cat", "dog"})
_AGREES: Final = 0.5
_SECOND_LOOK_MARGIN: Final = 1.0


async def _pets(case: Case, notes: Notes, desk: Desk) -> None:
    found = case.require(ObjectGroup.ANIMAL, nothing="no animal was seen")
    animals = [views for views in found if views[0].subject.label in _PETS]
    if not animals:
        raise NotAsked("no cat or dog was seen", code="not_needed")

    async def ask(view: SubjectView) -> None:
        crop = cut_out(view)
        try:
            pet = await desk.use(notes, PETS, Classifier, lambda model, cancel: pet_of(model.rank(crop, cancel=cancel)))
        except NotSwitchedOn:
            # the detector knows cats and dogs itself
            notes.model_id = "detector"
            notes.looks += 1
            pet = _by_detector(view)
        value: dict[str, object] = {"species": pet.species}
        if pet.household:
            # below its limit nobody knows whose animal it is, which is no "no"
            value["is_household_pet"] = True
        notes.add(value, confidence=pet.confidence, view=view)

    await desk.each(notes, (views[0] for views in animals), ask)


def _by_detector(view: SubjectView) -> Pet:
    surest = max(look.detection.confidence for look in view.subject.looks)
    return pet_of(Ranked(scores=((view.subject.label, surest),), model_id="detector"))


async def _quality(case: Case, notes: Notes, desk: Desk) -> None:
    known = case.views.scene.legs.get("quality")
    if isinstance(known, Mapping) and any(shot.quality is not None for shot in case.views.scene.batch.sightings):
        # every picture of the visit was measured when it came
        notes.model_id = QUALITY[0]
        notes.add(known)
        return
    frame = case.best_picture
    found = await desk.use(notes, QUALITY, QualityMeter, lambda meter, _cancel: meter.judge(frame))
    value: dict[str, object] = {
        "score": round(found.score, 1),
        "grade": found.grade,
        "defects": [defect.value for defect in found.defects],
    }
    if found.verdict is not None:
        value["verdict"] = found.verdict
    notes.add(value)


async def _weather(case: Case, notes: Notes, desk: Desk) -> None:
    told = case.views.scene.legs.get("home_weather")
    if told is not None and not isinstance(told, Absent):
        raise NotAsked("Home Assistant tells the weather", code="told")
    frame = case.best_picture

    def by_sentences(model: ImageText, cancel: Cancel) -> Weather:
        return weather_by_sentences(model, frame, cancel=cancel)

    try:
        found = await desk.use(
            notes, WEATHER, Classifier, lambda model, cancel: weather_of(model.rank(frame, cancel=cancel))
        )
    except NotSwitchedOn:
        found = await desk.use(notes, SENTENCES, ImageText, by_sentences)
    notes.add({"condition": found.condition, "visibility": found.visibility}, confidence=found.confidence)


async def _depth(case: Case, notes: Notes, desk: Desk) -> None:
    subjects = [views[0] for views in case.views.subjects.values() if views]
    if not subjects:
        raise NotAsked("no object was seen", code="not_needed")
    pixels = subjects[0].picture
    scale = desk.rules.scale_of(case.views.scene.batch.camera_id)
    frame = RgbFrame.of(pixels)
    depth = await desk.use(notes, DEPTH, DepthGauge, lambda model, cancel: model.measure(frame, cancel=cancel))
    for view in subjects:
        if view.picture is pixels:
            nearness = depth.at(view.look.detection.box, desk.rules.depth_of)
            value: dict[str, object] = {"nearness": round(nearness, 2), "proximity": proximity(nearness)}
            if scale is not None:
                value["distance_m"] = round(scale.distance_m(nearness), 1)
            notes.add(value, view=view)


async def _named(case: Case, notes: Notes, desk: Desk) -> None:
    frame = case.best_picture
    names, confidence = desk.rules.names, desk.rules.names_confidence
    found = await desk.use(
        notes,
        NAMED,
        NamedFinder,
        lambda model, cancel: model.find(frame, names, confidence=confidence, cancel=cancel),
    )
    told: list[tuple[Named, dict[str, object]]] = [(thing, {"label": thing.label}) for thing in found]
    asked = notes.model_id
    try:
        for thing, value in told:
            if thing.label in WEAPONS:
                value.update(await _second_look(desk, notes, frame, thing))
                confirmed = await _confirmed(desk, notes, frame, thing)
                if confirmed is not None:
                    value["confirmed"] = confirmed
    finally:
        # what was seen stays so, also where there is no time to look again
        notes.model_id = asked
        for thing, value in told:
            notes.add(value, confidence=thing.confidence, box=thing.box)


async def _second_look(desk: Desk, notes: Notes, frame: RgbFrame, thing: Named) -> dict[str, object]:
    """Look at the surroundings alone: what is seen in the large picture only is no second opinion."""
    names = tuple(dict.fromkeys((thing.label, "tool", "stick", "phone", "bag")))
    try:
        crop = cut_box(frame, thing.box, margin=_SECOND_LOOK_MARGIN)
        again = await desk.use(notes, NAMED, NamedFinder, lambda model, cancel: model.find(crop, names, cancel=cancel))
    except InvalidBoundingBoxError:
        return {"seen_again": False}
    except StageError as err:
        notes.left_out.append(f"the {thing.label} was not looked at again: {err.reason}")
        return {}
    best = max((one.confidence for one in again if one.label == thing.label), default=0.0)
    return {"seen_again": True, "again_confidence": round(best, 3)} if best >= _AGREES else {"seen_again": False}


async def _confirmed(desk: Desk, notes: Notes, frame: RgbFrame, thing: Named) -> bool | None:
    """Ask a vision-language model, where there is one; None where nobody can tell, which is no "no"."""
    if desk.rules.confirmer is None:
        return None
    asked = notes.model_id
    try:
        crop = cut_box(frame, thing.box, margin=_SECOND_LOOK_MARGIN)
        async with asyncio.timeout(desk.rules.patience_s.get(desk.rules.confirmer, desk.rules.deadline_s)):
            return await desk.use(
                notes, (desk.rules.confirmer,), ServedSight, lambda model, _cancel: model.confirms(thing.label, crop)
            )
    except InvalidBoundingBoxError, StageError, TimeoutError:
        notes.left_out.append(f"the vision model did not say whether the {thing.label} is one")
        return None
    finally:
        notes.model_id = asked


SCENE_BRANCHES: Final[tuple[tuple[Step, ...], ...]] = (
    (Step(about="pets", ask=_pets),),
    (Step(about="quality", ask=_quality),),
    (Step(about="weather", ask=_weather),),
    (Step(about="depth", ask=_depth),),
    (Step(about="threats", ask=_named, patience=3.0),),
)
