"""Jobs that the engine gave up: list them, put them back, delete them."""

from typing import Any, Final

from homeassistant.core import Context

from .asking import async_ask, on_behalf_of
from .contract import DeadJob, DeadJobPage, Dropped, Requeued, from_plain, to_plain
from .coordinator import HomeSentryCoordinator

QUEUES: Final = ("detect", "assess", "notify")
_DEADLINE_S: Final = 60.0


async def async_list(coordinator: HomeSentryCoordinator, queue: str | None, limit: int) -> list[dict[str, Any]]:
    """Give the newest given-up jobs of one queue or all, as JSON values."""
    found: list[DeadJob] = []
    for name in _chosen(queue):
        answer = await async_ask(coordinator, "list_dead_letters", {"queue": name, "limit": limit})
        found += from_plain(DeadJobPage, answer).items
    newest = sorted(found, key=lambda job: job.last_failed_at, reverse=True)[:limit]
    return [to_plain(job) for job in newest]


async def async_requeue(
    coordinator: HomeSentryCoordinator,
    queue: str | None = None,
    letter_id: int | None = None,
    *,
    context: Context | None = None,
) -> Requeued:
    """Put one given-up job back, or all of one queue or of all queues."""
    done: list[Requeued] = []
    for name in _chosen(queue):
        args = {"queue": name, "letter_id": letter_id, **on_behalf_of(context)}
        answer = await async_ask(coordinator, "requeue_dead_letters", args, deadline_s=_DEADLINE_S)
        done.append(from_plain(Requeued, answer))
    return Requeued(requeued=sum(one.requeued for one in done), remaining=sum(one.remaining for one in done))


async def async_clear(
    coordinator: HomeSentryCoordinator,
    queue: str | None = None,
    letter_id: int | None = None,
    *,
    context: Context | None = None,
) -> Dropped:
    """Delete one given-up job for good, or all of one queue or of all queues."""
    dropped = 0
    for name in _chosen(queue):
        args = {"queue": name, "letter_id": letter_id, **on_behalf_of(context)}
        answer = await async_ask(coordinator, "drop_dead_letters", args, deadline_s=_DEADLINE_S)
        dropped += from_plain(Dropped, answer).dropped
    return Dropped(dropped=dropped)


def _chosen(queue: str | None) -> tuple[str, ...]:
    return QUEUES if queue is None else (queue,)
