from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
import pytest

from home_sentry_engine.ingest.turns import Turns


def _filled(*names: str) -> Turns:
    turns = Turns()
    for name in names:
        turns.append(name)
    return turns


def _all(turns: Turns) -> list[str]:
    found = []
    while turns:
        found.append(turns.popleft())
    return found


def test_a_camera_that_floods_does_not_keep_the_others_waiting():
    turns = _filled(*(f"yard/{number}.jpg" for number in range(100)), "door/a.jpg", "door/day/b.jpg", "c.jpg")
    assert _all(turns)[:7] == [
        "yard/0.jpg",
        "door/a.jpg",
        "c.jpg",
        "yard/1.jpg",
        "door/day/b.jpg",
        "yard/2.jpg",
        "yard/3.jpg",
    ]


def test_whoever_comes_again_waits_for_the_turn():
    turns = _filled("yard/1.jpg", "yard/2.jpg", "door/1.jpg")
    assert turns.popleft() == "yard/1.jpg"
    turns.append("yard/3.jpg")
    assert _all(turns) == ["door/1.jpg", "yard/2.jpg", "yard/3.jpg"]


def test_nothing_waits():
    turns = Turns()
    assert not turns
    with pytest.raises(IndexError):
        turns.popleft()


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.booleans()), max_size=60))
def test_everything_comes_out_once_and_in_order_by_camera_and_nobody_waits_for_two_of_another(steps):
    turns, waiting, put, got = Turns(), Counter[str](), [], []
    passed = Counter[tuple[str, str]]()
    for number, (camera, takes) in enumerate(steps):
        if takes and turns:
            name = turns.popleft()
            got.append(name)
            waiting[name[0]] -= 1
            for other in waiting:
                if other != name[0] and waiting[other]:
                    passed[other, name[0]] += 1
                    assert passed[other, name[0]] <= 1
            passed = Counter({pair: count for pair, count in passed.items() if pair[0] != name[0]})
        else:
            turns.append(f"{camera}/{number}")
            put.append(f"{camera}/{number}")
            waiting[camera] += 1
    got += _all(turns)
    assert Counter(got) == Counter(put)
    for camera in "abcd":
        assert [name for name in got if name[0] == camera] == [name for name in put if name[0] == camera]
