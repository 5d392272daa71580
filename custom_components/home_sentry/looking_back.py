"""Looking back: the text of the day, a summary of any time, exports and the view that brings their files."""

import asyncio
from datetime import timedelta
from typing import Any, Final

from aiohttp import web
from homeassistant.components.http.auth import async_sign_path
from homeassistant.core import HomeAssistant, ServiceCall, SupportsResponse, callback
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import config_validation as cv
from homeassistant.util import dt as dt_util
import probatio as vol

from .acting import ENTRY, LEVELS, Action
from .asking import async_ask, command_failed, command_refused, on_behalf_of
from .client import ClientError
from .const import DOMAIN, STATE_LENGTH
from .contract import Export, ExportState, WireError, from_plain, to_plain
from .coordinator import HomeSentryCoordinator
from .engine_files import EngineFileView

_VALID: Final = timedelta(hours=1)
_A_DAY: Final = timedelta(days=1)
_READY_S: Final = 120.0
_LOOK_S: Final = 1.0
_KINDS: Final = ("csv", "json", "zip", "evidence")
_NARROWING: Final = {
    "camera_id": "camera",
    "event_id": "event",
    "level": "level",
    "object": "object",
    "property": "property",
}
_TIMES: Final[dict[Any, Any]] = {
    vol.Optional("since"): cv.datetime,
    vol.Optional("until"): cv.datetime,
    vol.Optional("property"): cv.string,
}


def daily_summary(coordinator: HomeSentryCoordinator) -> tuple[str | None, dict[str, Any]]:
    """Give the text of the newest day as a state, and what is known of the day as attributes."""
    summary = coordinator.data.summary
    if summary is None:
        return None, {}
    text = summary.text
    short = text if len(text) <= STATE_LENGTH else f"{text[: STATE_LENGTH - 1]}…"
    plain = to_plain(summary)
    known = ("since", "until", "all_clear", "source", "by_level", "event_ids", "blind", "unanalysed", "silent")
    return short, {"full_text": text} | {name: plain[name] for name in known}


class ExportView(EngineFileView):
    """The file of an export, for who is logged in or has a signed link."""

    url = "/api/home_sentry/{entry_id}/exports/{export_id:[a-z0-9_-]{1,64}}/file"
    name = "api:home_sentry:export"
    caching = "private, no-store"

    async def get(self, request: web.Request, entry_id: str, export_id: str) -> web.StreamResponse:
        """Send the file."""
        return await self.send(request, entry_id, ("exports", export_id, "file"))


@callback
def async_setup_looking_back(hass: HomeAssistant) -> None:
    """Register the view once, whichever engines are set up."""
    hass.http.register_view(ExportView())


async def _summarize(coordinator: HomeSentryCoordinator, call: ServiceCall) -> dict[str, Any]:
    until = dt_util.as_utc(call.data["until"]) if "until" in call.data else dt_util.utcnow()
    since = dt_util.as_utc(call.data["since"]) if "since" in call.data else until - _A_DAY
    try:
        made = await coordinator.engine.summarise(since, until, call.data.get("property"))
    except WireError as err:
        raise command_refused(err) from err
    except ClientError as err:
        raise command_failed(err) from err
    plain: dict[str, Any] = to_plain(made)
    return plain


async def _export(coordinator: HomeSentryCoordinator, call: ServiceCall) -> dict[str, Any]:
    data = call.data
    wish = {"kind": data["kind"], "share": data["share"]}
    wish |= {name: dt_util.as_utc(data[name]).isoformat() for name in ("since", "until") if name in data}
    wish |= {field: data[name] for name, field in _NARROWING.items() if name in data}
    answer = await async_ask(coordinator, "create_export", wish | on_behalf_of(call.context))
    export = await _finished(coordinator, from_plain(Export, answer))
    if export.state is ExportState.FAILED:
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="export_failed",
            translation_placeholders={"reason": export.reason or ""},
        )
    told: dict[str, Any] = to_plain(export)
    if export.state is ExportState.READY:
        path = f"/api/home_sentry/{coordinator.config_entry.entry_id}/exports/{export.id}/file"
        told["path"] = async_sign_path(coordinator.hass, path, _VALID, use_content_user=True)
        told["path_expires_at"] = (dt_util.utcnow() + _VALID).isoformat()
    return told


async def _finished(coordinator: HomeSentryCoordinator, export: Export) -> Export:
    """Wait for the file; what takes longer is told as it stands."""
    try:
        async with asyncio.timeout(_READY_S):
            while export.state in {ExportState.QUEUED, ExportState.RUNNING}:
                await asyncio.sleep(_LOOK_S)
                export = from_plain(Export, await async_ask(coordinator, "get_export", {"export_id": export.id}))
    except TimeoutError:
        return export
    return export


def _later(data: dict[str, Any]) -> dict[str, Any]:
    if "since" in data and "until" in data and dt_util.as_utc(data["until"]) <= dt_util.as_utc(data["since"]):
        raise vol.Invalid("'until' has to be after 'since'")
    return data


LOOKING_BACK_ACTIONS: Final = (
    Action(
        name="summarize",
        schema=vol.Schema(vol.All({**ENTRY, **_TIMES}, _later)),
        do=_summarize,
        response=SupportsResponse.ONLY,
    ),
    Action(
        name="export",
        schema=vol.Schema(
            vol.All(
                {
                    **ENTRY,
                    **_TIMES,
                    vol.Required("kind"): vol.In(_KINDS),
                    vol.Optional("share", default=False): cv.boolean,
                    vol.Optional("camera_id"): cv.string,
                    vol.Optional("level"): vol.In(LEVELS),
                    vol.Optional("object"): cv.string,
                    vol.Optional("event_id"): cv.string,
                },
                _later,
            )
        ),
        do=_export,
        admin=True,
        response=SupportsResponse.ONLY,
    ),
)
