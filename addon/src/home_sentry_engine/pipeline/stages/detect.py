"""Detect: a media file in, its detections in the camera's visit out."""

from collections.abc import Callable, Mapping
import logging

from home_sentry_engine.contract import CameraStatus, MediaKind
from home_sentry_engine.domain.detection import FrameDetections
from home_sentry_engine.domain.errors import Permanent, StageError, Unavailable
from home_sentry_engine.domain.jobs import DETECT, Job
from home_sentry_engine.domain.messages import Media
from home_sentry_engine.domain.resting import ViewNews
from home_sentry_engine.pipeline.gathering import Gathering, Look
from home_sentry_engine.pipeline.ports import Detector, Frames, Store, Tx
from home_sentry_engine.pipeline.worker import Commit

_LOGGER = logging.getLogger(__name__)

type Observer = Callable[[Media, tuple[FrameDetections, ...]], None]


class DetectStage:
    """Looks at one media file and gathers what it shows."""

    queue = DETECT

    def __init__(
        self,
        *,
        store: Store,
        frames: Frames,
        detector: Detector,
        gathering: Gathering,
        confidences: Mapping[str, float],
        observer: Observer,
    ) -> None:
        """Take the store, the decoder, the detector, the gathering and thresholds that differ by camera."""
        self._store = store
        self._frames = frames
        self._detector = detector
        self._gathering = gathering
        self._confidences = confidences
        self._observer = observer

    async def __call__(self, job: Job) -> Commit:
        """Decode and detect; the commit stores rows, batch, event and announcements."""
        media_id = str(job.payload["media_id"])
        media = await self._store.read(lambda tx: tx.media.get(media_id))
        if media is None:
            raise Permanent("the media row of this job is gone", code="media_gone")
        pictures = await self._frames.load(media)
        found = tuple(await self._detector.detect(pictures, confidence=self._confidences.get(media.camera_id)))
        if media.kind is MediaKind.VIDEO:
            for picture, frame in zip(pictures, found, strict=True):
                if frame.detections:
                    await self._frames.keep(media, picture)
        self._observer(media, found)
        news = await self._gathering.circumstances.watch_view(media, pictures[0]) if pictures else None
        return lambda tx: self._commit(tx, media, found, news)

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

    def _commit(self, tx: Tx, media: Media, found: tuple[FrameDetections, ...], news: ViewNews | None) -> None:
        known = tx.cameras.get(media.camera_id)
        if known is None:
            raise Permanent("the camera was removed", code="camera_gone")
        for change in tx.places.note_view(media, news) if news is not None else ():
            tx.outbox.add("scene_change", change, camera_id=change.camera_id)
        if not any(tx.detections.exists(media.media_id, frame.model_id) for frame in found[:1]):
            frames = self._gathering.circumstances.sift(tx, media, found)
            look = Look(media=media, camera_name=known.name, frames=frames)
            step = self._gathering.join if look.count else self._gathering.note_empty
            step(tx, look)
        tx.media.mark_detected(media.media_id)
        camera = tx.cameras.seen(media.camera_id, media_id=media.media_id, at=media.received_at)
        tx.outbox.add("camera_changed", camera, camera_id=camera.id)


def _blind(tx: Tx, camera_id: str, reason: str) -> None:
    changed = tx.cameras.set_status(camera_id, CameraStatus.BLIND, reason)
    if changed is not None:
        tx.outbox.add("camera_changed", changed, camera_id=camera_id)
