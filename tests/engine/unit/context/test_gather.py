"""Legs beside each other, other cameras, silence."""

import asyncio
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
import pytest

from home_sentry_engine.context.crosscamera import Elsewhere, cross_camera_leg
from home_sentry_engine.context.gather import Gather, Leg
from home_sentry_engine.context.silence import Silence, allowed_gap_s, sabotage, silence_of
from home_sentry_engine.domain.errors import Transient, Unavailable
from home_sentry_engine.domain.messages import Absent
from tests.fakes.clock import START
from tests.fakes.scenes import person_scene


async def _slow(_scene):
    await asyncio.sleep(30)
    return {"never": True}


async def _down(_scene):
    raise Unavailable("the model file is missing")


async def _broken(_scene):
    raise KeyError("oops")


async def _true(_scene):
    return True


async def test_every_leg_gives_a_value_or_a_reason(caplog):
    async def found(scene):
        return {"camera": scene.batch.camera_id}

    async def nothing(_scene):
        return Absent(reason="no gallery")

    legs = [
        Leg(name="slow", look=_slow, deadline_s=0.05),
        Leg(name="down", look=_down),
        Leg(name="broken", look=_broken),
        Leg(name="found", look=found),
        Leg(name="nothing", look=nothing),
    ]
    scene = await Gather(legs)(person_scene(legs={"zones": []}))
    assert scene.legs == {
        "zones": [],
        "slow": Absent(reason="no answer within 0.05 s"),
        "down": Absent(reason="the model file is missing"),
        "broken": Absent(reason="it failed (KeyError)"),
        "found": {"camera": "camera"},
        "nothing": Absent(reason="no gallery"),
    }
    assert "oops" in caplog.text


async def test_a_leg_whose_model_ran_out_of_time_says_so_itself(caplog):
    class TooSlow(Transient, TimeoutError):
        pass

    async def look(_scene):
        raise TooSlow("the model gave no answer")

    scene = await Gather([Leg(name="model", look=look)])(person_scene())
    assert scene.legs["model"] == Absent(reason="the model gave no answer")
    assert "deadline" not in caplog.text


async def test_legs_look_at_the_same_time():
    together = asyncio.Barrier(10)

    async def meets(_scene):
        await together.wait()
        return True

    legs = [Leg(name=f"leg {n}", look=meets, deadline_s=60) for n in range(10)]
    scene = await Gather(legs)(person_scene())
    assert all(scene.legs[f"leg {n}"] is True for n in range(10))


async def test_an_absence_does_not_replace_what_is_known():
    scene = await Gather([Leg(name="household", look=_down)])(person_scene(legs={"household": {"persons": []}}))
    assert scene.legs["household"] == {"persons": []}


async def test_a_cancelled_assessment_cancels_its_legs():
    ended, begun = [], asyncio.Event()

    async def waits(_scene):
        try:
            begun.set()
            await asyncio.sleep(30)
        finally:
            ended.append(True)

    task = asyncio.create_task(Gather([Leg(name="waits", look=waits, deadline_s=60)])(person_scene()))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == [True]


def test_two_legs_of_one_name_are_a_mistake():
    with pytest.raises(ValueError, match="same name"):
        Gather([Leg(name="a", look=_true), Leg(name="a", look=_true)])


def at(seconds: float):
    return START + timedelta(seconds=seconds)


def test_other_cameras_are_summed_up_by_class():
    seen = [
        Elsewhere(camera_name="Gate", label="person", at=at(-120)),
        Elsewhere(camera_name="Gate", label="person", at=at(-90)),
        Elsewhere(camera_name="Gate", label="car", at=at(400)),
        Elsewhere(camera_name="Yard", label="person", at=at(10)),
        Elsewhere(camera_name="Yard", label="dog", at=at(60)),
    ]
    assert cross_camera_leg(seen, first_at=at(0), last_at=at(30)) == [
        {"camera": "Yard", "label": "person", "count": 1, "seconds": 0.0},
        {"camera": "Yard", "label": "dog", "count": 1, "seconds": 30.0},
        {"camera": "Gate", "label": "person", "count": 2, "seconds": -90.0},
    ]


def every(seconds: float, count: int) -> dict[int, list[float]]:
    """Gaps between deliveries at even steps, by the hour in which each began."""
    gaps: dict[int, list[float]] = {}
    for number in range(count - 1):
        gaps.setdefault(at(seconds * number).hour, []).append(seconds)
    return gaps


def test_a_camera_is_quiet_only_against_its_own_rhythm():
    steady = every(60, 100)
    allowed = allowed_gap_s(steady, START.hour)
    assert allowed == 300.0
    assert silence_of("door", at(0), at(299), allowed) is None
    quiet = silence_of("door", at(0), at(301), allowed)
    assert quiet is not None
    assert quiet.since == at(300)
    rare = every(3600, 60)
    assert allowed_gap_s(rare, 3) == 4500.0
    assert silence_of("gate", at(0), at(4000), allowed_gap_s(rare, 3)) is None


def test_a_rhythm_that_is_not_known_claims_nothing():
    assert allowed_gap_s(every(60, 10), 12) is None
    assert silence_of("door", at(0), at(10**6), None) is None


@given(st.lists(st.floats(1, 5000), min_size=25, max_size=200))
def test_the_allowed_gap_is_hardly_ever_passed_by_what_was_learned(gaps):
    allowed = allowed_gap_s({5: gaps}, 5)
    assert allowed is not None
    assert sum(gap > allowed for gap in gaps) <= 0.01 * len(gaps)


def test_hours_borrow_from_their_neighbours():
    assert allowed_gap_s({4: [400.0] * 20, 6: [800.0] * 20, 20: [9000.0] * 20}, 5) == 1000.0


def test_two_cameras_that_fall_quiet_together_are_suspicious():
    def quiet(camera: str, seconds: float) -> Silence:
        return Silence(camera_id=camera, since=at(seconds), allowed_s=300)

    assert sabotage([quiet("a", 0)]) == ()
    assert sabotage([quiet("a", 0), quiet("b", 301)]) == ()
    assert sabotage([quiet("c", 1000), quiet("b", 299), quiet("a", 0), quiet("d", 1290), quiet("e", 1299)]) == (
        "c",
        "d",
        "e",
    )
