"""The events as a table of text."""

from collections.abc import Mapping, Sequence
from datetime import datetime
import textwrap
from typing import Any, Final

from .console import Console

_HEADINGS: Final = ("Time", "Camera", "Risk", "Level", "By", "State", "Objects", "Summary")
_WIDTHS: Final = (8, 11, 4, 8, 11, 7, 22, 60)
_ROWS_ON_SCREEN: Final = 12


def heading() -> list[str]:
    """Give the two lines above the rows."""
    return [_line(_HEADINGS), _line(["-" * width for width in _WIDTHS])]


def row(event: Mapping[str, Any]) -> str:
    """Give one event as one line, times as the machine's clock shows them."""
    started = datetime.fromisoformat(event["started_at"]).astimezone()
    return _line(
        [
            started.strftime("%H:%M:%S"),
            event["camera_name"],
            f"{event['risk_score']:>4}",
            event["risk_level"],
            event["analysis_state"],
            "ended" if event.get("ended_at") else "ongoing",
            ", ".join(event["object_types"]),
            event["summary"],
        ]
    )


def _line(cells: Sequence[str]) -> str:
    cut = [
        textwrap.shorten(" ".join(cell.split()), width, placeholder="…").ljust(width) if cell.strip("- ") else cell
        for cell, width in zip(cells, _WIDTHS, strict=True)
    ]
    return "  ".join(cut).rstrip()


class EventTable:
    """Keeps the last state of each event: redrawn in place on a terminal, else one line per visible change."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._events: dict[str, dict[str, Any]] = {}
        self._said: dict[str, str] = {}

    @property
    def events(self) -> list[dict[str, Any]]:
        """Events in the order in which they began."""
        return sorted(self._events.values(), key=lambda event: str(event["started_at"]))

    def tell(self, event: Mapping[str, Any]) -> None:
        """Take an event's newest revision."""
        known = self._events.get(event["event_id"])
        if known is not None and known["revision"] > event["revision"]:
            return
        self._events[event["event_id"]] = dict(event)
        line = row(event)
        if self._said.get(event["event_id"]) == line:
            return
        if not self._said and not self._console.is_terminal:
            self.print_heading()
        self._said[event["event_id"]] = line
        if self._console.is_terminal:
            self._console.block(["", *heading(), *(row(one) for one in self.events[-_ROWS_ON_SCREEN:])])
        else:
            self._console.line(line)

    def print_heading(self) -> None:
        """Print the heading as plain lines."""
        for line in heading():
            self._console.line(line)

    def print(self) -> None:
        """Print all events as plain lines."""
        self._console.block(())
        self._console.line()
        self.print_heading()
        for event in self.events:
            self._console.line(row(event))
