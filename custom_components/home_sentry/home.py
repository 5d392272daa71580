"""Tells the engine how the home is: the chosen entities and linked persons, on every change and now and then."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime
import logging
from typing import Any, Final

from homeassistant.const import STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import CALLBACK_TYPE, Event, EventStateChangedData, HomeAssistant, State, callback
from homeassistant.helpers.event import (
    async_call_later,
    async_track_state_change_event,
    async_track_time_interval,
)

from .client import ClientError
from .const import (
    HOME_PAUSE_S,
    HOME_REPEAT,
    OPTION_ALARMS,
    OPTION_CONTACTS,
    OPTION_GUESTS,
    OPTION_PRESENCE,
    OPTION_SUN,
    OPTION_VISITORS,
    OPTION_WEATHER,
)
from .contract import HomeFact, HomeFactKind, Info, WireError, to_plain
from .facts import HouseholdFacts
from .linked import LinkedPersons

_LOGGER = logging.getLogger(__name__)
_SUN: Final = "sun.sun"
_UNKNOWN: Final = {STATE_UNAVAILABLE, STATE_UNKNOWN}
_MOST: Final = 64
# what an engine can do that hears of guests and expected visitors
_FACTS: Final = "household_facts"
_BY_FACTS: Final = {HomeFactKind.VISITORS, HomeFactKind.GUESTS}
_NAME: Final = 128
_STATE: Final = 255
_NUMBERS: Final = {
    HomeFactKind.WEATHER: ("temperature", "humidity", "wind_speed"),
    HomeFactKind.SUN: ("elevation",),
}
_WORDS: Final = {
    HomeFactKind.WEATHER: ("temperature_unit", "wind_speed_unit"),
    HomeFactKind.CONTACT: ("device_class",),
}

type Send = Callable[[str, dict[str, Any]], Awaitable[Any]]


def chosen_entities(options: Mapping[str, Any]) -> dict[str, HomeFactKind]:
    """Give the entities that the user chose, each with what it stands for."""
    groups: tuple[tuple[HomeFactKind, Iterable[str]], ...] = (
        (HomeFactKind.ALARM, options.get(OPTION_ALARMS, ())),
        (HomeFactKind.PRESENCE, options.get(OPTION_PRESENCE, ())),
        (HomeFactKind.CONTACT, options.get(OPTION_CONTACTS, ())),
        (HomeFactKind.WEATHER, filter(None, [options.get(OPTION_WEATHER)])),
        (HomeFactKind.SUN, [_SUN] if options.get(OPTION_SUN) else ()),
        (HomeFactKind.VISITORS, filter(None, [options.get(OPTION_VISITORS)])),
        (HomeFactKind.GUESTS, filter(None, [options.get(OPTION_GUESTS)])),
    )
    chosen = {entity_id: kind for kind, ids in groups for entity_id in ids}
    return dict(list(chosen.items())[:_MOST])


class HomeReporter:
    """Sends whole reports; one that does not arrive is repeated with the next change, connection or interval."""

    def __init__(
        self, hass: HomeAssistant, options: Mapping[str, Any], send: Send, info: Callable[[], Info | None]
    ) -> None:
        """Take what was chosen, how the engine is asked, and what it says it can do."""
        self._hass = hass
        self._info = info
        self._household = HouseholdFacts(hass, options, send)
        self._linked = LinkedPersons(hass, send, info, self._changed)
        self._chosen = chosen_entities(options)
        self._send = send
        self._pause: CALLBACK_TYPE | None = None

    @callback
    def start(self) -> CALLBACK_TYPE:
        """Follow the chosen entities until the returned function is called."""
        ends = [async_track_time_interval(self._hass, self._repeat, HOME_REPEAT)]
        if self._chosen:
            ends.append(async_track_state_change_event(self._hass, list(self._chosen), self._changed))

        @callback
        def stop() -> None:
            for end in (*ends, *((self._pause,) if self._pause is not None else ())):
                end()
            self._linked.stop()
            self._pause = None

        return stop

    @callback
    def hurry(self) -> None:
        """Send soon, and ask anew whose persons the engine wants to hear of."""
        self._linked.forget()
        self._soon()

    @callback
    def _soon(self) -> None:
        """Send after a moment: several changes at once make one report."""
        if self._pause is None:
            self._pause = async_call_later(self._hass, HOME_PAUSE_S, self._report)

    def facts(self) -> list[HomeFact]:
        """Read the chosen entities as they are now, and the persons to whom members of the household are linked."""
        linked = (entity_id for entity_id in self._linked.ids if entity_id not in self._chosen)
        told = self._chosen | dict.fromkeys(linked, HomeFactKind.PERSON)
        return [_fact(kind, entity_id, self._hass.states.get(entity_id)) for entity_id, kind in told.items()][:_MOST]

    @callback
    def _changed(self, _event: Event[EventStateChangedData]) -> None:
        self._soon()

    @callback
    def _repeat(self, _now: datetime) -> None:
        self.hurry()

    async def _report(self, _now: datetime) -> None:
        self._pause = None
        info = self._info()
        able = info is not None and _FACTS in info.capabilities
        try:
            await self._linked.async_learn()
        except (ClientError, WireError, TimeoutError) as err:
            _LOGGER.debug("The engine did not say whose persons it wants to hear of: %s", err)
        facts = [to_plain(fact) for fact in self.facts() if able or fact.kind not in _BY_FACTS]
        try:
            await self._send("report_home", {"facts": facts, "time_zone": self._hass.config.time_zone})
            if able:
                await self._household.async_sync()
        except (ClientError, WireError, TimeoutError) as err:
            _LOGGER.debug("The engine did not hear how the home is: %s", err)


def _fact(kind: HomeFactKind, entity_id: str, state: State | None) -> HomeFact:
    if state is None or state.state in _UNKNOWN:
        name = state.name if state is not None else entity_id
        return HomeFact(kind=kind, entity_id=entity_id, name=name[:_NAME], state=None)
    return HomeFact(
        kind=kind,
        entity_id=entity_id,
        name=state.name[:_NAME],
        state=state.state[:_STATE],
        changed_at=state.last_changed,
        details=_details(kind, state),
    )


def _details(kind: HomeFactKind, state: State) -> dict[str, str | float | bool | None]:
    details: dict[str, str | float | bool | None] = {}
    for name in _NUMBERS.get(kind, ()):
        value = state.attributes.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            details[name] = float(value)
    for name in _WORDS.get(kind, ()):
        value = state.attributes.get(name)
        if isinstance(value, str):
            details[name] = value[:8] if name == "temperature_unit" else value[:16]
    return details
