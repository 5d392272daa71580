"""Actions about what models are asked, and about the quality of their verdicts."""

from typing import Any, Final

from homeassistant.core import ServiceCall, SupportsResponse
from homeassistant.helpers import config_validation as cv
import probatio as vol

from .acting import ENTRY, Action
from .asking import async_ask, on_behalf_of
from .contract import PromptModel
from .coordinator import HomeSentryCoordinator

_MODELS: Final = [model.value for model in PromptModel if model is not PromptModel.UNKNOWN]
# the engine gives a model three minutes
_TRIAL_S: Final = 180.0


async def _get(coordinator: HomeSentryCoordinator, call: ServiceCall) -> dict[str, Any]:
    """Give one prompt with its newest versions, or all prompts."""
    if "model" not in call.data:
        every: dict[str, Any] = await async_ask(coordinator, "list_prompts", {})
        return every
    asked = {"model": call.data["model"]}
    config: dict[str, Any] = await async_ask(coordinator, "get_prompt", asked)
    history = await async_ask(coordinator, "get_prompt_history", asked | {"limit": call.data["limit"]})
    return config | {"history": history["items"]}


async def _set(coordinator: HomeSentryCoordinator, call: ServiceCall) -> dict[str, Any]:
    return await _change(coordinator, call, "set_prompt", "model", "content", "note")


async def _restore(coordinator: HomeSentryCoordinator, call: ServiceCall) -> dict[str, Any]:
    """Use an earlier version, or without one what was shipped."""
    if "version" in call.data:
        return await _change(coordinator, call, "restore_prompt", "model", "version", "note")
    return await _change(coordinator, call, "reset_prompt", "model", "note")


async def _test(coordinator: HomeSentryCoordinator, call: ServiceCall) -> dict[str, Any]:
    names = ("model", "event_id", "content", "version")
    return await _change(coordinator, call, "test_prompt", *names, deadline_s=_TRIAL_S)


async def _export(coordinator: HomeSentryCoordinator, _call: ServiceCall) -> dict[str, Any]:
    document: dict[str, Any] = await async_ask(coordinator, "export_prompts", {})
    return document


async def _import(coordinator: HomeSentryCoordinator, call: ServiceCall) -> dict[str, Any]:
    command = "preview_prompt_import" if call.data["preview"] else "import_prompts"
    return await _change(coordinator, call, command, "document", "note")


async def _shadow(coordinator: HomeSentryCoordinator, call: ServiceCall) -> dict[str, Any]:
    """Begin a trial over labelled events, or tell how one stands."""
    if "run_id" in call.data:
        run: dict[str, Any] = await async_ask(coordinator, "get_shadow_run", {"run_id": call.data["run_id"]})
        return run
    return await _change(coordinator, call, "start_shadow_run", "model", "content", "limit")


async def _evaluation(coordinator: HomeSentryCoordinator, call: ServiceCall) -> dict[str, Any]:
    """Give the record of one event, or the figures of some weeks."""
    if "event_id" in call.data:
        record: dict[str, Any] = await async_ask(coordinator, "get_evaluation", {"event_id": call.data["event_id"]})
        return record
    weeks = call.data["weeks"]
    camera = {"camera": call.data["camera_id"]} if "camera_id" in call.data else {}
    days = {"days": weeks * 7, **camera}
    return {
        "stats": await async_ask(coordinator, "get_evaluation_stats", days),
        "leaderboard": await async_ask(coordinator, "get_leaderboard", days),
        "calibration": await async_ask(coordinator, "get_calibration", {"weeks": weeks, **camera}),
    }


async def _change(
    coordinator: HomeSentryCoordinator, call: ServiceCall, command: str, *names: str, deadline_s: float = 30.0
) -> dict[str, Any]:
    args = {name: call.data[name] for name in names if name in call.data} | on_behalf_of(call.context)
    answer: dict[str, Any] = await async_ask(coordinator, command, args, deadline_s=deadline_s)
    return answer


def _begun_or_asked(data: dict[str, Any]) -> dict[str, Any]:
    if ("run_id" in data) == ("content" in data):
        raise vol.Invalid("give 'content' to begin, or 'run_id' to ask")
    return {"model": PromptModel.NEMOTRON.value, **data}


_MODEL: Final = vol.In(_MODELS)
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
        do=_set,
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
        do=_test,
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
    Action(name="export_prompts", schema=vol.Schema(ENTRY), do=_export, admin=True, response=_ONLY),
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
