"""Files that wait, camera by camera in turn: one that floods does not keep the others waiting."""

from collections import deque


class Turns:
    """Paths relative to the root; those of one camera's folder come out in the order in which they went in."""

    def __init__(self) -> None:
        """Begin empty."""
        self._lines: dict[str, deque[str]] = {}

    def __bool__(self) -> bool:
        return bool(self._lines)

    def append(self, relative: str) -> None:
        """Put a path at the end of its camera's line."""
        self._lines.setdefault(relative.partition("/")[0], deque()).append(relative)

    def popleft(self) -> str:
        """Take the first path of the camera whose turn it is; raises ``IndexError`` without any."""
        if not self._lines:
            raise IndexError("nothing waits")
        camera = next(iter(self._lines))
        line = self._lines.pop(camera)
        relative = line.popleft()
        if line:
            # its next turn is after everybody else's
            self._lines[camera] = line
        return relative
