"""Persons of Home Assistant to whom members are linked: away is only who has been away for a while."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
import pytest

from home_sentry_engine.context.household import MatchOutcome, Recognised
from home_sentry_engine.context.linked import away_persons, held_back
from home_sentry_engine.contract import HomeFact, HomeFactKind, HomeReport
from home_sentry_engine.domain.household import Member, Vehicle

NOW = datetime(2026, 6, 2, 12, 0, tzinfo=UTC)


def report(state, *, minutes=30.0, kind=HomeFactKind.PERSON, entity_id="person.ann", silent_s=5.0):
    changed = None if minutes is None else NOW - timedelta(minutes=minutes)
    fact = HomeFact(kind=kind, entity_id=entity_id, name="Ann", state=state, changed_at=changed)
    return HomeReport(facts=(fact,), received_at=NOW - timedelta(seconds=silent_s))


def away(told, *, at=NOW):
    return away_persons(told, at=at, now=NOW)


@pytest.mark.parametrize("kind", [HomeFactKind.PERSON, HomeFactKind.PRESENCE])
@pytest.mark.parametrize("state", ["not_home", "Work"])
def test_who_has_been_elsewhere_for_a_while_is_away(state, kind):
    assert away(report(state, kind=kind)) == {"person.ann"}


@pytest.mark.parametrize(
    "told",
    [
        None,
        report("home"),
        report("home", minutes=0.1),
        report(None),
        report("not_home", minutes=9.9),
        report("not_home", minutes=None),
        report("not_home", silent_s=3600),
        report("not_home", entity_id="device_tracker.phone"),
        report("not_home", kind=HomeFactKind.CONTACT),
    ],
    ids=["nothing", "home", "just back", "unknown", "just left", "since when?", "silent", "no person", "no presence"],
)
def test_everybody_else_is_not(told):
    assert away(told) == frozenset()


def test_what_counts_is_the_moment_of_the_visit():
    left = report("not_home", minutes=11)
    assert away(left) == {"person.ann"}
    assert away(left, at=NOW - timedelta(minutes=5)) == frozenset()


def match(outcome=MatchOutcome.MATCH, person="person.ann"):
    return Recognised(outcome=outcome, owner=Member(id="ann", name="Ann", ha_person=person), similarity=0.9, by="face")


def test_only_a_certain_match_with_that_member_is_held_back():
    others = [
        match(person="person.ben"),
        match(person=None),
        Recognised(outcome=MatchOutcome.NO_MATCH),
        match(MatchOutcome.PROBABLE),
        Recognised(outcome=MatchOutcome.MATCH, owner=Vehicle(id="car", name="Car")),
    ]
    found = held_back([match(), *others], {"person.ann"})
    assert found is not None
    assert found[0].outcome is MatchOutcome.PERSON_AWAY
    assert (found[0].owner, found[0].similarity, found[0].by) == (match().owner, 0.9, "face")
    assert found[1:] == others
    assert held_back(None, {"person.ann"}) is None
    assert held_back([match(), *others], ()) == [match(), *others]


@given(st.sampled_from(["home", "not_home", "Work", None]), st.floats(0, 60), st.sampled_from(MatchOutcome))
def test_nobody_becomes_more_known_or_a_stranger_by_it(state, minutes, outcome):
    told = held_back([match(outcome)], away(report(state, minutes=minutes)))
    assert told is not None
    (found,) = told
    assert found.outcome in {outcome, MatchOutcome.PERSON_AWAY}
    if found.outcome is not outcome:
        assert outcome is MatchOutcome.MATCH
