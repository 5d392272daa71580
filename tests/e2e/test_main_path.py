"""One picture in, one risk event in Home Assistant, as a person sees it in a browser."""

from datetime import UTC, datetime, timedelta
import io
import re
from typing import Any

from aiohttp import ClientSession
from PIL import Image, ImageChops
from playwright.async_api import expect

from scripts.demo_home.dashboard import keep_dashboard
from scripts.demo_home.errors import TooLate
from scripts.demo_home.feeding import drop
from scripts.demo_home.home_assistant import PASSWORD, USER, Home
from scripts.demo_home.patience import until
from tests.e2e.browser import add_integration, browsing, log_in, open_dashboard, open_device, photograph
from tests.e2e.stage import NEWS_S, EngineRun, entity_of, samples, state_of

LEVELS = {"low", "medium", "high", "critical"}


async def test_a_picture_becomes_a_risk_event(engine_run: EngineRun, home: Home) -> None:
    engine, pictures = engine_run.engine, samples()
    instance_id = (await engine.info())["instance_id"]
    async with browsing() as page:
        await log_in(page, home.url, USER, PASSWORD)
        await photograph(page, "01-logged-in")
        await add_integration(page, home.url, engine.url, engine.token)
        assert await home.entry_id() is not None

        drop(engine_run.cameras, pictures["coffee"], pictures["coffee"].content)
        level = await entity_of(home, engine, "front_door_risk_level")
        await state_of(home, level, lambda state: state == "unknown")
        await open_device(page, home, "Front Door")
        row = page.locator("hui-simple-entity-row, hui-sensor-entity-row, hui-generic-entity-row")
        risk = row.filter(has_text="Risk level").first
        await expect(risk).to_contain_text("Unknown")
        await photograph(page, "05-device-before")

        drop(engine_run.cameras, pictures["astronaut"], pictures["astronaut"].content)
        await state_of(home, level, lambda state: state in LEVELS)
        # which one may change while the page is looked at
        await expect(risk).to_contain_text(re.compile("|".join(level.capitalize() for level in LEVELS)))
        await photograph(page, "06-device-after")

        await keep_dashboard(home, instance_id, {"front_door": "Front Door"})
        await open_dashboard(page, home.url)
        shown = page.locator("hui-picture-entity-card img").first
        await expect(shown).to_be_visible()
        await page.wait_for_function("image => image.naturalWidth > 0", arg=await shown.element_handle())
        await photograph(page, "07-dashboard")


async def test_the_last_event_image_is_the_picture_with_its_box_drawn(
    engine_run: EngineRun, home: Home, web: ClientSession
) -> None:
    image = await entity_of(home, engine_run.engine, "front_door_last_event")
    state = await state_of(home, image, lambda text: text not in {"unknown", "unavailable"})
    async with web.get(f"{home.url}{state['attributes']['entity_picture']}") as response:
        assert response.content_type == "image/jpeg"
        shown = Image.open(io.BytesIO(await response.read())).convert("RGB")
    taken = Image.open(io.BytesIO(samples()["astronaut"].content)).convert("RGB")
    assert shown.size == taken.size
    changed = ImageChops.difference(shown, taken).convert("L").point(lambda value: 255 if value > 48 else 0)
    share = changed.histogram()[255] / (taken.width * taken.height)
    assert 0.005 < share < 0.25, f"{share:.1%} of the picture differ: neither nothing nor everything is drawn"


async def test_people_deal_with_the_event(engine_run: EngineRun, home: Home) -> None:
    security = await entity_of(home, engine_run.engine, "front_door_security_event")
    began = datetime.now(UTC) - timedelta(hours=1)

    async def told(change: str) -> dict[str, Any]:
        """Wait until it was told, whatever is told after it."""
        seen: list[dict[str, Any]] = []

        async def look() -> dict[str, Any] | None:
            seen[:] = [state["attributes"] for state in await home.history(security, began)]
            return next((one for one in seen if one.get("event_type") == change), None)

        try:
            return await until(look, what=f"the event is {change}", deadline_s=NEWS_S)
        except TooLate as err:
            raise AssertionError(f"{err}; told was {[one.get('event_type') for one in seen]}") from err

    event_id = (await told("ended"))["event_id"]
    await act(home, "feedback", event_id=event_id, kind="false_positive", comment="a portrait")
    await act(home, "favourite", event_id=[event_id])
    event = await act(home, "get_event", event_id=event_id)
    assert event["favourite"]
    assert [(one["kind"], one["comment"]) for one in event["feedback"]] == [("false_positive", "a portrait")]
    assert {"file", "detect", "batch", "announce"} <= {hop["hop"] for hop in event["hops"]}
    found = await act(home, "search_events", query="person", favourite=True)
    assert [one["event_id"] for one in found["items"]] == [event_id]
    await act(home, "delete_event", event_id=event_id)
    assert (await told("dismissed"))["event_id"] == event_id
    assert [one["event_id"] for one in (await act(home, "list_trash"))["items"]] == [event_id]
    await act(home, "restore_event", event_id=event_id)
    assert (await act(home, "list_trash"))["items"] == []


async def test_a_part_of_the_engine_is_switched_off_and_on(engine_run: EngineRun, home: Home) -> None:
    ingest = await entity_of(home, engine_run.engine, "part_ingest")
    for service, state in (("turn_off", "off"), ("turn_on", "on")):
        await home.ask(
            {"type": "call_service", "domain": "switch", "service": service, "target": {"entity_id": ingest}}
        )
        await state_of(home, ingest, lambda text, state=state: text == state)
        if state == "off":
            async with browsing() as page:
                await log_in(page, home.url, USER, PASSWORD)
                await open_device(page, home, "Home Sentry", "Camera folder")
                await photograph(page, "08-engine-device")


async def act(home: Home, name: str, **data: Any) -> dict[str, Any]:
    """Call an action of the integration and give its answer."""
    call = {"type": "call_service", "domain": "home_sentry", "service": name, "service_data": data}
    (result,) = await home.ask({**call, "return_response": True})
    answer: dict[str, Any] = result["response"]
    return answer


async def test_events_are_recorded_once(engine_run: EngineRun, home: Home) -> None:
    event = await entity_of(home, engine_run.engine, "front_door_security_event")
    await state_of(home, event, lambda text: text not in {"unknown", "unavailable"})
    recorded = await home.history(event, datetime.now(UTC) - timedelta(hours=1))
    started = [one["attributes"]["event_id"] for one in recorded if one["attributes"].get("event_type") == "started"]
    assert started
    assert len(started) == len(set(started))
