"""A file that tells other processes that this engine still looks after itself, also where it has no API."""

import asyncio
import logging
from pathlib import Path
from typing import Final

from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.errors import HomeSentryError

from .monitor import Probe

FILE: Final = "heartbeat"
MAX_AGE_S: Final = 30.0
_EVERY_S: Final = 5.0
_LOGGER = logging.getLogger(__name__)


class NoHeartbeat(HomeSentryError, LookupError):
    """There is no beat that could be of a running engine; the message says why."""


class Heartbeat:
    """Writes the time of the machine's monotonic clock, which is the same in every process until the machine restarts.

    A wall clock that jumps changes nothing, and what is written over in its place needs no room on a full disk.
    """

    def __init__(self, folder: Path, clock: Clock) -> None:
        """Take the data folder and the clock."""
        self._file = folder / FILE
        self._clock = clock

    def probe(self) -> Probe:
        """Give what lets the monitor write: it stops when the monitor, the event loop or its threads are stuck."""
        return Probe(id="heartbeat", check=self._beat, interval_s=_EVERY_S, damped=False)

    async def _beat(self) -> None:
        beat = f"{self._clock.monotonic():020.3f}\n"
        try:
            await asyncio.to_thread(self._write, beat)
        except OSError as err:
            # the probe of the database tells what is wrong with the folder
            _LOGGER.debug("The heartbeat cannot be written: %s", err)

    def _write(self, beat: str) -> None:
        try:
            with self._file.open("r+", encoding="ascii") as file:
                file.write(beat)
        except FileNotFoundError:
            self._file.write_text(beat, encoding="ascii")


def beat_age_s(folder: Path, now: float) -> float:
    """Tell how many seconds ago an engine of this machine beat; ``now`` is monotonic. Raises ``NoHeartbeat``."""
    try:
        beat = float((folder / FILE).read_text(encoding="ascii"))
    except FileNotFoundError as err:
        raise NoHeartbeat(f"no engine has run with the data folder {folder} yet") from err
    except (OSError, ValueError) as err:
        raise NoHeartbeat(f"the heartbeat in {folder} cannot be read: {err}") from err
    if beat > now:
        raise NoHeartbeat("no engine has run since this machine was started")
    return now - beat
