"""One declaration of an input value: it parses, checks and documents itself.

The same ``Field`` serves path and query parameters (text), JSON bodies, WebSocket commands and the OpenAPI document.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
import re
from typing import Any, Final

from home_sentry_engine.contract.errors import InvalidRequest

_WHOLE: Final = re.compile(r"-?\d{1,15}", re.ASCII)
# a plus sign that a client did not escape arrives as a space
_LOST_PLUS: Final = re.compile(r" (\d\d:?\d\d)\Z")
_LARGEST_WHOLE: Final = 2**53
_MOST_ITEMS: Final = 1000
_FLAGS: Final = {"true": True, "1": True, "false": False, "0": False}


class Kind(StrEnum):
    """What sort of value a field holds."""

    TEXT = "string"
    WHOLE = "integer"
    NUMBER = "number"
    FLAG = "boolean"
    TIME = "time"
    LIST = "array"
    OBJECT = "object"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A named input: kind, limits (inclusive), allowed words, and a sentence for the document.

    ``longest`` counts characters and holds for every text; ``nullable`` lets JSON say null. A list has ``low`` to
    ``high`` items of the shape ``items``, an object has ``fields``, or any that whoever takes it checks if it is
    ``free``; both are for JSON bodies only.
    """

    name: str
    kind: Kind = Kind.TEXT
    text: str = ""
    required: bool = False
    low: float | None = None
    high: float | None = None
    longest: int = 256
    pattern: str | None = None
    words: tuple[str, ...] = ()
    default: Any = None
    nullable: bool = False
    items: Field | None = None
    fields: tuple[Field, ...] = ()
    free: bool = False

    def from_text(self, text: str) -> Any:
        """Parse a path or query value; raises ``InvalidRequest`` naming the field and what it may be."""
        match self.kind:
            case Kind.TEXT:
                return self._checked(text)
            case Kind.TIME:
                return self._time(text)
            case Kind.FLAG:
                if text.lower() not in _FLAGS:
                    raise self._wrong("true or false")
                return _FLAGS[text.lower()]
            case Kind.WHOLE:
                if not _WHOLE.fullmatch(text):
                    raise self._wrong("a whole number")
                return self._ranged(int(text))
            case Kind.NUMBER:
                return self._ranged(self._number(text))
            case Kind.LIST | Kind.OBJECT:
                raise self._wrong(_NOUNS[self.kind])

    def from_json(self, value: object) -> Any:
        """Check a JSON value without converting between its types; raises ``InvalidRequest``."""
        if value is None and self.nullable:
            return None
        match self.kind:
            case Kind.FLAG if isinstance(value, bool):
                return value
            case Kind.TEXT if isinstance(value, str):
                return self._checked(value)
            case Kind.TIME if isinstance(value, str):
                return self._time(value)
            case Kind.WHOLE if isinstance(value, int) and not isinstance(value, bool):
                return self._ranged(value)
            case Kind.NUMBER if isinstance(value, int | float) and not isinstance(value, bool):
                return self._ranged(float(value))
            case Kind.LIST if isinstance(value, list) and self.items is not None:
                return [self.items.from_json(one) for one in self._sized(value)]
            case Kind.OBJECT if isinstance(value, Mapping):
                return dict(value) if self.free else read_object(self.fields, value)
        raise self._wrong(_NOUNS[self.kind])

    def schema(self) -> dict[str, Any]:
        """Give the JSON schema of the value."""
        schema: dict[str, Any] = {"type": "string" if self.kind is Kind.TIME else self.kind.value}
        if self.kind is Kind.TIME:
            schema["format"] = "date-time"
        if self.kind is Kind.LIST:
            sizes = {"minItems": self.low, "maxItems": self.high}
            schema |= {name: value for name, value in sizes.items() if value is not None}
            return schema | {"items": self.items.schema() if self.items is not None else {}}
        if self.kind is Kind.OBJECT:
            known: dict[str, Any] = {"additionalProperties": True} if self.free else object_schema(self.fields)
            if self.nullable:
                known["type"] = ["object", "null"]
            return schema | known
        limits = {"minimum": self.low, "maximum": self.high, "pattern": self.pattern, "default": self.default}
        schema |= {name: value for name, value in limits.items() if value is not None}
        if self.kind is Kind.TEXT and not self.words:
            schema["maxLength"] = self.longest
        if self.words:
            schema["enum"] = list(self.words)
        if self.nullable:
            schema["type"] = [schema["type"], "null"]
        return schema

    def _checked(self, text: str) -> str:
        if self.words:
            if text not in self.words:
                raise self._wrong("one of " + ", ".join(self.words))
        elif len(text) > self.longest:
            raise self._wrong(f"at most {self.longest} characters")
        elif "\0" in text:
            raise self._wrong("text without NUL")
        elif self.pattern and not _compiled(self.pattern).fullmatch(text):
            raise self._wrong(f"of the form {self.pattern}")
        return text

    def _sized(self, value: list[Any]) -> list[Any]:
        low, high = int(self.low or 0), int(self.high if self.high is not None else _MOST_ITEMS)
        if not low <= len(value) <= high:
            raise self._wrong(f"a list of {low} to {high} items")
        return value

    def _number(self, text: str) -> float:
        try:
            return float(text) if len(text) <= 32 and text.isascii() and "_" not in text else float("nan")
        except ValueError as err:
            raise self._wrong("a number") from err

    def _ranged[N: (int, float)](self, value: N) -> N:
        low = -_LARGEST_WHOLE if self.low is None else self.low
        high = _LARGEST_WHOLE if self.high is None else self.high
        if not low <= value <= high:
            raise self._wrong(f"{low:g} to {high:g}")
        return value

    def _time(self, text: str) -> datetime:
        try:
            at = datetime.fromisoformat(_LOST_PLUS.sub(r"+\1", text) if "T" in text else text)
            return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError) as err:
            raise self._wrong("a date and time such as 2026-05-01T08:30:00Z") from err

    def _wrong(self, wanted: str) -> InvalidRequest:
        return InvalidRequest(f"'{self.name}' must be {wanted}", details={"field": self.name, "expected": wanted})


