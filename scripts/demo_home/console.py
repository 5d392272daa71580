"""What the demo says: progress lines, and below them a table that is redrawn on a terminal."""

from collections.abc import Sequence
import shutil
import sys
from typing import Final, TextIO

_BOLD, _PLAIN = "\033[1m", "\033[0m"
_ERASE_BELOW: Final = "\033[J"


class Console:
    """Lines for a person; a reader that went away silences it instead of ending the demo."""

    def __init__(self, stream: TextIO = sys.stdout) -> None:
        self._stream = stream
        self._is_terminal = stream.isatty()
        self._block: tuple[str, ...] = ()

    @property
    def is_terminal(self) -> bool:
        """Whether a block can be redrawn in place."""
        return self._is_terminal

    def step(self, text: str) -> None:
        """Say that a phase begins."""
        self.line(f"{_BOLD}==>{_PLAIN} {text}" if self._is_terminal else f"==> {text}")

    def note(self, text: str) -> None:
        """Say something that belongs to the phase."""
        self.line(f"    {text}")

    def line(self, text: str = "") -> None:
        """Print one line above the block."""
        block, self._block = self._block, ()
        self._write(f"{self._rewind(block)}{text}\n")
        if block:
            self.block(block)

    def block(self, lines: Sequence[str]) -> None:
        """Show these lines in place of the former block; on anything but a terminal, nothing is redrawn."""
        if not self._is_terminal:
            return
        width = shutil.get_terminal_size().columns
        fitting = tuple(line[: width - 1] for line in lines)
        self._write(self._rewind(self._block) + "".join(f"{line}\n" for line in fitting))
        self._block = fitting

    def settle(self) -> None:
        """Leave the block where it is; what follows is printed below it."""
        self._block = ()

    def _rewind(self, block: Sequence[str]) -> str:
        return f"\033[{len(block)}A\r{_ERASE_BELOW}" if block else ""

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError, ValueError:
            # the terminal or the pipe is gone; what runs must still be stopped in order
            self._is_terminal = False
