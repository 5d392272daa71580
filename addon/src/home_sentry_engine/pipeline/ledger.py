"""Ledger: what intake accepted or refused becomes rows and a job, in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass

from home_sentry_engine.contract import CameraStatus
from home_sentry_engine.domain.errors import MasksChanged, Rejected, RejectReason
from home_sentry_engine.domain.jobs import DETECT, NewJob
from home_sentry_engine.domain.messages import Arrival, Media, Refusal

from .ports import Store, Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Outcome of an accept: False in ``accepted`` means that this content was known."""

    accepted: bool
    media_id: str


class Ledger:
    """Books every file that reached the engine exactly once."""

    def __init__(self, store: Store, *, dedupe_ttl_s: float, auto_create_cameras: bool) -> None:
        """Take the store, how long a fingerprint counts and whether unknown folders make cameras."""
        self._store = store
        self._ttl_s = dedupe_ttl_s
        self._auto_create = auto_create_cameras

    async def known_sources(self, keys: Sequence[str]) -> set[str]:
        """Tell which of these files were booked before."""
        return await self._store.read(lambda tx: tx.media.known_sources(keys))

    async def accept(self, media: Media, arrival: Arrival) -> Entry:
        """Book a checked file and queue its detection.

        Raises ``Rejected`` if its camera is refused, ``MasksChanged`` where other masks hold now than it wears.
        """
        return await self._store.write(lambda tx: self._accept(tx, media, arrival))

    async def reject(self, arrival: Arrival, reason: Rejected, *, sha256: str | None = None) -> None:
        """Book why a file was refused."""

        def work(tx: Tx) -> None:
            tx.media.reject(
                Refusal(
                    camera_id=arrival.camera_id,
                    reason=reason.reason.value,
                    detail=reason.detail,
                    at=tx.now,
                    source_key=arrival.source_key,
                    sha256=sha256,
                    name=arrival.name,
                )
            )

        await self._store.write(work)

    async def repeat(self, arrival: Arrival) -> None:
        """Book that a file is one that was accepted before."""
        await self._store.write(lambda tx: tx.media.count_duplicate(source_key=arrival.source_key, now=tx.now))

    def _accept(self, tx: Tx, media: Media, arrival: Arrival) -> Entry:
        if tx.cameras.veil(media.camera_id) != media.veil:
            raise MasksChanged(media.camera_id)
        self._camera(tx, arrival)
        fresh = tx.media.claim(
            camera_id=media.camera_id, sha256=media.sha256, media_id=media.media_id, now=tx.now, ttl_s=self._ttl_s
        )
        if media.veil is not None and arrival.path is not None:
            tx.cameras.expose(media, arrival.path, arrival.source_key)
        if not fresh:
            tx.media.count_duplicate(source_key=arrival.source_key, now=tx.now)
            return Entry(accepted=False, media_id=media.media_id)
        tx.media.insert(media, source_key=arrival.source_key, origin=arrival.origin)
        receipt = tx.jobs.put(
            NewJob(queue=DETECT, payload={"media_id": media.media_id}, key=media.camera_id, unique=media.media_id)
        )
        if receipt.refused is not None:
            tx.media.mark_failed(media.media_id, receipt.refused)
        for left, how in ((receipt.dropped, "dropped"), (receipt.displaced, "given up")):
            if left is not None:
                tx.media.mark_failed(str(left["media_id"]), f"{how}: the detection queue was full")
        return Entry(accepted=True, media_id=media.media_id)

    def _camera(self, tx: Tx, arrival: Arrival) -> None:
        known = tx.cameras.get(arrival.camera_id)
        if known is None and not self._auto_create:
            raise Rejected(RejectReason.CAMERA_REFUSED, f"the camera '{arrival.camera_id}' is not set up")
        # which of two folders owns an id is settled where the folders can be seen; a renamed one keeps its camera
        folder = arrival.camera_name if arrival.origin == "folder" and known is None else None
        try:
            camera, created = tx.cameras.ensure(
                camera_id=arrival.camera_id, name=arrival.camera_name, folder=folder, now=tx.now
            )
        except ValueError as err:
            raise Rejected(RejectReason.CAMERA_REFUSED, str(err)) from err
        if created:
            tx.outbox.add("camera_changed", camera, camera_id=camera.id)
        elif camera.status is CameraStatus.UNKNOWN:
            tx.cameras.set_status(camera.id, CameraStatus.ONLINE, None)
