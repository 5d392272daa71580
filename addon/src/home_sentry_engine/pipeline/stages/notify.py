"""Telling people: one alert in one channel, tried three times and never sent twice."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
import logging
from typing import Final, Protocol

from home_sentry_engine.alerting.channels.errors import SendFailed
from home_sentry_engine.alerting.channels.targets import Target
from home_sentry_engine.alerting.gates import STALE_AFTER
from home_sentry_engine.alerting.message import Message
from home_sentry_engine.contract import Alert, Delivery
from home_sentry_engine.contract.notifications import DeliveryReason, DeliveryState
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.errors import StageError, Transient, Unavailable
from home_sentry_engine.domain.jobs import NOTIFY, Job
from home_sentry_engine.pipeline.ports import Tx
from home_sentry_engine.pipeline.worker import Commit
from home_sentry_engine.resilience.backoff import Backoff
from home_sentry_engine.resilience.breaker import Breaker

_LOGGER = logging.getLogger(__name__)
TRIES: Final = 3
_BACKOFF: Final = Backoff(base_s=5.0, factor=6.0, cap_s=60.0)
_ELSEWHERE_S: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """A delivery that is under way with all that it takes.

    ``alert`` is None when its event is gone, ``target`` while the channel is not set up. ``elsewhere``: another engine
    has what is secret of the channel.
    """

    delivery: Delivery
    alert: Alert | None
    target: Target | None
    elsewhere: bool = False


class Book(Protocol):
    """Where deliveries are kept."""

    async def open(self, delivery_id: str) -> Errand | None:
        """Give a delivery that is under way, None for one that is settled or gone."""
        ...

    async def settle(self, delivery: Delivery) -> None:
        """Keep how a delivery stands, and what follows for its channel and alert."""
        ...

    async def message(self, errand: Errand, alert: Alert) -> Message:
        """Write what is sent."""
        ...


class Send(Protocol):
    """What carries a message to its target."""

    async def send(self, target: Target, message: Message) -> None:
        """Return when the target took it; raises ``SendFailed``."""
        ...


class NotifyStage:
    """``pipeline.worker.Stage`` of the queue ``notify``.

    Each try is kept before its job is acknowledged: one that is done again finds its delivery settled.
    """

    queue = NOTIFY

    def __init__(self, book: Book, senders: Send, clock: Clock, breaker_of: Callable[[str], Breaker]) -> None:
        """Take the rows, the ways, and the breaker of each channel."""
        self._book = book
        self._senders = senders
        self._clock = clock
        self._breaker_of = breaker_of

    async def __call__(self, job: Job) -> Commit:
        """Try once; raises ``Transient`` for the next try and ``Unavailable`` while the target is left alone."""
        errand = await self._book.open(str(job.payload["delivery_id"]))
        if errand is None:
            return _nothing
        ended = self._ended(errand)
        if ended is not None:
            await self._settle(errand.delivery, DeliveryState.FAILED, *ended)
        elif errand.elsewhere:
            raise Unavailable("another engine has what is secret of this channel", retry_after_s=_ELSEWHERE_S)
        elif errand.target is not None and errand.alert is not None:
            await self._try(errand.delivery, errand.target, await self._book.message(errand, errand.alert))
        return _nothing

    def abandoned(self, job: Job, error: StageError) -> Commit:
        """Write nothing: deliveries that nobody works on are closed when they are too old."""
        del job, error
        return _nothing

    def stalled(self, job: Job, error: Unavailable) -> Commit:
        """Write nothing: the delivery is under way still."""
        del job, error
        return _nothing

    def _ended(self, errand: Errand) -> tuple[DeliveryReason, str] | None:
        age = self._clock.steady() - errand.delivery.created_at
        if errand.alert is None:
            return DeliveryReason.EVENT_GONE, "its event was deleted"
        if age > STALE_AFTER:
            return DeliveryReason.TOO_LATE, f"it could not be sent within {STALE_AFTER.total_seconds() / 60:g} minutes"
        if errand.target is None and not errand.elsewhere:
            return DeliveryReason.NOT_SET_UP, "the channel is not set up"
        return None

    async def _try(self, delivery: Delivery, target: Target, message: Message) -> None:
        now = self._clock.steady()
        tried = replace(delivery, attempts=delivery.attempts + 1, tried_at=now, next_try_at=None)
        try:
            with self._breaker_of(delivery.channel_id).call():
                await self._senders.send(target, message)
        except SendFailed as err:
            wait_s = self._wait_s(tried, err)
            if wait_s is None:
                await self._settle(tried, DeliveryState.FAILED, err.reason, err.detail)
                return
            again = self._clock.steady() + timedelta(seconds=wait_s)
            await self._settle(replace(tried, next_try_at=again), DeliveryState.PENDING, err.reason, err.detail)
            raise Transient(err.detail, code=err.reason.value, retry_after_s=wait_s) from err
        done = replace(tried, delivered_at=self._clock.steady())
        await self._settle(done, DeliveryState.DELIVERED, DeliveryReason.DELIVERED, None)

    def _wait_s(self, tried: Delivery, err: SendFailed) -> float | None:
        if not err.again or tried.attempts >= TRIES:
            return None
        wait_s = max(_BACKOFF.delay_s(tried.attempts), err.retry_after_s or 0.0)
        left = STALE_AFTER - (self._clock.steady() - tried.created_at)
        return wait_s if wait_s <= left.total_seconds() else None

    async def _settle(
        self, delivery: Delivery, state: DeliveryState, reason: DeliveryReason, detail: str | None
    ) -> None:
        if state is DeliveryState.FAILED:
            extra = {"event_id": delivery.event_id, "code": reason.value, "attempt": delivery.attempts}
            _LOGGER.warning("An alert was not delivered: %s", detail, extra=extra)
        await self._book.settle(replace(delivery, state=state, reason=reason, detail=detail))


def _nothing(_tx: Tx) -> None:
    return
