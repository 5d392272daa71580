"""Clips reach people through Home Assistant, whole or in parts, by login or by a link that ends."""

from datetime import timedelta
from http import HTTPStatus
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.home_sentry.const import DOMAIN
from tests.fakes.engine import CLIP, FakeEngine

from .conftest import Setup


async def _ask(hass: HomeAssistant, action: str, **data: Any) -> dict[str, Any]:
    answer = await hass.services.async_call(DOMAIN, action, data, blocking=True, return_response=True)
    assert answer is not None
    return answer


async def test_a_clip_is_shown_whole_and_in_parts_to_who_is_logged_in(
    hass: HomeAssistant, engine: FakeEngine, setup: Setup, hass_client: ClientSessionGenerator
) -> None:
    entry = await setup()
    browser = await hass_client()
    place = f"/api/home_sentry/{entry.entry_id}/events/e1/clip.mp4"
    answer = await browser.get(place, params={"before_s": "9", "token": "x"})
    assert (answer.status, answer.content_type, await answer.read()) == (HTTPStatus.OK, "video/mp4", CLIP)
    assert answer.headers["Cache-Control"] == "private, no-cache"
    # nothing but what belongs to a clip goes on to the engine
    assert engine.requests[-1] == "/api/v1/events/e1/clip.mp4?before_s=9"
    answer = await browser.get(place, headers={"Range": "bytes=2-5"})
    assert (answer.status, await answer.read()) == (HTTPStatus.PARTIAL_CONTENT, CLIP[2:6])
    assert answer.headers["Content-Range"] == f"bytes 2-5/{len(CLIP)}"
    answer = await browser.get(f"/api/home_sentry/{entry.entry_id}/cameras/front_door/timelapse.mp4?day=2026-11-20")
    assert (answer.status, await answer.read()) == (HTTPStatus.OK, CLIP)
    answer = await browser.get(place, headers={"Authorization": ""})
    assert answer.status == HTTPStatus.UNAUTHORIZED


@pytest.mark.parametrize(
    "path", ["events/gone/clip.mp4", "events/e1/clip.avi", "events/..%2f..%2finfo/clip.mp4", "events/E1/clip.mp4"]
)
async def test_what_is_no_clip_is_not_found(
    hass: HomeAssistant, engine: FakeEngine, setup: Setup, hass_client: ClientSessionGenerator, path: str
) -> None:
    entry = await setup()
    browser = await hass_client()
    answer = await browser.get(f"/api/home_sentry/{entry.entry_id}/{path}")
    # Home Assistant itself refuses what tries to leave its folder
    assert answer.status in {HTTPStatus.NOT_FOUND, HTTPStatus.BAD_REQUEST}
    assert not engine.requests[-1].endswith("clip.mp4") or "gone" in engine.requests[-1]


async def test_without_an_engine_there_is_no_clip(
    hass: HomeAssistant, engine: FakeEngine, setup: Setup, hass_client: ClientSessionGenerator
) -> None:
    entry = await setup()
    browser = await hass_client()
    engine.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    place = f"/api/home_sentry/{entry.entry_id}/events/e1/clip.mp4"
    assert (await browser.get(place)).status == HTTPStatus.SERVICE_UNAVAILABLE
    with pytest.raises(HomeAssistantError) as told:
        await _ask(hass, "get_clip", event_id="e1")
    assert told.value.translation_key == "clip_failed"
    engine.status_code = None
    assert (await browser.get("/api/home_sentry/nobody/events/e1/clip.mp4")).status == HTTPStatus.NOT_FOUND
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert (await browser.get(place)).status == HTTPStatus.NOT_FOUND


async def test_a_clip_that_breaks_off_ends_the_connection(
    hass: HomeAssistant, engine: FakeEngine, setup: Setup, hass_client: ClientSessionGenerator
) -> None:
    entry = await setup()
    browser = await hass_client()
    with pytest.raises(Exception, match=r"payload|closed|disconnected"):
        await (await browser.get(f"/api/home_sentry/{entry.entry_id}/events/broken/clip.mp4")).read()


async def test_a_link_works_without_a_login_for_the_clip_that_it_was_made_for(
    hass: HomeAssistant, engine: FakeEngine, setup: Setup, hass_client_no_auth: ClientSessionGenerator
) -> None:
    await setup()
    stranger = await hass_client_no_auth()
    told = await _ask(hass, "get_clip", event_id="e1", format="gif", before=0, after=20)
    assert told["content_type"] == "image/gif"
    assert str(engine.port) not in told["path"]
    answer = await stranger.get(told["path"])
    assert (answer.status, await answer.read()) == (HTTPStatus.OK, CLIP)
    assert engine.requests[-1] == "/api/v1/events/e1/clip.gif?before_s=0&after_s=20"
    for tampered in (told["path"].replace("/e1/", "/e2/"), told["path"].replace("after_s=20", "after_s=300")):
        assert (await stranger.get(tampered)).status == HTTPStatus.UNAUTHORIZED
    day = await _ask(hass, "get_timelapse", camera_id="front_door", day="2026-11-20")
    assert (await stranger.get(day["path"])).status == HTTPStatus.OK
    assert engine.requests[-1] == "/api/v1/cameras/front_door/timelapse.mp4?day=2026-11-20"
    assert timedelta(0) < _valid_for(told) <= timedelta(hours=1)


async def test_an_event_without_pictures_has_no_link(hass: HomeAssistant, setup: Setup) -> None:
    await setup()
    with pytest.raises(ServiceValidationError) as told:
        await _ask(hass, "get_clip", event_id="gone")
    assert told.value.translation_key == "no_clip"


def _valid_for(told: dict[str, Any]) -> timedelta:
    until = dt_util.parse_datetime(told["expires_at"])
    assert until is not None
    return until - dt_util.utcnow()
