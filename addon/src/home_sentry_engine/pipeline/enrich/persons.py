"""What is asked about people: face, posture, action, clothes, what they carry, whether they fight."""

from collections import Counter
from typing import Final

from home_sentry_engine.context.tracks import Subject
from home_sentry_engine.contract import ObjectGroup
from home_sentry_engine.domain.box import Box, intersection_over_union
from home_sentry_engine.pipeline.subject_views import SubjectView
from home_sentry_engine.vision.models import NotSwitchedOn
from home_sentry_engine.vision.services import ServedFashion
from home_sentry_engine.vision.session import Cancel
from home_sentry_engine.vision.tasks.action import FEWEST_FRAMES, ClipAction, SkeletonAction
from home_sentry_engine.vision.tasks.classify import Classifier, Ranked, violence_of
from home_sentry_engine.vision.tasks.faces import FaceFinder
from home_sentry_engine.vision.tasks.pictures import RgbFrame
from home_sentry_engine.vision.tasks.pose import Pose, PoseFinder
from home_sentry_engine.vision.tasks.posture import Posture, Stance, stance_of
from home_sentry_engine.vision.tasks.segments import Segmenter, clothing_of
from home_sentry_engine.vision.tasks.sentences import Fashion, fashion_by_sentences
from home_sentry_engine.vision.tasks.zero_shot import ImageText

from .cards import CLIP_ACTION, CLOTHES, FACES, FASHION, POSES, SKELETON_ACTION, VIOLENCE
from .desk import Case, Desk, NotAsked, Notes, Step, cut_out, large_enough

_ACTION_FROM_S: Final = 3.0
_PERSONS_FOR_VIOLENCE: Final = 2
_POSE_LOOKS: Final = 4
_BAGS: Final = frozenset({"backpack", "handbag", "suitcase", "umbrella", "package"})
_CARRIED_OVERLAP: Final = 0.5
_MANY_LOOKS: Final = 3
_ALL_POSES: Final = "poses"
# no model gives a share for a covered face: the rule of the clothes model says yes or no
_COVERED_CONFIDENCE: Final = 0.6
_SURE_GARMENT: Final = 0.4


async def _faces(case: Case, notes: Notes, desk: Desk) -> None:
    best = _best_views(case)

    async def ask(view: SubjectView) -> None:
        crop = cut_out(view)
        found = await desk.use(notes, FACES, FaceFinder, lambda finder, cancel: finder.find(crop, cancel=cancel))
        if not found:
            notes.add({"visible": False}, view=view)
            return
        face = found[0]
        notes.add({"visible": True}, confidence=face.confidence, view=view, box=crop.outside(face.box))

    await desk.each(notes, best, ask)


async def _poses(case: Case, notes: Notes, desk: Desk) -> None:
    _best_views(case)
    seen: dict[int, list[tuple[SubjectView, Pose]]] = desk.memory.setdefault(_ALL_POSES, {})

    async def ask(view: SubjectView) -> None:
        crop = cut_out(view)
        pose = await desk.use(notes, POSES, PoseFinder, lambda finder, cancel: finder.find(crop, cancel=cancel))
        seen.setdefault(view.subject.number, []).append((view, pose.moved(crop.left, crop.top)))

    views = [view for looks in case.seen(ObjectGroup.PERSON) for view in large_enough(looks)[:_POSE_LOOKS]]
    await desk.each(notes, views, ask)
    for looks in seen.values():
        stances = [(view, stance_of(pose)) for view, pose in looks]
        view, stance = _agreed(stances)
        alerts = Counter(alert.value for _, one in stances for alert in set(one.alerts))
        value = {"posture": stance.posture.value, "alerts": sorted(alerts), "looks": len(looks)}
        if repeated := sorted(alert for alert, count in alerts.items() if count > 1):
            value["repeated"] = repeated
        notes.add(value, confidence=stance.confidence, view=view)


async def _actions(case: Case, notes: Notes, desk: Desk) -> None:
    _best_views(case)
    long = [looks for looks in case.seen(ObjectGroup.PERSON) if _seen_s(looks[0].subject) > _ACTION_FROM_S]
    clips = [sorted(large_enough(looks), key=lambda view: view.look.at) for looks in long]
    clips = [clip for clip in clips if len(clip) >= FEWEST_FRAMES]
    if not clips:
        raise NotAsked(
            f"nobody was seen in {FEWEST_FRAMES} pictures over more than {_ACTION_FROM_S:g} s", code="too_short"
        )
    poses: dict[int, list[tuple[SubjectView, Pose]]] = desk.memory.get(_ALL_POSES, {})
    by_first = {clip[0]: clip for clip in clips}

    async def ask(view: SubjectView) -> None:
        joints = [pose for _, pose in sorted(poses.get(view.subject.number, ()), key=lambda pair: pair[0].look.at)]
        ranked = await _ranked(desk, notes, joints, by_first[view])
        notes.add({"action": ranked.label, "looks": len(by_first[view])}, confidence=ranked.confidence, view=view)

    await desk.each(notes, by_first, ask)


async def _ranked(desk: Desk, notes: Notes, joints: list[Pose], clip: list[SubjectView]) -> Ranked:
    """Judge by the joints where somebody switched that on, else by the pictures."""
    if len(joints) >= FEWEST_FRAMES:
        try:
            return await desk.use(
                notes, SKELETON_ACTION, SkeletonAction, lambda model, cancel: model.rank(joints, cancel=cancel)
            )
        except NotSwitchedOn:
            pass
    crops = [cut_out(one) for one in clip]
    sentences = desk.rules.actions
    return await desk.use(
        notes, CLIP_ACTION, ClipAction, lambda model, cancel: model.rank(crops, sentences, cancel=cancel)
    )


