"""Clips: of an event, and a camera's day as a time-lapse."""

from datetime import date
from functools import partial
from typing import Final

from aiohttp import web

from home_sentry_engine.api.clip_ports import Clip, Clips
from home_sentry_engine.api.fields import CAMERA_ID, EVENT_ID, Field, Kind
from home_sentry_engine.api.limits import LimitClass
from home_sentry_engine.api.pictures import REVALIDATED
from home_sentry_engine.api.routing import Answer, Call, Route
from home_sentry_engine.contract.errors import (
    Conflict,
    InvalidRequest,
    NotFound,
    RangeNotSatisfiable,
    ServiceUnavailable,
    Unprocessable,
)

_DEADLINE_S: Final = 200.0
_MOST_MARGIN_S: Final = 300
_MARGINS: Final = (
    Field(
        name="before_s",
        kind=Kind.NUMBER,
        low=0,
        high=_MOST_MARGIN_S,
        text="Seconds before the event; as set, if absent",
    ),
    Field(
        name="after_s", kind=Kind.NUMBER, low=0, high=_MOST_MARGIN_S, text="Seconds after the event; as set, if absent"
    ),
)
_DAY: Final = Field(name="day", pattern=r"^\d{4}-\d{2}-\d{2}$", text="Day at home; today, if absent")
_ERRORS: Final = (NotFound, Conflict, RangeNotSatisfiable, ServiceUnavailable, Unprocessable)


class ClipRoutes:
    """Gives clips in full or in ranges; one that was not asked for before is made first."""

    def __init__(self, clips: Clips) -> None:
        """Take the port."""
        self._clips = clips

    def routes(self) -> tuple[Route, ...]:
        """Declare the operations."""
        return (
            self._of_event("mp4", "video/mp4", "An event as a clip that browsers and phones play, without sound"),
            self._of_event("gif", "image/gif", "An event as an animated picture"),
            Route(
                method="GET",
                path="/api/v1/cameras/{camera_id}/timelapse.mp4",
                name="get_camera_timelapse",
                text="A day of a camera in a minute at most",
                respond=self._day,
                answer=Answer(content_type="video/mp4", text="The clip"),
                fields=(CAMERA_ID,),
                query=(_DAY,),
                errors=_ERRORS,
                limit=LimitClass.MEDIA,
                deadline_s=_DEADLINE_S,
            ),
        )

    def _of_event(self, kind: str, content_type: str, text: str) -> Route:
        return Route(
            method="GET",
            path=f"/api/v1/events/{{event_id}}/clip.{kind}",
            name=f"get_event_clip_{kind}",
            text=text,
            respond=partial(self._event, kind),
            answer=Answer(content_type=content_type, text="The clip"),
            fields=(EVENT_ID,),
            query=_MARGINS,
            errors=_ERRORS,
            limit=LimitClass.MEDIA,
            deadline_s=_DEADLINE_S,
        )

    async def _event(self, kind: str, call: Call) -> web.StreamResponse:
        before_s, after_s = call.query["before_s"], call.query["after_s"]
        return _sent(call, await self._clips.of_event(call.path["event_id"], kind, before_s, after_s))

    async def _day(self, call: Call) -> web.StreamResponse:
        text: str | None = call.query["day"]
        try:
            day = date.fromisoformat(text) if text is not None else None
        except ValueError as err:
            raise InvalidRequest("there is no such day", details={"field": "day"}) from err
        return _sent(call, await self._clips.of_day(call.path["camera_id"], day))


def _sent(call: Call, clip: Clip) -> web.StreamResponse:
    try:
        size = clip.path.stat().st_size
    except FileNotFoundError as err:
        raise NotFound("the clip is gone; ask again") from err
    if not _has(call, size):
        raise RangeNotSatisfiable("the clip is shorter than that", details={"size_bytes": size})
    return web.FileResponse(clip.path, headers={"Content-Type": clip.content_type, "Cache-Control": REVALIDATED})


def _has(call: Call, size: int) -> bool:
    """Tell whether a range can be served, or is none; several at once are answered with the whole."""
    try:
        wanted = call.request.http_range
    except ValueError:
        # one that is not understood may be ignored, but the server below would refuse it
        return False
    return wanted.start is None or wanted.start < size
