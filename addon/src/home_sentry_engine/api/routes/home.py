"""What Home Assistant says about the home, what habits are judged by, and what new cameras learned."""

from dataclasses import replace
from typing import Final

from aiohttp import web

from home_sentry_engine.api.bodies import BodyReader
from home_sentry_engine.api.fields import CAMERA_ID, Field, Kind
from home_sentry_engine.api.home_fields import REPORT_FIELDS, report_of
from home_sentry_engine.api.routing import Answer, Call, JsonBody, Route
from home_sentry_engine.api.watch_ports import Home, Learning
from home_sentry_engine.contract import BaselineLimits, Camera, HomeReport, LearningReport
from home_sentry_engine.contract.errors import NotFound, TooLarge, Unprocessable, UnsupportedType

from .replies import json_reply

_REPORT: Final = JsonBody(fields=REPORT_FIELDS)
_LIMITS: Final = JsonBody(
    fields=(
        Field(name="window_days", kind=Kind.WHOLE, low=7, high=365, nullable=True),
        Field(name="min_days", kind=Kind.WHOLE, low=2, high=60, nullable=True),
        Field(name="threshold_std", kind=Kind.NUMBER, low=0.5, high=6.0, nullable=True),
    )
)
_OF_CAMERA: Final = "/api/v1/cameras/{camera_id}/learning"
_OF_HABITS: Final = "/api/v1/baseline"


class HomeRoutes:
    """The home's states, and what is learned there."""

    def __init__(self, home: Home, learning: Learning, bodies: BodyReader) -> None:
        """Take the ports."""
        self._home = home
        self._learning = learning
        self._bodies = bodies

    def routes(self) -> tuple[Route, ...]:
        """Declare the operations."""
        return (*self._states(), *self._habits(), *self._weeks())

    def _states(self) -> tuple[Route, ...]:
        return (
            Route(
                method="GET",
                path="/api/v1/home",
                name="get_home",
                text="What Home Assistant said about the home",
                respond=self._get_home,
                answer=Answer(shape=HomeReport),
            ),
            Route(
                method="PUT",
                path="/api/v1/home",
                name="put_home",
                text="Say how the home is; replaces what was said before",
                respond=self._put_home,
                answer=Answer(shape=HomeReport),
                body=_REPORT,
                errors=(TooLarge, UnsupportedType, Unprocessable),
            ),
        )

    def _habits(self) -> tuple[Route, ...]:
        return (
            Route(
                method="GET",
                path=_OF_HABITS,
                name="get_baseline_limits",
                text="How habits are judged",
                respond=self._get_limits,
                answer=Answer(shape=BaselineLimits),
            ),
            Route(
                method="PATCH",
                path=_OF_HABITS,
                name="patch_baseline_limits",
                text="Judge habits by other limits from now on",
                respond=self._patch_limits,
                answer=Answer(shape=BaselineLimits),
                body=_LIMITS,
                errors=(TooLarge, UnsupportedType, Unprocessable),
                audited="baseline.limits",
            ),
        )

    def _weeks(self) -> tuple[Route, ...]:
        return (
            Route(
                method="GET",
                path=_OF_CAMERA,
                name="get_learning",
                text="What a camera learned, what that proposes, and which alerts it would have sent",
                respond=self._get_learning,
                answer=Answer(shape=LearningReport),
                fields=(CAMERA_ID,),
                errors=(NotFound,),
            ),
            Route(
                method="DELETE",
                path=_OF_CAMERA,
                name="finish_learning",
                text="End a camera's learning time now",
                respond=self._finish,
                answer=Answer(shape=Camera),
                fields=(CAMERA_ID,),
                errors=(NotFound,),
                audited="camera.finish_learning",
            ),
        )

    async def _get_home(self, _call: Call) -> web.Response:
        return json_reply(await self._home.report())

    async def _put_home(self, call: Call) -> web.Response:
        return json_reply(await self._home.take(report_of(await self._bodies.json(call.request, _REPORT.fields))))

    async def _get_limits(self, _call: Call) -> web.Response:
        return json_reply(await self._learning.limits())

    async def _patch_limits(self, call: Call) -> web.Response:
        body = await self._bodies.json(call.request, _LIMITS.fields)
        changes = {name: value for name, value in body.items() if value is not None}
        limits = replace(await self._learning.limits(), **changes)
        if limits.min_days >= limits.window_days:
            raise Unprocessable("fewer days are needed than are looked back")
        return json_reply(await self._learning.set_limits(limits))

    async def _get_learning(self, call: Call) -> web.Response:
        return json_reply(_found(await self._learning.learned(call.path["camera_id"])))

    async def _finish(self, call: Call) -> web.Response:
        return json_reply(_found(await self._learning.finish(call.path["camera_id"])))


def _found[T](value: T | None) -> T:
    if value is None:
        raise NotFound("there is no such camera")
    return value
