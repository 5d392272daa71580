"""Actions about channels by which the engine itself tells of alerts; secrets go to the engine and never come back."""

from typing import Any, Final

from homeassistant.core import ServiceCall, SupportsResponse
from homeassistant.helpers import config_validation as cv
import probatio as vol

from .acting import DAYS, ENTRY, LEVELS, Action, changing, given, reading
from .asking import async_ask, on_behalf_of
from .contract import Channel, ChannelList, from_plain, to_plain
from .contract.notifications import ChannelKind, DeliveryState, MailSecurity
from .coordinator import HomeSentryCoordinator

_NEVER: Final = "never"
_SENT_S: Final = 50.0
_GIVEN: Final = (
    *("kind", "name", "enabled", "url", "signing_key"),
    *("host", "port", "security", "username", "password", "sender", "recipients"),
)
_FILTERS: Final = ("level", "breaks_quiet", "per_hour")


async def _set(coordinator: HomeSentryCoordinator, call: ServiceCall) -> dict[str, Any]:
    """Add a channel, or change what is given of one."""
    data, args = call.data, given(call, *_GIVEN) | on_behalf_of(call.context)
    channel_id = data.get("channel_id")
    changed = _changed(data)
    if changed:
        args["filters"] = await _filters(coordinator, channel_id) | changed
    if channel_id is not None:
        args["channel_id"] = channel_id
        args.pop("kind", None)
    command = "create_channel" if channel_id is None else "change_channel"
    return await async_ask(coordinator, command, args)


def _changed(data: dict[str, Any]) -> dict[str, Any]:
    changed: dict[str, Any] = {name: data[name] for name in _FILTERS if name in data}
    if "camera_id" in data:
        changed["cameras"] = data["camera_id"]
    if "quiet_start" in data:
        changed["quiet_hours"] = [
            {
                "days": [DAYS.index(day) for day in data.get("quiet_days", ())],
                "start": f"{data['quiet_start']:%H:%M}",
                "end": f"{data['quiet_end']:%H:%M}",
            }
        ]
    elif data.get("no_quiet_hours"):
        changed["quiet_hours"] = []
    return changed


async def _filters(coordinator: HomeSentryCoordinator, channel_id: str | None) -> dict[str, Any]:
    """Give the filters of a channel as they are, since the engine takes them whole."""
    if channel_id is None:
        return {}
    known = from_plain(ChannelList, await async_ask(coordinator, "list_channels", {})).items
    found: Channel | None = next((one for one in known if one.id == channel_id), None)
    if found is None:
        return {}
    kept: dict[str, Any] = to_plain(found.filters)
    for span in kept["quiet_hours"]:
        # channels follow the clock of the home alone
        del span["timezone"]
    return kept | {"breaks_quiet": kept["breaks_quiet"] or _NEVER}


def _whole_quiet(data: dict[str, Any]) -> dict[str, Any]:
    if ("quiet_start" in data) != ("quiet_end" in data):
        raise vol.Invalid("'quiet_start' and 'quiet_end' belong together")
    if "channel_id" not in data and not {"kind", "name"} <= data.keys():
        raise vol.Invalid("a new channel needs 'kind' and 'name'")
    return data


def _text(most: int) -> Any:
    return vol.All(cv.string, vol.Length(max=most))


_CHANNEL: Final[dict[Any, Any]] = {
    **ENTRY,
    vol.Optional("channel_id"): cv.string,
    vol.Optional("kind"): vol.In([ChannelKind.WEBHOOK.value, ChannelKind.EMAIL.value]),
    vol.Optional("name"): vol.All(cv.string, vol.Length(min=1, max=64)),
    vol.Optional("enabled"): cv.boolean,
    vol.Optional("url"): _text(2048),
    vol.Optional("signing_key"): _text(256),
    vol.Optional("host"): _text(253),
    vol.Optional("port"): cv.port,
    vol.Optional("security"): vol.In([MailSecurity.STARTTLS.value, MailSecurity.TLS.value]),
    vol.Optional("username"): _text(256),
    vol.Optional("password"): _text(1024),
    vol.Optional("sender"): _text(320),
    vol.Optional("recipients"): vol.All(cv.ensure_list, [_text(320)], vol.Length(min=1, max=20)),
    vol.Optional("level"): vol.In(LEVELS),
    vol.Optional("camera_id"): vol.All(cv.ensure_list, [cv.string], vol.Length(max=256)),
    vol.Optional("quiet_days"): vol.All(cv.ensure_list, [vol.In(DAYS)]),
    vol.Optional("quiet_start"): cv.time,
    vol.Optional("quiet_end"): cv.time,
    vol.Optional("no_quiet_hours"): cv.boolean,
    vol.Optional("breaks_quiet"): vol.In([*LEVELS, _NEVER]),
    vol.Optional("per_hour"): vol.All(vol.Coerce(int), vol.Range(min=0, max=1000)),
}
_ONE: Final[dict[Any, Any]] = {**ENTRY, vol.Required("channel_id"): cv.string}
_ONLY: Final = SupportsResponse.ONLY
NOTIFICATION_ACTIONS: Final = (
    Action(
        name="list_notification_channels",
        schema=vol.Schema(ENTRY),
        do=reading("list_channels"),
        admin=True,
        response=_ONLY,
    ),
    Action(name="set_notification_channel", schema=vol.Schema(vol.All(_CHANNEL, _whole_quiet)), do=_set, admin=True),
    Action(
        name="delete_notification_channel",
        schema=vol.Schema(_ONE),
        do=changing("delete_channel", "channel_id"),
        admin=True,
    ),
    Action(
        name="test_notification",
        schema=vol.Schema(_ONE),
        do=changing("test_channel", "channel_id", deadline_s=_SENT_S),
        admin=True,
    ),
    Action(
        name="list_notification_deliveries",
        schema=vol.Schema(
            {
                **ENTRY,
                **{vol.Optional(name): cv.string for name in ("channel_id", "alert_id", "event_id")},
                vol.Optional("state"): vol.In(DeliveryState.words()),
                vol.Optional("limit", default=50): vol.All(vol.Coerce(int), vol.Range(min=1, max=1000)),
            }
        ),
        do=reading("list_deliveries", "channel_id", "alert_id", "event_id", "state", "limit"),
        response=_ONLY,
    ),
)
