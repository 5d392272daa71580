"""Actions about who belongs to the house; names and plates go to the engine and to who asks, never into a log."""

from dataclasses import replace
from datetime import time
from typing import Any, Final

from homeassistant.core import ServiceCall, SupportsResponse
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import config_validation as cv
import probatio as vol

from .acting import DAYS, ENTRY, EVENT, Action, Doing, changing, given, reading
from .asking import async_ask, on_behalf_of
from .const import DOMAIN
from .contract import Household, HouseholdMember, HouseholdVehicle, Schedule, from_plain, to_plain
from .coordinator import HomeSentryCoordinator

_ROLES: Final = ("resident", "family", "service_worker", "frequent_visitor")
_TRUSTS: Final = ("full", "partial", "monitor")
_KEPT: Final = ("name", "role", "trust", "ha_person", "plate")
_SLOW_S: Final = 30.0
_ALWAYS: Final = Schedule(days=tuple(range(7)), begins="00:00", ends="23:59")


async def _save_member(coordinator: HomeSentryCoordinator, call: ServiceCall) -> dict[str, Any]:
    known = (await _household(coordinator)).members if "owner_id" in call.data else ()
    return await _save(coordinator, call, "save_member", {one.id: one for one in known})


async def _save_vehicle(coordinator: HomeSentryCoordinator, call: ServiceCall) -> dict[str, Any]:
    known = (await _household(coordinator)).vehicles if "owner_id" in call.data else ()
    return await _save(coordinator, call, "save_vehicle", {one.id: one for one in known})


async def _save[O: (HouseholdMember, HouseholdVehicle)](
    coordinator: HomeSentryCoordinator, call: ServiceCall, command: str, known: dict[str, O]
) -> dict[str, Any]:
    """Write somebody whole: what was not given stays as the engine has it."""
    data, args = call.data, {}
    before = None
    if "owner_id" in data:
        before = known.get(data["owner_id"])
        if before is None:
            raise ServiceValidationError(
                translation_domain=DOMAIN,
                translation_key="no_such_owner",
                translation_placeholders={"owner_id": data["owner_id"]},
            )
        args = {"owner_id": before.id} | {name: getattr(before, name) for name in _KEPT if hasattr(before, name)}
    args |= {name: data[name] or None for name in _KEPT if name in data}
    schedule = _schedule(data, before.schedule if before is not None else None)
    args["schedule"] = to_plain(schedule) if schedule is not None else None
    return await async_ask(coordinator, command, args | on_behalf_of(call.context))


def _schedule(data: dict[str, Any], before: Schedule | None) -> Schedule | None:
    """Change what was given of the hours; those that are always are none."""
    schedule = before or _ALWAYS
    if "days" in data:
        schedule = replace(schedule, days=tuple(sorted(DAYS.index(day) for day in set(data["days"]))))
    if "begins" in data:
        schedule = replace(schedule, begins=_clock(data["begins"]))
    if "ends" in data:
        schedule = replace(schedule, ends=_clock(data["ends"]))
    return None if schedule == _ALWAYS else schedule


def _clock(at: time) -> str:
    return f"{at:%H:%M}"


async def _household(coordinator: HomeSentryCoordinator) -> Household:
    return from_plain(Household, await async_ask(coordinator, "get_household", {}))


def _learning(*, negative: bool) -> Doing:
    async def do(coordinator: HomeSentryCoordinator, call: ServiceCall) -> dict[str, Any]:
        args = given(call, "owner_id", "detection_id", "face", "consent") | {"negative": negative}
        return await async_ask(coordinator, "enrol", args | on_behalf_of(call.context), deadline_s=_SLOW_S)

    return do


def _named_or_known(data: dict[str, Any]) -> dict[str, Any]:
    if "owner_id" not in data and "name" not in data:
        raise vol.Invalid("somebody new needs a 'name'")
    return data


_NUMBER: Final = vol.All(vol.Coerce(int), vol.Range(min=1))
_OWNER: Final[dict[Any, Any]] = {**ENTRY, vol.Required("owner_id"): cv.string}
_SHOWN: Final[dict[Any, Any]] = {
    **_OWNER,
    vol.Required("detection_id"): _NUMBER,
    vol.Optional("face", default=False): cv.boolean,
    vol.Optional("consent", default=False): cv.boolean,
}
_SAVED: Final[dict[Any, Any]] = {
    **ENTRY,
    vol.Optional("owner_id"): cv.string,
    vol.Optional("name"): vol.All(cv.string, vol.Length(min=1, max=64)),
    vol.Optional("role"): vol.In(_ROLES),
    vol.Optional("trust"): vol.In(_TRUSTS),
    vol.Optional("days"): vol.All(cv.ensure_list, [vol.In(DAYS)], vol.Length(min=1)),
    vol.Optional("begins"): cv.time,
    vol.Optional("ends"): cv.time,
}
_MEMBER: Final[dict[Any, Any]] = {**_SAVED, vol.Optional("ha_person"): vol.Any("", cv.entity_domain("person"))}
_VEHICLE: Final[dict[Any, Any]] = {**_SAVED, vol.Optional("plate"): vol.All(cv.string, vol.Length(max=16))}
_ONLY: Final = SupportsResponse.ONLY
HOUSEHOLD_ACTIONS: Final = (
    Action(name="household_list", schema=vol.Schema(ENTRY), do=reading("get_household"), response=_ONLY),
    Action(
        name="household_samples",
        schema=vol.Schema(_OWNER),
        do=reading("list_samples", "owner_id"),
        response=_ONLY,
    ),
    Action(
        name="list_detections",
        schema=vol.Schema(EVENT),
        do=reading("list_event_detections", "event_id"),
        response=_ONLY,
    ),
    Action(name="household_save_member", schema=vol.All(_MEMBER, _named_or_known), do=_save_member, admin=True),
    Action(name="household_save_vehicle", schema=vol.All(_VEHICLE, _named_or_known), do=_save_vehicle, admin=True),
    Action(name="household_enrol", schema=vol.Schema(_SHOWN), do=_learning(negative=False), admin=True),
    Action(name="household_not_this", schema=vol.Schema(_SHOWN), do=_learning(negative=True)),
    Action(name="household_erase", schema=vol.Schema(_OWNER), do=changing("erase_owner", "owner_id"), admin=True),
    Action(
        name="household_erase_samples",
        schema=vol.Schema({**_OWNER, vol.Optional("sample_id"): _NUMBER}),
        do=changing("erase_samples", "owner_id", "sample_id"),
        admin=True,
    ),
    Action(name="household_erase_faces", schema=vol.Schema(ENTRY), do=changing("erase_faces"), admin=True),
)
