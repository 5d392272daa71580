"""Prompts and evaluations as actions: what goes to the engine, who may, what is refused before."""

from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
import probatio as vol
import pytest

from custom_components.home_sentry.const import DOMAIN
from custom_components.home_sentry.contract import (
    PromptChange,
    PromptConfig,
    PromptList,
    PromptModel,
    PromptVersion,
    PromptVersionPage,
    to_plain,
)
from tests.fakes.engine import START, FakeEngine

from .conftest import Setup
from .helpers import reach

CATS = {"instructions": "We have a cat."}
CONFIG = PromptConfig(model=PromptModel.NEMOTRON, version=2, content=CATS, shipped=False, at=START, author="ann")
KEPT = PromptVersion(
    model=PromptModel.NEMOTRON, version=1, at=START, change=PromptChange.WRITTEN, content=CATS, author="ann"
)


async def act(hass: HomeAssistant, name: str, **data: Any) -> Any:
    return await hass.services.async_call(DOMAIN, name, data, blocking=True, return_response=True)


@pytest.fixture(autouse=True)
async def _ready(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    config = to_plain(CONFIG)
    engine.answers = {
        "list_prompts": to_plain(PromptList(items=(CONFIG,))),
        "get_prompt": config,
        "get_prompt_history": to_plain(PromptVersionPage(items=(KEPT,))),
        "set_prompt": config,
        "restore_prompt": config,
        "reset_prompt": config,
        **{name: {"a": 1} for name in ("test_prompt", "export_prompts", "preview_prompt_import", "import_prompts")},
        **{name: {"a": 1} for name in ("start_shadow_run", "get_shadow_run", "get_evaluation")},
        **{name: {"b": 2} for name in ("get_evaluation_stats", "get_leaderboard", "get_calibration")},
    }
    await reach(hass, await setup(), engine)


async def test_a_prompt_with_its_history_or_all_of_them(hass: HomeAssistant, engine: FakeEngine) -> None:
    one = await act(hass, "get_prompt", model="nemotron", limit=3)
    assert (one["version"], one["content"], one["history"][0]["version"]) == (2, CATS, 1)
    assert engine.wishes[-1].args == {"model": "nemotron", "limit": 3}
    assert len((await act(hass, "get_prompt"))["items"]) == 1


async def test_changes_go_to_the_engine(hass: HomeAssistant, engine: FakeEngine) -> None:
    await act(hass, "set_prompt", model="nemotron", content=CATS, note="cats")
    told = engine.wishes[-1]
    assert (told.name, told.args) == ("set_prompt", {"model": "nemotron", "content": CATS, "note": "cats"})
    await act(hass, "restore_prompt", model="nemotron", version=1)
    assert (engine.wishes[-1].name, engine.wishes[-1].args["version"]) == ("restore_prompt", 1)
    await act(hass, "restore_prompt", model="nemotron")
    assert (engine.wishes[-1].name, engine.wishes[-1].args) == ("reset_prompt", {"model": "nemotron"})


async def test_trials_carry_what_is_tried(hass: HomeAssistant, engine: FakeEngine) -> None:
    await act(hass, "test_prompt", model="nemotron", event_id="e1", version=2)
    assert engine.wishes[-1].args == {"model": "nemotron", "event_id": "e1", "version": 2}
    await act(hass, "shadow_prompt", content=CATS)
    assert engine.wishes[-1].args == {"model": "nemotron", "content": CATS}
    await act(hass, "shadow_prompt", run_id="r1")
    assert (engine.wishes[-1].name, engine.wishes[-1].args) == ("get_shadow_run", {"run_id": "r1"})


async def test_an_import_is_a_preview_unless_told_otherwise(hass: HomeAssistant, engine: FakeEngine) -> None:
    document = {"prompts": {"nemotron": CATS}}
    await act(hass, "export_prompts")
    await act(hass, "import_prompts", document=document)
    assert engine.wishes[-1].name == "preview_prompt_import"
    await act(hass, "import_prompts", document=document, preview=False)
    assert (engine.wishes[-1].name, engine.wishes[-1].args) == ("import_prompts", {"document": document})


async def test_the_record_of_an_event_or_figures(hass: HomeAssistant, engine: FakeEngine) -> None:
    await act(hass, "get_evaluation", event_id="e1")
    assert (engine.wishes[-1].name, engine.wishes[-1].args) == ("get_evaluation", {"event_id": "e1"})
    figures = await act(hass, "get_evaluation", camera_id="front_door", weeks=2)
    assert set(figures) == {"stats", "leaderboard", "calibration"}
    asked = {one.name: one.args for one in engine.wishes}
    assert asked["get_leaderboard"] == {"days": 14, "camera": "front_door"}
    assert asked["get_calibration"] == {"weeks": 2, "camera": "front_door"}


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("set_prompt", {"model": "gpt", "content": {}}),
        ("set_prompt", {"model": "nemotron", "content": "text"}),
        ("restore_prompt", {"model": "nemotron", "version": 0}),
        ("test_prompt", {"model": "nemotron", "event_id": "e1", "content": {}, "version": 1}),
        ("shadow_prompt", {}),
        ("shadow_prompt", {"content": {}, "run_id": "r1"}),
        ("shadow_prompt", {"content": {}, "limit": 51}),
        ("get_evaluation", {"weeks": 0}),
    ],
)
async def test_what_no_engine_is_asked(
    hass: HomeAssistant, engine: FakeEngine, name: str, data: dict[str, Any]
) -> None:
    before = len(engine.wishes)
    with pytest.raises(vol.Invalid):
        await act(hass, name, **data)
    assert len(engine.wishes) == before


async def test_a_wrong_content_is_told_with_the_engines_reason(hass: HomeAssistant, engine: FakeEngine) -> None:
    engine.failing.add("set_prompt")
    engine.failure = "unprocessable"
    with pytest.raises(ServiceValidationError) as caught:
        await act(hass, "set_prompt", model="nemotron", content={"anchors": []})
    assert caught.value.translation_key == "command_refused"
    assert caught.value.translation_placeholders == {"reason": "no such thing"}
