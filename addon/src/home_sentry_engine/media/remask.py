"""Masks on files that lie there already: given anew with the veil burned in, or as they are where they wear it."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from pathlib import Path
from typing import BinaryIO

from home_sentry_engine.contract import MediaKind
from home_sentry_engine.domain.errors import Rejected
from home_sentry_engine.domain.filetypes import SNIFF_BYTES, sniff
from home_sentry_engine.domain.messages import Media

from .limits import Limits
from .mask import Veil, mark_of, veiled_jpeg
from .masking import clip_mark, veiled_clip
from .paths import MediaPaths, open_regular, write_atomic
from .picture import read_still_header
from .validate import decode_bounded
from .video import VideoReader


class Burner:
    """Burns masks into kept files in an executor of its own: whoever decodes what comes does not wait for it."""

    def __init__(self, paths: MediaPaths, limits: Limits, executor: Executor) -> None:
        """Take the places of files, the bounds of a single one, and the executor that decodes and encodes."""
        self._paths = paths
        self._limits = limits
        self._executor = executor
        self._reader = VideoReader(limits)

    async def run[T](self, work: Callable[[], T]) -> T:
        """Run what blocks in the executor."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)

    async def remask(self, media: Media, veil: Veil) -> tuple[str, ...]:
        """Burn masks into what is kept of a file, our copy and frames; gives the reasons why one could not be masked.

        A video that lies in its camera's folder is not ours and stays. Raises ``OSError``.
        """
        return await self.run(
            lambda: tuple(problem for place in self._kept(media) if (problem := self._remasked(place, veil)))
        )

    def burned(self, file: BinaryIO, veil: Veil) -> bytes | None:
        """Give what a file is with the veil, None where it wears it; blocks, raises ``Rejected``."""
        kind = sniff(file.read(SNIFF_BYTES))
        file.seek(0)
        if kind is not None and kind.kind is MediaKind.VIDEO:
            return veiled_clip(self._reader, file, veil) if clip_mark(self._reader, file) != veil.key else None
        data = file.read()
        if mark_of(data) == veil.key:
            return None
        header = read_still_header(data, self._limits)
        return veiled_jpeg(decode_bounded(data, header, self._limits, at_least=None).pixels, veil)

    def _kept(self, media: Media) -> Iterator[Path]:
        if self._paths.contains(media.path):
            yield media.path
        if media.kind is MediaKind.VIDEO:
            yield from self._paths.frames_of(media.camera_id, media.media_id, media.captured_at)

    def _remasked(self, place: Path, veil: Veil) -> str | None:
        try:
            with open_regular(place, below=self._paths.cameras) as file:
                content = self.burned(file, veil)
        except FileNotFoundError:
            return None
        except Rejected as err:
            return err.detail
        # what was deleted meanwhile does not come back
        if content is not None and place.exists():
            write_atomic(place, content)
        return None
