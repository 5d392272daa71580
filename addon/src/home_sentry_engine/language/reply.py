"""From a model's raw text to a validated answer."""

from collections import deque
from collections.abc import Iterator, Sequence
import json
import re
from typing import Any, Final, NoReturn

from .errors import BadOutput, OutputTruncated
from .schema import FIELDS, Answer, Field, answer_of

MAX_REPLY: Final = 64 * 1024

_THOUGHT: Final = re.compile(r"<think>.*?</think>", re.DOTALL | re.IGNORECASE)
_TRIES: Final = 200


def parse_reply(text: str, *, truncated: bool = False, fields: Sequence[Field] = FIELDS) -> Answer:
    """Strip thinking, take the last JSON object, validate and clamp it.

    Raises ``OutputTruncated`` for a text that was cut at its token limit before the object ended, else ``BadOutput``.
    """
    newest = objects_of(text)
    if not newest:
        if truncated:
            raise OutputTruncated("the answer was cut at its token limit")
        raise BadOutput("the answer holds no JSON object" if text.strip() else "the answer is empty")
    return answer_of(newest[-1], fields)


def objects_of(text: str) -> list[dict[str, Any]]:
    """Strip thinking and give the last JSON object of a text, none where there is none; raises ``BadOutput``."""
    if len(text) > MAX_REPLY:
        raise BadOutput(f"the answer is longer than {MAX_REPLY} characters")
    return list(deque(_objects(_without_thoughts(text)), maxlen=1))


def _without_thoughts(text: str) -> str:
    without = _THOUGHT.sub("", text)
    # a closing tag alone means that the template had opened the thinking already
    return without.rpartition("</think>")[2]


def _objects(text: str) -> Iterator[dict[str, Any]]:
    # llama.cpp's grammar allows bare line breaks inside strings, which strict JSON does not
    decoder = json.JSONDecoder(parse_constant=_refuse, strict=False)
    at = text.find("{")
    for _ in range(_TRIES):
        if at < 0:
            return
        try:
            value, end = decoder.raw_decode(text, at)
        except ValueError, RecursionError:
            at = text.find("{", at + 1)
            continue
        yield value
        at = text.find("{", end)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a JSON number")
