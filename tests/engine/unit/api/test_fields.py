"""Input values: text and JSON, checked against one declaration."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
import pytest

from home_sentry_engine.api.fields import Field, Kind, read_object, read_query
from home_sentry_engine.contract.errors import InvalidRequest

WHOLE = Field(name="n", kind=Kind.WHOLE, low=1, high=1000)
TIME = Field(name="t", kind=Kind.TIME)
KINDS = [
    Field(name="a", kind=Kind.TEXT, longest=5),
    Field(name="a", kind=Kind.TEXT, pattern="^[a-z]+$"),
    Field(name="a", kind=Kind.TEXT, words=("x", "y")),
    WHOLE,
    Field(name="a", kind=Kind.NUMBER, low=0, high=1),
    Field(name="a", kind=Kind.FLAG),
    TIME,
    Field(name="a", kind=Kind.FLAG, nullable=True),
    Field(name="a", kind=Kind.LIST, high=2, items=Field(name="a", kind=Kind.NUMBER, low=0, high=1)),
]
TIMES = st.datetimes(timezones=st.just(UTC) | st.none()).map(datetime.isoformat)
# near enough to be taken now and then
NUMBERS = st.integers(-5, 1010), st.floats(-0.5, 1.5)
TEXTS = st.one_of(st.text(max_size=40), TIMES, *(numbers.map(str) for numbers in NUMBERS))
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), TIMES, *NUMBERS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(KINDS), TEXTS)
def test_any_text_is_a_value_or_a_named_refusal(field, text):
    assert _fits(field, _value_or_refusal(field, field.from_text, text))


@given(st.sampled_from(KINDS), JSON)
def test_any_json_is_a_value_or_a_named_refusal(field, plain):
    assert _fits(field, _value_or_refusal(field, field.from_json, plain))


def _value_or_refusal(field: Field, parse: Callable[[Any], object], raw: object) -> object:
    try:
        return parse(raw)
    except InvalidRequest as err:
        return err


def _fits(field: Field, value: object) -> bool:
    if isinstance(value, InvalidRequest):
        return value.details["field"] == field.name
    match field.kind:
        case Kind.TEXT:
            return isinstance(value, str) and (value in field.words or len(value) <= field.longest)
        case Kind.WHOLE:
            return isinstance(value, int) and 1 <= value <= 1000
        case Kind.NUMBER:
            return isinstance(value, float) and 0 <= value <= 1
        case Kind.FLAG:
            return isinstance(value, bool) or (field.nullable and value is None)
        case Kind.TIME:
            return isinstance(value, datetime) and value.tzinfo is UTC
        case Kind.LIST:
            return isinstance(value, list) and len(value) <= 2 and all(0 <= one <= 1 for one in value)
        case Kind.OBJECT:
            return isinstance(value, dict) and value.keys() == {one.name for one in field.fields}


@given(st.integers(0, 7_000_000_000), st.integers(-14 * 60, 14 * 60))
def test_times_are_read_in_any_zone_even_with_a_lost_plus(seconds, minutes):
    at = datetime.fromtimestamp(seconds, timezone(timedelta(minutes=minutes)))
    assert TIME.from_text(at.isoformat()) == at
    assert TIME.from_text(at.isoformat().replace("+", " ")) == at
    assert TIME.from_json(at.astimezone(UTC).isoformat().replace("+00:00", "Z")) == at


def test_a_time_without_a_zone_is_utc():
    assert TIME.from_text("2026-05-01T08:30") == datetime(2026, 5, 1, 8, 30, tzinfo=UTC)
    assert TIME.from_text("2026-05-01") == datetime(2026, 5, 1, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", " 5", "5 ", "+5", "5_0", "1e2", "\u0665", "9" * 400, "0x5", "5\n", "nan"])
def test_numbers_are_plain_digits(text):
    with pytest.raises(InvalidRequest):
        WHOLE.from_text(text)


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "1e999", "0_1", "", "0" * 40, "\u0661"])
def test_decimal_numbers_are_finite(text):
    with pytest.raises(InvalidRequest):
        Field(name="x", kind=Kind.NUMBER, low=0, high=1).from_text(text)


def test_json_types_are_not_converted():
    for value in ("5", 5.0, True, None, [5]):
        with pytest.raises(InvalidRequest):
            WHOLE.from_json(value)
    for value in (1, "true", None):
        with pytest.raises(InvalidRequest):
            Field(name="x", kind=Kind.FLAG).from_json(value)


def test_objects_and_queries_name_what_is_unknown_missing_or_given_twice():
    fields = (Field(name="a", required=True), Field(name="b", kind=Kind.WHOLE, default=7))
    assert read_object(fields, {"a": "x"}) == {"a": "x", "b": 7}
    assert read_query(fields, [("b", "3"), ("a", "x")]) == {"a": "x", "b": 3}
    wrong: object
    for wrong in ({}, {"a": "x", "c": 1}, [], None, "a"):
        with pytest.raises(InvalidRequest):
            read_object(fields, wrong)
    pairs: list[tuple[str, str]]
    for pairs in ([], [("a", "x"), ("a", "y")], [("a", "x"), ("c", "y")]):
        with pytest.raises(InvalidRequest):
            read_query(fields, pairs)
