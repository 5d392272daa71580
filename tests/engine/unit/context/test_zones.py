"""Which zones are valid, and who stands in them."""

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
import pytest

from home_sentry_engine.context.association import AssociationRules
from home_sentry_engine.context.geometry import rectangle
from home_sentry_engine.context.inertia import inertia_screen
from home_sentry_engine.context.sieve import sift, zone_screen
from home_sentry_engine.context.zones import InvalidZone, ZoneMap, checked_zones, clean_name
from home_sentry_engine.contract import Zone, ZoneAnchor, ZoneType
from home_sentry_engine.domain.box import Box
from home_sentry_engine.domain.detection import FrameDetections
from home_sentry_engine.domain.messages import sightings_of
from tests.fakes.looks import IMAGE, detection, standing

LEFT = rectangle(0.0, 0.0, 0.5, 1.0)


def zone(name: str = "Porch", points=LEFT, **fields) -> Zone:
    kind = fields.pop("type", ZoneType.ENTRY_POINT)
    return replace(Zone(id=name.lower(), name=name, type=kind, points=tuple(points)), **fields)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"points": ((0, 0), (1, 1))}, "3 to 64 points"),
        ({"points": ((0, 0), (1, 1), (1, 0), (0, 1))}, "crosses itself"),
        ({"points": ((0, 0), (1.01, 0), (1, 1))}, "between 0 and 1"),
        ({"points": ((0, 0), (float("nan"), 0), (1, 1))}, "between 0 and 1"),
        ({"points": ((0, 0), (0.5, 0.5), (1, 1))}, "crosses itself|no area"),
        ({"points": ((0, 0), (0, 0), (1, 1), (1, 0))}, "crosses itself"),
        ({"colour": "red"}, "#3B82F6"),
        ({"colour": "#12345"}, "#3B82F6"),
        ({"priority": 101}, "priority"),
        ({"priority": -1}, "priority"),
        ({"inertia": 0}, "inertia"),
        ({"loitering_s": 0.0}, "loitering"),
        ({"type": ZoneType.UNKNOWN}, "not known"),
        ({"anchor": ZoneAnchor.UNKNOWN}, "not known"),
        ({"line": ((0.1, 0.1),)}, "two different ends"),
        ({"line": ((0.1, 0.1), (0.1, 0.1))}, "two different ends"),
        ({"name": "a\u202eb"}, "plain characters"),
        ({"name": " "}, "plain characters"),
    ],
)
def test_what_is_no_zone_is_refused_with_the_reason(fields, why):
    with pytest.raises(InvalidZone, match=why):
        checked_zones([zone(**fields)])


def test_names_and_ids_are_unique():
    with pytest.raises(InvalidZone, match="same name"):
        checked_zones([zone("Porch"), replace(zone("porch"), id="other")])
    with pytest.raises(InvalidZone, match="same id"):
        checked_zones([zone("Porch"), replace(zone("Yard"), id="porch")])
    with pytest.raises(InvalidZone, match="at most 32"):
        checked_zones([zone(f"Zone {number}") for number in range(33)])


def test_a_valid_zone_has_the_default_colour():
    assert checked_zones([zone()])[0].colour == "#3B82F6"


@given(st.text(max_size=200))
def test_a_cleaned_name_stays_clean(name):
    cleaned = clean_name(name)
    assert clean_name(cleaned) == cleaned
    assert len(cleaned) <= 64
    assert cleaned.isprintable() or not cleaned


@given(
    st.floats(0.01, 0.99), st.floats(0.2, 0.99), st.sampled_from([(640, 480), (1920, 1080), (3840, 2160), (480, 640)])
)
def test_an_object_stands_where_its_feet_are_in_any_picture_size(x, y, image):
    places = ZoneMap([zone("Left", LEFT), zone("Right", rectangle(0.5, 0.0, 0.5, 1.0))])
    box = standing(x, y, width=2, height=4, image=image)
    found = places.at(box, image)
    assert [one.name for one in found] == ["Left" if (box.x + 1) / image[0] < 0.5 else "Right"]


def test_the_anchor_decides_which_part_counts():
    lower = rectangle(0.0, 0.8, 1.0, 0.2)
    box = Box(x=100, y=100, width=100, height=320)
    by_anchor = {anchor: bool(ZoneMap([zone(points=lower, anchor=anchor)]).at(box, IMAGE)) for anchor in ZoneAnchor}
    assert by_anchor[ZoneAnchor.BOTTOM_CENTRE]
    assert not by_anchor[ZoneAnchor.CENTRE]
    assert by_anchor[ZoneAnchor.OVERLAP]
    above = replace(box, height=290)
    assert not ZoneMap([zone(points=lower, anchor=ZoneAnchor.OVERLAP)]).at(above, IMAGE)


