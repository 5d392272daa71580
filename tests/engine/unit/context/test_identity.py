"""Nearest vectors, probable matches, the household."""

from dataclasses import replace
from datetime import datetime, time, timedelta

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
import numpy as np
import pytest

from home_sentry_engine.context.household import (
    Gallery,
    MatchOutcome,
    clean_plate,
    edit_distance,
    household_leg,
    recognise_person,
    recognise_vehicle,
)
from home_sentry_engine.context.identity import Question, Traces, best_by_camera
from home_sentry_engine.context.index import ExactIndex, UnusableVector
from home_sentry_engine.domain.household import Member, Sample, Schedule, Trace, Trust, Vehicle
from home_sentry_engine.judgement.legs import known_of
from tests.fakes.clock import START
from tests.fakes.scenes import person_scene

DIMENSION = 8
OSNET, OTHER = "osnet-x0-25", "reid-retail-0288"


def towards(angle: float, dimension: int = DIMENSION) -> np.ndarray:
    """A vector whose cosine to ``towards(0)`` is cos(angle)."""
    vector = np.zeros(dimension, np.float32)
    vector[0], vector[1] = np.cos(angle), np.sin(angle)
    return vector


class Indexed(RuleBasedStateMachine):
    """The index against a dictionary that compares one after the other."""

    def __init__(self):
        super().__init__()
        self.index = ExactIndex(DIMENSION)
        self.plain: dict[int, np.ndarray] = {}
        self.random = np.random.default_rng(0)

    @rule(ids=st.lists(st.integers(0, 150), min_size=1, max_size=90, unique=True))
    def add(self, ids):
        vectors = self.random.normal(size=(len(ids), DIMENSION)) * 10
        self.index.add(ids, vectors)
        self.plain |= dict(zip(ids, vectors, strict=True))

    @rule(ids=st.lists(st.integers(0, 150), max_size=40, unique=True))
    def remove(self, ids):
        assert self.index.remove(ids) == sum(self.plain.pop(one, None) is not None for one in ids)

    @rule(k=st.integers(0, 12))
    def ask(self, k):
        query = self.random.normal(size=DIMENSION)
        wanted = sorted(
            ((one, float(v @ query / np.linalg.norm(v) / np.linalg.norm(query))) for one, v in self.plain.items()),
            key=lambda pair: -pair[1],
        )[:k]
        found = self.index.top(query, k)
        assert [hit.id for hit in found] == [one for one, _ in wanted]
        assert [hit.similarity for hit in found] == pytest.approx([cosine for _, cosine in wanted], abs=1e-5)

    @invariant()
    def whole(self):
        assert len(self.index) == len(self.plain)
        assert np.allclose(np.linalg.norm(self.index.matrix, axis=1), 1.0, atol=1e-5)
        assert self.index.matrix.flags.c_contiguous


TestIndexed = Indexed.TestCase


@pytest.mark.parametrize(
    "bad", [np.zeros(DIMENSION), np.full(DIMENSION, np.nan), np.full(DIMENSION, np.inf), np.ones(3)]
)
def test_what_is_no_vector_is_refused_and_changes_nothing(bad):
    index = ExactIndex(DIMENSION)
    index.add([1], towards(0))
    with pytest.raises(UnusableVector):
        index.add([2], bad)
    with pytest.raises(UnusableVector):
        index.top(bad, 1)
    assert len(index) == 1


def trace(number: int, camera: str = "gate", *, model: str = OSNET, kind: str = "person", at_s: float = -60.0) -> Trace:
    at = START + timedelta(seconds=at_s)
    return Trace(
        id=number,
        model_id=model,
        kind=kind,
        camera_id=camera,
        at=at,
        expires_at=at + timedelta(hours=24),
        detection_id=number,
    )


def asked(model: str = OSNET, vector=None, *, kind: str = "person", **more) -> Question:
    return Question(model_id=model, kind=kind, vector=towards(0) if vector is None else vector, at=START, **more)


def test_a_probable_match_tells_camera_likeness_and_time():
    traces = Traces()
    traces.remember(trace(1), towards(0.3))
    traces.remember(trace(2, "yard"), towards(0.9))
    (match,) = traces.probable(asked())
    assert (match.trace.id, match.seconds_apart) == (1, 60.0)
    assert match.document() == {
        "finding": "probable same subject",
        "camera": "gate",
        "kind": "person",
        "similarity": 0.955,
        "seconds_apart": 60.0,
        "at": (START - timedelta(seconds=60)).isoformat(timespec="seconds"),
    }


