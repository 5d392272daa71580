"""Commands about the zones of a camera, one zone at a time."""

import asyncio
from collections.abc import Iterable
from typing import Any, Final

from home_sentry_engine.context.zones import InvalidZone, checked_zones
from home_sentry_engine.contract import Zone, ZoneList
from home_sentry_engine.contract.errors import NotFound, Unprocessable
from home_sentry_engine.domain.identity import InvalidCameraName

from .deeds import CommandRule
from .fields import CAMERA_ID, Field
from .ports import Places
from .triage_fields import USER
from .zone_fields import ZONE_FIELDS, zone_of

_ZONE_ID: Final = Field(name="zone_id", pattern=r"^[a-z0-9_-]{1,64}$", text="Id of a zone", required=True)
_OTHERS: Final = tuple(field for field in ZONE_FIELDS if field.name != "id")
_NEW: Final = Field(name="zone_id", pattern=_ZONE_ID.pattern, nullable=True, text="Made from the name, if absent")


def zone_rules(places: Places) -> tuple[CommandRule, ...]:
    """Give the commands; ``set_zone`` replaces the zone of the same id and leaves the others as they are."""
    turn = asyncio.Lock()

    async def listed(args: dict[str, Any]) -> object:
        return ZoneList(camera_id=args["camera_id"], zones=_found(await places.zones(args["camera_id"])))

    async def put(camera_id: str, zones: Iterable[Zone]) -> ZoneList:
        return ZoneList(camera_id=camera_id, zones=_found(await places.set_zones(camera_id, checked_zones(zones))))

    async def save(args: dict[str, Any]) -> object:
        camera_id: str = args["camera_id"]
        try:
            wanted = zone_of({"id": args["zone_id"]} | {field.name: args[field.name] for field in _OTHERS})
            async with turn:
                kept = [one for one in _found(await places.zones(camera_id)) if one.id != wanted.id]
                return await put(camera_id, [*kept, wanted])
        except (InvalidZone, InvalidCameraName) as err:
            raise Unprocessable(str(err)) from err

    async def remove(args: dict[str, Any]) -> object:
        camera_id: str = args["camera_id"]
        async with turn:
            known = _found(await places.zones(camera_id))
            kept = [one for one in known if one.id != args["zone_id"]]
            if len(kept) == len(known):
                raise NotFound("the camera has no such zone")
            return await put(camera_id, kept)

    return (
        CommandRule(name="list_zones", fields=(CAMERA_ID,), answer=listed),
        CommandRule(name="set_zone", fields=(CAMERA_ID, _NEW, *_OTHERS, USER), answer=save, audited="zones.set"),
        CommandRule(name="remove_zone", fields=(CAMERA_ID, _ZONE_ID, USER), answer=remove, audited="zones.remove"),
    )


def _found[T](value: T | None) -> T:
    if value is None:
        raise NotFound("there is no such camera")
    return value