def test_the_highest_priority_wins_and_disabled_zones_never_match():
    low, high = zone("Low", priority=1), zone("High", priority=90, type=ZoneType.YARD)
    off = zone("Off", priority=100, enabled=False)
    places = ZoneMap([low, off, high])
    box = standing(0.2, 0.5)
    assert [one.name for one in places.at(box, IMAGE)] == ["High", "Low"]
    assert places.best(standing(0.9, 0.5), IMAGE) is None


def frame(*found) -> FrameDetections:
    return FrameDetections(
        detections=found, image_width=IMAGE[0], image_height=IMAGE[1], model_id="m", inference_ms=1.0,
        dropped=(("confidence", 2),),
    )  # fmt: skip


def test_an_ignore_zone_takes_boxes_away_and_counts_them():
    places = ZoneMap(
        [zone("Street", type=ZoneType.IGNORE, priority=10), zone("Gate", points=rectangle(0, 0, 0.1, 1), priority=20)]
    )
    seen = frame(detection(0.05, 0.5), detection(0.3, 0.5), detection(0.8, 0.5, "car"))
    (left,) = sift([seen], [zone_screen(places)])
    assert [one.box for one in left.detections] == [seen.detections[0].box, seen.detections[2].box]
    assert dict(left.dropped) == {"confidence": 2, "ignore_zone": 1}


def test_a_required_zone_holds_for_its_classes_alone():
    places = ZoneMap([zone("Door", required_for=("person",)), zone("Drive", points=rectangle(0.4, 0, 0.3, 1))])
    seen = frame(detection(0.8, 0.5), detection(0.2, 0.5), detection(0.9, 0.5, "car"))
    (left,) = sift([seen], [zone_screen(places)])
    assert [one.label for one in left.detections] == ["person", "car"]
    assert dict(left.dropped)["required_zone"] == 1
    everything = ZoneMap([zone("Door", required_for=("*",))])
    (left,) = sift([seen], [zone_screen(everything)])
    assert len(left.detections) == 1


def test_without_zones_frames_stay_as_they_are():
    seen = frame(detection(0.8, 0.5))
    assert sift([seen], [zone_screen(ZoneMap([]))])[0] is seen


def placed(places: ZoneMap, frames) -> list[int]:
    """Give how many boxes of each frame are left."""
    seen = sightings_of(frames, "m1", "door", datetime(2026, 6, 1, tzinfo=UTC))
    lasting = inertia_screen(places, seen, AssociationRules())
    screens = [zone_screen(places)] if lasting is None else [zone_screen(places), lasting]
    return [len(one.detections) for one in sift(frames, screens)]


def clip(*across: float):
    """A person who stands at these places, half a second apart."""
    shown = [frame(detection(x, 0.5)) for x in across]
    return [replace(one, offset_s=number / 2) for number, one in enumerate(shown)]


def test_in_a_clip_a_required_zone_asks_for_its_inertia():
    door = ZoneMap([zone("Door", points=rectangle(0.0, 0.0, 0.5, 1.0), required_for=("person",))])
    assert placed(door, clip(0.56, 0.53, 0.48, 0.53, 0.56)) == [0, 0, 0, 0, 0]
    assert placed(door, clip(0.56, 0.48, 0.47, 0.46, 0.53)) == [0, 1, 1, 1, 0]
    assert placed(door, clip(0.48, 0.47, 0.53, 0.47, 0.48)) == [0, 0, 0, 0, 0]
    patient = ZoneMap([zone("Door", points=rectangle(0.0, 0.0, 0.5, 1.0), required_for=("*",), inertia=1)])
    assert placed(patient, clip(0.56, 0.53, 0.48, 0.53, 0.56)) == [0, 0, 1, 0, 0]


def test_a_still_or_a_clip_of_few_frames_asks_for_no_more_than_it_has():
    door = ZoneMap([zone("Door", required_for=("person",))])
    assert placed(door, [frame(detection(0.2, 0.5))]) == [1]
    assert placed(door, clip(0.2, 0.2)) == [1, 1]
    assert placed(ZoneMap([zone("Door")]), clip(0.8, 0.2)) == [1, 1]
