"""Child processes of the demo: logged to a file, stopped in order, never left behind."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
import os
from pathlib import Path
import signal
import sys
from typing import Any, Final

from .errors import DemoError

_TETHER: Final = Path(__file__).resolve().with_name("tether.py")
_TAIL_BYTES: Final = 16_384
_TAIL_LINES: Final = 25


class Died(DemoError):
    """A child process ended by itself; the message carries the end of its log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """How to start a program, and how long it may take to stop before it is killed."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    log: Path
    stop_s: float = 20.0


class Child:
    """One running program in a session of its own."""

    def __init__(self, launch: Launch, process: asyncio.subprocess.Process, hurry: asyncio.Event) -> None:
        self._launch = launch
        self._process = process
        self._hurry = hurry

    @property
    def name(self) -> str:
        """What a person calls it."""
        return self._launch.name

    @property
    def pid(self) -> int:
        """Process id, which is also that of its session."""
        return self._process.pid

    @property
    def log(self) -> Path:
        """Where its output goes."""
        return self._launch.log

    async def ended(self) -> int:
        """Wait for its end; gives the exit status, negative for a signal."""
        return await self._process.wait()

    async def stop(self) -> None:
        """Ask it to end; kill it and all that it started when time is up or somebody is in a hurry."""
        if self._process.returncode is None:
            self.signal(signal.SIGTERM)
            await self._wait_or_hurry()
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        await self._process.wait()

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it still runs."""
        with suppress(ProcessLookupError):
            self._process.send_signal(number)

    def death(self, status: int) -> Died:
        """Make the error that tells of its end."""
        how = f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
        return Died(f"{self.name} {how}. The end of its log ({self.log}):\n\n{tail(self.log)}")

    async def _wait_or_hurry(self) -> None:
        waits = (asyncio.create_task(self._process.wait()), asyncio.create_task(self._hurry.wait()))
        try:
            await asyncio.wait(waits, timeout=self._launch.stop_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()


@asynccontextmanager
async def running(launch: Launch, hurry: asyncio.Event) -> AsyncIterator[Child]:
    """Run a program until the block is left; it gets SIGTERM too when this process is killed."""
    launch.log.parent.mkdir(parents=True, exist_ok=True)
    with launch.log.open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(_TETHER),
            str(os.getpid()),
            *launch.command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=dict(launch.environment),
            start_new_session=True,
        )
    child = Child(launch, process, hurry)
    try:
        yield child
    finally:
        await child.stop()


async def while_alive[T](work: Coroutine[Any, Any, T], *children: Child) -> T:
    """Give the result of the work; raises ``Died`` as soon as one of the children ends before it."""
    task = asyncio.create_task(work)
    ends = {asyncio.create_task(child.ended()): child for child in children}
    try:
        await asyncio.wait({task, *ends}, return_when=asyncio.FIRST_COMPLETED)
        for end, child in ends.items():
            if end.done() and not task.done():
                raise child.death(end.result())
        return await task
    finally:
        for one in (task, *ends):
            one.cancel()
        await asyncio.gather(task, *ends, return_exceptions=True)


def tail(log: Path) -> str:
    """Give the last lines of a log."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            text = file.read().decode("utf-8", "replace")
    except OSError as err:
        return f"(no log: {err.strerror})"
    return "\n".join(text.splitlines()[-_TAIL_LINES:]) or "(it is empty)"
