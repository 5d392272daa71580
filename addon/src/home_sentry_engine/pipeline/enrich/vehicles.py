"""What is asked about vehicles: plates, other text, type, colour, damage."""

from datetime import datetime
from typing import Final

from home_sentry_engine.contract import ObjectGroup
from home_sentry_engine.domain.box import Box, InvalidBoundingBoxError, intersection_over_union
from home_sentry_engine.domain.errors import StageError
from home_sentry_engine.pipeline.subject_views import SubjectView
from home_sentry_engine.vision.models import NotSwitchedOn
from home_sentry_engine.vision.session import Cancel
from home_sentry_engine.vision.tasks.classify import Classifier, VehicleType, vehicle_type_of
from home_sentry_engine.vision.tasks.colours import MODEL_ID as COLOURS_ID
from home_sentry_engine.vision.tasks.colours import colour_of, has_colours
from home_sentry_engine.vision.tasks.crops import Crop
from home_sentry_engine.vision.tasks.damage import DamageFinder
from home_sentry_engine.vision.tasks.pictures import RgbFrame
from home_sentry_engine.vision.tasks.plate_text import PlateText, SlotReader, plate_text, read_plate
from home_sentry_engine.vision.tasks.plates import Plate, PlateFinder, straightened
from home_sentry_engine.vision.tasks.sentences import VEHICLES
from home_sentry_engine.vision.tasks.text import TextReader, TextRegion
from home_sentry_engine.vision.tasks.zero_shot import ImageText

from .cards import DAMAGE, PLATE_SLOTS, PLATES, SENTENCES, TEXT, VEHICLE_TYPE
from .desk import Case, Desk, NotAsked, Notes, Step, cut_out, large_enough

_PLATE_LOOKS: Final = 3
_SURE_PLATE: Final = 0.8
_LEAST_TEXT: Final = 0.6
_LONGEST_TEXT: Final = 64
_MOST_TEXTS: Final = 8
_SMALLEST_VEHICLE_PX: Final = 48
_TYPED: Final = 0.5
_OVER_PLATE: Final = 0.2
_PLATE_BOXES: Final = "plate boxes"

type _Shot = tuple[str, datetime]


async def _plates(case: Case, notes: Notes, desk: Desk) -> None:
    _best_views(case)
    boxes: dict[_Shot, list[Box]] = desk.memory.setdefault(_PLATE_BOXES, {})
    views = [view for looks in _vehicles(case) for view in large_enough(looks, _SMALLEST_VEHICLE_PX)[:_PLATE_LOOKS]]
    sure: set[int] = set()

    async def ask(view: SubjectView) -> None:
        if view.subject.number in sure:
            return
        crop = cut_out(view, margin=0.05)
        found = await desk.use(notes, PLATES, PlateFinder, lambda model, cancel: model.find(crop, cancel=cancel))
        finder = notes.model_id
        for plate in found:
            boxes.setdefault(_shot(view), []).append(crop.outside(plate.box))
            value, read = await _read(desk, notes, crop, plate)
            notes.model_id = finder
            notes.add(value, confidence=plate.confidence, view=view, box=crop.outside(plate.box))
            if read is not None and read.plausible and read.confidence >= _SURE_PLATE:
                sure.add(view.subject.number)

    await desk.each(notes, views, ask)


async def _read(desk: Desk, notes: Notes, crop: Crop, plate: Plate) -> tuple[dict[str, object], PlateText | None]:
    """Read a plate with the reader of plates if somebody switched it on, else with the reader of all text."""
    try:
        try:
            corners = plate.corners
            frame = RgbFrame.of(straightened(crop, corners)) if corners else _plate_crop(crop, plate)
            line = await desk.use(
                notes, PLATE_SLOTS, SlotReader, lambda model, cancel: model.read_line(frame, cancel=cancel)
            )
            read = plate_text([line])
        except NotSwitchedOn:
            read = await desk.use(
                notes, TEXT, TextReader, lambda model, cancel: read_plate(model, crop, plate, cancel=cancel)
            )
    except StageError as err:
        return {"text": None, "not_read": err.reason}, None
    value: dict[str, object] = {
        "text": read.text,
        "text_confidence": round(read.confidence, 3),
        "plausible": read.plausible,
        "reader": notes.model_id,
    }
    return value, read


def _plate_crop(crop: Crop, plate: Plate) -> RgbFrame:
    box = plate.box
    corners = ((box.x, box.y), (box.right, box.y), (box.right, box.bottom), (box.x, box.bottom))
    return RgbFrame.of(straightened(crop, corners))


