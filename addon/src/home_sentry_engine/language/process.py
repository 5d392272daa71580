"""Supervision of the model's child process: start, deadline per call, kill, restart with back-off, reported state."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
import contextlib
from dataclasses import dataclass, field
from enum import StrEnum
import json
import logging
from pathlib import Path
import sys
from typing import Any, Final

from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.resilience.backoff import Backoff
from home_sentry_engine.resilience.child_process import child_environment, close_pipes

from .errors import (
    BadOutput,
    ContextOverflow,
    LanguageError,
    ModelBlind,
    ModelDied,
    ModelMissing,
    ModelOutOfMemory,
    ModelTimeout,
    ModelUnreachable,
)

_LOGGER = logging.getLogger(__name__)
_MAX_LINE: Final = 1024 * 1024
# real work that waits for a model gets it within a second
_STOP_S: Final = 0.8
_KILLED: Final = -9
_ERRORS: Final[dict[str, type[LanguageError]]] = {
    "model_missing": ModelMissing,
    "out_of_memory": ModelOutOfMemory,
    "context_overflow": ContextOverflow,
    "bad_output": BadOutput,
    "model_blind": ModelBlind,
}


class ProcessState(StrEnum):
    """What the child process does."""

    STOPPED = "stopped"
    STARTING = "starting"
    READY = "ready"
    BUSY = "busy"
    CRASHED = "crashed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessPolicy:
    """Deadline of the start, pauses between restarts, and how many deaths within ``window_s`` are too many."""

    start_timeout_s: float = 300.0
    kill_timeout_s: float = 5.0
    backoff: Backoff = field(default_factory=lambda: Backoff(base_s=0.5, cap_s=30.0))
    deaths: int = 5
    window_s: float = 300.0


def worker_command(
    model: Path, *, context: int, gpu_layers: int, threads: int, projector: Path | None = None
) -> tuple[str, ...]:
    """Give the command line of the child for a model file, which sees pictures with the file of its projector."""
    module = "home_sentry_engine.language.worker"
    options = (f"--context={context}", f"--gpu-layers={gpu_layers}", f"--threads={threads}")
    sight = (f"--projector={projector}",) if projector is not None else ()
    return (sys.executable, "-m", module, f"--model={model}", *options, *sight)


class ModelProcess:
    """One child process that answers one request at a time; started on demand, restarted after a death.

    ``waiting`` counts the requests that wait for their turn.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        clock: Clock,
        policy: ProcessPolicy | None = None,
        on_change: Callable[[ProcessState, str | None], None] | None = None,
    ) -> None:
        """Take the command line; ``on_change`` hears each new state with its reason."""
        self._command = tuple(command)
        self._clock = clock
        self._policy = policy or ProcessPolicy()
        self._on_change = on_change
        self._lock = asyncio.Lock()
        self._child: asyncio.subprocess.Process | None = None
        self._drain: asyncio.Task[None] | None = None
        self._said: deque[str] = deque(maxlen=20)
        self._deaths: deque[float] = deque()
        self._in_a_row = 0
        self._requests = 0
        self.state = ProcessState.STOPPED
        self.reason: str | None = None
        self.restarts = 0
        self.waiting = 0
        self.facts: Mapping[str, Any] = {}

    @property
    def pid(self) -> int | None:
        """Process id of the child, None while there is none."""
        return None if self._child is None else self._child.pid

    async def ready(self) -> Mapping[str, Any]:
        """Start the child unless it runs, and give what it says about its model; raises ``LanguageError``."""
        async with self._lock:
            await self._running()
        return self.facts

    async def call(self, operation: str, arguments: Mapping[str, Any], *, timeout_s: float) -> dict[str, Any]:
        """Send one request and give its answer; at the deadline the child is killed.

        Raises ``ModelTimeout``, ``ModelDied`` or what the child reported. The deadline runs from the moment at which
        the child is free and loaded.
        """
        async with self._turn():
            child = await self._running()
            self._become(ProcessState.BUSY)
            try:
                async with asyncio.timeout(timeout_s):
                    answer = await self._exchange(child, operation, arguments)
            except TimeoutError as err:
                await self._bury(f"no answer within {timeout_s:g} s")
                raise ModelTimeout(f"the model gave no answer within {timeout_s:g} s") from err
            except (OSError, ValueError, EOFError) as err:
                detail = await self._bury("the model's process ended in the middle of an answer")
                raise ModelDied(detail, retryable=True) from err
            except asyncio.CancelledError:
                await asyncio.shield(self._give_up(child))
                raise
            self._in_a_row = 0
            self._become(ProcessState.READY)
        return _checked(answer)

    @contextlib.asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        self.waiting += 1
        try:
            await self._lock.acquire()
        finally:
            self.waiting -= 1
        try:
            yield
        finally:
            self._lock.release()

    async def aclose(self) -> None:
        """End the child."""
        async with self._lock:
            await self._end()
            self._become(ProcessState.STOPPED)

    async def _give_up(self, child: asyncio.subprocess.Process) -> None:
        """Ask the child to stop in the middle of an answer; one that does not is ended, which is no fault of its."""
        try:
            async with asyncio.timeout(_STOP_S):
                await self._stopped(child)
        except OSError, ValueError, EOFError, TimeoutError:
            await self._bury("cancelled")
            self._deaths.pop()
            self._in_a_row -= 1
        else:
            self._become(ProcessState.READY)

    async def _stopped(self, child: asyncio.subprocess.Process) -> None:
        assert child.stdin is not None
        child.stdin.write(json.dumps({"id": self._requests, "op": "stop"}).encode() + b"\n")
        await child.stdin.drain()
        while (await self._line(child)).get("id") != self._requests:
            continue

    async def _exchange(
        self, child: asyncio.subprocess.Process, operation: str, arguments: Mapping[str, Any]
    ) -> dict[str, Any]:
        self._requests += 1
        request = {"id": self._requests, "op": operation, **arguments}
        assert child.stdin is not None
        child.stdin.write(json.dumps(request).encode() + b"\n")
        await child.stdin.drain()
        answer = await self._line(child)
        if answer.get("id") != self._requests:
            raise ValueError("the answer belongs to another request")
        return answer

    async def _line(self, child: asyncio.subprocess.Process) -> dict[str, Any]:
        assert child.stdout is not None
        line = await child.stdout.readline()
        if not line.endswith(b"\n"):
            raise EOFError("the pipe closed")
        answer = json.loads(line)
        if not isinstance(answer, dict):
            raise ValueError("not a JSON object")  # noqa: TRY004 - a malformed line, whatever its type
        return answer

    async def _running(self) -> asyncio.subprocess.Process:
        if self._child is not None:
            if self._child.returncode is None:
                return self._child
            await self._bury("the model's process ended while idle")
        await self._pause()
        self._become(ProcessState.STARTING)
        child = await self._spawn()
        try:
            async with asyncio.timeout(self._policy.start_timeout_s):
                hello = await self._line(child)
        except TimeoutError as err:
            await self._bury(f"the model was not loaded within {self._policy.start_timeout_s:g} s")
            raise ModelTimeout(f"the model was not loaded within {self._policy.start_timeout_s:g} s") from err
        except (OSError, ValueError, EOFError) as err:
            raise await self._stillborn() from err
        except asyncio.CancelledError:
            await asyncio.shield(self._end())
            raise
        if "error" in hello:
            failure = _failure(hello["error"])
            await self._end()
            self._become(ProcessState.FAILED, str(failure))
            raise failure
        self.facts = hello.get("ready", {})
        self._become(ProcessState.READY)
        return child

    async def _pause(self) -> None:
        now = self._clock.monotonic()
        while self._deaths and self._deaths[0] <= now - self._policy.window_s:
            self._deaths.popleft()
        if len(self._deaths) >= self._policy.deaths:
            reason = f"the model's process died {len(self._deaths)} times within {self._policy.window_s:g} s"
            self._become(ProcessState.FAILED, reason)
            raise ModelUnreachable(reason)
        if self._in_a_row:
            await self._clock.sleep(self._policy.backoff.delay_s(self._in_a_row))
            self.restarts += 1

    async def _spawn(self) -> asyncio.subprocess.Process:
        # own session: Ctrl-C in the terminal is the engine's to handle
        child = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=_MAX_LINE,
            env=child_environment(),
            start_new_session=True,
        )
        self._child = child
        self._said.clear()
        self._drain = asyncio.create_task(self._listen(child), name="model-stderr")
        return child

    async def _listen(self, child: asyncio.subprocess.Process) -> None:
        assert child.stderr is not None
        with contextlib.suppress(ValueError):
            while line := await child.stderr.readline():
                text = line.decode(errors="replace").strip()[:500]
                self._said.append(text)
                _LOGGER.debug("The model's process says: %s", text)

    async def _own_end(self) -> int | None:
        """Give the exit status of a child whose end has begun; None for one that has to be killed."""
        if self._child is not None and self._child.stdout is not None and self._child.stdout.at_eof():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._policy.kill_timeout_s):
                    return await self._child.wait()
        return None

    async def _stillborn(self) -> LanguageError:
        killed = await self._own_end() == _KILLED
        detail = await self._bury("the model's process ended while loading")
        if killed:
            return ModelOutOfMemory("the model's process was killed while loading, most likely for its memory")
        return ModelDied(detail, retryable=True)

    async def _bury(self, reason: str) -> str:
        """End what is left of the child and note its death; gives the reason with the last words."""
        code = await self._own_end()
        await self._end()
        self._deaths.append(self._clock.monotonic())
        self._in_a_row += 1
        words = "" if code is None else f" (exit status {code})"
        last = f": {self._said[-1]}" if self._said else ""
        self._become(ProcessState.CRASHED, reason + words)
        return reason + words + last

    async def _end(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._policy.kill_timeout_s):
                await child.wait()
                if self._drain is not None:
                    await self._drain
        if self._drain is not None:
            self._drain.cancel()
            self._drain = None
        close_pipes(child)

    def _become(self, state: ProcessState, reason: str | None = None) -> None:
        if (state, reason) == (self.state, self.reason):
            return
        self.state, self.reason = state, reason
        if self._on_change is not None:
            self._on_change(state, reason)


def _checked(answer: dict[str, Any]) -> dict[str, Any]:
    if answer.get("ok") is True:
        return answer
    raise _failure(answer)


def _failure(told: Mapping[str, Any]) -> LanguageError:
    kind = _ERRORS.get(str(told.get("code")), ModelUnreachable)
    return kind(str(told.get("detail", "the model's process reported an error"))[:500])
