"""Privacy masks of a camera."""

from typing import Any, Final

from aiohttp import web

from home_sentry_engine.api.bodies import BodyReader
from home_sentry_engine.api.fields import CAMERA_ID, Field, Kind
from home_sentry_engine.api.pictures import PictureShelf
from home_sentry_engine.api.ports import Masks
from home_sentry_engine.api.routing import Answer, Call, JsonBody, Route
from home_sentry_engine.context.home import MODES
from home_sentry_engine.context.zones import MOST_POINTS, InvalidZone, check_shape, clean_name
from home_sentry_engine.contract import Mask, MaskList
from home_sentry_engine.contract.errors import NotFound, TooLarge, Unprocessable, UnsupportedType

from .replies import json_reply

_MOST: Final = 32
_UNNAMED: Final = "mask"
_POINT: Final = Field(name="point", kind=Kind.LIST, low=2, high=2, items=Field(name="coordinate", kind=Kind.NUMBER))
MASK_FIELDS: Final = (
    Field(
        name="masks",
        kind=Kind.LIST,
        low=0,
        high=_MOST,
        required=True,
        items=Field(
            name="mask",
            kind=Kind.OBJECT,
            fields=(
                Field(name="name", longest=64, default=_UNNAMED),
                Field(
                    name="modes",
                    kind=Kind.LIST,
                    low=0,
                    high=len(MODES),
                    items=Field(name="mode", words=MODES),
                    default=[],
                    text="Arm modes of the home in which it holds; none means always",
                ),
                Field(name="points", kind=Kind.LIST, low=3, high=MOST_POINTS, items=_POINT, required=True),
            ),
        ),
    ),
)
_BODY: Final = JsonBody(fields=MASK_FIELDS)


class MaskRoutes:
    """Reads and writes the masks of a camera."""

    def __init__(self, masks: Masks, bodies: BodyReader, shelf: PictureShelf) -> None:
        """Take the port, and the pictures that are to be forgotten when masks change."""
        self._masks = masks
        self._bodies = bodies
        self._shelf = shelf

    def routes(self) -> tuple[Route, ...]:
        """Declare the operations."""
        return (
            Route(
                method="GET",
                path="/api/v1/cameras/{camera_id}/masks",
                name="get_masks",
                text="The privacy masks of a camera",
                respond=self._get,
                answer=Answer(shape=MaskList),
                fields=(CAMERA_ID,),
                errors=(NotFound,),
            ),
            Route(
                method="PUT",
                path="/api/v1/cameras/{camera_id}/masks",
                name="put_masks",
                text="Replace the privacy masks of a camera; they are burned into all that comes and all that is shown",
                respond=self._put,
                answer=Answer(shape=MaskList),
                fields=(CAMERA_ID,),
                body=_BODY,
                audited="masks.replace",
                errors=(NotFound, TooLarge, UnsupportedType, Unprocessable),
            ),
        )

    async def _get(self, call: Call) -> web.Response:
        return json_reply(found_masks(await self._masks.masks(call.path["camera_id"])))

    async def _put(self, call: Call) -> web.Response:
        body = await self._bodies.json(call.request, _BODY.fields)
        listed = found_masks(await self._masks.set_masks(call.path["camera_id"], masks_of(body)))
        self._shelf.clear()
        return json_reply(listed)


def masks_of(body: dict[str, Any]) -> tuple[Mask, ...]:
    """Give the masks of a checked body; raises ``Unprocessable`` for a shape that is none."""
    try:
        return tuple(_mask(values) for values in body["masks"])
    except InvalidZone as err:
        raise Unprocessable(str(err)) from err


def _mask(values: dict[str, Any]) -> Mask:
    mask = Mask(
        name=clean_name(values["name"]) or _UNNAMED,
        points=tuple((x, y) for x, y in values["points"]),
        modes=tuple(sorted(set(values["modes"]))),
    )
    check_shape("a mask" if mask.name == _UNNAMED else f"mask {mask.name}", mask.points)
    return mask


def found_masks(listed: MaskList | None) -> MaskList:
    """Give a camera's masks; raises ``NotFound`` for None."""
    if listed is None:
        raise NotFound("there is no such camera")
    return listed
