"""Guest mode and expected visitors: facts that the engine's household holds for as long as Home Assistant says so."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from homeassistant.core import HomeAssistant, State
from homeassistant.util import dt as dt_util

from .const import OPTION_GUESTS, OPTION_VISITORS
from .contract import Household, OwnerFact, from_plain

GUESTS: Final = "home_assistant.guests"
VISITORS: Final = "home_assistant.visitors"
_OURS: Final = (GUESTS, VISITORS)
_ON: Final = {"on", "home"}
# what has no end of its own is said again before it runs out, and ends by itself once nobody says it any more
_HOLDS: Final = timedelta(hours=1)
_RENEWED: Final = timedelta(minutes=30)

type Send = Callable[[str, dict[str, Any]], Awaitable[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    kind: str
    begins_at: datetime | None = None
    ends_at: datetime | None = None


class HouseholdFacts:
    """Brings the facts of the engine in line with the entities that the user chose; no title of a calendar is told."""

    def __init__(self, hass: HomeAssistant, options: Mapping[str, Any], send: Send) -> None:
        """Take what was chosen and how the engine is asked."""
        self._hass = hass
        self._guests: str | None = options.get(OPTION_GUESTS)
        self._visitors: str | None = options.get(OPTION_VISITORS)
        self._send = send
        self._turn = asyncio.Lock()
        self._compared = False

    async def async_sync(self) -> None:
        """Put what holds and is not there, take back what holds no more; raises what ``send`` raises."""
        if self._compared and self._guests is None and self._visitors is None:
            return
        async with self._turn:
            house = from_plain(Household, await self._send("get_household", {}))
            there = {fact.id: fact for fact in house.facts if fact.id in _OURS}
            wanted = self._wanted(dt_util.utcnow())
            for fact_id, want in wanted.items():
                args = _renewed(want, there.get(fact_id), dt_util.utcnow())
                if args is not None:
                    await self._send("put_fact", {"fact_id": fact_id, "kind": want.kind, **args})
            for fact_id in there.keys() - wanted.keys():
                await self._send("remove_fact", {"fact_id": fact_id})
        self._compared = True

    def _wanted(self, now: datetime) -> dict[str, _Wanted]:
        wanted: dict[str, _Wanted] = {}
        guests = self._state(self._guests)
        if guests is not None:
            wanted[GUESTS] = _Wanted(kind="guest_mode")
        visitors = self._state(self._visitors)
        if visitors is not None:
            ends_at = _time(visitors, "end_time")
            if ends_at is None or ends_at > now:
                begins_at = _time(visitors, "start_time")
                wanted[VISITORS] = _Wanted(kind="expected_visitor", begins_at=begins_at, ends_at=ends_at)
        return wanted

    def _state(self, entity_id: str | None) -> State | None:
        state = self._hass.states.get(entity_id) if entity_id is not None else None
        return state if state is not None and state.state in _ON else None


def _renewed(want: _Wanted, there: OwnerFact | None, now: datetime) -> dict[str, Any] | None:
    """Give what has to be said anew, None while what the engine has is right."""
    if want.ends_at is None:
        if there is not None and there.expires_at - now > _RENEWED:
            return None
        began = there.begins_at if there is not None else now
        return {"expires_at": (now + _HOLDS).isoformat()} | ({"begins_at": began.isoformat()} if began else {})
    if there is not None and (there.begins_at, there.expires_at) == (want.begins_at, want.ends_at):
        return None
    begins = {"begins_at": want.begins_at.isoformat()} if want.begins_at and want.begins_at < want.ends_at else {}
    return {"expires_at": want.ends_at.isoformat()} | begins


def _time(state: State, name: str) -> datetime | None:
    """Read a time of a calendar's event, which is told by the home's clock."""
    text = state.attributes.get(name)
    told = dt_util.parse_datetime(text) if isinstance(text, str) else None
    return dt_util.as_utc(told) if told is not None else None
