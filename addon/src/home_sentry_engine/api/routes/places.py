"""Places and habits of a camera: its zones, and what is usual there."""

from typing import Any, Final

from aiohttp import web

from home_sentry_engine.api.bodies import BodyReader
from home_sentry_engine.api.fields import CAMERA_ID, Field, Kind
from home_sentry_engine.api.ports import Places
from home_sentry_engine.api.routing import Answer, Call, JsonBody, Route
from home_sentry_engine.context.geometry import rectangle
from home_sentry_engine.context.zones import MOST_POINTS, MOST_ZONES, InvalidZone, checked_zones
from home_sentry_engine.contract import Baseline, Zone, ZoneAnchor, ZoneList, ZoneType
from home_sentry_engine.contract.errors import NotFound, TooLarge, Unprocessable, UnsupportedType
from home_sentry_engine.domain.identity import InvalidCameraName, camera_id_of

from .replies import json_reply

_NUMBER: Final = Field(name="coordinate", kind=Kind.NUMBER)
_POINT: Final = Field(name="point", kind=Kind.LIST, low=2, high=2, items=_NUMBER)
_ZONE_FIELDS: Final = (
    Field(name="id", pattern=r"^[a-z0-9_-]{1,64}$", nullable=True, text="Made from the name, if absent"),
    Field(name="name", required=True, longest=64),
    Field(name="type", words=tuple(one.value for one in ZoneType if one is not ZoneType.UNKNOWN), default="other"),
    Field(name="points", kind=Kind.LIST, low=0, high=MOST_POINTS, items=_POINT, default=()),
    Field(
        name="rectangle", kind=Kind.LIST, low=4, high=4, items=_NUMBER, text="x, y, width, height, instead of points"
    ),
    Field(name="enabled", kind=Kind.FLAG, default=True),
    Field(name="priority", kind=Kind.WHOLE, default=0),
    Field(name="colour", longest=7, default="#3B82F6"),
    Field(
        name="anchor",
        words=tuple(one.value for one in ZoneAnchor if one is not ZoneAnchor.UNKNOWN),
        default="bottom_centre",
    ),
    Field(name="private", kind=Kind.FLAG, nullable=True),
    Field(name="inside", kind=Kind.FLAG, default=False),
    Field(name="loitering_s", kind=Kind.NUMBER, nullable=True),
    Field(name="inertia", kind=Kind.WHOLE, default=3),
    Field(name="required_for", kind=Kind.LIST, low=0, high=80, items=Field(name="class", longest=64), default=()),
    Field(name="line", kind=Kind.LIST, low=0, high=2, items=_POINT, default=()),
)
_BODY: Final = JsonBody(
    fields=(
        Field(
            name="zones",
            kind=Kind.LIST,
            low=0,
            high=MOST_ZONES,
            required=True,
            items=Field(name="zone", kind=Kind.OBJECT, fields=_ZONE_FIELDS),
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
            wanted = checked_zones(_zone(values) for values in body["zones"])
        except (InvalidZone, InvalidCameraName) as err:
            raise Unprocessable(str(err)) from err
        zones = _found(await self._places.set_zones(camera_id, wanted))
        return json_reply(ZoneList(camera_id=camera_id, zones=zones))

    async def _get_baseline(self, call: Call) -> web.Response:
        return json_reply(_found(await self._places.baseline(call.path["camera_id"])))

    async def _reset_baseline(self, call: Call) -> web.Response:
        return json_reply(_found(await self._places.reset_baseline(call.path["camera_id"])))


def _zone(values: dict[str, Any]) -> Zone:
    name: str = values["name"]
    shape = rectangle(*values["rectangle"]) if values["rectangle"] is not None else values["points"]
    if values["rectangle"] is not None and values["points"]:
        raise InvalidZone(f"zone {name[:64]}: give points or a rectangle, not both")
    plain = {
        key: value for key, value in values.items() if key not in {"id", "rectangle", "points", "line", "required_for"}
    }
    return Zone(
        **plain
        | {
            "id": values["id"] or camera_id_of(name),
            "type": ZoneType(values["type"]),
            "anchor": ZoneAnchor(values["anchor"]),
            "points": tuple((x, y) for x, y in shape),
            "line": tuple((x, y) for x, y in values["line"]),
            "required_for": tuple(values["required_for"]),
        }
    )


def _found[T](value: T | None) -> T:
    if value is None:
        raise NotFound("there is no such camera")
    return value
