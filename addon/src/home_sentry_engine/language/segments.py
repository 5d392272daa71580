"""A rendered chat prompt in parts, so that only the template's own text may become special tokens."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

_PLACEHOLDER: Final = "@@home-sentry-content-{}@@"


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Part of a rendered prompt; only ``trusted`` parts may turn into special tokens."""

    text: str
    trusted: bool


def fenced(turns: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """Give the turns with a placeholder instead of each content, to be rendered by the template."""
    return [{"role": turn["role"], "content": _PLACEHOLDER.format(number)} for number, turn in enumerate(turns)]


def segments_of(rendered: str, contents: Sequence[str]) -> list[Segment]:
    """Split a rendering with placeholders into the template's own text and the contents, closing an open thought.

    Raises ``ValueError`` if the template drops or reorders a content.
    """
    segments: list[Segment] = []
    rest = rendered
    for number, content in enumerate(contents):
        before, found, rest = rest.partition(_PLACEHOLDER.format(number))
        if not found:
            raise ValueError("the chat template drops a message")
        segments += [Segment(text=before, trusted=True), Segment(text=content, trusted=False)]
    if rest.rfind("<think>") > rest.rfind("</think>"):
        rest += "</think>"
    segments.append(Segment(text=rest, trusted=True))
    return [segment for segment in segments if segment.text]
