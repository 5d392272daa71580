"""Fetching model files that somebody asked for, one after the other, with their progress told."""

import asyncio
from collections.abc import Callable
import logging
from typing import Final

from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.resilience.backoff import Backoff

from .catalog import Card, Catalogue
from .store import HashMismatch, ModelStore, Progress, StoreError

_LOGGER = logging.getLogger(__name__)
_RETRY: Final = Backoff(base_s=60.0, factor=2.0, cap_s=3600.0, jitter=0.1)
_TELL_S: Final = 0.5


class Fetches:
    """What is wanted, how far it is, and why it failed; ``run`` does the work. One event loop only."""

    def __init__(self, catalogue: Catalogue, store: ModelStore, clock: Clock) -> None:
        """Take what can be fetched and where it goes."""
        self._catalogue = catalogue
        self._store = store
        self._clock = clock
        self._queue: asyncio.Queue[str] = asyncio.Queue()
        self._wanted: set[str] = set()
        self._progress: dict[str, Progress] = {}
        self._failures: dict[str, StoreError] = {}
        self._listeners: list[Callable[[Card], None]] = []
        self._told_at = float("-inf")

    def want(self, model_id: str) -> None:
        """Ask for the files of a model; raises ``UnknownModel``."""
        card = self._catalogue.get(model_id)
        if model_id not in self._wanted:
            self._wanted.add(model_id)
            self._queue.put_nowait(model_id)
            self._tell(card)

    def is_wanted(self, model_id: str) -> bool:
        """Tell whether a model waits for its files or they are being fetched."""
        return model_id in self._wanted

    def progress(self, model_id: str) -> Progress | None:
        """Tell how far the fetching is; None while nothing of it arrives."""
        return self._progress.get(model_id)

    def failure(self, model_id: str) -> str | None:
        """Tell why the last try failed."""
        failed = self._failures.get(model_id)
        return failed.reason if failed is not None else None

    def corrupt(self, model_id: str) -> str | None:
        """Tell what was fetched last instead of the right file; None where nothing wrong came."""
        failed = self._failures.get(model_id)
        return failed.reason if isinstance(failed, HashMismatch) else None

    def on_change(self, listener: Callable[[Card], None]) -> None:
        """Tell ``listener`` the card of every model whose fetching was asked for, went on, ended or failed."""
        self._listeners.append(listener)

    async def run(self) -> None:
        """Fetch until cancelled, one model at a time; one that failed rests, and the others do not wait for it."""
        tries: dict[str, int] = {}
        async with asyncio.TaskGroup() as resting:
            while True:
                card = self._catalogue.get(await self._queue.get())
                failed = await self._fetch(card)
                self._progress.pop(card.id, None)
                if failed is None:
                    tries.pop(card.id, None)
                    self._failures.pop(card.id, None)
                    self._let_go(card)
                    continue
                tries[card.id] = tries.get(card.id, 0) + 1
                self._failures[card.id] = failed
                self._tell(card)
                _LOGGER.warning("%s", failed.reason, extra={"model_id": card.id})
                resting.create_task(self._rest(card, _RETRY.delay_s(tries[card.id])))

    async def _rest(self, card: Card, seconds: float) -> None:
        await self._clock.sleep(seconds)
        self._let_go(card)

    def _let_go(self, card: Card) -> None:
        self._wanted.discard(card.id)
        self._tell(card)

    async def _fetch(self, card: Card) -> StoreError | None:
        try:
            await self._store.fetch(card, on_progress=lambda news: self._went_on(card, news))
        except StoreError as err:
            return err
        return None

    def _went_on(self, card: Card, news: Progress) -> None:
        now = self._clock.monotonic()
        if news.done_bytes == news.total_bytes or now - self._told_at >= _TELL_S:
            self._told_at = now
            self._progress[card.id] = news
            self._tell(card)

    def _tell(self, card: Card) -> None:
        for listener in self._listeners:
            listener(card)
