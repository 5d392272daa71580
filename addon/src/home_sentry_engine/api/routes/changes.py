"""Changes by a person: cameras made, renamed and deleted; the token replaced; and what events sum up to."""

from typing import Final

from aiohttp import web

from home_sentry_engine.api.bodies import BodyReader
from home_sentry_engine.api.change_ports import CameraRegistry, TokenKeeper
from home_sentry_engine.api.fields import CAMERA_ID, Field, Kind
from home_sentry_engine.api.limits import LimitClass
from home_sentry_engine.api.routing import Answer, Call, JsonBody, Route
from home_sentry_engine.contract import Camera, CameraDeleted, EventStats, TokenRotated
from home_sentry_engine.contract.errors import (
    Conflict,
    InvalidRequest,
    NotFound,
    TooLarge,
    Unprocessable,
    UnsupportedType,
)

from .events import EVENT_FILTERS, event_query
from .replies import PAGE_FIELDS, json_reply

_CONFIDENCE: Final = Field(
    name="confidence", kind=Kind.NUMBER, low=0, high=1, text="Its own detection threshold; 0 follows the engine's"
)
_CREATE: Final = (
    Field(name="name", longest=64, text="As people call it", required=True),
    Field(name="id", pattern=r"^[a-z0-9_]{1,64}$", nullable=True, text="Made from the name, if absent"),
    _CONFIDENCE,
)
_PATCH: Final = (Field(name="name", longest=64, text="As people call it"), _CONFIDENCE)
_PAGING: Final = frozenset({"limit", "cursor", "total"}) & {field.name for field in PAGE_FIELDS}
_STATS: Final = tuple(field for field in EVENT_FILTERS if field.name not in _PAGING)


class ChangeRoutes:
    """Writes cameras, rotates the token, counts events."""

    def __init__(self, registry: CameraRegistry, keys: TokenKeeper, bodies: BodyReader) -> None:
        """Take the ports."""
        self._registry = registry
        self._keys = keys
        self._bodies = bodies

    def routes(self) -> tuple[Route, ...]:
        """Declare the operations."""
        return (*self._cameras(), *self._others())

    def _cameras(self) -> tuple[Route, ...]:
        return (
            Route(
                method="POST",
                path="/api/v1/cameras",
                name="create_camera",
                text="Make a camera that pictures are uploaded for",
                respond=self._create,
                answer=Answer(status=201, shape=Camera, text="Made"),
                body=JsonBody(fields=_CREATE),
                errors=(Conflict, TooLarge, UnsupportedType, Unprocessable),
                audited="camera.create",
            ),
            Route(
                method="PATCH",
                path="/api/v1/cameras/{camera_id}",
                name="change_camera",
                text="Change the name or the detection threshold of a camera",
                respond=self._patch,
                answer=Answer(shape=Camera),
                fields=(CAMERA_ID,),
                body=JsonBody(fields=_PATCH),
                errors=(NotFound, TooLarge, UnsupportedType),
                audited="camera.change",
            ),
            Route(
                method="DELETE",
                path="/api/v1/cameras/{camera_id}",
                name="delete_camera",
                text="Delete a camera with its events, detections, media and files",
                respond=self._delete,
                answer=Answer(shape=CameraDeleted),
                fields=(CAMERA_ID,),
                errors=(NotFound,),
                audited="camera.delete",
                limit=LimitClass.BULK,
                deadline_s=120.0,
            ),
        )

    def _others(self) -> tuple[Route, ...]:
        return (
            Route(
                method="GET",
                path="/api/v1/events/stats",
                name="get_event_stats",
                text="Events that fit the filters, counted",
                respond=self._stats,
                answer=Answer(shape=EventStats),
                query=_STATS,
                limit=LimitClass.SEARCH,
            ),
            Route(
                method="POST",
                path="/api/v1/system/token/rotate",
                name="rotate_token",
                text="Replace the token; the one before works for ten more minutes. Shown once, never repeated",
                respond=self._rotate,
                answer=Answer(shape=TokenRotated),
                audited="token.rotate",
                limit=LimitClass.BULK,
                replays=False,
            ),
        )

    async def _create(self, call: Call) -> web.Response:
        values = await self._bodies.json(call.request, _CREATE)
        made = await self._registry.create(_named(values["name"]), values["id"], values["confidence"] or None)
        return json_reply(made, status=201)

    async def _patch(self, call: Call) -> web.Response:
        values = await self._bodies.json(call.request, _PATCH)
        changes: dict[str, str | float | None] = {}
        if values["name"] is not None:
            changes["name"] = _named(values["name"])
        if values["confidence"] is not None:
            changes["confidence"] = values["confidence"] or None
        if not changes:
            raise InvalidRequest("nothing to change: give 'name' or 'confidence'")
        return json_reply(await self._registry.patch(call.path["camera_id"], changes))

    async def _delete(self, call: Call) -> web.Response:
        return json_reply(await self._registry.delete(call.path["camera_id"]))

    async def _stats(self, call: Call) -> web.Response:
        paging = {"limit": 1, "cursor": None, "total": False}
        return json_reply(await self._registry.stats(event_query(call.query | paging)))

    async def _rotate(self, _call: Call) -> web.Response:
        return json_reply(await self._keys.rotate())


def _named(name: str) -> str:
    if not name.strip():
        raise InvalidRequest("'name' must have a letter or digit", details={"field": "name"})
    return name.strip()
