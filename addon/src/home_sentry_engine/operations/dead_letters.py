"""Putting given-up jobs back or dropping them, so that the account of files stays right."""

from dataclasses import dataclass
from typing import Protocol

from home_sentry_engine.broker.queue import PutOutcome, Queue, Requeued
from home_sentry_engine.domain.jobs import DETECT
from home_sentry_engine.storage.database import Connection

_GONE = frozenset({PutOutcome.ACCEPTED, PutOutcome.DUPLICATE})


class MediaStates(Protocol):
    """Where it is noted that a failed file is tried again."""

    def mark_queued(self, conn: Connection, media_id: str) -> bool:
        """Note that a failed file is tried again; False if it waits already."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterDesk:
    """Requeues and drops inside the caller's transaction."""

    queue: Queue[Connection]
    media: MediaStates

    def requeue(self, conn: Connection, letter_id: int) -> Requeued:
        """Put one back; raises ``UnknownDeadLetter``. Its result tells whether the queue took it."""
        return self._noted(conn, self.queue.requeue(conn, letter_id))

    def requeue_all(self, conn: Connection, queue: str | None) -> tuple[Requeued, ...]:
        """Put back those of one or all queues, oldest first, until one does not fit."""
        return tuple(self._noted(conn, one) for one in self.queue.requeue_all(conn, queue))

    def drop(self, conn: Connection, letter_id: int) -> bool:
        """Delete one; False if there is none. A file that it stood for stays quarantined."""
        return self.queue.drop(conn, letter_id)

    def drop_all(self, conn: Connection, queue: str | None) -> int:
        """Delete those of one or all queues; gives how many."""
        return self.queue.drop_all(conn, queue)

    def _noted(self, conn: Connection, requeued: Requeued) -> Requeued:
        media_id = requeued.letter.payload.get("media_id")
        if requeued.result.outcome in _GONE and requeued.letter.queue == DETECT and isinstance(media_id, str):
            self.media.mark_queued(conn, media_id)
        return requeued