def test_each_camera_gives_its_likest_look():
    traces = Traces()
    for number, (camera, angle) in enumerate([("gate", 0.3), ("gate", 0.1), ("yard", 0.2)], start=1):
        traces.remember(trace(number, camera), towards(angle))
    assert [match.trace.id for match in best_by_camera(traces.probable(asked()))] == [2, 3]


def test_a_visit_is_no_match_for_itself_however_often_it_was_looked_at():
    traces = Traces()
    for number in range(1, 60):
        traces.remember(replace(trace(number), event_id="now"), towards(0.001 * number))
    traces.remember(replace(trace(60), event_id="before"), towards(0.5))
    assert [match.trace.id for match in traces.probable(asked(visit="now"), most=2)] == [60]
    assert traces.forget(range(1, 60)) == 59
    assert [match.trace.id for match in traces.probable(asked(visit="now"), most=2)] == [60]


def test_models_and_kinds_are_never_compared():
    traces = Traces()
    traces.remember(trace(1), towards(0))
    traces.remember(trace(2, model=OTHER), np.ones(256))
    traces.remember(trace(3, kind="vehicle"), towards(0))
    assert [m.trace.id for m in traces.probable(asked(OSNET, towards(0)))] == [1]
    assert [m.trace.id for m in traces.probable(asked(OTHER, np.ones(256)))] == [2]
    assert traces.probable(asked("clip-vit-l", towards(0))) == ()
    with pytest.raises(UnusableVector):
        traces.probable(asked(OSNET, np.ones(256)))


def test_the_threshold_belongs_to_the_model():
    traces = Traces()
    traces.remember(trace(1), towards(0.7))
    traces.remember(trace(2, model="clip-vit-l"), towards(0.7))
    assert len(traces.probable(asked(OSNET, towards(0)))) == 1
    assert traces.probable(asked("clip-vit-l", towards(0))) == ()
    assert traces.threshold("clip-vit-l") == 0.85


def test_what_has_expired_is_not_found_and_can_be_forgotten():
    traces = Traces()
    traces.remember(trace(1, at_s=-25 * 3600), towards(0))
    traces.remember(trace(2), towards(0.1))
    assert [m.trace.id for m in traces.probable(asked(OSNET, towards(0)))] == [2]
    assert traces.forget_expired(START) == 1
    assert len(traces) == 1


def test_the_subject_itself_is_no_match():
    traces = Traces()
    traces.remember(trace(1), towards(0))
    assert traces.probable(asked(OSNET, towards(0), besides=frozenset({1}))) == ()


ANN = Member(id="ann", name="Ann")
BOB = Member(id="bob", name="Bob", trust=Trust.PARTIAL)


def gallery(*samples: Sample) -> Gallery[Member]:
    return Gallery([ANN, BOB], samples)


def sample(owner: Member, angle: float, *, model: str = OSNET, negative: bool = False) -> Sample:
    return Sample(owner_id=owner.id, model_id=model, vector=towards(angle), negative=negative)


@pytest.mark.parametrize(
    ("samples", "outcome"),
    [
        ((), MatchOutcome.NO_GALLERY),
        ((sample(ANN, 0, model=OTHER),), MatchOutcome.UNAVAILABLE_REENROLL),
        ((sample(ANN, 1.5),), MatchOutcome.NO_MATCH),
        ((sample(ANN, 0.2),), MatchOutcome.MATCH),
        ((sample(ANN, 0.2), sample(ANN, 0.1, negative=True)), MatchOutcome.NO_MATCH),
        ((sample(ANN, 0.1), sample(ANN, 0.6, negative=True)), MatchOutcome.MATCH),
    ],
)
def test_outcomes_of_a_comparison(samples, outcome):
    assert recognise_person(gallery(*samples), OSNET, towards(0), local=START).outcome is outcome


def test_not_ann_may_still_be_bob():
    known = gallery(sample(ANN, 0.1), sample(ANN, 0.05, negative=True), sample(BOB, 0.3))
    found = recognise_person(known, OSNET, towards(0), local=START)
    assert found.owner is BOB


