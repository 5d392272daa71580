"""The API's pictures: what the gallery draws, found by id."""

from collections.abc import Awaitable, Callable, Sequence
from itertools import groupby
import logging

from home_sentry_engine.api.ports import Picture
from home_sentry_engine.context.stills import best_stills
from home_sentry_engine.contract import Detection, MediaKind
from home_sentry_engine.domain.box import Box
from home_sentry_engine.domain.detection import Detection as Found
from home_sentry_engine.domain.errors import StageError
from home_sentry_engine.domain.messages import Media, Sighting
from home_sentry_engine.media.gallery import Gallery
from home_sentry_engine.storage.database import Connection, Database

from .tables import Tables

_LOGGER = logging.getLogger(__name__)
_JPEG = "image/jpeg"


class GalleryPictures:
    """``api.ports.Pictures``: a picture whose file is gone is None, with one log line saying why."""

    def __init__(self, database: Database, tables: Tables, gallery: Gallery) -> None:
        """Take the rows and the gallery."""
        self._database = database
        self._tables = tables
        self._gallery = gallery

    async def of_media(self, media_id: str) -> Picture | None:
        """Give the picture as delivered; of a video, the frame that shows most."""
        found = await self._database.read(lambda conn: self._of_media(conn, media_id))
        if found is None:
            return None
        media, offset_s = found
        tag = f"{media.sha256[:16]}-o{self._gallery.version(media.camera_id)}"
        return await _or_none(lambda: self._gallery.original(media, offset_s=offset_s), tag)

    async def thumbnail_of_media(self, media_id: str) -> Picture | None:
        """Give the thumbnail of a picture, without boxes; of a video, its poster."""
        stored = await self._database.read(lambda conn: self._tables.media.get(conn, media_id))
        if stored is None:
            return None
        media, is_video = stored.media, stored.media.kind is MediaKind.VIDEO
        tag = f"{media.sha256[:16]}-p{self._gallery.version(media.camera_id)}"
        kept = await self._gallery.kept_thumbnail(media_id, media.camera_id, of_video=is_video)
        if kept is not None:
            return Picture(body=kept, content_type=_JPEG, etag=tag)
        if not is_video:
            return await _or_none(lambda: self._gallery.thumbnail(media_id, media), tag)
        drawn = await self._gallery.video_thumbnail(media_id, media)
        return Picture(body=drawn, content_type=_JPEG, etag=tag) if drawn is not None else None

    async def latest_of(self, camera_id: str) -> Picture | None:
        """Give the newest picture of a camera."""
        camera = await self._database.read(lambda conn: self._tables.cameras.get(conn, camera_id))
        if camera is None or camera.latest_media_id is None:
            return None
        return await self.of_media(camera.latest_media_id)

    async def thumbnail_of(self, event_id: str) -> Picture | None:
        """Give the thumbnail with boxes of the file that triggered the event; of a video, the frame that shows most."""
        found = await self._database.read(lambda conn: self._trigger(conn, event_id))
        if found is None:
            return None
        media, detections, offset_s = found
        # before it is drawn: a tag never names masks that its picture does not wear
        tag = f"{event_id}-t{self._gallery.version(media.camera_id)}"
        kept = await self._gallery.kept_thumbnail(event_id, media.camera_id)
        if kept is not None:
            return Picture(body=kept, content_type=_JPEG, etag=tag)
        return await _or_none(lambda: self._gallery.thumbnail(event_id, media, detections, offset_s=offset_s), tag)

    async def snapshot_of(self, event_id: str) -> Picture | None:
        """Give at full size, with boxes, what the thumbnail shows."""
        found = await self._database.read(lambda conn: self._trigger(conn, event_id))
        if found is None:
            return None
        media, detections, offset_s = found
        tag = f"{event_id}-s{self._gallery.version(media.camera_id)}"
        return await _or_none(lambda: self._gallery.snapshot(media, detections, offset_s=offset_s), tag)

    async def of_detection(self, detection_id: int) -> Picture | None:
        """Give the full-size frame of a detection, with its box alone."""
        return await self._boxed(detection_id, "d", self._gallery.snapshot)

    async def thumbnail_of_detection(self, detection_id: int) -> Picture | None:
        """Give the thumbnail of a detection's own frame, with its box alone."""
        return await self._boxed(detection_id, "dt", self._gallery.small)

    async def _boxed(self, detection_id: int, kind: str, draw: Callable[..., Awaitable[bytes]]) -> Picture | None:
        found = await self._database.read(lambda conn: self._detected(conn, detection_id))
        if found is None:
            return None
        media, one = found
        tag = f"{detection_id}-{kind}{self._gallery.version(media.camera_id)}"
        return await _or_none(lambda: draw(media, (one,), offset_s=one.offset_s), tag)

    def _detected(self, conn: Connection, detection_id: int) -> tuple[Media, Detection] | None:
        detection = self._tables.detections.get(conn, detection_id)
        stored = self._tables.media.get(conn, detection.media_id) if detection is not None else None
        return (stored.media, detection) if stored is not None and detection is not None else None

    def _of_media(self, conn: Connection, media_id: str) -> tuple[Media, float | None] | None:
        stored = self._tables.media.get(conn, media_id)
        if stored is None:
            return None
        rows = self._tables.detections.of_media(conn, media_id)
        return stored.media, _shows_most(rows)

    def _trigger(self, conn: Connection, event_id: str) -> tuple[Media, tuple[Detection, ...], float | None] | None:
        event = self._tables.events.get(conn, event_id)
        stored = self._tables.media.get(conn, event.media_id) if event is not None else None
        if stored is None:
            return None
        rows = self._tables.detections.of_media(conn, stored.media.media_id)
        offset_s = _shows_most(rows)
        return stored.media, tuple(row for row in rows if row.offset_s == offset_s), offset_s


def _shows_most(rows: Sequence[Detection]) -> float | None:
    """Give the time of the frame of a file that is worth showing, None for a still and where nothing was found."""
    frames = groupby(sorted(rows, key=lambda row: row.offset_s or 0.0), key=lambda row: row.offset_s)
    best = best_stills([_sighting(list(frame)) for _, frame in frames], most=1)
    return best[0].offset_s if best else None


def _sighting(rows: Sequence[Detection]) -> Sighting:
    first = rows[0]
    return Sighting(
        media_id=first.media_id,
        camera_id=first.camera_id,
        at=first.detected_at,
        detections=tuple(
            Found(
                label=row.label,
                confidence=row.confidence,
                box=Box(x=row.box.x, y=row.box.y, width=row.box.width, height=row.box.height),
            )
            for row in rows
        ),
        detection_ids=tuple(row.id for row in rows),
        image_width=first.image_width,
        image_height=first.image_height,
        offset_s=first.offset_s,
    )


async def _or_none(draw: Callable[[], Awaitable[bytes]], etag: str) -> Picture | None:
    try:
        return Picture(body=await draw(), content_type=_JPEG, etag=etag)
    except StageError as err:
        _LOGGER.warning("A picture cannot be shown: %s", err.reason)
        return None
