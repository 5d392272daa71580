"""Actions: what people and automations do with events, the household, zones, masks, and jobs that were given up."""

from collections.abc import Callable, Coroutine
from typing import Any, Final

from homeassistant.const import ATTR_CONFIG_ENTRY_ID
from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse, SupportsResponse, callback
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers import service
from homeassistant.util import dt as dt_util
import probatio as vol

from .acting import ENTRY, EVENT, LEVELS, Action, changing, reading
from .alert_actions import ALERT_ACTIONS
from .asking import async_ask, async_require_admin, on_behalf_of
from .clips import CLIP_ACTIONS
from .const import DOMAIN
from .contract import BulkReviewed, Dropped, FeedbackKind, Requeued, from_plain, to_plain
from .coordinator import HomeSentryConfigEntry, HomeSentryCoordinator
from .dead_letters import QUEUES, async_clear, async_list, async_requeue
from .household import HOUSEHOLD_ACTIONS
from .key_actions import KEY_ACTIONS
from .looking_back import LOOKING_BACK_ACTIONS
from .masks import MASK_ACTIONS
from .notification_actions import NOTIFICATION_ACTIONS
from .part_actions import PART_ACTIONS
from .prompt_actions import PROMPT_ACTIONS
from .zones import ZONE_ACTIONS

_MOST_EVENTS: Final = 500
_SLOW_S: Final = 60.0
_FILTERS: Final = ("level", "object", "order", "reviewed", "flagged", "favourite", "cursor", "limit")
_EVENTS: Final[dict[Any, Any]] = {
    **ENTRY,
    vol.Required("event_id"): vol.All(cv.ensure_list, [cv.string], vol.Length(min=1, max=_MOST_EVENTS)),
}
_QUEUE: Final[dict[Any, Any]] = {vol.Optional("queue"): vol.In(QUEUES)}


def _with_its_queue(data: dict[str, Any]) -> dict[str, Any]:
    if "letter_id" in data and "queue" not in data:
        raise vol.Invalid("'letter_id' needs 'queue'")
    return data


_LETTER: Final = vol.All(
    {**ENTRY, **_QUEUE, vol.Optional("letter_id"): vol.All(vol.Coerce(int), vol.Range(min=1))}, _with_its_queue
)


async def _mark(coordinator: HomeSentryCoordinator, call: ServiceCall, **marks: Any) -> dict[str, Any]:
    args = {"event_ids": call.data["event_id"], **marks, **on_behalf_of(call.context)}
    answer = await async_ask(coordinator, "review_events", args, deadline_s=_SLOW_S)
    done = from_plain(BulkReviewed, answer)
    if done.changed == 0:
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="no_such_event",
            translation_placeholders={"event_id": ", ".join(done.missing)},
        )
    return _plain(done)


async def _review(coordinator: HomeSentryCoordinator, call: ServiceCall) -> dict[str, Any]:
    return await _mark(coordinator, call, reviewed=call.data["reviewed"])


async def _flag(coordinator: HomeSentryCoordinator, call: ServiceCall) -> dict[str, Any]:
    return await _mark(coordinator, call, flagged=call.data["flagged"])


async def _favourite(coordinator: HomeSentryCoordinator, call: ServiceCall) -> dict[str, Any]:
    return await _mark(coordinator, call, favourite=call.data["favourite"])


async def _snooze(coordinator: HomeSentryCoordinator, call: ServiceCall) -> dict[str, Any]:
    data = call.data
    until = dt_util.utcnow() + data["duration"] if "duration" in data else dt_util.as_utc(data["until"])
    return await _mark(coordinator, call, snoozed_until=until.isoformat())


async def _search(coordinator: HomeSentryCoordinator, call: ServiceCall) -> dict[str, Any]:
    data = call.data
    args = {"q": data["query"], "camera": data.get("camera_id")} | {name: data.get(name) for name in _FILTERS}
    times = {name: dt_util.as_utc(data[name]).isoformat() for name in ("since", "until") if name in data}
    given = {name: value for name, value in args.items() if value is not None} | times
    return await async_ask(coordinator, "search_events", given)


async def _letters(coordinator: HomeSentryCoordinator, call: ServiceCall) -> dict[str, Any]:
    return {"items": await async_list(coordinator, call.data.get("queue"), call.data["limit"])}


async def _requeue(coordinator: HomeSentryCoordinator, call: ServiceCall) -> dict[str, Any]:
    queue, letter = call.data.get("queue"), call.data.get("letter_id")
    return _plain(await async_requeue(coordinator, queue, letter, context=call.context))


async def _clear(coordinator: HomeSentryCoordinator, call: ServiceCall) -> dict[str, Any]:
    queue, letter = call.data.get("queue"), call.data.get("letter_id")
    return _plain(await async_clear(coordinator, queue, letter, context=call.context))


