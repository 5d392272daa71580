"""Progress of downloads: one line that moves on a terminal, a line at every tenth elsewhere."""

import sys
from typing import TextIO

from home_sentry_engine.vision.store import Progress

_STEPS = 10
_UNKNOWN_STEP_BYTES = 50_000_000


class ProgressLines:
    """Prints what a download tells; silent when ``quiet``, apart from failures."""

    def __init__(self, *, quiet: bool, stream: TextIO | None = None) -> None:
        """Take where to print, standard error unless told otherwise."""
        self._quiet = quiet
        self._stream = stream or sys.stderr
        self._moves = self._stream.isatty()
        self._told: tuple[str, int] | None = None
        self._open_line = False

    def __call__(self, progress: Progress) -> None:
        """Show one piece of progress."""
        if self._quiet:
            return
        done, total = progress.done_bytes, progress.total_bytes
        step = done * _STEPS // total if total else done // _UNKNOWN_STEP_BYTES
        if not self._moves and self._told == (progress.file, step):
            return
        self._told = (progress.file, step)
        share = f" of {total / 1e6:,.1f} MB ({done * 100 // total} %)" if total else " MB"
        text = f"  {progress.file} from the {progress.origin}: {done / 1e6:,.1f}{share}"
        if self._moves:
            print(f"\r\033[K{text}", end="", file=self._stream, flush=True)
            self._open_line = True
        else:
            print(text, file=self._stream, flush=True)

    def say(self, text: str) -> None:
        """Print a line of its own."""
        if not self._quiet:
            self._line(text)

    def done(self, text: str) -> None:
        """Print how something ended."""
        self.say(f"  ok    {text}")

    def failed(self, text: str) -> None:
        """Print what failed, also when quiet."""
        self._line(f"  FAIL  {text}")

    def _line(self, text: str) -> None:
        if self._open_line:
            print(file=self._stream)
            self._open_line = False
        print(text, file=self._stream, flush=True)
