"""Pictures reach people through Home Assistant, are fetched once, and say why they fail."""

from http import HTTPStatus

from homeassistant.components.camera import async_get_image as camera_image
from homeassistant.components.image import async_get_image as event_image
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
import pytest
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.home_sentry.contract import (
    EventChange,
)
from tests.fakes.engine import JPEG, FakeEngine

from .conftest import Setup
from .helpers import entity_id, reach, state


async def test_pictures_go_through_home_assistant(
    hass: HomeAssistant, engine: FakeEngine, setup: Setup, hass_client: ClientSessionGenerator
) -> None:
    entry = await setup()
    assert await hass.config_entries.async_unload(entry.entry_id)
    browser = await hass_client()
    await hass.config_entries.async_setup(entry.entry_id)
    visit = await engine.start_event("front_door")
    await engine.put_camera("front_door", latest_media_id="m1")
    await reach(hass, entry, engine)
    for platform, key, path in (
        ("image", "last_event", f"/api/v1/events/{visit.event_id}/snapshot.jpg"),
        ("camera", "latest", "/api/v1/cameras/front_door/latest.jpg"),
    ):
        shown = state(hass, platform, key)
        picture = shown.attributes["entity_picture"]
        assert picture.startswith(f"/api/{platform}_proxy/")
        assert str(engine.port) not in str(shown.attributes)
        answer = await browser.get(picture)
        assert answer.status == HTTPStatus.OK
        assert await answer.read() == JPEG + path.encode()
        answer = await browser.get(picture.split("?")[0] + "?token=guessed", headers={"Authorization": ""})
        assert answer.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}


async def test_pictures_are_fetched_once(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    entry = await setup()
    with pytest.raises(HomeAssistantError):
        await event_image(hass, entity_id(hass, "image", "last_event"))
    with pytest.raises(HomeAssistantError):
        await camera_image(hass, entity_id(hass, "camera", "latest"))
    visit = await engine.start_event("front_door")
    await engine.put_camera("front_door", latest_media_id="m1")
    await reach(hass, entry, engine)
    engine.requests.clear()
    for _ in range(2):
        await event_image(hass, entity_id(hass, "image", "last_event"))
        await camera_image(hass, entity_id(hass, "camera", "latest"))
    assert len(engine.requests) == 2
    before = state(hass, "image", "last_event").state
    await engine.change_event(visit.event_id, EventChange.REVISED, summary="other words")
    await reach(hass, entry, engine)
    assert state(hass, "image", "last_event").state == before
    await engine.change_event(visit.event_id, EventChange.REVISED, detection_count=2)
    await engine.put_camera("front_door", latest_media_id="m2")
    await reach(hass, entry, engine)
    assert state(hass, "image", "last_event").state != before
    await event_image(hass, entity_id(hass, "image", "last_event"))
    await camera_image(hass, entity_id(hass, "camera", "latest"))
    assert len(engine.requests) == 4


@pytest.mark.parametrize(("status", "words"), [(404, "no longer"), (503, "did not deliver")])
async def test_pictures_that_fail_say_why(
    hass: HomeAssistant, engine: FakeEngine, setup: Setup, status: int, words: str
) -> None:
    entry = await setup()
    await engine.start_event("front_door")
    await engine.put_camera("front_door", latest_media_id="m1")
    await reach(hass, entry, engine)
    engine.status_code = status
    with pytest.raises(HomeAssistantError, match=words):
        await event_image(hass, entity_id(hass, "image", "last_event"))
    with pytest.raises(HomeAssistantError, match=words):
        await camera_image(hass, entity_id(hass, "camera", "latest"))
