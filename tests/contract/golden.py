"""Messages and answers as they are on the wire, and what each side must make of them.

Both environments run these checks: the engine's over ``home_sentry_engine.contract``, Home Assistant's over the
integration's own copy of the package, with the library versions that each of them has.
"""

from collections.abc import Iterator
import dataclasses
import json
from pathlib import Path
from types import ModuleType
from typing import Any

FOLDER = Path(__file__).parent / "golden"
MESSAGES = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("messages/*.json"))}
ANSWERS = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("answers/*.json"))}
CLIENT_TYPES = {"auth", "subscribe", "ack", "command"}
# fields whose values are free JSON: what is put there stays there
FREE = {
    *("args", "data", "details", "payload", "rejections", "component_states"),
    *("by_level", "by_camera", "by_day", "by_object", "by_reason"),
    *("by_status", "by_severity", "by_rule", "metadata", "broken_rules"),
    *("content", "prompts", "failed", "effects", "by_state", "by_source"),
    *("attributes", "errors", "unreadable", "value"),
}


def read(contract: ModuleType, plain: Any) -> Any:
    """Decode a message as its receiver does."""
    text = json.dumps(plain)
    return contract.decode_client(text) if plain["type"] in CLIENT_TYPES else contract.decode_server(text)


def answer(contract: ModuleType, name: str, plain: Any) -> Any:
    """Decode an answer of the REST API."""
    return contract.decode(getattr(contract, name), json.dumps(plain))


def check_messages(contract: ModuleType) -> None:
    """Every message is understood and written back as it was."""
    for name, plain in MESSAGES.items():
        message = read(contract, plain)
        assert message is not None, name
        assert contract.to_plain(message) == plain, name


def check_answers(contract: ModuleType) -> None:
    """Every answer is understood and written back as it was."""
    for name, plain in ANSWERS.items():
        assert contract.to_plain(answer(contract, name, plain)) == plain, name


def check_completeness(contract: ModuleType) -> None:
    """Each message of the contract has its golden file, and each field of it a value somewhere."""
    found = {plain["type"] for plain in MESSAGES.values()}
    known = {
        default
        for item in vars(contract).values()
        if dataclasses.is_dataclass(item)
        for field in dataclasses.fields(item)
        if field.name == "type" and isinstance(default := field.default, str)
    }
    assert found == known
    examples: dict[type, list[Any]] = {}
    for value in [read(contract, plain) for plain in MESSAGES.values()]:
        _collect(value, examples)
    for name, plain in ANSWERS.items():
        _collect(answer(contract, name, plain), examples)
    for shape, values in examples.items():
        for field in dataclasses.fields(shape):
            assert any(getattr(value, field.name) not in (None, (), {}) for value in values), f"{shape}.{field.name}"


def check_newer_peer(contract: ModuleType) -> None:
    """Fields that a later version adds change nothing; words that it adds read as unknown."""
    for name, plain in MESSAGES.items():
        assert read(contract, _grown(plain)) == read(contract, plain), name
    for name, plain in ANSWERS.items():
        assert answer(contract, name, _grown(plain)) == answer(contract, name, plain), name
    for path, changed in _with_new_words(MESSAGES["snapshot"]):
        assert "unknown" in json.dumps(contract.to_plain(read(contract, changed))), path


def check_unknown_type(contract: ModuleType) -> None:
    """A message of a type that this version does not know is skipped."""
    assert contract.decode_server('{"type": "fireworks", "seq": 5, "colour": "red"}') is None


def check_errors(contract: ModuleType) -> None:
    """An error crosses the wire as its class; an unknown code as the base."""
    problem = answer(contract, "Problem", ANSWERS["Problem"])
    error = contract.WireError.from_wire(problem.code, problem.detail, problem.details)
    assert type(error).__name__ == "NotFound"
    assert (error.status, error.details, isinstance(error, LookupError)) == (404, {"field": "event_id"}, True)
    assert type(contract.WireError.from_wire("later", "x")) is contract.WireError


def _collect(value: Any, examples: dict[type, list[Any]]) -> None:
    if isinstance(value, tuple):
        for one in value:
            _collect(one, examples)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        examples.setdefault(type(value), []).append(value)
        for field in dataclasses.fields(value):
            _collect(getattr(value, field.name), examples)


def _grown(plain: Any) -> Any:
    if isinstance(plain, dict):
        grown = {key: value if key in FREE else _grown(value) for key, value in plain.items()}
        return {**grown, "added_later": {"deep": [1, None]}}
    return [_grown(value) for value in plain] if isinstance(plain, list) else plain


WORDS = {
    *("mode", "state", "status", "risk_level", "level", "analysis_state", "analysis_reason", "change"),
    *("groups", "kind"),
}


def _with_new_words(plain: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(plain, dict):
        for key, value in plain.items():
            if key in WORDS and isinstance(value, str):
                yield f"{path}.{key}", {**plain, key: "invented_later"}
            elif key in WORDS and isinstance(value, list) and value:
                yield f"{path}.{key}", {**plain, key: ["invented_later"]}
            else:
                for where, changed in _with_new_words(value, f"{path}.{key}"):
                    yield where, {**plain, key: changed}
    elif isinstance(plain, list):
        for index, value in enumerate(plain):
            for where, changed in _with_new_words(value, f"{path}[{index}]"):
                yield where, [*plain[:index], changed, *plain[index + 1 :]]
