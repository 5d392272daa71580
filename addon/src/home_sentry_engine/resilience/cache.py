"""Answers that are dear to get are kept for a while, and served a little longer while a newer one is on its way."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
import logging

from home_sentry_engine.domain.clock import Clock

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Kept[V]:
    value: V
    version: Hashable
    at: float


class TtlCache[K: Hashable, V]:
    """Values by key, of one event loop; of several callers that miss one key, one loads and all get its value.

    A value is fresh for ``ttl_s`` as long as its version is the one asked for. One that is not fresh is loaded anew;
    who asks waits ``patience_s`` for that, and then gets the old value if it is outdated for ``stale_s`` at most.
    The ``most`` values that were asked for last are kept.
    """

    def __init__(
        self, clock: Clock, *, ttl_s: float = 300.0, stale_s: float = 60.0, patience_s: float = 0.0, most: int = 64
    ) -> None:
        """Start empty."""
        self._clock = clock
        self._ttl_s = ttl_s
        self._stale_s = stale_s
        self._patience_s = patience_s
        self._most = most
        self._kept: OrderedDict[K, _Kept[V]] = OrderedDict()
        self._loading: dict[K, asyncio.Task[V]] = {}

    async def get(self, key: K, load: Callable[[], Awaitable[V]], *, version: Hashable = None) -> V:
        """Give the value; raises what ``load`` raises where no value can be served meanwhile.

        ``version`` was read before: what is loaded for it may be newer, and is older only where another caller's load
        was under way already.
        """
        kept = self._kept.get(key)
        if kept is not None and kept.version == version and self._clock.monotonic() - kept.at < self._ttl_s:
            self._kept.move_to_end(key)
            return kept.value
        task = self._loading.get(key)
        if task is None:
            task = self._loading[key] = asyncio.create_task(self._load(key, load, version), name="cache refresh")
            task.add_done_callback(_heard)
        if kept is None or self._outdated_s(kept, version) > self._stale_s:
            return await asyncio.shield(task)
        return await self._at_best(task, kept)

    async def aclose(self) -> None:
        """End what is being loaded."""
        tasks = tuple(self._loading.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _at_best(self, task: asyncio.Task[V], kept: _Kept[V]) -> V:
        nap = asyncio.ensure_future(self._clock.sleep(self._patience_s))
        try:
            await asyncio.wait({task, nap}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            nap.cancel()
        if task.done() and not task.cancelled() and task.exception() is None:
            return task.result()
        return kept.value

    async def _load(self, key: K, load: Callable[[], Awaitable[V]], version: Hashable) -> V:
        at = self._clock.monotonic()
        try:
            value = await load()
        finally:
            self._loading.pop(key, None)
        self._kept[key] = _Kept(value, version, at)
        self._kept.move_to_end(key)
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return value

    def _outdated_s(self, kept: _Kept[V], version: Hashable) -> float:
        age_s = self._clock.monotonic() - kept.at
        # nobody knows when the version changed: at the latest since the value was loaded it is an old one
        return age_s - self._ttl_s if kept.version == version else age_s


def _heard(task: asyncio.Task[object]) -> None:
    if not task.cancelled() and (err := task.exception()) is not None:
        _LOGGER.debug("A kept value could not be renewed: %s", err)
