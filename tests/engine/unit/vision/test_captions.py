"""Captions to attributes."""

from hypothesis import given
from hypothesis import strategies as st
import pytest

from home_sentry_engine.vision.tasks.captions import (
    clean_caption,
    contradicts,
    groups_said,
    person_said,
    scene_said,
    vehicle_said,
)


def test_a_person_is_described_by_what_the_sentence_says():
    said = person_said("A man in a black hoodie and blue jeans is walking and carrying a cardboard box.")
    assert said.attributes == {
        "clothing": ("black hoodie", "blue jeans"),
        "carrying": ("cardboard box",),
        "action": "walking",
        "caption": "A person in a black hoodie and blue jeans is walking and carrying a cardboard box.",
    }
    assert "is_service_worker" not in said.attributes


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        ("An old man and a young woman stand at a door.", "A person and a person stand at a door."),
        ("Two boys and an elderly lady; he holds her bag.", "Two people and a person; the person holds their bag."),
        ("Young men beside an old car.", "people beside an old car."),
        ("A delivery woman brings a box.", "A delivery person brings a box."),
        ("A postman at the manhole.", "A postman at the manhole."),
    ],
)
def test_nothing_is_told_of_sex_or_age(raw, told):
    assert person_said(raw).attributes["caption"] == scene_said(raw).attributes["scene_description"] == told


def test_a_box_that_stands_there_is_not_carried():
    assert "carrying" not in person_said("A woman standing beside a box.").attributes


def test_service_clothes_are_told():
    said = person_said("A delivery man in uniform holding a package at the door.").attributes
    assert said["is_service_worker"] is True
    assert said["carrying"] == ("package",)


def test_a_vehicle_is_described_by_what_the_sentence_says():
    said = vehicle_said('A white delivery van with the words "ACME Parcels" parked on the street.').attributes
    assert said["color"] == "white"
    assert said["vehicle_type"] == "delivery van"
    assert said["is_commercial"] is True
    assert said["commercial_text"] == "ACME Parcels"


def test_a_scene_is_described_by_what_the_sentence_says():
    said = scene_said("A dark driveway at night in the rain with a ladder and a package left behind.").attributes
    assert (said["time_of_day"], said["lighting"], said["weather"]) == ("night", "dark", "rain")
    assert said["tools_detected"] == ("ladder",)
    assert said["abandoned_items"] == ("package",)
    assert str(said["scene_description"]).startswith("A dark driveway")


@pytest.mark.parametrize("raw", ["<loc_12>person", "VQA>car", "a man</s>", "<CAPTION>", "", "  \n "])
@pytest.mark.parametrize("read", [person_said, vehicle_said, scene_said])
def test_raw_task_tokens_are_dropped_and_counted(read, raw):
    said = read(raw)
    assert (said.attributes, said.dropped) == ({}, 1)


@given(st.text(max_size=600))
def test_no_token_ever_comes_through(raw):
    for read in (person_said, vehicle_said, scene_said):
        said = read(raw)
        assert said.dropped == (clean_caption(raw) is None)
        assert not any("<" in str(value) and ">" in str(value).split("<", 1)[1] for value in said.attributes.values())


def test_kinds_and_contradictions():
    assert groups_said("Two men beside a pickup truck") == {"vehicle"} | groups_said("two men")
    assert groups_said("A dog runs") == {"animal"}
    assert contradicts("running", "sitting")
    assert contradicts("a person running away", "sitting")
    assert not contradicts("walking", "carrying")
