"""Relay: announcements leave the outbox in order, at least once, to whoever listens."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
import logging
from typing import Any, Final, NamedTuple, Protocol

from home_sentry_engine.contract import (
    Alert,
    AlertCreated,
    AlertUpdated,
    BatchClosed,
    Camera,
    CameraChanged,
    CameraRemoved,
    CamerasSilent,
    DetectionsAdded,
    Event,
    EventCreated,
    EventUpdated,
    SceneChange,
    SceneChanged,
    Summary,
    SummaryUpdate,
    decode,
    encode,
)

_LOGGER = logging.getLogger(__name__)
_AT_ONCE = 500

# kinds whose rows hold the record that the message carries
_RECORDS: Final[dict[str, tuple[type, Callable[[int, Any], object]]]] = {
    "event_created": (Event, lambda seq, event: EventCreated(seq=seq, event=event)),
    "event_updated": (Event, lambda seq, event: EventUpdated(seq=seq, event=event)),
    "alert_created": (Alert, lambda seq, alert: AlertCreated(seq=seq, alert=alert)),
    "alert_updated": (Alert, lambda seq, alert: AlertUpdated(seq=seq, alert=alert)),
    "camera_changed": (Camera, lambda seq, camera: CameraChanged(seq=seq, camera=camera)),
    "scene_change": (SceneChange, lambda seq, change: SceneChanged(seq=seq, change=change)),
    "summary_update": (Summary, lambda seq, summary: SummaryUpdate(seq=seq, summary=summary)),
}
# kinds whose rows hold the message, but for its number
_MESSAGES: Final[dict[str, type[CameraRemoved | DetectionsAdded | CamerasSilent | BatchClosed]]] = {
    "camera_removed": CameraRemoved,
    "detections_added": DetectionsAdded,
    "cameras_silent": CamerasSilent,
    "batch_closed": BatchClosed,
}


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
    def camera_id(self) -> str | None:
        """Camera that it is about, if one."""
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


def to_message(row: Announcement) -> bytes:
    """Make the wire message of an outbox row."""
    if row.kind in _RECORDS:
        record, told = _RECORDS[row.kind]
        return encode(told(row.seq, decode(record, row.body)))
    if row.kind in _MESSAGES:
        return encode(replace(decode(_MESSAGES[row.kind], row.body), seq=row.seq))
    raise ValueError(f"the outbox holds an unknown kind of announcement: {row.kind}")


class Relayed(NamedTuple):
    """One message of the wire with what is known of it without reading it."""

    seq: int
    body: bytes
    kind: str
    camera_id: str | None


def to_messages(rows: Sequence[Announcement]) -> list[Relayed]:
    """Make the messages of several rows; a row that cannot be read is logged and left out."""
    messages = []
    for row in rows:
        try:
            messages.append(Relayed(row.seq, to_message(row), row.kind, row.camera_id))
        except ValueError:
            _LOGGER.exception("Left out announcement %d", row.seq)
    return messages


class Relay:
    """Follows the outbox; ``nudge`` tells it that there may be news, and it looks now and then anyway."""

    def __init__(self, outbox: OutboxReader, *, poll_s: float = 1.0) -> None:
        """Take where announcements come from and the longest time between two looks."""
        self._outbox = outbox
        self._poll_s = poll_s
        self._followers: set[asyncio.Event] = set()

    def nudge(self) -> None:
        """Wake all followers; call it on the event loop after a commit."""
        for follower in self._followers:
            follower.set()

    @asynccontextmanager
    async def follow(self) -> AsyncIterator[AsyncIterator[Relayed]]:
        """Receive the message of every row that is newer than the moment of entering, in order."""
        news = asyncio.Event()
        self._followers.add(news)
        try:
            yield self._messages(await self._outbox.last_seq(), news)
        finally:
            self._followers.discard(news)

    async def _messages(self, sent: int, news: asyncio.Event) -> AsyncIterator[Relayed]:
        while True:
            news.clear()
            while rows := await self._outbox.since(sent, _AT_ONCE):
                for message in to_messages(rows):
                    yield message
                sent = rows[-1].seq
            try:
                async with asyncio.timeout(self._poll_s):
                    await news.wait()
            except TimeoutError:
                continue
