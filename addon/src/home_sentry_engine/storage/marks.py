"""Marks: words of the index that stand for the filters of a search, so that the index alone answers it.

Each begins with a sign that no query can name: what people type never finds them.
"""

from collections.abc import Iterator
from functools import lru_cache
import re
from typing import Final, NamedTuple

from .query import EventQuery
from .search import All, Either, Term, Tree

SIGN: Final = "·"
_FLAGS: Final = {"reviewed": f"{SIGN}r", "flagged": f"{SIGN}f", "favourite": f"{SIGN}b", "ongoing": f"{SIGN}n"}
_ODD: Final = re.compile(r"[^a-z0-9]")


class Marked(NamedTuple):
    """What of an event the filters look at."""

    camera_id: str
    level: str
    object_types: tuple[str, ...]
    reviewed: bool
    flagged: bool
    favourite: bool
    ongoing: bool


@lru_cache(maxsize=4096)
def marks_of(event: Marked) -> str:
    """Give the marks of an event, parted by spaces."""
    level = _level(event.level)
    objects = [_object(label) for label in event.object_types]
    flags = [mark for name, mark in _FLAGS.items() if getattr(event, name)]
    # level and object are often asked for together: then one short list of events is gone through, not two long ones
    return " ".join([_camera(event.camera_id), level, *objects, *(level + one for one in objects), *flags])


def narrowed(tree: Tree, query: EventQuery) -> Tree:
    """Give what is searched for together with the query's filters, except its times."""
    wanted, unwanted = list(_named(query)), list[str]()
    for name, mark in _FLAGS.items():
        value = getattr(query, name)
        if value is not None:
            (wanted if value else unwanted).append(mark)
    if not wanted and not unwanted and query.within is None:
        return tree
    seen = () if query.within is None else (Either(tuple(Term((_camera(one),)) for one in query.within)),)
    # they stand first, since fewer events have them than have common words
    return All((*(Term((mark,)) for mark in wanted), *seen, tree), tuple(Term((mark,)) for mark in unwanted))


def _named(query: EventQuery) -> Iterator[str]:
    if query.camera_id is not None:
        yield _camera(query.camera_id)
    level = "" if query.level is None else _level(query.level)
    label = "" if query.object_type is None else _object(query.object_type)
    if level or label:
        yield level + label


def _camera(camera_id: str) -> str:
    return f"{SIGN}c{_word(camera_id)}"


def _level(level: str) -> str:
    return f"{SIGN}l{_word(level)}"


def _object(label: str) -> str:
    return f"{SIGN}o{_word(label)}"


def _word(name: str) -> str:
    return _ODD.sub(lambda found: f"{SIGN}{ord(found.group()):x}{SIGN}", name)
