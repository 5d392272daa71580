"""What the making of a clip costs over a bare loop of PyAV: decode and encode with the same codec and options.

The chain is what an event's clip takes, the start of its process included; the bare loop has no process, no pace, no
masks and no bounds.
"""

import asyncio
from dataclasses import dataclass
import math
from pathlib import Path
from tempfile import TemporaryDirectory
import time
from typing import Final

from home_sentry_engine.media.clip_encode import usable_encoder, write_mp4
from home_sentry_engine.media.clip_maker import ClipMaker, Made
from home_sentry_engine.media.clip_plan import ClipPlan, Part
from home_sentry_engine.media.limits import Limits
from home_sentry_engine.media.mask import Veil
from home_sentry_engine.media.video import VideoReader

TARGET: Final = 0.5
_LONGEST_S: Final = 60.0
_VEIL: Final = Veil(shapes=(((0.1, 0.1), (0.4, 0.1), (0.4, 0.5), (0.1, 0.5)),))


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodeFigures:
    """One clip encoded anew: frames/s of the bare loop, of the chain, and of the chain with a mask."""

    name: str
    encoder: str
    frames: int
    bare_frames_per_s: float
    chain_frames_per_s: float
    masked_frames_per_s: float

    @property
    def ratio(self) -> float:
        """Give the speed of the chain over that of the bare loop."""
        return self.chain_frames_per_s / self.bare_frames_per_s

    def rows(self) -> list[tuple[str, str, str]]:
        """Give the table: what, figure, ratio."""
        masked = self.masked_frames_per_s
        return [
            (f"{self.name}: bare {self.encoder}", f"{self.bare_frames_per_s:.0f} frames/s", "1.00"),
            (f"{self.name}: clip", f"{self.chain_frames_per_s:.0f} frames/s", f"{self.ratio:.2f}"),
            (f"{self.name}: clip with a mask", f"{masked:.0f} frames/s", f"{masked / self.bare_frames_per_s:.2f}"),
        ]


async def encode_figures(clip: Path, rounds: int) -> EncodeFigures:
    """Measure on the first minute of one clip; raises ``Rejected`` or a ``StageError``."""
    reader = VideoReader(Limits(timeout_s=600.0))
    with clip.open("rb") as file:
        seconds = min(_LONGEST_S, reader.probe(file).duration_s)
    encoder = await asyncio.to_thread(usable_encoder)
    best = dict.fromkeys(("bare", "chain", "masked"), math.inf)
    with TemporaryDirectory(prefix="home-sentry-bench-") as folder:
        place = Path(folder) / "clip.mp4"
        plan = ClipPlan(parts=(Part(path=clip, token=clip.name, start_s=0.0, seconds=seconds),))
        masked = ClipPlan(parts=plan.parts, veil=_VEIL)
        frames = made = 0
        for _ in range(rounds):
            spent, frames = await asyncio.to_thread(_bare, reader, plan, place, encoder)
            best["bare"] = min(best["bare"], spent)
            for name, one in (("chain", plan), ("masked", masked)):
                spent, told = await _chain(one, place)
                best[name], made = min(best[name], spent), told.frames
    return EncodeFigures(
        name=clip.name,
        encoder=encoder,
        frames=frames,
        bare_frames_per_s=frames / best["bare"],
        chain_frames_per_s=made / best["chain"],
        masked_frames_per_s=made / best["masked"],
    )


def _bare(reader: VideoReader, plan: ClipPlan, place: Path, encoder: str) -> tuple[float, int]:
    (part,) = plan.parts
    began = time.perf_counter()
    with part.path.open("rb") as file:
        rate = reader.rate(file)
        first, _ = next(reader.between(file, 0.0, part.seconds))
        size = first.width & ~1, first.height & ~1
        shown = reader.between(file, 0.0, part.seconds)
        even = (frame.reformat(width=size[0], height=size[1], format="yuv420p") for frame, _ in shown)
        count = write_mp4(place, even, size, rate, encoder)
    return time.perf_counter() - began, count


async def _chain(plan: ClipPlan, place: Path) -> tuple[float, Made]:
    began = time.perf_counter()
    made = await ClipMaker().make(plan, place)
    return time.perf_counter() - began, made
