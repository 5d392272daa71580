import pytest

from tests.engine.quality.scoring import Guess, Truth, average_precision, iou, mean_average_precision

BOX = (0.0, 0.0, 10.0, 10.0)
OTHER = (20.0, 0.0, 30.0, 10.0)


def truth(corners=BOX, *, difficult: bool = False, label: str = "dog") -> Truth:
    return Truth(label=label, corners=corners, difficult=difficult)


def guess(score: float, corners=BOX, label: str = "dog") -> Guess:
    return Guess(label=label, score=score, corners=corners)


def test_iou():
    assert iou(BOX, BOX) == 1
    assert iou(BOX, OTHER) == 0
    assert iou(BOX, (5.0, 0.0, 15.0, 10.0)) == pytest.approx(1 / 3)


def test_all_right_is_one():
    assert average_precision([[guess(0.9), guess(0.8, OTHER)]], [[truth(), truth(OTHER)]], "dog") == pytest.approx(1)


def test_half_of_the_objects_give_half():
    assert average_precision([[guess(0.9)]], [[truth(), truth(OTHER)]], "dog") == pytest.approx(51 / 101)


def test_a_surer_mistake_costs_precision():
    assert average_precision([[guess(0.9, OTHER), guess(0.8)]], [[truth()]], "dog") == pytest.approx(0.5)


def test_a_second_box_on_the_same_object_is_a_mistake():
    found = average_precision([[guess(0.9), guess(0.8), guess(0.7, OTHER)]], [[truth(), truth(OTHER)]], "dog")
    assert found == pytest.approx((51 + 50 * 2 / 3) / 101)


def test_difficult_objects_count_neither_way():
    assert average_precision([[guess(0.9, OTHER), guess(0.8)]], [[truth(), truth(OTHER, difficult=True)]], "dog") == (
        pytest.approx(1)
    )


def test_a_class_without_truth_is_left_out():
    assert average_precision([[guess(0.9)]], [[truth()]], "cat") is None
    assert mean_average_precision([[guess(0.9)]], [[truth()]], ["dog", "cat"]) == pytest.approx(1)


def test_no_guess_at_all_is_zero():
    assert average_precision([[]], [[truth()]], "dog") == 0
