"""Actions about what models are asked, and about the quality of their verdicts."""

from typing import Any, Final

from homeassistant.core import ServiceCall, SupportsResponse
from homeassistant.helpers import config_validation as cv
import probatio as vol

from .acting import ENTRY, Action, changing, reading
from .asking import async_ask
from .contract import PromptModel
from .coordinator import HomeSentryCoordinator

# the engine gives a model three minutes
_TRIAL_S: Final = 180.0
_CHANGE_S: Final = 30.0
_RESTORE: Final = changing("restore_prompt", "model", "version", "note", deadline_s=_CHANGE_S)
_RESET: Final = changing("reset_prompt", "model", "note", deadline_s=_CHANGE_S)
_IMPORT: Final = changing("import_prompts", "document", "note", deadline_s=_CHANGE_S)
_PREVIEW: Final = changing("preview_prompt_import", "document", "note", deadline_s=_CHANGE_S)
_BEGIN_TRIAL: Final = changing("start_shadow_run", "model", "content", "limit", deadline_s=_CHANGE_S)


async def _get(coordinator: HomeSentryCoordinator, call: ServiceCall) -> dict[str, Any]:
    """Give one prompt with its newest versions, or all prompts."""
    if "model" not in call.data:
        return await async_ask(coordinator, "list_prompts", {})
    asked = {"model": call.data["model"]}
    config = await async_ask(coordinator, "get_prompt", asked)
    history = await async_ask(coordinator, "get_prompt_history", asked | {"limit": call.data["limit"]})
    return config | {"history": history["items"]}


async def _restore(coordinator: HomeSentryCoordinator, call: ServiceCall) -> dict[str, Any]:
    """Use an earlier version, or without one what was shipped."""
    return await (_RESTORE if "version" in call.data else _RESET)(coordinator, call)


async def _import(coordinator: HomeSentryCoordinator, call: ServiceCall) -> dict[str, Any]:
    return await (_PREVIEW if call.data["preview"] else _IMPORT)(coordinator, call)


async def _shadow(coordinator: HomeSentryCoordinator, call: ServiceCall) -> dict[str, Any]:
    """Begin a trial over labelled events, or tell how one stands."""
    if "run_id" in call.data:
        return await async_ask(coordinator, "get_shadow_run", {"run_id": call.data["run_id"]})
    return await _BEGIN_TRIAL(coordinator, call)


async def _evaluation(coordinator: HomeSentryCoordinator, call: ServiceCall) -> dict[str, Any]:
    """Give the record of one event, or the figures of some weeks."""
    if "event_id" in call.data:
        return await async_ask(coordinator, "get_evaluation", {"event_id": call.data["event_id"]})
    weeks = call.data["weeks"]
    camera = {"camera": call.data["camera_id"]} if "camera_id" in call.data else {}
    days = {"days": weeks * 7, **camera}
    return {
        "stats": await async_ask(coordinator, "get_evaluation_stats", days),
        "leaderboard": await async_ask(coordinator, "get_leaderboard", days),
        "calibration": await async_ask(coordinator, "get_calibration", {"weeks": weeks, **camera}),
    }


def _begun_or_asked(data: dict[str, Any]) -> dict[str, Any]:
    if ("run_id" in data) == ("content" in data):
        raise vol.Invalid("give 'content' to begin, or 'run_id' to ask")
    return {"model": PromptModel.NEMOTRON.value, **data}


_MODEL: Final = vol.In(PromptModel.words())
_NOTE: Final[dict[Any, Any]] = {vol.Optional("note"): vol.All(cv.string, vol.Length(max=500))}
_NUMBER: Final = vol.All(vol.Coerce(int), vol.Range(min=1))
_ONLY: Final = SupportsResponse.ONLY
PROMPT_ACTIONS: Final = (
    Action(
        name="get_prompt",
        schema=vol.Schema(
            {
                **ENTRY,
                vol.Optional("model"): _MODEL,
                vol.Optional("limit", default=10): vol.All(vol.Coerce(int), vol.Range(min=1, max=100)),
            }
        ),
        do=_get,
        response=_ONLY,
    ),
    Action(
        name="set_prompt",
        schema=vol.Schema({**ENTRY, vol.Required("model"): _MODEL, vol.Required("content"): dict, **_NOTE}),
        do=changing("set_prompt", "model", "content", "note", deadline_s=_CHANGE_S),
        admin=True,
    ),
    Action(
        name="restore_prompt",
        schema=vol.Schema({**ENTRY, vol.Required("model"): _MODEL, vol.Optional("version"): _NUMBER, **_NOTE}),
        do=_restore,
        admin=True,
    ),
    Action(
        name="test_prompt",
        schema=vol.Schema(
            {
                **ENTRY,
                vol.Required("model"): _MODEL,
                vol.Required("event_id"): cv.string,
                vol.Exclusive("content", "what"): dict,
                vol.Exclusive("version", "what"): _NUMBER,
            }
        ),
        do=changing("test_prompt", "model", "event_id", "content", "version", deadline_s=_TRIAL_S),
        admin=True,
        response=_ONLY,
    ),
    Action(
        name="shadow_prompt",
        schema=vol.Schema(
            vol.All(
                {
                    **ENTRY,
                    vol.Optional("model"): _MODEL,
                    vol.Optional("content"): dict,
                    vol.Optional("limit"): vol.All(vol.Coerce(int), vol.Range(min=1, max=50)),
                    vol.Optional("run_id"): cv.string,
                },
                _begun_or_asked,
            )
        ),
        do=_shadow,
        admin=True,
        response=_ONLY,
    ),
    Action(name="export_prompts", schema=vol.Schema(ENTRY), do=reading("export_prompts"), admin=True, response=_ONLY),
    Action(
        name="import_prompts",
        schema=vol.Schema(
            {**ENTRY, vol.Required("document"): dict, vol.Optional("preview", default=True): cv.boolean, **_NOTE}
        ),
        do=_import,
        admin=True,
        response=_ONLY,
    ),
    Action(
        name="get_evaluation",
        schema=vol.Schema(
            {
                **ENTRY,
                vol.Exclusive("event_id", "of"): cv.string,
                vol.Exclusive("camera_id", "of"): cv.string,
                vol.Optional("weeks", default=4): vol.All(vol.Coerce(int), vol.Range(min=1, max=52)),
            }
        ),
        do=_evaluation,
        response=_ONLY,
    ),
)
