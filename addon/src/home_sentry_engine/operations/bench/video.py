"""Benchmark ``video``: what key frames cost over a bare decode, what they see against fixed steps, what clips cost.

The chain is scan, choice, decode of the chosen frames, their JPEGs and small pictures; bare is a loop over PyAV's
decoder. Who was there is taken from dense sampling with the same detector; as one clip is one throw of dice, the same
is counted in many windows of it. Short appearances are made of real footage: one second of a clip within a minute of
the same view without anything that moves.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from fractions import Fraction
from io import BytesIO
import math
from pathlib import Path
import time
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from home_sentry_engine.context.association import associate
from home_sentry_engine.context.tracks import Look, Subject
from home_sentry_engine.domain.box import intersection_over_union
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.detection import FrameDetections
from home_sentry_engine.domain.errors import HomeSentryError
from home_sentry_engine.domain.messages import Sighting, sightings_of
from home_sentry_engine.media.limits import Limits
from home_sentry_engine.media.masking import encode_clip
from home_sentry_engine.media.picture import Picture
from home_sentry_engine.media.video import Sampling, VideoReader
from home_sentry_engine.settings import DetectSettings, ModelSettings
from home_sentry_engine.vision.zoo import Zoo

from .clip import TARGET as ENCODE_TARGET
from .clip import EncodeFigures, encode_figures
from .windows import CHANCE, Shown, WindowFigures, window_figures

TARGET: Final = 0.25
_SUFFIXES: Final = frozenset({".mp4", ".mov", ".mkv", ".avi"})
_SIDE: Final = 512
# no multiple of the fixed steps, which would otherwise be compared with themselves
_DENSE_S, _DENSE_MOST = 0.27, 300
_LEAST_LOOKS: Final = 2
_SAME_IOU, _NEAR_S = 0.3, 0.2
_QUIET_S, _SHORT_S, _RATE = 60.0, 1.0, 10
_PLACES: Final = (2.5, 13.5, 25.5, 37.0, 50.5)
_MOVING: Final = 25.0
_FIXED: Final = Sampling(at_least=_SIDE)
_PROBED: Final = Sampling(at_least=_SIDE, interval_s=0.25, max_frames=400)
_CHOSEN: Final = Sampling(at_least=_SIDE, adaptive=True)


class NoClips(HomeSentryError, FileNotFoundError):
    """None of the given files is a clip."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipFigures:
    """One clip: frames/s of the chain over bare decode, frames looked at, and who was seen of ``subjects``."""

    name: str
    seconds: float
    bare_frames_per_s: float
    chain_frames_per_s: float
    ratio: float
    fixed_looks: int
    chosen_looks: int
    subjects: int
    seen_by_fixed: int
    seen_by_chosen: int
    windows: tuple[WindowFigures, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortFigures:
    """Quiet minutes with one second of life: how many of them were noticed, and the looks that it took."""

    clip: str
    appearances: int
    noticed_by_fixed: int
    noticed_by_chosen: int
    fixed_looks: int
    chosen_looks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoBench:
    """Figures of all clips."""

    model_id: str
    rounds: int
    clips: tuple[ClipFigures, ...]
    short: tuple[ShortFigures, ...]
    encoded: tuple[EncodeFigures, ...] = ()
    target: float = TARGET
    encode_target: float = ENCODE_TARGET

    @property
    def passed(self) -> bool:
        """Whether key frames see as many as fixed steps, need no more looks, and they and clips cost a bounded share.

        Who is seen counts over the windows of each clip, with two in a hundred for chance; where it is too short for
        windows, in the whole clip.
        """
        clips = all(one.ratio >= self.target and one.chosen_looks <= max(3, one.fixed_looks) for one in self.clips)
        seen = all(
            all(part.share_by_chosen >= part.share_by_fixed - CHANCE for part in one.windows)
            if one.windows
            else one.seen_by_chosen >= one.seen_by_fixed
            for one in self.clips
        )
        short = all(
            one.noticed_by_chosen == one.appearances and one.chosen_looks < one.fixed_looks for one in self.short
        )
        encoded = all(one.ratio >= self.encode_target for one in self.encoded)
        return clips and seen and short and encoded

    def document(self) -> dict[str, Any]:
        """Give the result as JSON values."""
        return {"bench": "video", **asdict(self), "passed": self.passed}

    def rows(self) -> list[tuple[str, str, str]]:
        """Give the table: what, figure, ratio."""
        rows = []
        for one in self.clips:
            rows += [
                (f"{one.name}: bare decode", f"{one.bare_frames_per_s:.0f} frames/s", "1.00"),
                (f"{one.name}: key frames", f"{one.chain_frames_per_s:.0f} frames/s", f"{one.ratio:.2f}"),
                (f"{one.name}: looks, key frames and fixed", f"{one.chosen_looks} and {one.fixed_looks}", ""),
                (
                    f"{one.name}: seen of {one.subjects}, key frames and fixed",
                    f"{one.seen_by_chosen} and {one.seen_by_fixed}",
                    f"{one.seen_by_chosen / max(1, one.subjects):.2f}",
                ),
            ]
            rows += [
                (
                    f"{one.name}: seen in {part.count} windows of {part.length_s:.0f} s, key frames and fixed",
                    f"{part.share_by_chosen:.3f} and {part.share_by_fixed:.3f}",
                    f"{part.share_by_chosen / max(1e-9, part.share_by_fixed):.2f}",
                )
                for part in one.windows
            ]
        for brief in self.short:
            what = f"a second of {brief.clip} in a quiet minute, {brief.appearances} times"
            seen = f"{brief.noticed_by_chosen} and {brief.noticed_by_fixed}"
            rows += [
                (f"{what}: noticed, key frames and fixed", seen, ""),
                (f"{what}: looks, key frames and fixed", f"{brief.chosen_looks} and {brief.fixed_looks}", ""),
            ]
        return rows + [row for one in self.encoded for row in one.rows()]


async def bench_video(
    detect: DetectSettings, models: ModelSettings, clock: Clock, *, places: Sequence[Path], rounds: int
) -> VideoBench:
    """Measure on clips of files or folders; raises ``NoClips`` without any, ``StageError`` without a detector."""
    clips = [file for place in places for file in _clips(place)]
    if not clips:
        raise NoClips("give clips, or a folder of them, with --pictures or HOME_SENTRY_TEST_MEDIA")
    async with Zoo(detect, models, clock) as zoo:
        status = await zoo.prepare()

        async def look(frames: Sequence[Picture]) -> Sequence[FrameDetections]:
            return await zoo.detector.detect(frames)

        figures = [await _clip_figures(clip, look, clock, rounds) for clip in clips]
    short = [found for clip in clips if (found := await asyncio.to_thread(_short_figures, clip)) is not None]
    encoded = [await encode_figures(clip, rounds) for clip in clips]
    return VideoBench(
        model_id=status.model_id, rounds=rounds, clips=tuple(figures), short=tuple(short), encoded=tuple(encoded)
    )


def _clips(place: Path) -> list[Path]:
    found = sorted(place.rglob("*")) if place.is_dir() else [place]
    return [file for file in found if file.suffix.lower() in _SUFFIXES]


type Looking = Callable[[Sequence[Picture]], Awaitable[Sequence[FrameDetections]]]


async def _clip_figures(clip: Path, look: Looking, clock: Clock, rounds: int) -> ClipFigures:
    data = await asyncio.to_thread(clip.read_bytes)
    reader = VideoReader(Limits(timeout_s=600.0))
    facts = reader.probe(BytesIO(data))
    bare, chain, frames = await asyncio.to_thread(_timed, reader, data, rounds)
    fixed = list(reader.frames(BytesIO(data), _FIXED))
    chosen = list(reader.frames(BytesIO(data), _CHOSEN))
    step = max(_DENSE_S, facts.duration_s / _DENSE_MOST)
    dense = list(reader.frames(BytesIO(data), Sampling(interval_s=step, max_frames=_DENSE_MOST, at_least=_SIDE)))
    at = clock.now()
    subjects = [
        subject for subject in associate(_sightings(await look(dense), at)) if len(subject.looks) >= _LEAST_LOOKS
    ]
    scan = await asyncio.to_thread(reader.scan, BytesIO(data))
    probes = list(reader.frames(BytesIO(data), _PROBED))
    shown = {
        frame.offset_s or 0.0: frozenset(
            number for number, subject in enumerate(subjects) if _seen([subject], _sightings([frame], at))
        )
        for frame in await look(probes)
    }
    there = [[look.offset_s or 0.0 for look in subject.looks] for subject in subjects]
    return ClipFigures(
        name=clip.name,
        seconds=facts.duration_s,
        bare_frames_per_s=frames / bare,
        chain_frames_per_s=frames / chain,
        ratio=bare / chain,
        fixed_looks=len(fixed),
        chosen_looks=len(chosen),
        subjects=len(subjects),
        seen_by_fixed=_seen(subjects, _sightings(await look(fixed), at)),
        seen_by_chosen=_seen(subjects, _sightings(await look(chosen), at)),
        windows=await asyncio.to_thread(window_figures, scan.moments, Shown(at=shown, there=there)),
    )


def _timed(reader: VideoReader, data: bytes, rounds: int) -> tuple[float, float, int]:
    frames = sum(1 for _ in reader.decoded(BytesIO(data)))
    ways: Mapping[str, Callable[[], object]] = {
        "bare": lambda: sum(1 for _ in reader.decoded(BytesIO(data))),
        "chain": lambda: list(reader.frames(BytesIO(data), _CHOSEN)),
    }
    best = dict.fromkeys(ways, math.inf)
    for _ in range(rounds):
        for name, way in ways.items():
            began = time.perf_counter()
            way()
            best[name] = min(best[name], time.perf_counter() - began)
    return best["bare"], best["chain"], frames


def _sightings(found: Sequence[FrameDetections], at: datetime) -> list[Sighting]:
    return [one for one in sightings_of(found, "clip", "bench", at) if one.detections]


def _seen(subjects: Sequence[Subject], sightings: Sequence[Sighting]) -> int:
    return sum(any(_shows(sighting, subject.looks) for sighting in sightings) for subject in subjects)


def _shows(sighting: Sighting, looks: Sequence[Look]) -> bool:
    near = [look for look in looks if abs((look.offset_s or 0.0) - (sighting.offset_s or 0.0)) <= _NEAR_S]
    return any(
        one.label == look.detection.label and intersection_over_union(one.box, look.detection.box) >= _SAME_IOU
        for look in near
        for one in sighting.detections
    )


def _short_figures(clip: Path) -> ShortFigures | None:
    """Splice seconds of a clip into its own background; None where the camera moves and has none."""
    reader = VideoReader(Limits(timeout_s=600.0))
    with clip.open("rb") as file:
        street = [picture.pixels for picture in reader.frames(file, Sampling(interval_s=1.0 / _RATE, max_frames=600))]
    empty = np.median(np.stack(street[:: max(1, len(street) // 60)]), axis=0).astype(np.uint8)
    if float(np.mean([np.abs(one.astype(np.int16) - empty).mean() for one in street[::50]])) > _MOVING:
        return None
    noticed = {"fixed": 0, "chosen": 0}
    looks = {"fixed": 0, "chosen": 0}
    for number, place in enumerate(_PLACES):
        data = encode_clip(_spliced(street, empty, place, number), rate=Fraction(_RATE))
        for name, sampling in (("fixed", _FIXED), ("chosen", _CHOSEN)):
            offsets = [frame.offset_s or 0.0 for frame in reader.frames(BytesIO(data), sampling)]
            noticed[name] += any(place <= offset < place + _SHORT_S for offset in offsets)
            looks[name] += len(offsets)
    return ShortFigures(
        clip=clip.name,
        appearances=len(_PLACES),
        noticed_by_fixed=noticed["fixed"],
        noticed_by_chosen=noticed["chosen"],
        fixed_looks=looks["fixed"],
        chosen_looks=looks["chosen"],
    )


def _spliced(
    street: Sequence[NDArray[np.uint8]], empty: NDArray[np.uint8], place: float, number: int
) -> list[NDArray[np.uint8]]:
    frames = [empty] * round(_QUIET_S * _RATE)
    count, first = round(_SHORT_S * _RATE), round(place * _RATE)
    taken = (number * len(street) // len(_PLACES)) % max(1, len(street) - count)
    frames[first : first + count] = street[taken : taken + count]
    return frames
