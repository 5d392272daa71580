"""Detect: a media file in, its detections in the camera's visit out."""

from collections.abc import Callable
from dataclasses import replace
import logging
from typing import Final

from home_sentry_engine.context.trust import HISTORY
from home_sentry_engine.contract import CameraStatus, MediaKind
from home_sentry_engine.domain.detection import FrameDetections
from home_sentry_engine.domain.errors import Permanent, StageError, Unavailable
from home_sentry_engine.domain.jobs import DETECT, Job
from home_sentry_engine.domain.messages import Media
from home_sentry_engine.domain.resting import ViewNews
from home_sentry_engine.pipeline.gathering import Gathering, Look
from home_sentry_engine.pipeline.ports import Frames, Store, Tx
from home_sentry_engine.pipeline.seeing import Seeing, Seen, without_doubtful
from home_sentry_engine.pipeline.worker import Commit

_LOGGER = logging.getLogger(__name__)
_COVERED: Final = "the view is covered: the picture shows no scene"

type Observer = Callable[[Media, tuple[FrameDetections, ...]], None]


class DetectStage:
    """Looks at one media file and gathers what it shows."""

    queue = DETECT

    def __init__(
        self,
        *,
        store: Store,
        frames: Frames,
        seeing: Seeing,
        gathering: Gathering,
        observer: Observer,
    ) -> None:
        """Take the store, what keeps frames, what sees, and the gathering."""
        self._store = store
        self._frames = frames
        self._seeing = seeing
        self._gathering = gathering
        self._observer = observer

    async def __call__(self, job: Job) -> Commit:
        """Decode and detect; the commit stores rows, batch, event and announcements."""
        media_id = str(job.payload["media_id"])
        media = await self._store.read(lambda tx: tx.media.get(media_id))
        if media is None:
            raise Permanent("the media row of this job is gone", code="media_gone")
        seen = await self._seeing.look(media)
        if seen.bad:
            since = media.received_at
            before = await self._store.read(
                lambda tx: tx.detections.qualities(media.camera_id, before=since, most=HISTORY)
            )
            seen = self._seeing.against(seen, media, before)
        if seen.doubtful and await self._store.read(lambda tx: self._depends_on_doubts(tx, media, seen)):
            seen = await self._seeing.confirmed(seen)
        if media.kind is MediaKind.VIDEO:
            for picture, frame in zip(seen.pictures, seen.frames, strict=True):
                if frame.detections:
                    await self._frames.keep(media, picture)
        self._observer(media, seen.frames)
        news = await self._gathering.circumstances.watch_view(media, seen.pictures[0]) if seen.pictures else None
        return lambda tx: self._commit(tx, media, seen, news)

    def abandoned(self, job: Job, error: StageError) -> Commit:
        """Quarantine the file and, where the detector is to blame, show the camera as blind."""
        media_id = str(job.payload["media_id"])

        def commit(tx: Tx) -> None:
            tx.media.mark_failed(media_id, error.reason)
            if not isinstance(error, Permanent) and job.key is not None:
                _blind(tx, job.key, error.reason)

        return commit

    def stalled(self, job: Job, error: Unavailable) -> Commit:
        """Show the camera as blind while its pictures wait."""
        return lambda tx: _blind(tx, job.key, error.reason) if job.key else None

    def _depends_on_doubts(self, tx: Tx, media: Media, seen: Seen) -> bool:
        look = Look(media=media, camera_name=media.camera_id, frames=seen.frames)
        return self._gathering.lifts(tx, look, replace(look, frames=without_doubtful(seen.frames)))

    def _commit(self, tx: Tx, media: Media, seen: Seen, news: ViewNews | None) -> None:
        known = tx.cameras.get(media.camera_id)
        if known is None:
            raise Permanent("the camera was removed", code="camera_gone")
        for change in tx.places.note_view(media, news) if news is not None else ():
            tx.outbox.add("scene_change", change, camera_id=change.camera_id)
        if not any(tx.detections.exists(media.media_id, frame.model_id) for frame in seen.frames[:1]):
            shown = news.shown if news is not None else None
            frames = self._gathering.circumstances.sift(tx, media, seen.frames, shown)
            look = Look(media=media, camera_name=known.name, frames=frames)
            counts = self._gathering.starts_or_joins(tx, look)
            step = self._gathering.join if counts else self._gathering.note_empty
            step(tx, look)
        tx.media.mark_detected(media.media_id)
        camera = tx.cameras.seen(media.camera_id, media_id=media.media_id, at=media.received_at)
        trouble = _trouble(seen)
        if trouble is not None and camera.status is CameraStatus.ONLINE:
            camera = tx.cameras.set_status(camera.id, CameraStatus.DEGRADED, trouble) or camera
        tx.outbox.add("camera_changed", camera, camera_id=camera.id)


def _trouble(seen: Seen) -> str | None:
    if seen.covered:
        return _COVERED
    worse = seen.fallen
    return None if worse is None else f"the picture is suddenly {', '.join(worse.defects)}, as it usually is not here"


def _blind(tx: Tx, camera_id: str, reason: str) -> None:
    changed = tx.cameras.set_status(camera_id, CameraStatus.BLIND, reason)
    if changed is not None:
        tx.outbox.add("camera_changed", changed, camera_id=camera_id)