async def _texts(case: Case, notes: Notes, desk: Desk) -> None:
    best = _best_views(case)
    plates: dict[_Shot, list[Box]] = desk.memory.get(_PLATE_BOXES, {})

    async def ask(view: SubjectView) -> None:
        crop = cut_out(view, margin=0.0)
        found = await desk.use(notes, TEXT, TextReader, lambda model, cancel: model.read(crop, cancel=cancel))
        for region in found[:_MOST_TEXTS]:
            box = _box_of(region, crop)
            if box is None or region.line.confidence < _LEAST_TEXT:
                continue
            if any(intersection_over_union(box, plate) > _OVER_PLATE for plate in plates.get(_shot(view), ())):
                continue
            value = {"text": region.line.text[:_LONGEST_TEXT], "kind": "scene text"}
            notes.add(value, confidence=region.line.confidence, view=view, box=box)

    await desk.each(notes, best, ask)


async def _types(case: Case, notes: Notes, desk: Desk) -> None:
    best = _best_views(case)

    async def ask(view: SubjectView) -> None:
        crop = cut_out(view)

        def by_sentences(model: ImageText, cancel: Cancel) -> VehicleType | None:
            return vehicle_type_of(model.rank(crop, VEHICLES, cancel=cancel))

        try:
            found = await desk.use(
                notes, VEHICLE_TYPE, Classifier, lambda model, cancel: vehicle_type_of(model.rank(crop, cancel=cancel))
            )
        except NotSwitchedOn:
            found = await desk.use(notes, SENTENCES, ImageText, by_sentences)
        if found is not None and found.confidence >= _TYPED:
            value: dict[str, object] = {
                "type": found.label,
                "is_commercial": found.is_commercial,
                "top": [{"type": label, "share": round(share, 3)} for label, share in found.top],
            }
            notes.add(value, confidence=found.confidence, view=view)

    await desk.each(notes, best, ask)


async def _colours(case: Case, notes: Notes, desk: Desk) -> None:
    del desk
    best = _best_views(case)
    notes.model_id = COLOURS_ID
    for view in best:
        if not has_colours(view.picture):
            notes.left_out.append("the picture shows no colours")
            continue
        notes.looks += 1
        found = colour_of(cut_out(view, margin=0.0))
        if found is not None:
            notes.add({"colour": found.name}, confidence=found.share, view=view)
    if not notes.looks:
        raise NotAsked("the picture shows no colours", code="no_colours")


async def _damage(case: Case, notes: Notes, desk: Desk) -> None:
    best = _best_views(case)

    async def ask(view: SubjectView) -> None:
        crop = cut_out(view)
        found = await desk.use(notes, DAMAGE, DamageFinder, lambda model, cancel: model.find(crop, cancel=cancel))
        for one in found:
            value = {"damage": one.label, "high_security": one.high_security, "mask_share": round(one.mask_share, 3)}
            notes.add(value, confidence=one.confidence, view=view, box=crop.outside(one.box))

    await desk.each(notes, best, ask)


VEHICLE_BRANCHES: Final[tuple[tuple[Step, ...], ...]] = (
    (Step(about="plates", ask=_plates, patience=1.5), Step(about="texts", ask=_texts)),
    (Step(about="vehicle_type", ask=_types),),
    (Step(about="vehicle_colour", ask=_colours),),
    (Step(about="damage", ask=_damage),),
)


def _vehicles(case: Case) -> tuple[tuple[SubjectView, ...], ...]:
    return case.seen(ObjectGroup.VEHICLE)


def _best_views(case: Case) -> tuple[SubjectView, ...]:
    """Give each vehicle's clearest look; raises ``NotAsked`` where there is none to look at."""
    vehicles = case.require(ObjectGroup.VEHICLE, nothing="no vehicle was seen")
    best = large_enough((views[0] for views in vehicles), _SMALLEST_VEHICLE_PX)
    if not best:
        raise NotAsked("every vehicle is too small in the picture", code="too_small")
    return best


def _box_of(region: TextRegion, crop: Crop) -> Box | None:
    across, down = [x for x, _ in region.corners], [y for _, y in region.corners]
    corners = (min(across), min(down), max(across), max(down))
    try:
        return crop.outside(Box.from_corners(corners, image=(crop.width, crop.height)))
    except InvalidBoundingBoxError:
        return None


def _shot(view: SubjectView) -> _Shot:
    return view.look.media_id, view.look.at
