"""Persons of Home Assistant to whom members of the engine's household are linked."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from homeassistant.core import CALLBACK_TYPE, Event, EventStateChangedData, HomeAssistant, callback
from homeassistant.helpers.event import async_track_state_change_event

from .contract import Household, Info, from_plain

# what an engine can do that judges by the persons of members
LINKED_PERSONS: Final = "linked_persons"

type Send = Callable[[str, dict[str, Any]], Awaitable[Any]]


class LinkedPersons:
    """Knows whose state the engine wants to hear, and follows it; ``changed`` is called for each new state."""

    def __init__(
        self,
        hass: HomeAssistant,
        send: Send,
        info: Callable[[], Info | None],
        changed: Callable[[Event[EventStateChangedData]], None],
    ) -> None:
        """Take how the engine is asked, what it says it can do, and who hears of changes."""
        self._hass = hass
        self._send = send
        self._info = info
        self._changed = changed
        self._asked = False
        self._stopped = False
        self._end: CALLBACK_TYPE | None = None
        self.ids: tuple[str, ...] = ()

    @callback
    def forget(self) -> None:
        """Ask the engine again before the next report: somebody may have been linked."""
        self._asked = False

    @callback
    def stop(self) -> None:
        """Follow nobody any more, also after an answer that is still on its way."""
        self._stopped = True
        self._leave()

    @callback
    def _leave(self) -> None:
        if self._end is not None:
            self._end()
            self._end = None

    async def async_learn(self) -> None:
        """Ask the engine who is linked, once after each ``forget``; raises what ``send`` raises."""
        info = self._info()
        if info is None or LINKED_PERSONS not in info.capabilities:
            self._follow(())
            return
        if not self._asked:
            house = from_plain(Household, await self._send("get_household", {}))
            self._asked = True
            self._follow(tuple(sorted({one.ha_person for one in house.members if one.ha_person})))

    @callback
    def _follow(self, ids: tuple[str, ...]) -> None:
        if ids == self.ids:
            return
        self._leave()
        self.ids = ids
        if ids and not self._stopped:
            self._end = async_track_state_change_event(self._hass, list(ids), self._changed)
