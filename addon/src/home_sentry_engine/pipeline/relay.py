"""Relay: announcements leave the outbox in order, at least once, to whoever listens."""

import asyncio
from collections.abc import Sequence
import logging
from typing import Protocol

from home_sentry_engine.contract import (
    Camera,
    CameraChanged,
    CameraRemoved,
    DetectionsAdded,
    Event,
    EventCreated,
    EventUpdated,
    decode,
    encode,
)

_LOGGER = logging.getLogger(__name__)
_AT_ONCE = 500
_POLL_S = 1.0


class Announcement(Protocol):
    """One row of the outbox."""

    @property
    def seq(self) -> int:
        """Sequence number, rising."""
        ...

    @property
    def kind(self) -> str:
        """Type of the message."""
        ...

    @property
    def body(self) -> bytes:
        """Encoded record or message."""
        ...


class OutboxReader(Protocol):
    """Reads the outbox."""

    async def since(self, seq: int, limit: int) -> Sequence[Announcement]:
        """Give rows after ``seq`` in order."""
        ...

    async def last_seq(self) -> int:
        """Give the newest sequence number, 0 if there is none."""
        ...


class Publisher(Protocol):
    """Takes what clients are to hear."""

    async def publish(self, topic: str, body: bytes) -> None:
        """Hand a message to all subscribers of this moment."""
        ...


TOPIC = "announcements"


def to_message(row: Announcement) -> bytes:
    """Make the wire message of an outbox row."""
    match row.kind:
        case "event_created":
            return encode(EventCreated(seq=row.seq, event=decode(Event, row.body)))
        case "event_updated":
            return encode(EventUpdated(seq=row.seq, event=decode(Event, row.body)))
        case "camera_changed":
            return encode(CameraChanged(seq=row.seq, camera=decode(Camera, row.body)))
        case "camera_removed":
            removed = decode(CameraRemoved, row.body)
            return encode(CameraRemoved(seq=row.seq, camera_id=removed.camera_id))
        case "detections_added":
            added = decode(DetectionsAdded, row.body)
            return encode(
                DetectionsAdded(
                    seq=row.seq,
                    camera_id=added.camera_id,
                    media_id=added.media_id,
                    event_id=added.event_id,
                    detections=added.detections,
                )
            )
    raise ValueError(f"the outbox holds an unknown kind of announcement: {row.kind}")


class Relay:
    """Publishes each new outbox row; ``nudge`` tells it that there may be one."""

    def __init__(self, outbox: OutboxReader, publisher: Publisher) -> None:
        """Take where announcements come from and where they go."""
        self._outbox = outbox
        self._publisher = publisher
        self._news = asyncio.Event()

    def nudge(self) -> None:
        """Wake the relay; call it on the event loop after a commit."""
        self._news.set()

    async def run(self) -> None:
        """Publish until cancelled, from the newest row at the start on."""
        sent = await self._outbox.last_seq()
        while True:
            self._news.clear()
            sent = await self._drain(sent)
            try:
                async with asyncio.timeout(_POLL_S):
                    await self._news.wait()
            except TimeoutError:
                continue

    async def _drain(self, sent: int) -> int:
        while rows := await self._outbox.since(sent, _AT_ONCE):
            for row in rows:
                try:
                    await self._publisher.publish(TOPIC, to_message(row))
                except ValueError:
                    _LOGGER.exception("Skipped announcement %d", row.seq)
                sent = row.seq
        return sent
