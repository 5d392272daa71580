"""Running blocking model work off the event loop: gated, with a deadline."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor

from .errors import InferenceTimeout
from .gate import AcceleratorGate
from .runtime import Cancel


class Runner:
    """Executor + gate + deadline. A call that misses its deadline keeps its slot until its thread is really done."""

    def __init__(self, executor: Executor, gate: AcceleratorGate, *, timeout_s: float) -> None:
        """Take the threads, the gate and the deadline of one call (waiting for the gate not counted)."""
        self._executor = executor
        self._gate = gate
        self._timeout_s = timeout_s

    async def run[T](self, work: Callable[[Cancel], T], *, priority: int = 0, timeout_s: float | None = None) -> T:
        """Run ``work`` in a thread; raises what it raises, or ``InferenceTimeout``.

        ``timeout_s`` replaces the usual deadline.
        """
        limit_s = self._timeout_s if timeout_s is None else timeout_s
        await self._gate.acquire(priority)
        cancel = Cancel()
        try:
            future = asyncio.get_running_loop().run_in_executor(self._executor, work, cancel)
        except BaseException:
            self._gate.release()
            raise
        future.add_done_callback(self._done)
        try:
            done, _ = await asyncio.wait({future}, timeout=limit_s)
        except asyncio.CancelledError:
            cancel.cancel()
            raise
        if not done:
            cancel.cancel()
            raise InferenceTimeout(f"the model took longer than {limit_s:g} s", code="timeout")
        return future.result()

    def _done[T](self, future: asyncio.Future[T]) -> None:
        self._gate.release()
        if not future.cancelled():
            future.exception()  # whoever waited has it already; a late failure after the deadline has no listener
