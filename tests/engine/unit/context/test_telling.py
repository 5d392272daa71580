"""The few looks of a visit that tell what all of them tell."""

from collections import Counter
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from home_sentry_engine.context.association import AssociationRules, agreed, associate
from home_sentry_engine.context.telling import telling
from home_sentry_engine.context.tracks import Look, Subject
from home_sentry_engine.domain.messages import Sighting
from tests.fakes.looks import detection, look, sighting

RULES = AssociationRules(video_gap_s=9.0)


def at_once(sightings: tuple[Sighting, ...]) -> Counter[str]:
    most: Counter[str] = Counter()
    for one in sightings:
        most |= Counter(found.label for found in one.detections)
    return most


def crowd(frames: int) -> list[Sighting]:
    """Make a clip in which eight sure people walk past a faint car; a faint dog is there for four frames."""
    shown = []
    for step in range(frames):
        walkers = [detection(0.1 * place + 0.01 * step, 0.3 + 0.08 * place, confidence=0.9) for place in range(8)]
        dog = [detection(0.9, 0.2, "dog", 0.51)] if 4 <= step < 8 else []
        shown.append(sighting(4.0 * step, *walkers, detection(0.95, 0.9, "car", 0.52), *dog, video=True))
    return shown


def test_a_crowd_hides_neither_itself_nor_the_car_behind_it():
    seen = agreed(crowd(12), rules=RULES, most=50)
    assert sum(len(one.detections) for one in seen) == 50
    assert at_once(seen) == at_once(agreed(crowd(12), rules=RULES)) == {"person": 8, "car": 1, "dog": 1}


def test_subjects_of_a_crowd_still_count_by_the_looks_that_stay():
    again = associate(agreed(crowd(12), rules=RULES, most=50), rules=RULES)
    assert Counter(one.label for one in again if one.confidence >= RULES.counted) == {"person": 8, "car": 1, "dog": 1}


def test_few_looks_all_stay():
    assert agreed(crowd(4), rules=RULES, most=50) == agreed(crowd(4), rules=RULES)


def test_a_long_stay_keeps_its_beginning_its_end_and_what_is_between():
    seen = [sighting(10.0 * step, detection(0.5, 0.8)) for step in range(120)]
    kept = [one.at for one in agreed(seen, most=40) if one.detections]
    assert (len(kept), kept[0], kept[-1]) == (40, seen[0].at, seen[-1].at)
    assert max((b - a).total_seconds() for a, b in pairwise(kept)) <= 40


subjects = st.lists(
    st.lists(
        st.builds(
            look,
            st.integers(0, 12).map(float),
            st.floats(0.1, 0.9),
            st.floats(0.3, 0.9),
            label=st.sampled_from(["person", "car", "dog"]),
            confidence=st.floats(0.5, 0.99),
        ),
        min_size=1,
        max_size=8,
        unique_by=lambda one: one.at,
    ),
    max_size=6,
).map(
    lambda drawn: [
        Subject(number=number, looks=tuple(sorted(looks, key=lambda one: one.at)))
        for number, looks in enumerate(drawn, start=1)
    ]
)


def frame_counts(subjects: list[Subject], kept: frozenset[Look] | None = None) -> Counter[str]:
    most: Counter[str] = Counter()
    for at in {one.at for subject in subjects for one in subject.looks}:
        labels = [s.label for s in subjects for one in s.looks if one.at == at and (kept is None or one in kept)]
        most |= Counter(labels)
    return most


@given(subjects, st.integers(0, 60))
def test_never_more_than_asked_for_and_none_that_was_not_there(drawn, most):
    everything = {one for subject in drawn for one in subject.looks}
    kept = telling(drawn, most)
    assert kept <= everything
    assert len(kept) == min(most, len(everything))


@given(subjects)
def test_the_most_at_once_of_each_label_stays(drawn):
    whole = frame_counts(drawn)
    assert frame_counts(drawn, telling(drawn, max(1, sum(whole.values())))) == whole
