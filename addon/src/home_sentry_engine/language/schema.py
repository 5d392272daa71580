"""The answer's schema: one table of fields drives the prompt, the grammar and the parser."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from home_sentry_engine.contract import VisualVerdict
from home_sentry_engine.domain.claims import Claim
from home_sentry_engine.domain.risk import MAX_SCORE, MIN_SCORE

from .errors import BadOutput
from .sanitize import plain

# a number this far outside 0..100 is not a score that slipped but an answer that lost its meaning
_ABSURD: Final = 1000


class Kind(StrEnum):
    """Shape of a field."""

    TEXT = "text"
    TEXTS = "texts"
    CLAIMS = "claims"
    PERCENT = "percent"
    WORD = "word"


class Size(StrEnum):
    """Full form for ordinary windows, compact form for windows of a few hundred tokens."""

    FULL = "full"
    COMPACT = "compact"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of the answer; ``length`` in characters and ``count`` in items, each for (full, compact).

    A word is one of ``words``.
    """

    name: str
    kind: Kind
    meaning: str
    length: tuple[int, int] = (0, 0)
    count: tuple[int, int] = (0, 0)
    required: bool = True
    words: tuple[str, ...] = ()


# the reasoning stands before the score, so that the score follows from it; strings stay below 600 characters because
# llama.cpp's grammar grows with the limit and crashes from about 1200
FIELDS: Final[tuple[Field, ...]] = (
    Field(name="reasoning", kind=Kind.TEXT, length=(600, 40), meaning="why, from the data alone, in a few sentences"),
    Field(name="risk_score", kind=Kind.PERCENT, meaning="0 to 100, on the scale above"),
    Field(name="summary", kind=Kind.TEXT, length=(240, 40), meaning="one sentence for the phone"),
    Field(name="recommended_action", kind=Kind.TEXT, length=(200, 20), meaning="what the owner should do, or 'none'"),
    Field(
        name="entities",
        kind=Kind.TEXTS,
        length=(80, 8),
        count=(8, 1),
        required=False,
        meaning="who and what takes part",
    ),
    Field(
        name="flags",
        kind=Kind.CLAIMS,
        count=(6, 1),
        required=False,
        meaning=f"only what the data proves, of: {', '.join(Claim)}",
    ),
    Field(name="confidence", kind=Kind.PERCENT, meaning="0 to 100, how sure you are"),
    Field(
        name="confidence_factors",
        kind=Kind.TEXTS,
        length=(80, 8),
        count=(4, 1),
        required=False,
        meaning="what makes you more or less sure",
    ),
)


# what a model is asked that sees the pictures: the verdict follows from the reasoning, and the score from the verdict
SEEING_FIELDS: Final[tuple[Field, ...]] = (
    FIELDS[0],
    Field(
        name="verdict",
        kind=Kind.WORD,
        words=(VisualVerdict.CONFIRMED, VisualVerdict.REJECTED, VisualVerdict.UNCERTAIN),
        meaning="whether what was detected is really in the pictures",
    ),
    *FIELDS[1:],
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A validated answer; ``risk_score`` and ``confidence`` are 0..100, ``verdict`` is of those who see alone."""

    reasoning: str
    risk_score: int
    summary: str
    recommended_action: str
    entities: tuple[str, ...]
    flags: tuple[str, ...]
    confidence: int
    confidence_factors: tuple[str, ...]
    verdict: str | None = None


def json_schema(size: Size, fields: Sequence[Field] = FIELDS) -> dict[str, Any]:
    """Give the JSON schema that binds the answer; scores are an enum because llama-cpp-python ignores number bounds."""
    return {
        "type": "object",
        "properties": {field.name: _shape(field, size) for field in fields},
        "required": [field.name for field in fields],
        "additionalProperties": False,
    }


def instructions(size: Size, fields: Sequence[Field] = FIELDS) -> str:
    """Describe the answer for the prompt: one line per field, or their names only in the compact form."""
    if size is Size.COMPACT:
        return ", ".join(field.name for field in fields)
    return "\n".join(f'- "{field.name}" ({_shape_words(field)}): {field.meaning}' for field in fields)


def answer_of(value: object, fields: Sequence[Field] = FIELDS) -> Answer:
    """Validate and clamp a parsed JSON value; raises ``BadOutput`` naming the field."""
    if not isinstance(value, Mapping):
        raise BadOutput("the answer is not a JSON object")
    parsed: dict[str, Any] = {}
    for field in fields:
        if field.name not in value:
            if field.required:
                raise BadOutput(f"the answer has no {field.name}")
            parsed[field.name] = ()
            continue
        parsed[field.name] = _PARSERS[field.kind](field, value[field.name])
    return Answer(**parsed)


def _shape(field: Field, size: Size) -> dict[str, Any]:
    column = 0 if size is Size.FULL else 1
    if field.kind is Kind.PERCENT:
        return {"type": "integer", "enum": list(range(MIN_SCORE, MAX_SCORE + 1))}
    if field.kind is Kind.WORD:
        return {"type": "string", "enum": list(field.words)}
    if field.kind is Kind.TEXT:
        return {"type": "string", "minLength": 1, "maxLength": field.length[column]}
    item: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": field.length[column]}
    if field.kind is Kind.CLAIMS:
        item = {"type": "string", "enum": [claim.value for claim in Claim]}
    return {"type": "array", "items": item, "maxItems": field.count[column]}


def _shape_words(field: Field) -> str:
    if field.kind is Kind.PERCENT:
        return "whole number"
    if field.kind is Kind.WORD:
        return f"one of {', '.join(field.words)}"
    if field.kind is Kind.TEXT:
        return f"text, at most {field.length[0]} characters"
    return f"list, at most {field.count[0]}"


def _percent(field: Field, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadOutput(f"{field.name} is not a number")
    if not -_ABSURD <= value <= _ABSURD:
        raise BadOutput(f"{field.name} is far outside 0..100")
    return max(MIN_SCORE, min(round(value), MAX_SCORE))


def _text(field: Field, value: object) -> str:
    if not isinstance(value, str):
        raise BadOutput(f"{field.name} is not a text")
    text = plain(value, field.length[0])
    if not text:
        raise BadOutput(f"{field.name} is empty")
    return text


def _texts(field: Field, value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise BadOutput(f"{field.name} is not a list of texts")
    texts = (plain(item, field.length[0] or 40) for item in value[: field.count[0]])
    return tuple(dict.fromkeys(text for text in texts if text))


def _word(field: Field, value: object) -> str:
    word = value.strip().casefold() if isinstance(value, str) else ""
    if word not in field.words:
        raise BadOutput(f"{field.name} is none of {', '.join(field.words)}")
    return word


_PARSERS: Final = {Kind.WORD: _word, Kind.TEXT: _text, Kind.TEXTS: _texts, Kind.CLAIMS: _texts, Kind.PERCENT: _percent}
