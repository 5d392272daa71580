from hypothesis import given
from hypothesis import strategies as st
import numpy as np
import pytest

from home_sentry_engine.domain.box import intersection_over_union
from home_sentry_engine.domain.labels import COCO_80
from home_sentry_engine.vision.tasks.boxes import BoxRules, Candidates, select

IMAGE = (640, 480)
INDEX = {name: index for index, name in enumerate(COCO_80)}


def candidates(*found: tuple[str, float, tuple[float, float, float, float]]) -> Candidates:
    return Candidates(
        boxes=np.array([box for _, _, box in found], np.float64).reshape(-1, 4),
        scores=np.array([score for _, score, _ in found], np.float64),
        classes=np.array([INDEX[label] for label, _, _ in found], np.int64),
    )


def chosen(*found, **rules) -> list[tuple[str, float]]:
    selection = select(candidates(*found), COCO_80, BoxRules(**rules), IMAGE)
    return [(one.label, one.confidence) for one in selection.detections]


def test_one_vehicle_is_not_both_car_and_truck():
    box = (100, 100, 300, 200)
    assert chosen(("car", 0.75, box), ("truck", 0.55, (101, 100, 299, 201))) == [("car", 0.75)]


def test_the_order_of_the_raw_boxes_does_not_matter():
    found = [("truck", 0.55, (101, 100, 299, 201)), ("dog", 0.9, (0, 0, 50, 50)), ("car", 0.75, (100, 100, 300, 200))]
    assert chosen(*found) == chosen(*found[::-1]) == [("dog", 0.9), ("car", 0.75)]


def test_overlapping_boxes_of_one_class_are_one_object():
    assert chosen(("bicycle", 0.6, (100, 100, 300, 300)), ("bicycle", 0.55, (110, 90, 310, 310))) == [("bicycle", 0.6)]


def test_two_people_side_by_side_stay_two():
    assert len(chosen(("person", 0.9, (100, 100, 200, 300)), ("person", 0.8, (150, 100, 250, 300)))) == 2


def test_halves_of_a_bicycle_belong_to_the_whole_one_even_when_they_are_surer():
    whole, left, right = (100, 100, 500, 300), (100, 110, 260, 290), (270, 105, 500, 300)
    assert chosen(("bicycle", 0.69, right), ("bicycle", 0.61, left), ("bicycle", 0.56, whole)) == [("bicycle", 0.56)]


def test_a_surer_whole_swallows_its_part():
    found = chosen(("motorcycle", 0.7, (100, 100, 500, 300)), ("motorcycle", 0.6, (100, 110, 300, 290)))
    assert found == [("motorcycle", 0.7)]


def test_a_less_sure_box_around_a_single_bicycle_joins_nothing():
    found = chosen(("bicycle", 0.6, (100, 100, 500, 300)), ("bicycle", 0.7, (100, 110, 300, 290)))
    assert len(found) == 2


def test_an_unsure_whole_does_not_swallow_sure_bicycles():
    whole, left, right = (100, 100, 500, 300), (100, 110, 260, 290), (270, 105, 500, 300)
    found = chosen(("bicycle", 0.9, right), ("bicycle", 0.85, left), ("bicycle", 0.55, whole))
    assert {score for _, score in found} == {0.9, 0.85, 0.55}


def test_a_child_in_front_of_an_adult_is_a_person():
    adult, child = (100, 50, 300, 450), (150, 300, 220, 450)
    assert len(chosen(("person", 0.9, adult), ("person", 0.7, child))) == 2


def test_the_threshold_can_differ_by_class():
    found = [("person", 0.45, (0, 0, 50, 50)), ("cat", 0.45, (100, 100, 200, 200))]
    assert chosen(*found, class_confidence={"cat": 0.4}) == [("cat", 0.45)]