def _plain(answer: BulkReviewed | Dropped | Requeued) -> dict[str, Any]:
    plain: dict[str, Any] = to_plain(answer)
    return plain


def _limit(default: int) -> dict[Any, Any]:
    return {vol.Optional("limit", default=default): vol.All(vol.Coerce(int), vol.Range(min=1, max=1000))}


def _switched(name: str) -> dict[Any, Any]:
    return {**_EVENTS, vol.Optional(name, default=True): cv.boolean}


_ONLY: Final = SupportsResponse.ONLY
ACTIONS: Final = (
    Action(name="get_event", schema=vol.Schema(EVENT), do=reading("get_event", "event_id"), response=_ONLY),
    Action(
        name="search_events",
        schema=vol.Schema(
            {
                **ENTRY,
                vol.Required("query"): cv.string,
                vol.Optional("camera_id"): cv.string,
                vol.Optional("level"): vol.In(LEVELS),
                vol.Optional("object"): vol.All(cv.string, vol.Length(min=1, max=64)),
                vol.Optional("since"): cv.datetime,
                vol.Optional("until"): cv.datetime,
                vol.Optional("order"): vol.In(("newest", "rank")),
                vol.Optional("cursor"): vol.All(cv.string, vol.Length(max=512)),
                **{vol.Optional(mark): cv.boolean for mark in ("reviewed", "flagged", "favourite")},
                **_limit(50),
            }
        ),
        do=_search,
        response=_ONLY,
    ),
    Action(name="reanalyze", schema=vol.Schema(EVENT), do=changing("reassess_event", "event_id")),
    Action(name="review", schema=vol.Schema(_switched("reviewed")), do=_review),
    Action(name="flag", schema=vol.Schema(_switched("flagged")), do=_flag),
    Action(name="favourite", schema=vol.Schema(_switched("favourite")), do=_favourite),
    Action(
        name="snooze",
        schema=vol.Schema(
            vol.All(
                {
                    **_EVENTS,
                    vol.Exclusive("until", "end"): cv.datetime,
                    vol.Exclusive("duration", "end"): cv.positive_time_period,
                },
                cv.has_at_least_one_key("until", "duration"),
            )
        ),
        do=_snooze,
    ),
    Action(
        name="set_notes",
        schema=vol.Schema({**EVENT, vol.Required("notes"): vol.All(cv.string, vol.Length(max=4000))}),
        do=changing("review_event", "event_id", "notes"),
    ),
    Action(
        name="feedback",
        schema=vol.Schema(
            {
                **EVENT,
                vol.Required("kind"): vol.In(FeedbackKind.words()),
                vol.Optional("subject"): vol.All(cv.string, vol.Length(max=64)),
                vol.Optional("comment"): vol.All(cv.string, vol.Length(max=1000)),
            }
        ),
        do=changing("give_feedback", "event_id", "kind", "subject", "comment"),
    ),
    Action(name="delete_event", schema=vol.Schema(EVENT), do=changing("delete_event", "event_id"), admin=True),
    Action(name="restore_event", schema=vol.Schema(EVENT), do=changing("restore_event", "event_id"), admin=True),
    Action(
        name="list_trash", schema=vol.Schema({**ENTRY, **_limit(50)}), do=reading("list_trash", "limit"), response=_ONLY
    ),
    Action(name="dlq_list", schema=vol.Schema({**ENTRY, **_QUEUE, **_limit(100)}), do=_letters, response=_ONLY),
    Action(name="dlq_requeue", schema=vol.Schema(_LETTER), do=_requeue),
    Action(name="dlq_clear", schema=vol.Schema(_LETTER), do=_clear, admin=True),
    *HOUSEHOLD_ACTIONS,
    *ZONE_ACTIONS,
    *ALERT_ACTIONS,
    *MASK_ACTIONS,
    *PROMPT_ACTIONS,
    *CLIP_ACTIONS,
    *LOOKING_BACK_ACTIONS,
    *PART_ACTIONS,
    *KEY_ACTIONS,
    *NOTIFICATION_ACTIONS,
)


@callback
def async_setup_actions(hass: HomeAssistant) -> None:
    """Register every action once, whichever engines are set up."""
    for action in ACTIONS:
        hass.services.async_register(
            DOMAIN, action.name, _handler(hass, action), action.schema, supports_response=action.response
        )


def _handler(hass: HomeAssistant, action: Action) -> Callable[[ServiceCall], Coroutine[Any, Any, ServiceResponse]]:
    async def handle(call: ServiceCall) -> ServiceResponse:
        if action.admin:
            await async_require_admin(hass, call.context)
        entry: HomeSentryConfigEntry = service.async_get_config_entry(hass, DOMAIN, call.data.get(ATTR_CONFIG_ENTRY_ID))
        answer = await action.do(entry.runtime_data, call)
        return answer if call.return_response else None

    return handle
