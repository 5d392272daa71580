"""What is written is read back; what is read never fails in another way than documented."""

from collections.abc import Callable
import dataclasses
from datetime import UTC, datetime
from enum import Enum
import functools
import json
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
import pytest

from home_sentry_engine import contract
from home_sentry_engine.contract import decode, decode_client, decode_server, encode, from_plain, to_plain
from home_sentry_engine.contract.errors import InvalidRequest
from tests.contract.golden import ANSWERS, MESSAGES

WHOLE = st.integers(-(2**53), 2**53)
NUMBER = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | WHOLE | NUMBER | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=10,
)
TIMES = st.integers(-2_000_000_000, 7_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
TEXT = st.text(max_size=20)
PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXT,
    int: WHOLE,
    float: NUMBER,
    bool: st.booleans(),
    type(None): st.none(),
    datetime: TIMES,
    Any: JSON,
}
MESSAGE_TYPES = (
    *(contract.Hello, contract.Auth, contract.AuthFailed, contract.Snapshot, contract.Resync, contract.EventCreated),
    *(contract.EventUpdated, contract.DetectionsAdded, contract.CameraChanged, contract.CameraRemoved),
    *(contract.SystemStatus, contract.Command, contract.Result, contract.Bye),
)


@functools.cache
def values(hint: Any) -> st.SearchStrategy[Any]:
    """Values of a field's type that JSON can hold."""
    if hint in PLAIN:
        return PLAIN[hint]
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        hints = get_type_hints(hint)
        return st.builds(hint, **{field.name: values(hints[field.name]) for field in dataclasses.fields(hint)})
    if isinstance(hint, type) and issubclass(hint, Enum):
        return st.sampled_from(hint)
    arguments = get_args(hint)
    match get_origin(hint):
        case origin if origin is Literal:
            return st.sampled_from(arguments)
        case origin if origin is tuple:
            if arguments[-1] is not Ellipsis:
                return st.tuples(*(values(one) for one in arguments))
            return st.lists(values(arguments[0]), max_size=2).map(tuple)
        case origin if origin is dict:
            return st.dictionaries(st.text(max_size=6), values(arguments[1]), max_size=3)
        case origin if origin is Union:
            return st.one_of(*(values(one) for one in arguments))
    raise TypeError(f"no values for {hint}")


@pytest.mark.parametrize("shape", MESSAGE_TYPES, ids=lambda shape: shape.__name__)
# a house full of everything takes long to make up on a busy machine
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_any_message_survives_the_way(shape, data):
    message = data.draw(values(shape))
    read = decode_client if shape in {contract.Auth, contract.Command} else decode_server
    assert read(encode(message)) == message
    assert from_plain(shape, to_plain(message)) == message


def refusal(read: Callable[[bytes], object], raw: bytes) -> InvalidRequest | None:
    """What a reader raised, if it is what it may raise; everything else fails the test."""
    try:
        read(raw)
    except InvalidRequest as err:
        return err
    return None


@given(st.sampled_from(sorted(MESSAGES)), st.data())
def test_a_damaged_message_is_refused_as_documented(name, data):
    text = json.dumps(MESSAGES[name])
    at = data.draw(st.integers(0, len(text) - 1))
    damaged = text[:at] + data.draw(st.text(max_size=3)) + text[at + data.draw(st.integers(0, 5)) :]
    for read in (decode_client, decode_server):
        err = refusal(read, damaged.encode())
        assert err is None or len(err.message) < 300


@given(JSON | st.dictionaries(st.sampled_from(["type", "token", "id", "name", "seq", "event"]), JSON))
def test_any_json_is_a_message_or_refused(plain):
    for read in (decode_client, decode_server):
        err = refusal(read, json.dumps(plain).encode())
        assert err is None or err.code == "invalid_request"


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_as_documented(raw):
    for read in (decode_client, decode_server, lambda body: decode(contract.Event, body)):
        refusal(read, raw)


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_a_missing_field_is_named(name):
    shape = getattr(contract, name)
    needed = {field.name for field in dataclasses.fields(shape) if _has_no_default(field)}
    for field in ANSWERS[name]:
        plain = {key: value for key, value in ANSWERS[name].items() if key != field}
        err = refusal(lambda raw: decode(shape, raw), json.dumps(plain).encode())
        assert (err.details if err else None) == ({"field": field} if field in needed else None)


def _has_no_default(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def test_a_vocabulary_lists_what_this_version_knows():
    assert contract.RiskLevel.words() == ("low", "medium", "high", "critical")
    assert contract.RiskLevel("of a newer peer").value not in contract.RiskLevel.words()
