"""Group commit: works that wait are run in one transaction, each undone alone, and answered after its commit."""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
import logging
from typing import Any, Protocol

from sqlalchemy import Connection

from .gathered import Gathered, gather
from .hooks import AFTER_COMMIT, Hook

_LOGGER = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Waiting:
    """A work and the caller who waits for its result."""

    work: Callable[[Connection], Any]
    answer: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None


class Transaction(Protocol):
    """What the group needs of a dialect's open transaction."""

    def savepoint(self) -> AbstractContextManager[object]:
        """Undo what is done inside if it raises."""
        ...

    def is_lost(self) -> bool:
        """Tell whether the database gave the whole transaction up."""
        ...

    def translated(self, err: BaseException) -> BaseException:
        """Turn the driver's failures into the store's."""
        ...

    def has_time(self) -> bool:
        """Tell whether one more work may join this transaction."""
        ...


@dataclass(slots=True)
class Group:
    """The works of one transaction and what is called after its commit."""

    done: list[Waiting] = field(default_factory=list)
    hooks: list[Hook] = field(default_factory=list)

    def run(self, connection: Connection, batch: deque[Waiting], transaction: Transaction) -> None:
        """Run works from the front of ``batch`` and write what they left; raises if all of it is lost."""
        connection.info[AFTER_COMMIT] = self.hooks
        gathered = Gathered()
        gather(connection, gathered)
        try:
            self._run(connection, batch, transaction, gathered)
            gathered.write(connection)
        finally:
            gather(connection, None)

    def _run(self, connection: Connection, batch: deque[Waiting], transaction: Transaction, gathered: Gathered) -> None:
        while batch:
            waiting = batch.popleft()
            self.done.append(waiting)
            if waiting.answer.cancelled():
                continue
            hooks, left = len(self.hooks), gathered.mark()
            try:
                with transaction.savepoint():
                    waiting.result = waiting.work(connection)
            except BaseException as err:
                waiting.error = transaction.translated(err)
                del self.hooks[hooks:]
                gathered.undo(left)
                if transaction.is_lost():
                    raise
            if not transaction.has_time():
                return

    def fail(self, batch: deque[Waiting], error: BaseException) -> None:
        """Give every work of the transaction this error; a transaction that never began takes all of ``batch``."""
        if not self.done:
            self.done.extend(batch)
            batch.clear()
        for waiting in self.done:
            waiting.error = waiting.error or error
        self.hooks.clear()

    def deliver(self) -> None:
        """Call the hooks, then answer the callers; runs on the event loop."""
        for hook in self.hooks:
            try:
                hook()
            except Exception:
                _LOGGER.exception("What was to follow a commit failed")
        for waiting in self.done:
            if waiting.answer.done():
                continue
            if waiting.error is not None:
                waiting.answer.set_exception(_carried(waiting.error))
            else:
                waiting.answer.set_result(waiting.result)


def _carried(err: BaseException) -> BaseException:
    if isinstance(err, StopIteration):
        return RuntimeError("a work raised StopIteration, which a future cannot carry")
    return err
