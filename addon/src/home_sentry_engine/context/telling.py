"""Telling looks: the few of many looks at the subjects of a visit that tell what all of them tell."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice

from .tracks import Look, Subject

type _Frame = tuple[datetime, str, float | None]


def telling(subjects: Sequence[Subject], most: int) -> frozenset[Look]:
    """Choose at most ``most`` looks at these subjects.

    First come those that show the most of each label at once, the rarest label first; then the subjects in turns, the
    surest first, each with its surest look, the looks beside it, its first and last one, and others over its time.
    """
    return frozenset(islice(dict.fromkeys((*_fullest(subjects), *_in_turns(subjects))), most))


def _fullest(subjects: Iterable[Subject]) -> Iterator[Look]:
    shown: dict[str, dict[_Frame, list[Look]]] = {}
    for subject in subjects:
        frames = shown.setdefault(subject.label, {})
        for look in subject.looks:
            frames.setdefault((look.at, look.media_id, look.offset_s), []).append(look)
    fullest = [max(frames.values(), key=lambda looks: (len(looks), _sure(looks))) for frames in shown.values()]
    for looks in sorted(fullest, key=len):
        yield from sorted(looks, key=_surety)


def _in_turns(subjects: Iterable[Subject]) -> Iterator[Look]:
    ranked = [_by_worth(subject.looks) for subject in sorted(subjects, key=lambda one: min(map(_surety, one.looks)))]
    for turn in range(max(map(len, ranked), default=0)):
        yield from (looks[turn] for looks in ranked if turn < len(looks))


def _by_worth(looks: Sequence[Look]) -> tuple[Look, ...]:
    count = len(looks)
    surest = min(range(count), key=lambda index: _surety(looks[index]))
    # by the lowest bit that is set: the middle, then the quarters, and so on
    over_time = sorted(range(1, count), key=lambda index: -(index & -index))
    wanted = (surest, surest + 1, surest - 1, 0, count - 1, *over_time)
    return tuple(looks[index] for index in dict.fromkeys(wanted) if 0 <= index < count)


def _surety(look: Look) -> float:
    return -look.detection.confidence


def _sure(looks: Iterable[Look]) -> float:
    return sum(look.detection.confidence for look in looks)
