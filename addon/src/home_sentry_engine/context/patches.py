"""Patches: what the place of a settled thing looked like, by light, so that a detector's miss does not take it away."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from home_sentry_engine.domain.resting import Resting, Shown

_ALIKE: Final = 0.8
_PLAIN: Final = 4.0
_PACE: Final = 0.2


def alike(one: bytes, other: bytes) -> bool:
    """Tell whether two patches (grey, uint8, of one size) show the same, whatever the brightness.

    Their correlation says so; one that shows next to nothing is like no other.
    """
    first, second = _grey(one), _grey(other)
    if first.size != second.size or min(first.std(), second.std()) < _PLAIN:
        return False
    both = float(((first - first.mean()) * (second - second.mean())).mean())
    return both / float(first.std() * second.std()) >= _ALIKE


def confirmed(thing: Resting, shown: Shown, at: datetime) -> Resting:
    """Remember what a thing that was just seen looks like in this light."""
    return _with(thing, shown, shown.patch(thing.place), at)


def held(thing: Resting, shown: Shown, at: datetime, *, adopt_s: float) -> Resting | None:
    """Give a missed thing as it stays where the pixels at its place say so, None where they do not.

    In a light in which it was never seen, what is there becomes its look if it was there ``adopt_s`` ago at most. A
    place that shows next to nothing says nothing.
    """
    now, before = shown.patch(thing.place), dict(thing.patches).get(shown.light)
    if before is None:
        since = thing.held_at
        plain = _grey(now).std() < _PLAIN
        if plain or since is None or (at - since).total_seconds() > adopt_s:
            return None
        return replace(_with(thing, shown, now, at), missed=0, missed_at=None)
    if not alike(before, now):
        return None
    return replace(_with(thing, shown, _blended(before, now), at), missed=0, missed_at=None)


def _with(thing: Resting, shown: Shown, patch: bytes, at: datetime) -> Resting:
    patches: Mapping[str, bytes] = dict(thing.patches) | {shown.light: patch}
    return replace(thing, patches=tuple(sorted(patches.items())), held_at=at)


def _blended(before: bytes, now: bytes) -> bytes:
    mixed = (1.0 - _PACE) * _grey(before) + _PACE * _grey(now)
    return mixed.round().astype(np.uint8).tobytes()


def _grey(patch: bytes) -> NDArray[np.float32]:
    return np.frombuffer(patch, np.uint8).astype(np.float32)
