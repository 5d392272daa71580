"""Which stills and which parts of videos a clip is made of."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Final

from home_sentry_engine.contract import MediaKind
from home_sentry_engine.domain.messages import Media

from .clip_plan import Part
from .paths import MediaPaths

_LONGEST_STILL_S: Final = 5.0
_SHORTEST_STILL_S: Final = 0.25
_LAST_STILL_S: Final = 2.0
_SHORTEST_CUT_S: Final = 0.1
_LONGEST_S: Final = 600.0
_MOST_STILLS: Final = 400
_MOST_OF_A_DAY: Final = 600
_DAY_STEP_S: Final = 0.1

# by id of a video: the times in it at which a visit was first and last seen, in seconds
type Seen = Mapping[str, tuple[float, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Margins:
    """The window of a visit, aware UTC, and what is shown before and after it, in seconds."""

    since: datetime
    until: datetime
    before_s: float
    after_s: float

    @property
    def start(self) -> datetime:
        """Give when the clip begins."""
        return self.since - timedelta(seconds=self.before_s)

    @property
    def end(self) -> datetime:
        """Give when it ends."""
        return self.until + timedelta(seconds=self.after_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Moment:
    at: datetime
    until: datetime
    part: Part


def parts_of_visit(files: Sequence[Media], margins: Margins, seen: Seen, paths: MediaPaths) -> tuple[Part, ...]:
    """Give the parts of a visit's clip from the files of its camera, at most ten minutes of them.

    A video is cut around what was seen in it, a still is shown until the next one comes, but no longer than 5 s. Of a
    video that is gone its kept frames are shown. Blocking for a moment: it looks which files are there.
    """
    cuts: list[_Moment] = []
    stills: list[_Moment] = []
    for one in files:
        if one.kind is MediaKind.VIDEO and one.path.exists():
            cut = _cut(one, margins, seen.get(one.media_id), paths.cameras)
            cuts += [cut] if cut is not None else []
        else:
            stills += [each for each in _stills(one, paths) if margins.start <= each.at <= margins.end]
    stills = [one for one in stills if not any(cut.at <= one.at < cut.until for cut in cuts)]
    moments = sorted((*cuts, *_spread(stills, _MOST_STILLS)), key=lambda one: (one.at, one.part.token))
    return tuple(_limited(_timed(moments)))


def parts_of_day(files: Sequence[Media], paths: MediaPaths) -> tuple[Part, ...]:
    """Give the parts of a time-lapse, a tenth of a second each, at most a minute of them; blocking for a moment."""
    moments = sorted((each for one in files for each in _stills(one, paths)), key=lambda one: (one.at, one.part.token))
    return tuple(replace(one.part, seconds=_DAY_STEP_S) for one in _spread(moments, _MOST_OF_A_DAY))


def _cut(media: Media, margins: Margins, seen: tuple[float, float] | None, below: Path | None) -> _Moment | None:
    length_s = media.duration_s or 0.0
    if seen is not None:
        start_s, end_s = seen[0] - margins.before_s, seen[1] + margins.after_s
    else:
        start_s = (margins.start - media.captured_at).total_seconds()
        end_s = (margins.end - media.captured_at).total_seconds()
    start_s, end_s = max(0.0, start_s), min(length_s, end_s)
    if end_s - start_s < _SHORTEST_CUT_S:
        return None
    return _Moment(
        at=media.captured_at + timedelta(seconds=start_s),
        until=media.captured_at + timedelta(seconds=end_s),
        part=Part(path=media.path, below=below, token=media.sha256, seconds=end_s - start_s, start_s=start_s),
    )


def _stills(media: Media, paths: MediaPaths) -> Iterable[_Moment]:
    if media.kind is not MediaKind.VIDEO:
        yield _still(media.captured_at, media.path, media.sha256)
        return
    for path in sorted(paths.frames_of(media.camera_id, media.media_id, media.captured_at)):
        offset = path.stem.rpartition("_")[2]
        at = media.captured_at + timedelta(milliseconds=int(offset))
        yield _still(at, path, f"{media.sha256}@{offset}")


def _still(at: datetime, path: Path, token: str) -> _Moment:
    return _Moment(at=at, until=at, part=Part(path=path, token=token, seconds=_LAST_STILL_S))


def _timed(moments: Sequence[_Moment]) -> Iterable[Part]:
    for one, following in pairwise(moments):
        if one.part.start_s is not None:
            yield one.part
            continue
        lasted_s = (following.at - one.at).total_seconds()
        yield replace(one.part, seconds=min(_LONGEST_STILL_S, max(_SHORTEST_STILL_S, lasted_s)))
    if moments:
        yield moments[-1].part


def _limited(parts: Iterable[Part]) -> Iterable[Part]:
    left_s = _LONGEST_S
    for part in parts:
        if left_s < _SHORTEST_CUT_S:
            return
        yield replace(part, seconds=min(part.seconds, left_s))
        left_s -= part.seconds


def _spread[T](items: Sequence[T], most: int) -> Sequence[T]:
    if len(items) <= most:
        return items
    return [items[number * (len(items) - 1) // (most - 1)] for number in range(most)]
