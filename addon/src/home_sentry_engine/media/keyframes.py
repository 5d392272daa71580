"""Key frames: which moments of a clip deserve a close look, chosen from small grey pictures of many moments.

A clip falls into scenes at its cuts; what a scene shows most of the time is its background, and what differs from it
is stir. A short stir is looked at where its subject is largest and sharpest, a long one at the moments that together
show all that moves in it, spread over its time; quiet moments are looked at a few times at most.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
import math
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from .coverage import Blocks, Stirring, covering
from .similarity import Grey, Reference, grey_at, stirred_blocks

SCAN_WIDTH: Final = 320
_COMPARED_WIDTH: Final = 160
_CUT_LEVEL: Final = 25
_CUT_SHARE: Final = 0.45
_BACKGROUND_OF: Final = 33
_PARTIAL: Final = 0.7
_FAR_S: Final = 1.0
_SHORT_S: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRules:
    """How many moments are chosen.

    Never more than fixed steps of ``interval_s`` would give, nor than ``most``; short clips may have ``looks``. Stir
    that pauses for ``pause_s`` goes on. A quiet scene, and a stir that changes no more, is looked at ``looks`` times.
    """

    interval_s: float = 4.0
    most: int = 20
    looks: int = 3
    pause_s: float = 0.6

    def bound(self, length_s: float) -> int:
        """Give the largest number of moments for a clip of this length."""
        return min(self.most, max(self.looks, 1 + math.floor(length_s / self.interval_s)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Moment:
    """One candidate: its time in the clip and its grey picture, 320 pixels wide."""

    offset_s: float
    grey: Grey


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A chosen moment; ``stirred`` tells whether something moves there."""

    offset_s: float
    stirred: bool


@dataclass(slots=True, kw_only=True, eq=False)
class _Shot:
    index: int
    offset_s: float
    small: Grey
    sharp: NDArray[np.float32]
    blocks: Blocks | None = None
    crisp: float = 0.0
    appeal: float = 0.0


@dataclass(slots=True, kw_only=True, eq=False)
class _Stretch:
    """Moments of one scene that stir without a pause, or none of which does; ``best`` is in the order of its worth."""

    shots: list[_Shot]
    stirred: bool
    best: list[_Shot]
    chosen: list[_Shot] = field(default_factory=list)


def choose(moments: Sequence[Moment], rules: KeyRules | None = None) -> tuple[Key, ...]:
    """Choose moments in the order of time; at least one unless there is none to choose from."""
    rules = rules or KeyRules()
    if not moments:
        return ()
    shots = [_shot(index, moment) for index, moment in enumerate(moments)]
    bound = rules.bound(shots[-1].offset_s - shots[0].offset_s)
    scenes = [_stretches(scene, rules, bound) for scene in _joined(_scenes(shots))]
    order = [*_once(scenes, rules), *_again(scenes, rules)]
    kept: dict[int, Key] = {}
    for shot, stretch in order:
        if len(kept) >= bound:
            break
        if shot.index not in kept and _says_more(shot, stretch, rules):
            stretch.chosen.append(shot)
            kept[shot.index] = Key(offset_s=shot.offset_s, stirred=stretch.stirred)
    return tuple(kept[index] for index in sorted(kept))


def _shot(index: int, moment: Moment) -> _Shot:
    edges = np.abs(cv2.Laplacian(moment.grey, cv2.CV_32F))
    small = grey_at(moment.grey, _COMPARED_WIDTH)
    return _Shot(index=index, offset_s=moment.offset_s, small=small, sharp=np.asarray(edges, np.float32))


def _scenes(shots: Sequence[_Shot]) -> Iterator[list[_Shot]]:
    scene = [shots[0]]
    for before, shot in pairwise(shots):
        if _is_cut(before.small, shot.small):
            yield scene
            scene = []
        scene.append(shot)
    yield scene


def _joined(scenes: Iterable[list[_Shot]]) -> list[list[_Shot]]:
    """Join short scenes that follow each other: a camera that is turned, not so many views."""
    joined: list[list[_Shot]] = []
    for scene in scenes:
        alike = joined and joined[-1][-1].small.shape == scene[0].small.shape
        if alike and _lasts_s(scene) < _SHORT_S and _lasts_s(joined[-1]) < _SHORT_S:
            joined[-1] += scene
        else:
            joined.append(scene)
    return joined


def _lasts_s(shots: Sequence[_Shot]) -> float:
    return shots[-1].offset_s - shots[0].offset_s


def _is_cut(before: Grey, now: Grey) -> bool:
    if before.shape != now.shape:
        return True
    # a change of the light alone is no cut: compared is what is left without it
    lift = float(now.mean()) - float(before.mean())
    change = np.abs(now.astype(np.float32) - before - lift)
    return float((change > _CUT_LEVEL).mean()) > _CUT_SHARE


