"""Exports: ask for one, follow it, fetch its file, delete it."""

from typing import Final

from aiohttp import web

from home_sentry_engine.api.bodies import BodyReader
from home_sentry_engine.api.limits import LimitClass
from home_sentry_engine.api.routing import Answer, Call, JsonBody, Route
from home_sentry_engine.api.summary_fields import EXPORT_FIELDS, EXPORT_ID, wish_of
from home_sentry_engine.api.summary_ports import Exports
from home_sentry_engine.contract import Export, ExportList, ExportRemoved
from home_sentry_engine.contract.errors import (
    Conflict,
    NotFound,
    ServiceUnavailable,
    TooLarge,
    Unprocessable,
    UnsupportedType,
)

from .replies import json_reply

# whatever it is: nobody is to open it in the place of a page
_CONTENT_TYPE: Final = "application/octet-stream"


class ExportRoutes:
    """Gives stored events away as files."""

    def __init__(self, exports: Exports, bodies: BodyReader) -> None:
        """Take the port."""
        self._exports = exports
        self._bodies = bodies

    def routes(self) -> tuple[Route, ...]:
        """Declare the operations."""
        return (*self._of_all(), *self._of_one())

    def _of_all(self) -> tuple[Route, ...]:
        return (
            Route(
                method="GET",
                path="/api/v1/exports",
                name="list_exports",
                text="Exports of the last seven days, the newest first",
                respond=self._list,
                answer=Answer(shape=ExportList),
            ),
            Route(
                method="POST",
                path="/api/v1/exports",
                name="create_export",
                text="Have events written into a file, which is kept for seven days",
                respond=self._create,
                answer=Answer(status=202, shape=Export, text="It will be made"),
                body=JsonBody(fields=EXPORT_FIELDS),
                errors=(NotFound, TooLarge, UnsupportedType, Unprocessable, ServiceUnavailable),
                limit=LimitClass.EXPORT,
                deadline_s=60.0,
                audited="export.create",
            ),
        )

    def _of_one(self) -> tuple[Route, ...]:
        path = "/api/v1/exports/{export_id}"
        return (
            Route(
                method="GET",
                path=path,
                name="get_export",
                text="One export",
                respond=self._get,
                answer=Answer(shape=Export),
                fields=(EXPORT_ID,),
                errors=(NotFound,),
            ),
            Route(
                method="GET",
                path=f"{path}/file",
                name="download_export",
                text="The file of an export that is ready",
                respond=self._download,
                answer=Answer(content_type=_CONTENT_TYPE, text="The file: CSV, JSON or a zip"),
                fields=(EXPORT_ID,),
                errors=(NotFound, Conflict),
                limit=LimitClass.MEDIA,
                audited="export.download",
            ),
            Route(
                method="DELETE",
                path=path,
                name="delete_export",
                text="Delete an export with its file",
                respond=self._delete,
                answer=Answer(shape=ExportRemoved),
                fields=(EXPORT_ID,),
                errors=(NotFound,),
                audited="export.delete",
            ),
        )

    async def _list(self, _call: Call) -> web.Response:
        return json_reply(ExportList(items=await self._exports.all()))

    async def _create(self, call: Call) -> web.Response:
        wish = wish_of(await self._bodies.json(call.request, EXPORT_FIELDS))
        return json_reply(await self._exports.create(wish), status=202)

    async def _get(self, call: Call) -> web.Response:
        found = await self._exports.get(call.path["export_id"])
        if found is None:
            raise NotFound("there is no such export")
        return json_reply(found)

    async def _download(self, call: Call) -> web.StreamResponse:
        found = await self._exports.file(call.path["export_id"])
        disposition = f'attachment; filename="{found.name}"'
        headers = {"Content-Disposition": disposition, "Content-Type": _CONTENT_TYPE}
        return web.FileResponse(found.path, headers=headers)

    async def _delete(self, call: Call) -> web.Response:
        export_id: str = call.path["export_id"]
        if not await self._exports.remove(export_id):
            raise NotFound("there is no such export")
        return json_reply(ExportRemoved(id=export_id))
