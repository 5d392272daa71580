"""Cameras: list, one, newest picture, upload."""

from datetime import datetime
from typing import Final

from aiohttp import web

from home_sentry_engine.api.bodies import BodyReader
from home_sentry_engine.api.fields import CAMERA_ID, Field, Kind
from home_sentry_engine.api.limits import LimitClass
from home_sentry_engine.api.narrowing import seen
from home_sentry_engine.api.pictures import REVALIDATED, existing, respond
from home_sentry_engine.api.ports import Catalogue, Duplicate, Pictures, Upload, Uploads
from home_sentry_engine.api.routing import Answer, Call, FileBody, Route
from home_sentry_engine.contract import Camera, CameraPage, Uploaded
from home_sentry_engine.contract.errors import (
    Conflict,
    NotFound,
    ServiceUnavailable,
    TooLarge,
    Unprocessable,
    UnsupportedType,
)

from .replies import json_reply

_STATUS: Final = Field(
    name="status", words=("online", "offline", "degraded", "blind", "error"), text="Only cameras in this state"
)
_CAPTURED_AT: Final = Field(name="captured_at", kind=Kind.TIME, text="When the camera took it; now, if absent")


class CameraRoutes:
    """Reads cameras and takes their uploads."""

    def __init__(self, catalogue: Catalogue, pictures: Pictures, uploads: Uploads, bodies: BodyReader) -> None:
        """Take the ports."""
        self._catalogue = catalogue
        self._pictures = pictures
        self._uploads = uploads
        self._bodies = bodies

    def routes(self) -> tuple[Route, ...]:
        """Declare the operations."""
        return (
            Route(
                method="GET",
                path="/api/v1/cameras",
                name="list_cameras",
                text="All cameras",
                respond=self._list,
                answer=Answer(shape=CameraPage),
                query=(_STATUS,),
            ),
            Route(
                method="GET",
                path="/api/v1/cameras/{camera_id}",
                name="get_camera",
                text="One camera",
                respond=self._get,
                answer=Answer(shape=Camera),
                fields=(CAMERA_ID,),
                errors=(NotFound,),
            ),
            Route(
                method="GET",
                path="/api/v1/cameras/{camera_id}/latest.jpg",
                name="get_camera_latest",
                text="The newest picture of a camera",
                respond=self._latest,
                answer=Answer(content_type="image/jpeg", text="The picture"),
                fields=(CAMERA_ID,),
                errors=(NotFound,),
                limit=LimitClass.MEDIA,
            ),
            Route(
                method="POST",
                path="/api/v1/cameras/{camera_id}/frames",
                name="upload_frame",
                text="Hand in one picture or clip",
                respond=self._upload,
                answer=Answer(status=202, shape=Uploaded, text="Accepted and queued"),
                fields=(CAMERA_ID,),
                query=(_CAPTURED_AT,),
                body=FileBody(),
                errors=(NotFound, Conflict, TooLarge, UnsupportedType, Unprocessable, ServiceUnavailable),
                limit=LimitClass.UPLOAD,
                deadline_s=120.0,
            ),
        )

    async def _list(self, call: Call) -> web.Response:
        wanted = call.query["status"]
        found = seen(call.query["within"], await self._catalogue.cameras())
        cameras = tuple(camera for camera in found if wanted in {None, camera.status})
        return json_reply(CameraPage(items=cameras, total=len(cameras)))

    async def _get(self, call: Call) -> web.Response:
        camera = await self._catalogue.camera(call.path["camera_id"])
        if camera is None:
            raise NotFound("there is no such camera")
        return json_reply(camera)

    async def _latest(self, call: Call) -> web.Response:
        return respond(call, existing(await self._pictures.latest_of(call.path["camera_id"])), REVALIDATED)

    async def _upload(self, call: Call) -> web.Response:
        camera_id: str = call.path["camera_id"]
        captured_at: datetime | None = call.query["captured_at"]
        received = await self._bodies.file(call.request)
        outcome = await self._uploads.offer(
            Upload(
                camera_id=camera_id,
                data=received.data,
                file_type=received.file_type,
                captured_at=captured_at,
            )
        )
        if isinstance(outcome, Duplicate):
            raise Conflict("this camera sent the same content a moment ago", details={"media_id": outcome.media_id})
        uploaded = Uploaded(media_id=outcome.media_id, camera_id=camera_id, kind=received.file_type.kind)
        return json_reply(uploaded, status=202)
