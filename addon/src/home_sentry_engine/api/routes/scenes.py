"""Changes of the cameras' views: list, acknowledge, learn anew."""

from typing import Final

from aiohttp import web

from home_sentry_engine.api.fields import CAMERA_ID, Field, Kind
from home_sentry_engine.api.routing import Answer, Call, Route
from home_sentry_engine.api.watch_ports import Scenes
from home_sentry_engine.contract import SceneBaseline, SceneChange, SceneChangeList, SceneReset
from home_sentry_engine.contract.errors import NotFound, Unprocessable
from home_sentry_engine.domain.errors import StageError

from .replies import json_reply

_LIMIT: Final = Field(name="limit", kind=Kind.WHOLE, low=1, high=1000, default=50, text="How many at most")
_CHANGE_ID: Final = Field(name="change_id", kind=Kind.WHOLE, low=1, required=True, text="Id of a change")
_OF_CAMERA: Final = "/api/v1/cameras/{camera_id}/scene"


class SceneRoutes:
    """Changes of views, of one camera or of all."""

    def __init__(self, scenes: Scenes) -> None:
        """Take the port."""
        self._scenes = scenes

    def routes(self) -> tuple[Route, ...]:
        """Declare the operations."""
        return (*self._of_all(), *self._of_camera())

    def _of_all(self) -> tuple[Route, ...]:
        return (
            Route(
                method="GET",
                path="/api/v1/scenes",
                name="list_scene_changes",
                text="Lasting changes of all views, the newest first",
                respond=self._list,
                answer=Answer(shape=SceneChangeList),
                query=(_LIMIT,),
            ),
            Route(
                method="POST",
                path="/api/v1/scenes/{change_id}/acknowledge",
                name="acknowledge_scene_change",
                text="Know of a change: what is seen now is the usual view from here on",
                respond=self._acknowledge,
                answer=Answer(shape=SceneChange),
                fields=(_CHANGE_ID,),
                errors=(NotFound,),
                audited="scene.acknowledge",
            ),
            Route(
                method="DELETE",
                path="/api/v1/scenes",
                name="reset_scenes",
                text="Forget the usual views of all cameras and learn them anew",
                respond=self._reset,
                answer=Answer(shape=SceneReset),
                audited="scene.reset",
            ),
        )

    def _of_camera(self) -> tuple[Route, ...]:
        return (
            Route(
                method="GET",
                path=_OF_CAMERA,
                name="list_scene_changes_of_camera",
                text="Lasting changes of a camera's view, the newest first",
                respond=self._list,
                answer=Answer(shape=SceneChangeList),
                fields=(CAMERA_ID,),
                query=(_LIMIT,),
                errors=(NotFound,),
            ),
            Route(
                method="POST",
                path=f"{_OF_CAMERA}/acknowledge",
                name="acknowledge_scene",
                text="Know of every change of a camera's view that stands",
                respond=self._acknowledge_camera,
                answer=Answer(shape=SceneChangeList),
                fields=(CAMERA_ID,),
                errors=(NotFound,),
                audited="scene.acknowledge",
            ),
            Route(
                method="POST",
                path=f"{_OF_CAMERA}/update",
                name="update_scene",
                text="Make a camera's newest picture the usual view of its light",
                respond=self._update,
                answer=Answer(shape=SceneBaseline),
                fields=(CAMERA_ID,),
                errors=(NotFound, Unprocessable),
                audited="scene.update",
            ),
            Route(
                method="DELETE",
                path=_OF_CAMERA,
                name="reset_scene",
                text="Forget a camera's usual views and learn them anew",
                respond=self._reset,
                answer=Answer(shape=SceneReset),
                fields=(CAMERA_ID,),
                errors=(NotFound,),
                audited="scene.reset",
            ),
        )

    async def _list(self, call: Call) -> web.Response:
        within: tuple[str, ...] | None = call.query.get("within")
        if within is not None:
            return json_reply(SceneChangeList(items=await self._of_cameras(within, call.query["limit"])))
        found = await self._scenes.changes(call.path.get("camera_id"), call.query["limit"])
        return json_reply(SceneChangeList(items=_found(found, "camera")))

    async def _of_cameras(self, within: tuple[str, ...], limit: int) -> tuple[SceneChange, ...]:
        pages = [await self._scenes.changes(camera_id, limit) or () for camera_id in within]
        newest = sorted((one for page in pages for one in page), key=lambda one: one.id, reverse=True)
        return tuple(newest[:limit])

    async def _acknowledge(self, call: Call) -> web.Response:
        return json_reply(_found(await self._scenes.acknowledge(call.path["change_id"]), "change"))

    async def _acknowledge_camera(self, call: Call) -> web.Response:
        found = await self._scenes.acknowledge_camera(call.path["camera_id"])
        return json_reply(SceneChangeList(items=_found(found, "camera")))

    async def _update(self, call: Call) -> web.Response:
        return json_reply(await updated(self._scenes, call.path["camera_id"]))

    async def _reset(self, call: Call) -> web.Response:
        forgotten = await self._scenes.reset(call.path.get("camera_id"))
        return json_reply(SceneReset(forgotten=_found(forgotten, "camera")))


async def updated(scenes: Scenes, camera_id: str) -> SceneBaseline:
    """Give the new usual view; raises ``NotFound`` or ``Unprocessable``."""
    try:
        return _found(await scenes.update(camera_id), "camera, or it showed no picture yet")
    except StageError as err:
        raise Unprocessable(f"the newest picture cannot be looked at: {err.reason}") from err
    except ValueError as err:
        raise Unprocessable(str(err)) from err


def _found[T](value: T | None, noun: str) -> T:
    if value is None:
        raise NotFound(f"there is no such {noun}")
    return value
