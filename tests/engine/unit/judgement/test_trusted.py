"""Whom a household trusts, and when that speaks for a whole visit."""

import pytest

from home_sentry_engine.contract import ONLY_TRUSTED
from home_sentry_engine.judgement.judge import Judge
from tests.fakes.scenes import person_scene

ANN = {"name": "Ann", "outcome": "match", "role": "resident", "trust": "full"}
CAR = {"name": "Van", "outcome": "match", "role": "resident", "trust": "full"}
PERSON, OTHER = ["person", 0.9, [860, 430, 140, 360]], ["person", 0.9, [100, 430, 140, 360]]
VEHICLE, DOG = ["car", 0.9, [300, 300, 400, 300]], ["dog", 0.9, [700, 700, 120, 90]]


def came(kind, trust="trusted"):
    entity = {"id": f"e-{kind}", "name": "Somebody", "trust": trust}
    return {"kind": kind, "finding": "probable same subject", "similarity": 0.9, "entity": entity, "seen": []}


def trusted(objects, **legs):
    verdict = Judge().rule(person_scene(frames=[{"t": 0, "objects": objects}], legs=legs))
    found = [factor for factor in verdict.factors if factor.id == ONLY_TRUSTED]
    assert all(factor.points == 0 and factor.evidence for factor in found)
    return bool(found)


def house(*persons, vehicles=()):
    return {"persons": list(persons), "vehicles": list(vehicles)}


@pytest.mark.parametrize(
    ("objects", "legs"),
    [
        ([PERSON], {"household": house(ANN)}),
        ([PERSON, DOG], {"household": house(ANN)}),
        ([PERSON, VEHICLE], {"household": house(ANN, vehicles=[CAR])}),
        ([VEHICLE], {"household": house(vehicles=[CAR])}),
        ([PERSON], {"identity": {"subjects": [came("person")]}}),
        ([PERSON, VEHICLE], {"household": house(ANN), "identity": {"subjects": [came("vehicle")]}}),
        ([DOG], {"identity": {"subjects": [came("animal")]}}),
    ],
)
def test_a_visit_of_the_trusted_alone_is_named(objects, legs):
    assert trusted(objects, **legs)


@pytest.mark.parametrize(
    ("objects", "legs"),
    [
        ([PERSON], {}),
        ([PERSON, OTHER], {"household": house(ANN)}),
        ([PERSON, VEHICLE], {"household": house(ANN)}),
        ([PERSON], {"household": house(ANN | {"trust": "partial"})}),
        ([PERSON], {"household": house(ANN | {"outcome": "outside_schedule"})}),
        ([PERSON], {"household": house(ANN | {"outcome": "person_away"}), "identity": {"subjects": [came("person")]}}),
        (
            [PERSON],
            {"household": house({"name": "", "outcome": "no_match"}), "identity": {"subjects": [came("person")]}},
        ),
        ([PERSON], {"household": house(ANN), "identity": {"subjects": [came("person", "untrusted")]}}),
        ([PERSON], {"household": house(ANN), "tamper": {"kind": "view_blocked"}}),
        ([DOG], {}),
        ([], {"household": house()}),
    ],
)
def test_one_doubt_takes_that_from_all(objects, legs):
    assert not trusted(objects, **legs)
