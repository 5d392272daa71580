"""Whether Home Assistant shows what the engine knows."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from .home_assistant import Home
from .patience import until

_DEADLINE_S: Final = 120.0
_STATE_LENGTH: Final = 255


async def faults(home: Home, instance_id: str, events: Sequence[Mapping[str, Any]], since: datetime) -> list[str]:
    """List what Home Assistant does not show of these events, after giving it time to."""
    found: list[str] = []

    async def look() -> bool | None:
        found[:] = await _faults(home, instance_id, events, since)
        return None if found else True

    try:
        await until(look, what="Home Assistant shows the events", deadline_s=_DEADLINE_S)
    except TimeoutError:
        return found
    return []


async def _faults(home: Home, instance_id: str, events: Sequence[Mapping[str, Any]], since: datetime) -> list[str]:
    entities = await home.entities()
    states = await home.states()
    found = []
    for camera_id in sorted({event["camera_id"] for event in events}):
        ours = sorted((one for one in events if one["camera_id"] == camera_id), key=lambda one: str(one["started_at"]))

        def entity(key: str, camera_id: str = camera_id) -> str:
            return entities.get(f"{instance_id}_{camera_id}_{key}", f"(no {key} of {camera_id})")

        found += _state_faults(states, entity("last_summary"), _short(ours[-1]["summary"]))
        found += _state_faults(states, entity("risk_level"), None)
        found += _state_faults(states, entity("risk_score"), None)
        found += _state_faults(states, entity("last_event"), None)
        found += await _told_faults(home, entity("security_event"), ours, since)
    return found


def _state_faults(states: Mapping[str, Mapping[str, Any]], entity_id: str, expected: str | None) -> list[str]:
    state = states.get(entity_id, {}).get("state")
    if state in {None, "unknown", "unavailable"}:
        return [f"{entity_id} is {state or 'missing'}"]
    if expected is not None and state != expected:
        return [f"{entity_id} shows {state!r} instead of {expected!r}"]
    return []


async def _told_faults(home: Home, entity_id: str, events: Sequence[Mapping[str, Any]], since: datetime) -> list[str]:
    recorded = await home.history(entity_id, since) if entity_id.startswith("event.") else []
    told = [
        state["attributes"].get("event_id") for state in recorded if state["attributes"].get("event_type") == "started"
    ]
    return [
        f"{entity_id} fired {told.count(event['event_id'])} times for the start of {event['event_id']}"
        for event in events
        if told.count(event["event_id"]) != 1
    ]


def _short(summary: str) -> str:
    return summary if len(summary) <= _STATE_LENGTH else f"{summary[: _STATE_LENGTH - 1]}…"
