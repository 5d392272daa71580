"""Clips: a view that brings them through Home Assistant, and actions that give links to it."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from aiohttp import web
from homeassistant.components.http.auth import async_sign_path
from homeassistant.core import HomeAssistant, ServiceCall, SupportsResponse, callback
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import config_validation as cv
from homeassistant.util import dt as dt_util
import probatio as vol

from .acting import ENTRY, EVENT, Action
from .client import ClientError, NoPicture
from .const import DOMAIN
from .coordinator import HomeSentryCoordinator
from .engine_files import EngineFileView

_VALID: Final = timedelta(hours=1)
_ASKED: Final = ("Range", "If-Range", "If-None-Match", "If-Modified-Since")
_EVENT: Final = ("before_s", "after_s")
_DAY: Final = ("day",)
_SECONDS: Final = vol.All(vol.Coerce(float), vol.Range(min=0, max=300))


class _FootageView(EngineFileView):
    async def _sent(
        self, request: web.Request, entry_id: str, parts: tuple[str, ...], names: tuple[str, ...]
    ) -> web.StreamResponse:
        query = {name: request.query[name] for name in names if name in request.query}
        wanted = {name: request.headers[name] for name in _ASKED if name in request.headers}
        return await self.send(request, entry_id, parts, query=query, wanted=wanted)


class EventClipView(_FootageView):
    """The clip of an event, for who is logged in or has a signed link."""

    url = "/api/home_sentry/{entry_id}/events/{event_id:[a-z0-9_-]{1,64}}/clip.{kind:mp4|gif}"
    name = "api:home_sentry:clip"

    async def get(self, request: web.Request, entry_id: str, event_id: str, kind: str) -> web.StreamResponse:
        """Send the clip or the part that was asked for."""
        return await self._sent(request, entry_id, ("events", event_id, f"clip.{kind}"), _EVENT)


class TimelapseView(_FootageView):
    """The day of a camera, for who is logged in or has a signed link."""

    url = "/api/home_sentry/{entry_id}/cameras/{camera_id:[a-z0-9_]{1,64}}/timelapse.mp4"
    name = "api:home_sentry:timelapse"

    async def get(self, request: web.Request, entry_id: str, camera_id: str) -> web.StreamResponse:
        """Send the clip or the part that was asked for."""
        return await self._sent(request, entry_id, ("cameras", camera_id, "timelapse.mp4"), _DAY)


@callback
def async_setup_clips(hass: HomeAssistant) -> None:
    """Register the views once, whichever engines are set up."""
    hass.http.register_view(EventClipView())
    hass.http.register_view(TimelapseView())


async def _linked(
    coordinator: HomeSentryCoordinator, parts: tuple[str, ...], query: Mapping[str, str]
) -> dict[str, Any]:
    try:
        async with coordinator.engine.clip(*parts, query=query, wanted={}, only_headers=True) as footage:
            content_type = footage.headers.get("Content-Type")
    except NoPicture as err:
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key="no_clip") from err
    except ClientError as err:
        raise HomeAssistantError(
            translation_domain=DOMAIN, translation_key="clip_failed", translation_placeholders={"reason": str(err)}
        ) from err
    entry = coordinator.config_entry
    path = f"/api/home_sentry/{entry.entry_id}/{'/'.join(parts)}"
    path += f"?{urlencode(query)}" if query else ""
    # notifications are opened by nobody whom Home Assistant knows
    signed = async_sign_path(coordinator.hass, path, _VALID, use_content_user=True)
    return {"path": signed, "content_type": content_type, "expires_at": (dt_util.utcnow() + _VALID).isoformat()}


async def _clip(coordinator: HomeSentryCoordinator, call: ServiceCall) -> dict[str, Any]:
    given = {f"{name}_s": f"{call.data[name]:g}" for name in ("before", "after") if name in call.data}
    return await _linked(coordinator, ("events", call.data["event_id"], f"clip.{call.data['format']}"), given)


async def _timelapse(coordinator: HomeSentryCoordinator, call: ServiceCall) -> dict[str, Any]:
    day: date | None = call.data.get("day")
    query = {"day": day.isoformat()} if day is not None else {}
    return await _linked(coordinator, ("cameras", call.data["camera_id"], "timelapse.mp4"), query)


CLIP_ACTIONS: Final = (
    Action(
        name="get_clip",
        schema=vol.Schema(
            {
                **EVENT,
                vol.Optional("format", default="mp4"): vol.In(("mp4", "gif")),
                vol.Optional("before"): _SECONDS,
                vol.Optional("after"): _SECONDS,
            }
        ),
        do=_clip,
        response=SupportsResponse.ONLY,
    ),
    Action(
        name="get_timelapse",
        schema=vol.Schema({**ENTRY, vol.Required("camera_id"): cv.string, vol.Optional("day"): cv.date}),
        do=_timelapse,
        response=SupportsResponse.ONLY,
    ),
)