@given(st.floats(0, 3.1), st.floats(0, 3.1))
def test_the_likest_member_wins(ann, bob):
    found = recognise_person(gallery(sample(ANN, ann), sample(BOB, bob)), OSNET, towards(0), local=START, threshold=-2)
    assert found.owner is not None
    assert found.similarity == pytest.approx(np.cos(min(ann, bob)), abs=1e-5)


CAR = Vehicle(id="car", name="Our car", plate="B-HS 1234")


def seen_car(plate: str | None, look_angle: float | None = None, car: Vehicle = CAR):
    known = Gallery([car], [Sample(owner_id="car", model_id="clip-vit-l", vector=towards(0))])
    look = None if look_angle is None else ("clip-vit-l", towards(look_angle))
    return recognise_vehicle(known, plate=plate, look=look, local=START)


@pytest.mark.parametrize(
    ("plate", "look", "outcome", "by"),
    [
        ("bhs1234", None, MatchOutcome.MATCH, "plate"),
        ("B HS 1284", None, MatchOutcome.PROBABLE, "plate"),
        ("BHS123", None, MatchOutcome.PROBABLE, "plate"),
        ("M XY 999", None, MatchOutcome.NO_MATCH, None),
        (None, 0.1, MatchOutcome.MATCH, "appearance"),
        (None, 1.4, MatchOutcome.NO_MATCH, None),
        ("M XY 999", 0.1, MatchOutcome.NO_MATCH, "plate"),
        ("BHS1299", 0.1, MatchOutcome.MATCH, "appearance"),
        (None, None, MatchOutcome.NO_GALLERY, None),
    ],
)
def test_a_vehicle_is_known_by_its_plate_first(plate, look, outcome, by):
    found = seen_car(plate, look)
    assert (found.outcome, found.by) == (outcome, by)


def test_outside_its_schedule_nobody_lowers_a_risk():
    weekdays = Schedule(days=frozenset(range(5)), begins=time(7), ends=time(18))
    saturday = datetime(2026, 11, 21, 12, 0)  # noqa: DTZ001 the home's clock
    known = Gallery([Member(id="ann", name="Ann", schedule=weekdays)], [sample(ANN, 0)])
    found = recognise_person(known, OSNET, towards(0), local=saturday)
    assert found.outcome is MatchOutcome.OUTSIDE_SCHEDULE
    legs = {"household": household_leg([found], None)}
    (match,) = known_of(person_scene(legs=legs)).persons or ()
    assert match.outcome == "outside_schedule"


@pytest.mark.parametrize(
    ("at", "holds"),
    [
        (datetime(2026, 11, 20, 23, 0), True),  # noqa: DTZ001
        (datetime(2026, 11, 21, 1, 0), True),  # noqa: DTZ001
        (datetime(2026, 11, 21, 3, 0), False),  # noqa: DTZ001
        (datetime(2026, 11, 21, 23, 0), False),  # noqa: DTZ001
    ],
)
def test_a_night_shift_goes_over_midnight(at, holds):
    friday = Schedule(days=frozenset({4}), begins=time(22), ends=time(2))
    assert friday.holds(at) is holds


def test_the_rules_read_the_leg():
    found = recognise_person(gallery(sample(BOB, 0.1)), OSNET, towards(0), local=START)
    known = known_of(person_scene(legs={"household": household_leg([found], None)}))
    assert known.persons is not None
    assert [(m.name, m.outcome, m.trust) for m in known.persons] == [("Bob", "match", "partial")]
    assert known.vehicles is None


texts = st.text("AB1", max_size=7)


@given(texts, texts, texts)
def test_edit_distance_is_a_distance(one, two, three):
    assert edit_distance(one, two) == edit_distance(two, one)
    assert (edit_distance(one, two) == 0) is (one == two)
    assert edit_distance(one, three) <= edit_distance(one, two) + edit_distance(two, three)
    assert abs(len(one) - len(two)) <= edit_distance(one, two) <= max(len(one), len(two))


def test_plates_are_letters_and_digits():
    assert clean_plate(" b-hs 12\u202e34 ") == "BHS1234"
    assert clean_plate(None) == ""
