"""What is a change of the view and what is not, with drawn pictures and a clock."""

from dataclasses import asdict
from datetime import datetime, timedelta

import cv2
from hypothesis import given
from hypothesis import strategies as st
import numpy as np
import pytest

from home_sentry_engine.context.scene import (
    ChangeKind,
    Light,
    SceneState,
    View,
    acknowledged,
    light_of,
    step,
    tamper_leg,
)
from home_sentry_engine.judgement.legs import known_of
from home_sentry_engine.media.similarity import Reference, appearance_of, blend
from tests.fakes.clock import START
from tests.fakes.scenes import person_scene

ROWS, COLUMNS = 360, 640


def street(seed: int = 1):
    """A picture with areas, edges and texture."""
    random = np.random.default_rng(seed)
    picture = cv2.resize(random.integers(60, 200, (9, 16), dtype=np.uint8), (COLUMNS, ROWS)).astype(np.float32)
    for _ in range(60):
        x, y = int(random.integers(0, COLUMNS - 60)), int(random.integers(0, ROWS - 40))
        picture[y : y + int(random.integers(8, 40)), x : x + int(random.integers(8, 60))] = random.integers(20, 240)
    return picture


class Watched:
    """A camera whose frames go through measure and step, as in the engine."""

    def __init__(self) -> None:
        self.random = np.random.default_rng(0)
        self.at = START
        self.states: dict[Light, SceneState] = {}
        self.baselines: dict[Light, Reference] = {}
        self.last: Light | None = None
        self.told: list[tuple[Light, ChangeKind]] = []

    def sees(self, picture, *, after_s: float = 30.0, infrared: bool = False):
        self.at += timedelta(seconds=after_s)
        noisy = picture + self.random.normal(0, 2, picture.shape)
        grey = np.clip(noisy, 0, 255).astype(np.uint8)
        own = appearance_of(grey)
        view = View(**asdict(own))
        light = light_of(view, infrared=infrared, known=self.states, last=self.last)
        if light in self.baselines:
            found = self.baselines[light].compare(grey)
            view = View(**asdict(own), coarse=found.coarse, changed=found.changed)
        outcome = step(self.states.get(light, SceneState()), view, self.at)
        self.states[light], self.last = outcome.state, light
        if outcome.restart:
            self.baselines[light] = Reference(grey)
        elif outcome.absorb:
            self.baselines[light] = Reference(blend(self.baselines[light].grey, grey, 0.1))
        if outcome.change is not None:
            self.told.append((light, outcome.change))
        return outcome

    def learned(self, frames: int = 8) -> Watched:
        for _ in range(frames):
            self.sees(street())
        return self


@pytest.fixture
def camera() -> Watched:
    return Watched().learned()


def test_the_first_frame_is_flagged_and_tells_nothing():
    camera = Watched()
    first = camera.sees(street())
    assert first.first
    assert first.restart
    assert not camera.sees(street()).first


@pytest.mark.parametrize(
    ("spoil", "kind"),
    [
        (lambda picture: np.full_like(picture, 15), ChangeKind.VIEW_BLOCKED),
        (lambda picture: np.full_like(picture, 240), ChangeKind.VIEW_BLOCKED),
        (lambda picture: cv2.GaussianBlur(picture, (0, 0), 9), ChangeKind.VIEW_TAMPERED),
        (lambda _picture: street(seed=77), ChangeKind.ANGLE_CHANGED),
        (lambda picture: np.roll(picture, 150, axis=1), ChangeKind.ANGLE_CHANGED),
    ],
)
def test_a_lasting_change_is_told_once_with_its_kind(camera, spoil, kind):
    for _ in range(12):
        camera.sees(spoil(street()))
    assert camera.told == [(Light.DAY, kind)]
    assert camera.sees(street()).over
    assert not camera.sees(street()).over


def test_one_passing_lorry_tells_nothing(camera):
    lorry = street()
    lorry[100:330, 40:620] = 90
    for _ in range(10):
        camera.sees(lorry, after_s=5)
        camera.sees(lorry, after_s=4)
        camera.sees(street(), after_s=20)
    assert camera.told == []


def test_a_lorry_that_parks_is_no_tampering_and_becomes_the_usual_view(camera):
    lorry = street()
    lorry[150:330, 350:620] = 90
    for _ in range(20):
        camera.sees(lorry)
    assert camera.told == [(Light.DAY, ChangeKind.UNKNOWN)]


def test_dusk_and_dawn_tell_nothing(camera):
    for share in (*np.linspace(1, 0.25, 40), *np.linspace(0.25, 1, 40)):
        camera.sees(street() * share, after_s=60)
    assert camera.told == []


def test_the_switch_to_infrared_and_back_tells_nothing(camera):
    night = 255 - street() * 0.7
    for _ in range(4):
        for _ in range(10):
            assert not camera.sees(night, infrared=True).different
        for _ in range(10):
            assert not camera.sees(street()).different
    assert camera.told == []


def test_a_cover_does_not_pass_for_infrared(camera):
    for _ in range(5):
        camera.sees(np.full((ROWS, COLUMNS), 5.0), infrared=True)
    assert camera.told == [(Light.DAY, ChangeKind.VIEW_BLOCKED)]


def test_slow_growth_is_absorbed(camera):
    picture, new = street(), street(seed=5)
    for column in range(0, COLUMNS, 16):
        picture[:, column : column + 16] = new[:, column : column + 16]
        for _ in range(10):
            camera.sees(picture)
    assert camera.told == []


def test_an_acknowledged_view_is_the_usual_one(camera):
    for _ in range(6):
        camera.sees(street(seed=9))
    camera.states[Light.DAY] = acknowledged(camera.states[Light.DAY])
    assert camera.sees(street(seed=9)).restart
    for _ in range(10):
        assert not camera.sees(street(seed=9)).different
    assert len(camera.told) == 1


def test_what_shows_nothing_never_becomes_the_baseline():
    camera = Watched()
    assert not camera.sees(np.zeros((ROWS, COLUMNS))).restart
    assert camera.sees(street()).first


@given(
    st.lists(
        st.tuples(st.floats(-1, 1), st.floats(0, 1), st.floats(0, 120), st.floats(0, 60), st.floats(0, 90)), max_size=30
    )
)
def test_a_change_needs_three_frames_or_a_minute(frames):
    state, at = SceneState(learned=9, typical=0.97, contrast=50, sharpness=30), START
    different: list[datetime] = []
    for coarse, changed, contrast, sharpness, after_s in frames:
        at += timedelta(seconds=after_s)
        view = View(
            brightness=90,
            contrast=contrast,
            sharpness=sharpness,
            coarse=coarse,
            changed=changed,
        )
        outcome = step(state, view, at)
        state = outcome.state
        different = [*different, at] if outcome.different else []
        if outcome.change is not None:
            lasted = (different[-1] - different[0]).total_seconds()
            assert (len(different) >= 3 and lasted >= 10) or lasted >= 60
            if outcome.change is ChangeKind.UNKNOWN:
                different = []
        assert not (outcome.absorb and outcome.different)


def test_the_rules_read_the_leg():
    assert known_of(person_scene(legs={"tamper": tamper_leg(ChangeKind.VIEW_BLOCKED)})).tamper == "view_blocked"
    assert tamper_leg(ChangeKind.UNKNOWN) is None
