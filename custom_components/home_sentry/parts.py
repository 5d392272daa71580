"""Parts of an engine that can be restarted or switched: known once it was asked, added as they come."""

from collections.abc import Awaitable, Callable, Iterable
import logging
from typing import Any, Final

from homeassistant.core import CALLBACK_TYPE, callback

from .client import ClientError
from .contract import Part, PartList, WireError, from_plain

_LOGGER = logging.getLogger(__name__)
NAMED: Final = ("detector", "discovery", "enrichment", "ingest", "llm", "models", "mqtt", "vlm")
# what a household may want to switch or restart; the rest is there for those who look for it
SHOWN: Final = frozenset({"detector", "engine", "enrichment", "ingest", "llm", "mqtt", "vlm"})

type Ask = Callable[[str, dict[str, Any]], Awaitable[Any]]
type Listener = Callable[[Iterable[Part]], None]


class EngineParts:
    """The controllable parts of one engine."""

    def __init__(self, ask: Ask) -> None:
        """Take how the engine is asked."""
        self._ask = ask
        self._parts: dict[str, Part] = {}
        self._listeners: list[Listener] = []

    @property
    def known(self) -> tuple[Part, ...]:
        """Give what is known of every controllable part."""
        return tuple(self._parts.values())

    @callback
    def async_listen(self, listener: Listener) -> CALLBACK_TYPE:
        """Hear of all parts now and of each new one later."""
        self._listeners.append(listener)
        listener(self.known)
        return lambda: self._listeners.remove(listener)

    async def async_refresh(self) -> None:
        """Ask which parts there are; an engine that does not say has none to control."""
        try:
            found = from_plain(PartList, await self._ask("list_components", {}))
        except (ClientError, WireError) as err:
            _LOGGER.debug("The engine does not say what its parts are: %s", err)
            return
        added = [part for part in found.items if part.controllable and part.component.id not in self._parts]
        self._parts |= {part.component.id: part for part in found.items if part.controllable}
        if added:
            for listener in list(self._listeners):
                listener(added)


def part_name(part_id: str) -> str:
    """Give the id of a part as people read it."""
    return part_id.replace("_", " ").capitalize()
