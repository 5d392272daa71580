"""Requests for every operation, made of what its route declares."""

from datetime import UTC, datetime
import json
import re
from urllib.parse import quote

from hypothesis import strategies as st

from home_sentry_engine.api.fields import Field, Kind
from home_sentry_engine.api.routing import JsonBody, Route
from tests.engine.unit.api.test_access import IDS

type Values = st.SearchStrategy[object]

JSON: Values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_NAMES = {name.strip("{}"): value for name, value in IDS.items()}
_EDGE = 2.0**53
_SIMPLE: dict[Kind, Values] = {
    Kind.TIME: st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)).map(  # noqa: DTZ001 - Hypothesis wants it so
        lambda at: at.replace(tzinfo=UTC).isoformat()
    ),
    Kind.FLAG: st.booleans(),
}
_WORDS = ("", "anna", "e1", "front_door", "../../etc/passwd", "UTC", "07:30", "person", "high")


def path_of(route: Route, name: str) -> str:
    """Fill the gaps of a path: with what is there for an empty name, else with that name."""
    return re.sub(r"{\w+}", lambda gap: name or IDS[gap.group()], route.path)


def body_of(route: Route) -> st.SearchStrategy[bytes]:
    """Give bodies that an operation may take, and such that it must refuse."""
    fields = route.body.fields if isinstance(route.body, JsonBody) else ()
    return st.one_of(
        _object(fields).map(_written),
        _object(fields).map(_written),
        JSON.map(_written),
        st.binary(max_size=100),
    )


def query_of(route: Route) -> st.SearchStrategy[list[str]]:
    """Give parameters that an operation understands, most with values that it takes."""
    if not route.query:
        return st.just([])
    one = st.sampled_from(route.query).flatmap(
        lambda field: _value(field).map(lambda value: f"{field.name}={quote(_plain(value))}")
    )
    return st.lists(one, max_size=3)


def _written(value: object) -> bytes:
    return json.dumps(value).encode()


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _object(fields: tuple[Field, ...]) -> Values:
    needed = {field.name: _value(field) for field in fields if field.required}
    return st.fixed_dictionaries(needed, optional={f.name: _value(f) for f in fields if not f.required})


def _value(field: Field) -> Values:
    fitting = _fitting(field)
    return st.one_of(fitting, fitting, fitting, JSON)


def _fitting(field: Field) -> Values:
    if field.words:
        return st.sampled_from(field.words)
    if field.name in _NAMES:
        return st.just(_NAMES[field.name])
    if field.kind in _SIMPLE:
        return _SIMPLE[field.kind]
    low, high = field.low, field.high
    match field.kind:
        case Kind.WHOLE:
            return st.integers(int(-_EDGE if low is None else low), int(_EDGE if high is None else high))
        case Kind.NUMBER:
            return st.floats(low, high, allow_nan=False)
        case Kind.LIST:
            return st.lists(_value(field.items), max_size=3) if field.items else JSON
        case Kind.OBJECT:
            return JSON if field.free else _object(field.fields)
        case _:
            return st.sampled_from(_WORDS) | st.text(max_size=30)
