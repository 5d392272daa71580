"""A look at one file without storing anything."""

from typing import Final

from aiohttp import web

from home_sentry_engine.api.bodies import BodyReader
from home_sentry_engine.api.fields import Field
from home_sentry_engine.api.limits import LimitClass
from home_sentry_engine.api.ports import Analyzer
from home_sentry_engine.api.routing import Answer, Call, FileBody, Route
from home_sentry_engine.contract import Look
from home_sentry_engine.contract.errors import ServiceUnavailable, TooLarge, Unprocessable, UnsupportedType

from .replies import json_reply

_CAMERA: Final = Field(name="camera_id", pattern=r"^[a-z0-9_-]{1,64}$", nullable=True, text="Whose masks apply")


class AnalyzeRoutes:
    """Sends an upload through the detector and forgets it."""

    def __init__(self, analyzer: Analyzer, bodies: BodyReader) -> None:
        """Take the port."""
        self._analyzer = analyzer
        self._bodies = bodies

    def routes(self) -> tuple[Route, ...]:
        """Declare the operation."""
        return (
            Route(
                method="POST",
                path="/api/v1/analyze",
                name="analyze",
                text="Detect objects in a picture or clip, under the masks of a camera if one is named; keeps nothing",
                respond=self._look,
                answer=Answer(shape=Look),
                query=(_CAMERA,),
                body=FileBody(),
                errors=(TooLarge, UnsupportedType, Unprocessable, ServiceUnavailable),
                limit=LimitClass.AI,
                deadline_s=120.0,
                replays=False,
            ),
        )

    async def _look(self, call: Call) -> web.Response:
        received = await self._bodies.file(call.request)
        return json_reply(await self._analyzer.look(received.data, received.file_type, call.query["camera_id"]))