_NOUNS: Final = {
    Kind.TEXT: "a string",
    Kind.WHOLE: "a whole number",
    Kind.NUMBER: "a number",
    Kind.FLAG: "true or false",
    Kind.TIME: "a date and time such as 2026-05-01T08:30:00Z",
    Kind.LIST: "a list",
    Kind.OBJECT: "an object",
}


@lru_cache(maxsize=64)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def read_object(fields: Sequence[Field], values: object) -> dict[str, Any]:
    """Check a JSON object against its fields; unknown names are refused, absent ones get their default."""
    if not isinstance(values, Mapping):
        raise InvalidRequest("the body must be a JSON object")
    known = {field.name for field in fields}
    for name in values:
        if name not in known:
            raise InvalidRequest(f"field '{str(name)[:40]}' is not known", details={"known": sorted(known)})
    return {field.name: _one(field, values) for field in fields}


def object_schema(fields: Sequence[Field]) -> dict[str, Any]:
    """Give the JSON schema of an object with these fields and no others."""
    return {
        "type": "object",
        "properties": {field.name: field.schema() for field in fields},
        "required": [field.name for field in fields if field.required],
        "additionalProperties": False,
    }


def _one(field: Field, values: Mapping[str, object]) -> Any:
    if field.name in values:
        return field.from_json(values[field.name])
    if field.required:
        raise InvalidRequest(f"field '{field.name}' is missing", details={"field": field.name})
    return field.default


def read_query(fields: Sequence[Field], pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Check query parameters; an unknown or repeated one is refused, absent ones get their default."""
    by_name = {field.name: field for field in fields}
    found: dict[str, Any] = {}
    for name, text in pairs:
        field = by_name.get(name)
        if field is None:
            raise InvalidRequest(f"parameter '{name[:40]}' is not known", details={"known": sorted(by_name)})
        if name in found:
            raise InvalidRequest(f"parameter '{name}' is given twice", details={"field": name})
        found[name] = field.from_text(text)
    missing = next((field.name for field in fields if field.required and field.name not in found), None)
    if missing:
        raise InvalidRequest(f"parameter '{missing}' is missing", details={"field": missing})
    return {field.name: found.get(field.name, field.default) for field in fields}


CAMERA_ID: Final = Field(name="camera_id", pattern=r"^[a-z0-9_]{1,64}$", text="Id of a camera", required=True)
EVENT_ID: Final = Field(name="event_id", pattern=r"^[a-z0-9_-]{1,64}$", text="Id of an event", required=True)
MEDIA_ID: Final = Field(name="media_id", pattern=r"^[a-z0-9_-]{1,64}$", text="Id of a media file", required=True)
