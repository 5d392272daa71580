"""The looks of the last hours in memory, kept in step with the rows: also with those that other engines write."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from datetime import datetime
import logging
import threading
from typing import Final

from home_sentry_engine.context.identity import ProbableMatch, Question, Traces
from home_sentry_engine.context.index import UnusableVector
from home_sentry_engine.domain.errors import HomeSentryError, Unavailable
from home_sentry_engine.domain.household import Trace

from .identity_ports import Vector
from .ports import Store

_LOGGER = logging.getLogger(__name__)
# rows of engines that commit beside each other may become visible out of the order of their ids
_OVERLAP: Final = 200


class TraceMemory:
    """Finds probable matches; built from the rows on first use, then only what is new is read."""

    def __init__(self, store: Store, traces: Traces | None = None, executor: Executor | None = None) -> None:
        """Take the rows, an empty memory, and the executor that compares."""
        self._store = store
        self._traces = traces if traces is not None else Traces()
        self._executor = executor
        self._lock = threading.Lock()
        self._last = 0
        self.trouble: str | None = None

    def __len__(self) -> int:
        return len(self._traces)

    async def follow(self, now: datetime) -> None:
        """Take in what is new and forget what has expired; raises ``Unavailable`` with the reason."""
        after = max(0, self._last - _OVERLAP)
        try:
            fresh = await self._store.read(lambda tx: tx.identity.living(now, after=after))
            await self._run(lambda: self._take(fresh, now))
        except HomeSentryError as err:
            self.trouble = f"the remembered looks cannot be read: {err}"
            raise Unavailable(self.trouble, code="vector_store") from err
        self.trouble = None

    async def probable(self, questions: Sequence[Question]) -> list[tuple[ProbableMatch, ...]]:
        """Answer each question with earlier looks that are probably the same subject, the likest first."""
        return await self._run(lambda: self._answers(questions))

    async def remember(self, looks: Sequence[tuple[Trace, Vector]]) -> None:
        """Take in looks that were just stored."""
        await self._run(lambda: self._put(looks))

    async def forget(self, ids: Sequence[int]) -> None:
        """Forget looks that were erased."""
        await self._run(lambda: self._drop(ids))

    async def forget_all(self) -> None:
        """Forget everything and begin anew from the rows."""
        await self._run(lambda: self._drop(None))

    async def _run[T](self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)

    def _take(self, fresh: Sequence[tuple[Trace, Vector]], now: datetime) -> None:
        self._put(fresh)
        with self._lock:
            self._traces.forget_expired(now)

    def _put(self, looks: Sequence[tuple[Trace, Vector]]) -> None:
        with self._lock:
            for trace, vector in looks:
                try:
                    self._traces.remember(trace, vector)
                except UnusableVector as err:
                    _LOGGER.warning("A remembered look cannot be compared: %s", err, extra={"model_id": trace.model_id})
                self._last = max(self._last, trace.id)

    def _drop(self, ids: Sequence[int] | None) -> None:
        with self._lock:
            self._traces.forget(self._traces.ids if ids is None else ids)
            if ids is None:
                self._last = 0

    def _answers(self, questions: Sequence[Question]) -> list[tuple[ProbableMatch, ...]]:
        with self._lock:
            return [self._traces.probable(question) for question in questions]
