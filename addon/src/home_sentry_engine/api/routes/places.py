"""Places and habits of a camera: its zones, and what is usual there."""

from typing import Final

from aiohttp import web

from home_sentry_engine.api.bodies import BodyReader
from home_sentry_engine.api.fields import CAMERA_ID, Field, Kind
from home_sentry_engine.api.ports import Places
from home_sentry_engine.api.routing import Answer, Call, JsonBody, Route
from home_sentry_engine.api.zone_fields import ZONE_FIELDS, zone_of
from home_sentry_engine.context.zones import MOST_ZONES, InvalidZone, checked_zones
from home_sentry_engine.contract import Baseline, ZoneList
from home_sentry_engine.contract.errors import NotFound, TooLarge, Unprocessable, UnsupportedType
from home_sentry_engine.domain.identity import InvalidCameraName

from .replies import json_reply

_BODY: Final = JsonBody(
    fields=(
        Field(
            name="zones",
            kind=Kind.LIST,
            low=0,
            high=MOST_ZONES,
            required=True,
            items=Field(name="zone", kind=Kind.OBJECT, fields=ZONE_FIELDS),
        ),
    )
)


class PlaceRoutes:
    """Reads and writes the zones of a camera; shows and forgets its habits."""

    def __init__(self, places: Places, bodies: BodyReader) -> None:
        """Take the ports."""
        self._places = places
        self._bodies = bodies

    def routes(self) -> tuple[Route, ...]:
        """Declare the operations."""
        return (
            Route(
                method="GET",
                path="/api/v1/cameras/{camera_id}/zones",
                name="get_zones",
                text="The zones of a camera",
                respond=self._get_zones,
                answer=Answer(shape=ZoneList),
                fields=(CAMERA_ID,),
                errors=(NotFound,),
            ),
            Route(
                method="PUT",
                path="/api/v1/cameras/{camera_id}/zones",
                name="put_zones",
                text="Replace the zones of a camera",
                respond=self._put_zones,
                answer=Answer(shape=ZoneList),
                fields=(CAMERA_ID,),
                body=_BODY,
                audited="zones.replace",
                errors=(NotFound, TooLarge, UnsupportedType, Unprocessable),
            ),
            Route(
                method="GET",
                path="/api/v1/cameras/{camera_id}/baseline",
                name="get_baseline",
                text="What is usual at a camera",
                respond=self._get_baseline,
                answer=Answer(shape=Baseline),
                fields=(CAMERA_ID,),
                errors=(NotFound,),
            ),
            Route(
                method="DELETE",
                path="/api/v1/cameras/{camera_id}/baseline",
                name="reset_baseline",
                text="Forget what is usual at a camera and learn anew",
                audited="baseline.reset",
                respond=self._reset_baseline,
                answer=Answer(shape=Baseline),
                fields=(CAMERA_ID,),
                errors=(NotFound,),
            ),
        )

    async def _get_zones(self, call: Call) -> web.Response:
        camera_id: str = call.path["camera_id"]
        zones = _found(await self._places.zones(camera_id))
        return json_reply(ZoneList(camera_id=camera_id, zones=zones))

    async def _put_zones(self, call: Call) -> web.Response:
        camera_id: str = call.path["camera_id"]
        body = await self._bodies.json(call.request, _BODY.fields)
        try:
            wanted = checked_zones(zone_of(values) for values in body["zones"])
        except (InvalidZone, InvalidCameraName) as err:
            raise Unprocessable(str(err)) from err
        zones = _found(await self._places.set_zones(camera_id, wanted))
        return json_reply(ZoneList(camera_id=camera_id, zones=zones))

    async def _get_baseline(self, call: Call) -> web.Response:
        return json_reply(_found(await self._places.baseline(call.path["camera_id"])))

    async def _reset_baseline(self, call: Call) -> web.Response:
        return json_reply(_found(await self._places.reset_baseline(call.path["camera_id"])))


def _found[T](value: T | None) -> T:
    if value is None:
        raise NotFound("there is no such camera")
    return value