def _stretches(scene: list[_Shot], rules: KeyRules, bound: int) -> list[_Stretch]:
    background = Reference(_background(scene))
    for shot in scene:
        shot.blocks = stirred_blocks(background, shot.small)
    runs = _runs(scene, rules.pause_s)
    lively = {shot.index for run in runs for shot in run}
    quiet = [shot for shot in scene if shot.index not in lively]
    found = []
    for run in runs:
        _weigh(run)
        looks = min(bound, 1 + math.floor(_lasts_s(run) / rules.interval_s))
        found.append(_Stretch(shots=run, stirred=True, best=_best(run, looks)))
    return [*found, _Stretch(shots=quiet, stirred=False, best=[quiet[len(quiet) // 2]])] if quiet else found


def _background(scene: Sequence[_Shot]) -> Grey:
    step = max(1, len(scene) // _BACKGROUND_OF)
    return np.asarray(np.median(np.stack([shot.small for shot in scene[::step]]), axis=0), np.uint8)


def _runs(scene: Sequence[_Shot], pause_s: float) -> list[list[_Shot]]:
    runs: list[list[_Shot]] = []
    for shot in scene:
        if shot.blocks is None or not shot.blocks.any():
            continue
        if runs and shot.offset_s - runs[-1][-1].offset_s <= pause_s:
            runs[-1].append(shot)
        else:
            runs.append([shot])
    return runs


def _weigh(run: Sequence[_Shot]) -> None:
    """Set the appeal of moments: how large their subjects are, times the sharpness of the largest within this run."""
    sizes = [_subject(shot) for shot in run]
    sharpest = max((sharp for _, sharp in sizes), default=0.0) or 1.0
    for shot, (size, sharp) in zip(run, sizes, strict=True):
        shot.crisp = 0.5 + 0.5 * sharp / sharpest
        shot.appeal = size * shot.crisp


def _subject(shot: _Shot) -> tuple[float, float]:
    """Give the roots of the subjects' areas in sum, as shares of the picture, and the sharpness of the largest."""
    blocks = np.asarray(shot.blocks, np.uint8)
    count, marks, stats, _ = cv2.connectedComponentsWithStats(blocks, connectivity=8)
    if count < 2:
        return 0.0, 0.0
    areas = stats[1:, cv2.CC_STAT_AREA].astype(np.float64)
    left, top = stats[1:, cv2.CC_STAT_LEFT], stats[1:, cv2.CC_STAT_TOP]
    right, bottom = left + stats[1:, cv2.CC_STAT_WIDTH], top + stats[1:, cv2.CC_STAT_HEIGHT]
    partial = (left == 0) | (top == 0) | (right == blocks.shape[1]) | (bottom == blocks.shape[0])
    sizes = np.sqrt(areas / blocks.size) * np.where(partial, _PARTIAL, 1.0)
    rows, columns = shot.sharp.shape
    largest = (marks == 1 + int(np.argmax(areas))).astype(np.uint8)
    mask = cv2.resize(largest, (columns, rows), interpolation=cv2.INTER_NEAREST)
    return float(sizes.sum()), float(shot.sharp[mask > 0].mean())


def _once(scenes: Sequence[Sequence[_Stretch]], rules: KeyRules) -> list[tuple[_Shot, _Stretch]]:
    """Give the best moment of each scene, then of each stretch, then their further ones, what appeals most first."""
    stirs = [one for scene in scenes for one in scene if one.stirred]
    ranked = [(rank, shot, one) for one in stirs for rank, shot in enumerate(one.best)]
    ranked.sort(key=lambda entry: (entry[0], -entry[1].appeal))
    best = [(shot, one) for _, shot, one in ranked]
    quiet = [(one.best[0], one) for scene in scenes for one in scene if not one.stirred]
    firsts = [next(pair for pair in (*best, *quiet) if pair[1] in scene) for scene in scenes]
    seconds = [(_second(one, shot), one) for shot, one in best if len(one.best) == 1]
    firsts.sort(key=lambda pair: -len(pair[1].shots))
    return [*firsts, *best, *seconds[: rules.most], *quiet]


def _again(scenes: Sequence[Sequence[_Stretch]], rules: KeyRules) -> Iterator[tuple[_Shot, _Stretch]]:
    """Give further moments: the ends of quiet stretches, and what is left of short stirs."""
    for one in (stretch for scene in scenes for stretch in scene):
        if one.stirred:
            yield from ((shot, one) for shot in sorted(one.shots, key=lambda shot: -shot.appeal)[1 : rules.looks])
        elif _lasts_s(one.shots) >= rules.interval_s:
            yield from ((shot, one) for shot in (one.shots[0], one.shots[-1]))


def _best(run: Sequence[_Shot], looks: int) -> list[_Shot]:
    if looks == 1:
        return [max(run, key=lambda shot: shot.appeal)]
    moments = [
        Stirring(offset_s=shot.offset_s, blocks=np.asarray(shot.blocks, np.bool_), sharp=shot.crisp) for shot in run
    ]
    return [run[index] for index in covering(moments, looks)]


def _second(one: _Stretch, best: _Shot) -> _Shot:
    def worth(shot: _Shot) -> float:
        return shot.appeal * min(1.0, abs(shot.offset_s - best.offset_s) / _FAR_S)

    return max(one.shots, key=worth)


def _says_more(shot: _Shot, stretch: _Stretch, rules: KeyRules) -> bool:
    if len(stretch.chosen) < rules.looks:
        return True
    return stretch.stirred and not _alike(shot, stretch.chosen)


def _alike(shot: _Shot, others: Iterable[_Shot]) -> bool:
    return any(not stirred_blocks(Reference(other.small), shot.small).any() for other in others)


def grey_of_plane(plane: NDArray[Any]) -> Grey:
    """Give the scanned picture of a frame's brightness plane."""
    return grey_at(np.asarray(plane, np.uint8), SCAN_WIDTH)
