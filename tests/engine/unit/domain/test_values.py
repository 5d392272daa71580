"""Boxes, labels, camera ids, bands."""

from hypothesis import given
from hypothesis import strategies as st
import pytest

from home_sentry_engine.contract import ObjectGroup, RiskLevel
from home_sentry_engine.domain.box import Box, InvalidBoundingBoxError, intersection_over_union
from home_sentry_engine.domain.identity import InvalidCameraName, camera_id_of
from home_sentry_engine.domain.labels import COCO_80, SECURITY_CLASSES, canonical_label, group_of
from home_sentry_engine.domain.risk import Bands, ScoreRange, severity


def test_box_is_clipped_to_the_picture():
    assert Box.from_corners((10, 10, 210, 210), image=(100, 100)) == Box(x=10, y=10, width=90, height=90)


@pytest.mark.parametrize("corners", [(10, 10, 10, 20), (20, 10, 10, 20), (200, 200, 300, 300), (-50, 0, -1, 10)])
def test_a_box_without_area_is_an_error(corners):
    with pytest.raises(InvalidBoundingBoxError):
        Box.from_corners(corners, image=(100, 100))


boxes = st.builds(
    Box, x=st.integers(0, 500), y=st.integers(0, 500), width=st.integers(1, 300), height=st.integers(1, 300)
)


@given(boxes, boxes)
def test_iou_is_symmetric_and_bounded(a, b):
    value = intersection_over_union(a, b)
    assert 0 <= value <= 1
    assert value == intersection_over_union(b, a)
    assert intersection_over_union(a, a) == 1


def test_labels_of_other_sets_become_coco_names():
    assert len(COCO_80) == 80
    assert COCO_80[16] == "dog"
    assert COCO_80[79] == "toothbrush"
    assert canonical_label("Motorbike") == "motorcycle"
    assert canonical_label("potted_plant") == "potted plant"
    assert canonical_label("tvmonitor") == "tv"
    for word, label in (
        ("Bike", "bicycle"),
        ("pedestrian", "person"),
        ("automobile", "car"),
        ("Motor_bike", "motorcycle"),
    ):
        assert canonical_label(word) == label
    assert (canonical_label("lorry"), canonical_label("coach")) == ("truck", "bus")
    assert {group_of(label) for label in SECURITY_CLASSES} == {
        ObjectGroup.PERSON,
        ObjectGroup.VEHICLE,
        ObjectGroup.ANIMAL,
    }


@pytest.mark.parametrize(
    ("name", "camera_id"),
    [("Front Door", "front_door"), ("back-yard", "back_yard"), ("Küche 2", "kuche_2"), ("__x__", "x")],
)
def test_camera_ids_are_normalised(name, camera_id):
    assert camera_id_of(name) == camera_id


def test_a_name_of_another_script_still_gets_an_id():
    assert camera_id_of("玄関").startswith("camera_")
    with pytest.raises(InvalidCameraName):
        camera_id_of("--- !!")


@given(st.text(min_size=1, max_size=100))
def test_camera_ids_are_stable_and_safe(name):
    try:
        camera_id = camera_id_of(name)
    except InvalidCameraName:
        return
    assert camera_id
    assert camera_id == camera_id_of(camera_id)
    assert set(camera_id) <= set("abcdefghijklmnopqrstuvwxyz0123456789_")


@pytest.mark.parametrize(
    ("score", "level"),
    [
        (0, "low"),
        (29, "low"),
        (30, "medium"),
        (59, "medium"),
        (60, "high"),
        (84, "high"),
        (85, "critical"),
        (100, "critical"),
    ],
)
def test_bands_at_their_edges(score, level):
    assert Bands().level_of(score) is RiskLevel(level)


@pytest.mark.parametrize("score", [-1, 101])
def test_a_score_outside_is_an_error(score):
    with pytest.raises(ValueError, match="outside"):
        Bands().level_of(score)


def test_bands_must_rise():
    with pytest.raises(ValueError, match="must rise"):
        Bands(medium=60, high=60)


@given(st.integers(0, 100), st.integers(0, 100), st.integers(0, 100))
def test_the_floor_wins_over_the_ceiling(score, floor, ceiling):
    clamped = ScoreRange(floor=floor, ceiling=ceiling).clamp(score)
    assert clamped >= floor
    assert clamped <= max(floor, ceiling)


def test_severity_ranks_levels():
    assert [severity(level) for level in (RiskLevel.LOW, RiskLevel.MEDIUM, RiskLevel.HIGH, RiskLevel.CRITICAL)] == [
        0,
        1,
        2,
        3,
    ]
    assert severity(RiskLevel.UNKNOWN) == -1