async def _garments(case: Case, notes: Notes, desk: Desk) -> None:
    best = _best_views(case)

    async def ask(view: SubjectView) -> None:
        crop = cut_out(view)

        def look(model: ImageText | ServedFashion, cancel: Cancel) -> Fashion:
            if isinstance(model, ServedFashion):
                return model.tell(crop)
            return fashion_by_sentences(model, crop, desk.rules.fashion, cancel=cancel)

        fashion = await desk.use(notes, FASHION, ImageText, look)
        sure = fashion.garment.confidence >= _SURE_GARMENT
        value: dict[str, object] = {
            "type": fashion.garment.label if sure else "unclear",
        }
        if fashion.colour is not None:
            value["colour"] = fashion.colour
        if sure:
            # of unclear clothes nobody knows that they are no uniform
            told = {"is_service_uniform": fashion.is_service_uniform, "is_suspicious": fashion.hides_face}
            value |= {name: known for name, known in told.items() if known is not None}
        notes.add(value, confidence=fashion.garment.confidence, view=view)

    await desk.each(notes, best, ask)


async def _segments(case: Case, notes: Notes, desk: Desk) -> None:
    best = _best_views(case)

    async def ask(view: SubjectView) -> None:
        crop = cut_out(view)
        found = await desk.use(
            notes, CLOTHES, Segmenter, lambda model, cancel: clothing_of(model.divide(crop, cancel=cancel))
        )
        value: dict[str, object] = {"clothing_items": list(found.items), "has_bag": found.has_bag}
        if found.face_covered is not None:
            value["has_face_covered"] = found.face_covered
        notes.add(value, confidence=_COVERED_CONFIDENCE if found.face_covered else None, view=view)

    await desk.each(notes, best, ask)


async def _carrying(case: Case, notes: Notes, desk: Desk) -> None:
    del desk
    _best_views(case)
    bags = _BAGS & case.reported
    if not bags:
        raise NotAsked("the detector knows no bags and parcels", code="not_reported")
    notes.model_id = "detector"
    for looks in case.seen(ObjectGroup.PERSON):
        found = _held(case, looks[0].subject, bags)
        notes.looks += 1
        if found:
            names, confidence = found
            notes.add({"carrying": names}, confidence=confidence, view=looks[0])


async def _violence(case: Case, notes: Notes, desk: Desk) -> None:
    persons = case.most_persons
    if persons < _PERSONS_FOR_VIOLENCE:
        raise NotAsked(f"it needs {_PERSONS_FOR_VIOLENCE} people at once", code="not_needed")
    frame: RgbFrame = case.best_picture
    ranked = await desk.use(notes, VIOLENCE, Classifier, lambda model, cancel: model.rank(frame, cancel=cancel))
    found = violence_of(ranked, persons=persons)
    if found is not None:
        value = {"is_violent": found.is_violent, "violent": round(found.violent, 3), "calm": round(found.calm, 3)}
        notes.add(value, confidence=found.violent)


PERSON_BRANCHES: Final[tuple[tuple[Step, ...], ...]] = (
    (Step(about="faces", ask=_faces),),
    (Step(about="pose", ask=_poses), Step(about="action", ask=_actions)),
    (Step(about="clothing", ask=_garments),),
    (Step(about="clothes_segments", ask=_segments),),
    (Step(about="carrying", ask=_carrying),),
    (Step(about="violence", ask=_violence),),
)


def _best_views(case: Case) -> tuple[SubjectView, ...]:
    """Give each person's clearest look; raises ``NotAsked`` where there is nobody to look at."""
    people = case.require(ObjectGroup.PERSON, nothing="no person was seen")
    best = large_enough(views[0] for views in people)
    if not best:
        raise NotAsked("every person is too small in the picture", code="too_small")
    return best


def _agreed(stances: list[tuple[SubjectView, Stance]]) -> tuple[SubjectView, Stance]:
    """Give the surest look of the posture that most looks agree on."""
    known = [pair for pair in stances if pair[1].posture is not Posture.UNKNOWN] or stances
    ((most, _),) = Counter(stance.posture for _, stance in known).most_common(1)
    return max((pair for pair in known if pair[1].posture is most), key=lambda pair: pair[1].confidence)


def _seen_s(subject: Subject) -> float:
    return (subject.last.at - subject.first.at).total_seconds()


def _held(case: Case, subject: Subject, bags: frozenset[str]) -> tuple[list[str], float] | None:
    """Give what a person has in the pictures, and how sure that is; of many pictures more than one has to show it."""
    found: dict[str, list[float]] = {}
    for look in subject.looks:
        shots = [shot for shot in case.views.scene.batch.sightings if shot.media_id == look.media_id]
        beside = [thing for shot in shots if look.detection in shot.detections for thing in shot.detections]
        held = {name: confidence for name, confidence in look.detection.carried if name in bags}
        for thing in beside:
            if thing.label in bags and _inside(thing.box, look.detection.box) >= _CARRIED_OVERLAP:
                held[thing.label] = max(held.get(thing.label, 0.0), thing.confidence)
        for name, confidence in held.items():
            found.setdefault(name, []).append(confidence)
    least = 1 if len(subject.looks) < _MANY_LOOKS else 2
    sure = {name: max(seen) for name, seen in found.items() if len(seen) >= least}
    return (sorted(sure), max(sure.values())) if sure else None


def _inside(thing: Box, person: Box) -> float:
    """Share of a thing's box that lies in a person's."""
    shared = intersection_over_union(thing, person)
    return shared * (thing.area + person.area) / (1 + shared) / thing.area