def test_what_was_dropped_is_counted_by_reason():
    selection = select(
        candidates(
            ("person", 0.9, (0, 0, 50, 50)),
            ("person", 0.8, (1, 0, 51, 50)),
            ("person", 0.3, (100, 0, 150, 50)),
            ("person", 0.05, (200, 0, 250, 50)),
            ("toilet", 0.9, (300, 0, 350, 50)),
            ("person", 0.9, (10, 100, 12, 200)),
            ("person", 0.9, (700, 0, 750, 50)),
        ),
        COCO_80,
        BoxRules(),
        IMAGE,
    )
    assert selection.dropped == (("class", 1), ("confidence", 1), ("duplicate", 1), ("size", 2))
    assert len(selection.detections) == 1


def test_a_class_that_is_chosen_by_the_user_appears():
    assert chosen(("backpack", 0.9, (0, 0, 50, 50)), classes=frozenset({"backpack"})) == [("backpack", 0.9)]


PLACES, LENGTHS = st.floats(-200, 900), st.floats(-50, 600)
PLACED = st.builds(lambda x, y, width, height: (x, y, x + width, y + height), PLACES, PLACES, LENGTHS, LENGTHS)
FOUND = st.lists(
    st.tuples(
        st.sampled_from(["person", "car", "truck", "bicycle", "toilet"]),
        st.floats(0, 1),
        PLACED,
    ),
    max_size=25,
)


@given(found=FOUND, confidence=st.floats(0.01, 1))
def test_invariants(found, confidence):
    rules = BoxRules(confidence=confidence)
    selection = select(candidates(*found), COCO_80, rules, IMAGE)
    kept = selection.detections
    for one in kept:
        assert one.confidence >= confidence
        assert one.label in rules.classes
        assert 0 <= one.box.x < one.box.right <= IMAGE[0]
        assert 0 <= one.box.y < one.box.bottom <= IMAGE[1]
    assert [one.confidence for one in kept] == sorted((one.confidence for one in kept), reverse=True)
    counted = sum(1 for _, score, _ in found if score >= min(confidence, 0.1))
    assert len(kept) + sum(number for _, number in selection.dropped) == counted
    for first, one in enumerate(kept):
        for other in kept[first + 1 :]:
            # whole pixels move the IoU of small boxes
            if min(one.box.width, one.box.height, other.box.width, other.box.height) > 60:
                assert intersection_over_union(one.box, other.box) < 0.83


@pytest.mark.parametrize("count", [0, 300])
def test_any_number_of_raw_boxes(count):
    many = [("person", 0.9, (float(index), 0.0, index + 100.0, 100.0)) for index in range(count)]
    assert len(chosen(*many)) <= count


PERSON = ("person", 0.9, (100, 100, 200, 300))


def carried(*found, **rules) -> list[tuple[str, tuple[tuple[str, float], ...]]]:
    selection = select(candidates(*found), COCO_80, BoxRules(**rules), IMAGE)
    return [(one.label, one.carried) for one in selection.detections]


def test_what_a_person_carries_is_told_of_the_person_and_is_no_object():
    bag, case = ("backpack", 0.6, (110, 140, 160, 200)), ("suitcase", 0.7, (180, 240, 240, 300))
    left = ("handbag", 0.9, (400, 250, 440, 300))
    selection = select(candidates(PERSON, bag, case, left), COCO_80, BoxRules(), IMAGE)
    (person,) = selection.detections
    assert person.carried == (("backpack", 0.6),)
    # most of the suitcase lies outside of the person, and all of the handbag
    assert dict(selection.dropped) == {"class": 2}


def test_a_thing_belongs_to_the_one_who_has_most_of_it():
    other = ("person", 0.8, (150, 100, 260, 300))
    assert carried(PERSON, other, ("handbag", 0.8, (190, 200, 230, 240))) == [
        ("person", ()),
        ("person", (("handbag", 0.8),)),
    ]


def test_faint_things_are_not_carried_whatever_persons_are_looked_for():
    assert carried(PERSON, ("backpack", 0.45, (110, 140, 160, 200)), confidence=0.2) == [("person", ())]


def test_a_class_that_is_asked_for_stays_an_object():
    found = carried(PERSON, ("suitcase", 0.7, (120, 200, 180, 290)), classes=frozenset({"person", "suitcase"}))
    assert found == [("person", ()), ("suitcase", ())]


def test_a_bag_alone_opens_no_visit():
    assert carried(("backpack", 0.95, (110, 140, 160, 200))) == []
