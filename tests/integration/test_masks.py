"""Privacy masks: drawn by an action, and a repair where uploads cannot wear them."""

from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
import probatio as vol
import pytest

from custom_components.home_sentry.const import DOMAIN
from custom_components.home_sentry.contract import Component, ComponentState, Mask, MaskList, to_plain
from tests.fakes.engine import FakeEngine, until

from .conftest import Setup
from .helpers import reach

STREET = {"name": "Street", "points": [[0, 0], [1.0, 0.0], [0.5, 0.4]], "modes": ["disarmed"]}


async def act(hass: HomeAssistant, name: str, **data: Any) -> Any:
    return await hass.services.async_call(
        DOMAIN, name, {"camera_id": "front_door", **data}, blocking=True, return_response=True
    )


async def test_masks_are_drawn_and_listed(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    mask = Mask(name="Street", points=((0, 0), (1, 0), (0.5, 0.4)), modes=("disarmed",))
    listed = to_plain(MaskList(camera_id="front_door", masks=(mask,), to_remask=12))
    engine.answers = {"set_masks": listed, "list_masks": listed}
    await reach(hass, await setup(), engine)
    answer = await act(hass, "set_masks", masks=[STREET])
    assert answer["to_remask"] == 12
    told = engine.wishes[-1]
    assert (told.name, told.args) == ("set_masks", {"camera_id": "front_door", "masks": [STREET]})
    assert (await act(hass, "list_masks"))["masks"][0]["name"] == "Street"
    await act(hass, "set_masks", masks=[])
    assert engine.wishes[-1].args["masks"] == []


@pytest.mark.parametrize(
    "wrong", [{"points": [[0, 0], [1, 1]]}, {"points": [[0, 0], [1, 1], [2, 0]]}, {"points": None}, {"name": ""}]
)
async def test_what_is_no_mask(hass: HomeAssistant, engine: FakeEngine, setup: Setup, wrong: dict[str, Any]) -> None:
    await reach(hass, await setup(), engine)
    before = len(engine.wishes)
    with pytest.raises(vol.Invalid):
        await act(hass, "set_masks", masks=[STREET | wrong])
    assert len(engine.wishes) == before


async def test_uploads_that_cannot_wear_their_masks_are_a_repair(
    hass: HomeAssistant, engine: FakeEngine, setup: Setup
) -> None:
    entry = await setup()
    waiting = Component(
        id="masks",
        state=ComponentState.DEGRADED,
        reason="uploads without masks stay in the folders of: door (Read-only file system)",
        fix="let Home Sentry write to the camera folder, or delete the uploads there",
    )
    engine.components.append(waiting)
    await engine.publish_status()
    key = (DOMAIN, f"component_masks_{entry.entry_id}")
    issues = ir.async_get(hass).issues
    await until(lambda: key in issues)
    assert "Read-only" in (issues[key].translation_placeholders or {})["reason"]
    engine.set_component(Component(id="masks", state=ComponentState.HEALTHY))
    await engine.publish_status()
    await until(lambda: key not in issues)
