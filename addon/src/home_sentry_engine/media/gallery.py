"""Pictures of a media file for people, drawn in an executor and kept as files under the id of what they show."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
import logging
from pathlib import Path

from home_sentry_engine.contract import MediaKind
from home_sentry_engine.domain.errors import StageError
from home_sentry_engine.domain.messages import Media

from .clean import clean_jpeg
from .frames import Frames
from .mask import Veil, mark_of, marked, unmarked
from .paths import MediaPaths, open_regular, remove, write_atomic
from .thumbnail import Marked, snapshot, thumbnail

_LOGGER = logging.getLogger(__name__)
_POSTER_S = 1.0
_POSTER_SHARE = 0.1


class Gallery:
    """Thumbnails, snapshots and clean originals; raises as ``Frames.load`` unless said otherwise."""

    def __init__(self, frames: Frames, paths: MediaPaths, executor: Executor) -> None:
        """Take the decoder, the places of files, and the executor that draws."""
        self._frames = frames
        self._paths = paths
        self._executor = executor

    async def thumbnail(
        self, owner_id: str, media: Media, detections: Sequence[Marked] = (), *, offset_s: float | None = None
    ) -> bytes:
        """Draw and keep the thumbnail of an event, detection or media file; an older one is replaced."""
        picture = await self._frames.picture(media, offset_s)
        veil = self._frames.veil_of(media.camera_id)
        return await self._run(
            lambda: _written(self._paths.thumbnail(owner_id), thumbnail(picture, detections, veil=veil), veil)
        )

    async def small(self, media: Media, detections: Sequence[Marked] = (), *, offset_s: float | None = None) -> bytes:
        """Draw a thumbnail that is not kept."""
        picture, veil = await self._frames.picture(media, offset_s), self._frames.veil_of(media.camera_id)
        return await self._run(lambda: thumbnail(picture, detections, veil=veil))

    async def video_thumbnail(self, owner_id: str, media: Media) -> bytes | None:
        """Draw and keep the poster of a video, taken at 1 s or a tenth of its length; None if that fails."""
        offset_s = min(_POSTER_S, _POSTER_SHARE * (media.duration_s or 0.0))
        try:
            picture = await self._frames.picture(media, offset_s)
            veil = self._frames.veil_of(media.camera_id)
            return await self._run(
                lambda: _written(self._paths.video_thumbnail(owner_id), thumbnail(picture, veil=veil), veil)
            )
        except (StageError, OSError) as err:
            reason = err.reason if isinstance(err, StageError) else err.strerror
            _LOGGER.warning("no thumbnail of a video: %s", reason, extra={"media_id": media.media_id})
            return None

    async def kept_thumbnail(self, owner_id: str, camera_id: str, *, of_video: bool = False) -> bytes | None:
        """Give a thumbnail, or the poster of a video, from before; None if there is none or other masks hold now."""
        await self._frames.fresh()
        veil = self._frames.veil_of(camera_id)
        place = self._paths.video_thumbnail(owner_id) if of_video else self._paths.thumbnail(owner_id)
        return await self._run(lambda: _read(place, veil))

    def version(self, camera_id: str) -> str:
        """Name what covers a camera's pictures, as it differs between pictures of one id; empty without masks."""
        veil = self._frames.veil_of(camera_id)
        return veil.key if veil is not None else ""

    async def forget(self, owner_id: str) -> bool:
        """Delete the thumbnails of an id; False when there were none."""
        places = self._paths.thumbnail(owner_id), self._paths.video_thumbnail(owner_id)
        return await self._run(lambda: sum(map(remove, places)) > 0)

    async def snapshot(
        self,
        media: Media,
        detections: Sequence[Marked] = (),
        *,
        offset_s: float | None = None,
        max_side: int | None = None,
    ) -> bytes:
        """Encode the picture with boxes around ``detections``, as a JPEG without metadata."""
        picture, veil = await self._frames.picture(media, offset_s), self._frames.veil_of(media.camera_id)
        return await self._run(
            lambda: snapshot(picture, detections, boxes=bool(detections), max_side=max_side, veil=veil)
        )

    async def original(self, media: Media, *, offset_s: float | None = None) -> bytes:
        """Give the picture as the camera delivered it, as a JPEG without metadata."""
        if media.kind is MediaKind.VIDEO:
            return (await self._frames.picture(media, offset_s)).source
        picture = await self._frames.picture(media)
        return await self._run(lambda: clean_jpeg(picture.source))

    async def stored(self, media: Media, *, offset_s: float | None = None) -> bytes:
        """Give the picture byte by byte as it is stored, or under masks that are still to be burned in there."""
        return (await self._frames.picture(media, offset_s)).source

    async def _run[T](self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)


def _written(place: Path, jpeg: bytes, veil: Veil | None) -> bytes:
    write_atomic(place, jpeg if veil is None else marked(jpeg, veil))
    return jpeg


def _read(place: Path, veil: Veil | None) -> bytes | None:
    try:
        with open_regular(place) as file:
            kept = file.read()
    except FileNotFoundError:
        return None
    return unmarked(kept) if veil is None or mark_of(kept) == veil.key else None
