"""What is said about who came before, in four forms, and what becomes an entity."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from home_sentry_engine.context.acquaintance import (
    Acquaintance,
    Compared,
    claims,
    context_words,
    identity_leg,
    match_words,
    subject_words,
    summary_words,
)
from home_sentry_engine.context.identity import ProbableMatch
from home_sentry_engine.context.tracks import Subject
from home_sentry_engine.domain.embedded import Embedded
from home_sentry_engine.domain.household import Entity, EntityTrust, Trace
from tests.fakes.clock import START
from tests.fakes.looks import look

NAMES = {"gate": "Garden Gate"}
VECTOR = Embedded(model_id="m", vector=np.full(4, 0.5, np.float32), same_above=0.7)
POSTMAN = Entity(
    id="who", kind="person", first_at=START, last_at=START, last_camera_id="gate", count=4, trust=EntityTrust.TRUSTED
)


def match(similarity: float, *, apart_s: float = 60.0, entity: str | None = None, trace: int = 1) -> ProbableMatch:
    at = START - timedelta(seconds=apart_s)
    seen = Trace(id=trace, model_id="m", kind="person", camera_id="gate", at=at, expires_at=START, entity_id=entity)
    return ProbableMatch(trace=seen, similarity=similarity, seconds_apart=apart_s)


def compared(number: int = 1, *matches: ProbableMatch, at: float = 0, **changes) -> Compared:
    subject = Subject(number=number, looks=(replace(look(at, 0.5, 0.5), media_id="m1"),))
    plain = Compared(subject=subject, kind="person", look=subject.first, embedded=VECTOR, matches=matches)
    return replace(plain, **changes)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (12, "12 s earlier"),
        (90, "2 min earlier"),
        (-90, "2 min later"),
        (7200, "2 h earlier"),
        (3 * 86_400, "3 d earlier"),
    ],
)
def test_one_match(seconds, words):
    assert match_words(match(0.83, apart_s=seconds), NAMES) == f"probable same subject at Garden Gate {words} (0.83)"


def test_one_subject():
    blind = compared(embedded=None, unavailable="the file of OSNet is not here")
    assert subject_words(Acquaintance(compared=blind)) == "person: not compared, the file of OSNet is not here"
    assert subject_words(Acquaintance(compared=compared())) == "person: no match with earlier visits"
    again = Acquaintance(compared=compared(1, match(0.83)), entity=POSTMAN)
    assert subject_words(again) == "person: probable same subject (0.83), 4 visits, trusted"


def test_all_of_it_and_in_short():
    found = [
        Acquaintance(compared=compared(1, match(0.83)), entity=POSTMAN),
        Acquaintance(compared=compared(2)),
        Acquaintance(compared=compared(3, embedded=None, unavailable="too small in the picture to compare")),
    ]
    assert summary_words(found) == "1 of 3 probably seen before, 1 not compared"
    first, *_ = context_words(found, NAMES)
    assert first.endswith("; probable same subject at Garden Gate 1 min earlier (0.83)")
    leg = identity_leg(found, NAMES)
    assert [one["finding"] for one in leg["subjects"]] == ["probable same subject", "no match", "unavailable"]  # type: ignore[attr-defined]


def test_the_likest_subject_of_a_picture_claims_an_entity():
    one, other = compared(1, match(0.8, entity="who")), compared(2, match(0.9, entity="who"))
    assert claims([one, other]) == {2: ("who", other.matches[0])}


def test_subjects_of_different_pictures_may_be_one_entity():
    one, other = compared(1, match(0.8, entity="who")), compared(2, match(0.9, entity="who"), at=40)
    assert {number: claim[0] for number, claim in claims([one, other]).items()} == {1: "who", 2: "who"}


def test_the_second_best_entity_is_taken_where_the_best_is_claimed():
    one = compared(1, match(0.95, entity="a"))
    other = compared(2, match(0.9, entity="a"), match(0.85, entity="b", trace=2))
    assert {number: claim[0] for number, claim in claims([one, other]).items()} == {1: "a", 2: "b"}


def test_an_entity_that_is_remembered_by_itself_is_claimed_without_a_look():
    assert claims([compared(1, resembles=(("who", 0.8),))]) == {1: ("who", None)}
