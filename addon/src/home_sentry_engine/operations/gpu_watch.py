"""Watches the graphics cards: the newest reading, a ring of the last hour, and means of each minute for the store."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime, timedelta
import logging
from statistics import fmean
from typing import Final

from home_sentry_engine.contract import Gpu, GpuHistory, GpuPoint, GpuState
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.errors import HomeSentryError

from .gpu import NoGpu, Reader

_LOGGER = logging.getLogger(__name__)
_RING: Final = 1000
_HISTORY: Final = timedelta(minutes=60)
_AGAIN_S: Final = 300.0

type Save = Callable[[Sequence[GpuPoint]], Awaitable[None]]


class GpuWatch:
    """Reads every ``every_s`` seconds while it runs; without a card it looks for one every five minutes."""

    def __init__(self, open_reader: Callable[[], Reader], clock: Clock, save: Save, *, every_s: float = 5.0) -> None:
        """``save`` gets the means of each minute that is over."""
        self._open = open_reader
        self._clock = clock
        self._save = save
        self._every_s = every_s
        self._ring: deque[Gpu] = deque(maxlen=_RING)
        self._minute: list[Gpu] = []
        self._state = GpuState(reason="not asked yet")

    @property
    def state(self) -> GpuState:
        """The newest reading of each card, or why there is none; old readings are never shown as new ones."""
        return self._state

    def history(self, minutes: int = 60) -> GpuHistory:
        """Give the readings of the last minutes, an hour at most, oldest first."""
        since = self._clock.now() - min(timedelta(minutes=minutes), _HISTORY)
        return GpuHistory(items=tuple(means([one], one.at) for one in self._ring if one.at >= since))

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            try:
                reader = await asyncio.to_thread(self._open)
            except NoGpu as err:
                self._state = GpuState(reason=str(err))
                await self._clock.sleep(_AGAIN_S)
                continue
            try:
                await self._follow(reader)
            finally:
                await asyncio.to_thread(reader.close)

    async def _follow(self, reader: Reader) -> None:
        while True:
            now = self._clock.now()
            try:
                cards = await asyncio.to_thread(reader.read, now)
            except NoGpu as err:
                _LOGGER.warning("The graphics card is gone: %s", err)
                self._state = GpuState(source=reader.source, reason=str(err))
                await self._clock.sleep(self._every_s)
                return
            await self._take(cards, now)
            self._state = GpuState(source=reader.source, items=cards)
            await self._clock.sleep(self._every_s)

    async def _take(self, cards: Iterable[Gpu], now: datetime) -> None:
        minute = _minute_of(now)
        if self._minute and _minute_of(self._minute[0].at) != minute:
            over, self._minute = self._minute, []
            try:
                await self._save(minute_means(over))
            except (HomeSentryError, OSError) as err:
                _LOGGER.warning("Means of a minute were not kept: %s", type(err).__name__)
        for card in cards:
            self._ring.append(card)
            self._minute.append(card)


def minute_means(readings: Iterable[Gpu]) -> tuple[GpuPoint, ...]:
    """Give the means of each card over readings of one minute."""
    by_card: dict[int, list[Gpu]] = defaultdict(list)
    for one in readings:
        by_card[one.index].append(one)
    return tuple(means(some, _minute_of(some[0].at)) for some in by_card.values())


def means(readings: Sequence[Gpu], at: datetime) -> GpuPoint:
    """Give the means of readings of one card; what no reading tells is None."""
    used = _mean(one.memory_used_bytes for one in readings)
    return GpuPoint(
        at=at,
        index=readings[0].index,
        readings=len(readings),
        utilization_percent=_mean(one.utilization_percent for one in readings),
        memory_used_bytes=None if used is None else round(used),
        temperature_c=_mean(one.temperature_c for one in readings),
        power_w=_mean(one.power_w for one in readings),
    )


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(fmean(known), 2) if known else None


def _minute_of(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)
