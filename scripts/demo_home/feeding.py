"""Pictures arrive in camera folders, as cameras with an FTP upload bring them."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from .console import Console
from .samples import CAMERAS, Sample

_PACE_S: Final = 6.0
_REST_S: Final = 20.0


def drop(cameras: Path, sample: Sample, content: bytes) -> Path:
    """Write one picture into its camera's folder, under a name as cameras give; gives the path."""
    folder = cameras / sample.camera
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{datetime.now().astimezone():%Y%m%d_%H%M%S_%f}_{sample.name}{sample.suffix}"
    path.write_bytes(content)
    return path


async def feed_forever(cameras: Path, samples: Sequence[Sample], console: Console) -> None:
    """Bring the pictures one after another, again and again; each time with other bytes."""
    while True:
        for sample in samples:
            now = datetime.now().astimezone()
            drop(cameras, sample, sample.copy(f"demo picture of {now.isoformat()}"))
            console.line(f"{now:%H:%M:%S}  {sample.camera} uploads {sample.name}{sample.suffix}")
            await asyncio.sleep(_PACE_S)
        await asyncio.sleep(_REST_S)


async def feed_once(samples: Sequence[Sample], bring: Callable[[Sample], Awaitable[None]]) -> None:
    """Bring each picture once: both cameras at the same time, each one picture after another."""
    async with asyncio.TaskGroup() as group:
        for camera in CAMERAS:
            group.create_task(_in_turn([sample for sample in samples if sample.camera == camera], bring))


async def _in_turn(samples: Sequence[Sample], bring: Callable[[Sample], Awaitable[None]]) -> None:
    for sample in samples:
        await bring(sample)
