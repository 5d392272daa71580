"""The day's report, summaries of any time, and exports that reach people through Home Assistant."""

from http import HTTPStatus
from typing import Any

from homeassistant.const import STATE_UNKNOWN
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
import probatio as vol
import pytest
from pytest_homeassistant_custom_component.common import MockUser
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.home_sentry import looking_back
from custom_components.home_sentry.const import DOMAIN
from custom_components.home_sentry.contract import (
    ExportState,
    Problem,
    SummaryPeriod,
    to_plain,
)
from tests.fakes.engine import START, FakeEngine
from tests.fakes.report_of_engine import FILE, export, summary

from .conftest import Setup
from .helpers import reach, state


async def _ask(hass: HomeAssistant, action: str, *, context: Context | None = None, **data: Any) -> dict[str, Any]:
    answer = await hass.services.async_call(DOMAIN, action, data, blocking=True, return_response=True, context=context)
    assert answer is not None
    return answer


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking_back, "_LOOK_S", 0.01)


async def test_the_report_of_the_newest_day_is_a_sensor(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    engine.summary = summary()
    entry = await setup()
    report = state(hass, "sensor", "daily_summary", camera=None)
    assert report.state == engine.summary.text
    assert report.attributes["full_text"] == engine.summary.text
    assert (report.attributes["all_clear"], report.attributes["source"]) == (False, "rules")
    assert [one["reason"] for one in report.attributes["blind"]] == ["offline"]
    hourly = summary(period=SummaryPeriod.HOURLY, text="An hour.")
    long = summary(text="x" * 300, since=START, blind=())
    for made in (hourly, long, summary(text="An older one.")):
        await engine.look_back(made)
    await reach(hass, entry, engine)
    report = state(hass, "sensor", "daily_summary", camera=None)
    assert report.state == "x" * 254 + "…"
    assert report.attributes["full_text"] == long.text


async def test_before_the_first_day_is_over_there_is_no_report(
    hass: HomeAssistant, engine: FakeEngine, setup: Setup
) -> None:
    await setup()
    assert state(hass, "sensor", "daily_summary", camera=None).state == STATE_UNKNOWN


async def test_any_time_is_summarised(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    await setup()
    told = await _ask(hass, "summarize", since="2026-11-19 08:00:00", until="2026-11-19 10:00:00", property="cabin")
    assert told["text"].startswith("Somebody tried the garden door")
    assert engine.reports.asked[-1]["property"] == "cabin"
    assert engine.reports.asked[-1]["until"].endswith("+00:00")
    await _ask(hass, "summarize")
    since, until = (engine.reports.asked[-1][name] for name in ("since", "until"))
    assert since < until
    with pytest.raises(vol.Invalid):
        await _ask(hass, "summarize", since="2026-11-19 10:00:00", until="2026-11-19 08:00:00")


@pytest.mark.parametrize(
    ("status", "code", "kind", "key"),
    [
        (404, "not_found", ServiceValidationError, "command_refused"),
        (422, "unprocessable", ServiceValidationError, "command_refused"),
        (503, "unavailable", HomeAssistantError, "command_failed"),
    ],
)
async def test_why_no_summary_was_made_is_said(
    hass: HomeAssistant, engine: FakeEngine, setup: Setup, status: int, code: str, kind: type[Exception], key: str
) -> None:
    await setup()
    detail = "there is no such property"
    engine.reports.problem = Problem(type="x", title="x", status=status, code=code, detail=detail, request_id="r1")
    with pytest.raises(kind, match="no such property") as told:
        await _ask(hass, "summarize")
    assert isinstance(told.value, HomeAssistantError)
    assert told.value.translation_key == key


async def test_without_an_engine_no_summary_is_made(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    await setup()
    engine.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    with pytest.raises(HomeAssistantError) as told:
        await _ask(hass, "summarize")
    assert told.value.translation_key == "command_failed"
    engine.status_code = HTTPStatus.UNAUTHORIZED
    with pytest.raises(HomeAssistantError):
        await _ask(hass, "summarize")
    await engine.stop()
    with pytest.raises(HomeAssistantError):
        await _ask(hass, "summarize")


async def test_an_export_is_waited_for_and_fetched_by_a_link(
    hass: HomeAssistant, engine: FakeEngine, setup: Setup, hass_client_no_auth: ClientSessionGenerator
) -> None:
    entry = await setup()
    states = iter([ExportState.RUNNING, ExportState.READY])
    engine.answers |= {
        "create_export": to_plain(export(ExportState.QUEUED)),
        "get_export": lambda _args: to_plain(export(next(states))),
    }
    told = await _ask(
        hass,
        "export",
        kind="csv",
        since="2026-11-19 08:00:00",
        camera_id="garage",
        level="high",
        object="person",
        property="cabin",
        event_id="e1",
    )
    assert (told["id"], told["state"]) == ("x1", "ready")
    asked = engine.asked("create_export")[0]
    assert asked | {"since": ""} == {
        "kind": "csv", "share": False, "since": "", "camera": "garage", "level": "high", "object": "person",
        "property": "cabin", "event": "e1",
    }  # fmt: skip
    stranger = await hass_client_no_auth()
    answer = await stranger.get(told["path"])
    assert (answer.status, await answer.read()) == (HTTPStatus.OK, FILE)
    assert answer.headers["Content-Disposition"] == 'attachment; filename="e.csv"'
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert (await stranger.get(told["path"].replace("/x1/", "/x2/"))).status == HTTPStatus.UNAUTHORIZED
    assert str(entry.entry_id) in told["path"]


async def test_an_export_that_fails_or_takes_long_is_told_as_it_stands(
    hass: HomeAssistant, engine: FakeEngine, setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    await setup()
    engine.answers |= {
        "create_export": to_plain(export(ExportState.QUEUED)),
        "get_export": to_plain(export(ExportState.FAILED, reason="too little room")),
    }
    with pytest.raises(ServiceValidationError, match="too little room") as told:
        await _ask(hass, "export", kind="zip", share=True)
    assert told.value.translation_key == "export_failed"
    monkeypatch.setattr(looking_back, "_READY_S", 0.05)
    engine.answers |= dict.fromkeys(("create_export", "get_export"), to_plain(export(ExportState.RUNNING)))
    waiting = await _ask(hass, "export", kind="zip")
    assert waiting["state"] == "running"
    assert "path" not in waiting


async def test_only_administrators_export(
    hass: HomeAssistant, engine: FakeEngine, setup: Setup, hass_read_only_user: MockUser
) -> None:
    await setup()
    with pytest.raises(ServiceValidationError) as told:
        await _ask(hass, "export", kind="csv", context=Context(user_id=hass_read_only_user.id))
    assert told.value.translation_key == "admin_only"


async def test_what_is_no_export_is_not_found(
    hass: HomeAssistant, engine: FakeEngine, setup: Setup, hass_client: ClientSessionGenerator
) -> None:
    entry = await setup()
    browser = await hass_client()
    place = f"/api/home_sentry/{entry.entry_id}/exports/{{}}/file"
    assert (await browser.get(place.format("gone"))).status == HTTPStatus.NOT_FOUND
    assert (await browser.get("/api/home_sentry/nobody/exports/x1/file")).status == HTTPStatus.NOT_FOUND
    assert (await browser.get(place.format("x1"), headers={"Authorization": ""})).status == HTTPStatus.UNAUTHORIZED
    with pytest.raises(Exception, match=r"payload|closed|disconnected"):
        await (await browser.get(place.format("broken"))).read()
    engine.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    assert (await browser.get(place.format("x1"))).status == HTTPStatus.SERVICE_UNAVAILABLE
