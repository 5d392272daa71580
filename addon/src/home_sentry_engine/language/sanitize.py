"""Text from outside made harmless before it enters a prompt, and a model's text before it reaches people.

Nothing here is the last line of defence: seen text is fenced as data, tokenised without special tokens, and no answer
gets below the floor that evidence sets. What stays must remain readable: honest names are not to be mangled.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
import math
import re
from typing import Any, Final
import unicodedata

from .injections import HEADERS, INSTRUCTIONS, TOKENS, readings, skeleton


class Cap(IntEnum):
    """Longest text of each kind in characters; ``SEEN`` is text read in a picture."""

    CAMERA = 256
    ZONE = 256
    OBJECT = 128
    DESCRIPTION = 2048
    SEEN = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaned:
    """A harmless text and what was taken out of it: ``token`` (template token), ``header``, ``instruction``."""

    text: str
    attempts: tuple[str, ...] = ()


REMOVED: Final = "…"

_NEUTRAL: Final = str.maketrans("<>`{}", "()'()")
_BREAKS: Final = "\r\n\t\v\f\x85\u2028\u2029"
_UNSEEN: Final = frozenset({"Cc", "Cf", "Co", "Cn", "Cs"})

_URL: Final = re.compile(r"\b(?:[a-z][a-z0-9+.\-]{1,10}://|www\.|data:|javascript:|mailto:)\S*", re.IGNORECASE)
_MARKDOWN_LINK: Final = re.compile(r"!?\[([^\]\n]{0,200})\]\([^)\n]{0,500}\)")
_TAG: Final = re.compile(r"</?[a-zA-Z!][^<>]{0,200}>")


def clean(text: str, cap: int = Cap.DESCRIPTION) -> Cleaned:
    """Give ``text`` as one readable line of at most ``cap`` characters without tokens, headers or instructions."""
    line = _one_line(text[: cap * 4])
    attempts: list[str] = []
    # removal can bring the two halves of a token together, so it is repeated until nothing changes
    for _ in range(8):
        line, found = _strip(line)
        if not found:
            break
        attempts.extend(found)
    line = line.translate(_NEUTRAL)
    return Cleaned(text=" ".join(line.split())[:cap].strip(), attempts=tuple(attempts))


def clean_value(value: object, *, cap: int = Cap.SEEN, items: int = 20, depth: int = 4) -> tuple[Any, tuple[str, ...]]:
    """Clean a JSON value in all its keys and texts, bounded in size; gives it with the attempts found."""
    attempts: list[str] = []

    def walk(part: object, level: int) -> Any:
        if isinstance(part, str):
            cleaned = clean(part, cap)
            attempts.extend(cleaned.attempts)
            return cleaned.text
        if isinstance(part, bool) or part is None or isinstance(part, int):
            return part
        if isinstance(part, float):
            return round(part, 3) if math.isfinite(part) else None
        if level <= 0:
            return REMOVED
        if isinstance(part, Mapping):
            return {str(walk(str(key), 1)): walk(inner, level - 1) for key, inner in list(part.items())[:items]}
        if isinstance(part, list | tuple | set | frozenset):
            return [walk(inner, level - 1) for inner in list(part)[:items]]
        return walk(str(part), level)

    return walk(value, depth), tuple(attempts)


def plain(text: str, cap: int) -> str:
    """Make a model's text safe to show: one line, no markup, no links, no template braces."""
    line = _one_line(text[: cap * 4])
    line = _MARKDOWN_LINK.sub(r"\1", line)
    line = _URL.sub("(link removed)", line)
    line = TOKENS.sub("", _TAG.sub("", line))
    line = line.translate(_NEUTRAL).replace("*", "")
    line = " ".join(line.split())
    return line if len(line) <= cap else f"{line[: cap - 1].rstrip()}…"


def _one_line(text: str) -> str:
    """Fold compatibility forms and drop what cannot be seen: controls, zero-width, directional, unassigned."""
    folded = unicodedata.normalize("NFKC", text)
    shown = (
        " " if character in _BREAKS else character
        for character in folded
        if character in _BREAKS or unicodedata.category(character) not in _UNSEEN
    )
    return "".join(shown)


def _strip(line: str) -> tuple[str, list[str]]:
    found = []
    line, count = TOKENS.subn(" ", line)
    found.extend(["token"] * count)
    line, count = _cut(line, HEADERS, skeleton(line))
    found.extend(["header"] * count)
    for reading in readings(line):
        line, count = _cut(line, INSTRUCTIONS, reading)
        if count:
            # the other readings no longer match the line; the next round makes new ones
            found.extend(["instruction"] * count)
            break
    return line, found


def _cut(line: str, patterns: Sequence[re.Pattern[str]], reading: str) -> tuple[str, int]:
    spans = sorted(match.span() for pattern in patterns for match in pattern.finditer(reading) if match.group())
    kept, at = [], 0
    for start, end in spans:
        if start >= at:
            kept.append(line[at:start] + f" {REMOVED} ")
        at = max(at, end)
    return "".join(kept) + line[at:], len(spans)
