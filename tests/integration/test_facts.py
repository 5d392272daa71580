"""Guest mode and expected visitors: chosen entities become facts of the household, and end with them."""

from datetime import datetime, timedelta
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed

from custom_components.home_sentry import home as home_module
from custom_components.home_sentry.const import OPTION_GUESTS, OPTION_VISITORS
from custom_components.home_sentry.contract import Household, OwnerFact, to_plain
from custom_components.home_sentry.facts import GUESTS, VISITORS
from tests.fakes.engine import FakeEngine, until

from .conftest import Setup

SWITCH, CALENDAR = "input_boolean.guests", "calendar.visitors"
OPTIONS = {OPTION_GUESTS: SWITCH, OPTION_VISITORS: CALENDAR}


class Desk:
    """The engine's facts, as its commands change them."""

    def __init__(self, engine: FakeEngine) -> None:
        self.facts: dict[str, OwnerFact] = {}
        self.asked = 0
        self.told: list[str] = []
        engine.capabilities = ("household_facts",)
        engine.answers |= {"get_household": self._view, "put_fact": self._put, "remove_fact": self._remove}

    def _view(self, _args: dict[str, Any]) -> Any:
        self.asked += 1
        facts = tuple(self.facts.values())
        house = Household(members=(), vehicles=(), facts=facts, guest_mode=False, faces_allowed=False, consent="")
        return to_plain(house)

    def _put(self, args: dict[str, Any]) -> Any:
        assert args.keys() <= {"fact_id", "kind", "begins_at", "expires_at"}
        begins = args.get("begins_at")
        fact = OwnerFact(
            id=args["fact_id"],
            kind=args["kind"],
            text="",
            points=-8,
            begins_at=datetime.fromisoformat(begins) if begins else None,
            expires_at=datetime.fromisoformat(args["expires_at"]),
        )
        self.facts[fact.id] = fact
        self.told.append(f"put {fact.id}")
        return to_plain(fact)

    def _remove(self, args: dict[str, Any]) -> Any:
        del self.facts[args["fact_id"]]
        self.told.append(f"remove {args['fact_id']}")
        return {"erased": 1}


@pytest.fixture(autouse=True)
async def _no_pause(hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home_module, "HOME_PAUSE_S", 0.01)
    # no hour comes twice there
    await hass.config.async_set_time_zone("Asia/Kathmandu")


@pytest.fixture
def desk(engine: FakeEngine) -> Desk:
    return Desk(engine)


def visit(hass: HomeAssistant, begins: datetime, ends: datetime, state: str = "on") -> None:
    times = {
        name: dt_util.as_local(at).strftime("%Y-%m-%d %H:%M:%S")
        for name, at in (("start_time", begins), ("end_time", ends))
    }
    hass.states.async_set(CALENDAR, state, {"message": "Doctor Ann", **times})


async def synced(hass: HomeAssistant, desk: Desk, more: int = 1) -> None:
    """Wait until the facts were compared once more."""
    wanted = desk.asked + more
    await until(lambda: desk.asked >= wanted)
    await hass.async_block_till_done()


async def start(hass: HomeAssistant, entry: MockConfigEntry, setup: Setup, desk: Desk, **options: Any) -> None:
    hass.config_entries.async_update_entry(entry, options=options or OPTIONS)
    await setup()
    await until(lambda: desk.asked)
    await hass.async_block_till_done()


async def test_they_come_and_go_with_their_entities(
    hass: HomeAssistant, engine: FakeEngine, entry: MockConfigEntry, setup: Setup, desk: Desk
) -> None:
    begins = dt_util.utcnow().replace(microsecond=0) - timedelta(minutes=5)
    ends = begins + timedelta(hours=3)
    hass.states.async_set(SWITCH, "off")
    visit(hass, begins, ends)
    await start(hass, entry, setup, desk)
    await until(lambda: VISITORS in desk.facts)
    fact = desk.facts[VISITORS]
    assert (fact.kind, fact.begins_at, fact.expires_at) == ("expected_visitor", begins, ends)
    assert desk.facts.keys() == {VISITORS}
    hass.states.async_set(SWITCH, "on")
    await until(lambda: GUESTS in desk.facts)
    assert desk.facts[GUESTS].kind == "guest_mode"
    visit(hass, begins + timedelta(days=1), ends + timedelta(days=1), "off")
    await until(lambda: VISITORS not in desk.facts)
    hass.states.async_set(SWITCH, "off")
    await until(lambda: not desk.facts)
    assert "Doctor" not in str(engine.commands)


@pytest.mark.parametrize("gone", ["unavailable", "unknown"])
async def test_what_is_not_available_holds_no_more_and_is_said(
    hass: HomeAssistant, engine: FakeEngine, entry: MockConfigEntry, setup: Setup, desk: Desk, gone: str
) -> None:
    hass.states.async_set(SWITCH, "on")
    await start(hass, entry, setup, desk)
    await until(lambda: GUESTS in desk.facts)
    hass.states.async_set(SWITCH, gone)
    await until(lambda: not desk.facts)
    reports = engine.asked("report_home")
    told = {fact["entity_id"]: (fact["kind"], fact.get("state")) for fact in reports[-1]["facts"]}
    assert told == {SWITCH: ("guests", None), CALENDAR: ("visitors", None)}


async def test_what_is_right_is_not_said_again_until_it_would_run_out(
    hass: HomeAssistant, engine: FakeEngine, entry: MockConfigEntry, setup: Setup, desk: Desk
) -> None:
    now = dt_util.utcnow().replace(microsecond=0)
    hass.states.async_set(SWITCH, "on")
    visit(hass, now, now + timedelta(hours=3))
    await start(hass, entry, setup, desk)
    await until(lambda: len(desk.facts) == 2)
    assert sorted(desk.told) == [f"put {GUESTS}", f"put {VISITORS}"]
    await engine.drop_clients()
    await synced(hass, desk)
    assert len(desk.told) == 2
    began = desk.facts[GUESTS].begins_at
    desk.facts[GUESTS] = OwnerFact(
        id=GUESTS, kind="guest_mode", text="", points=-8, begins_at=began, expires_at=now + timedelta(minutes=20)
    )
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(minutes=10, seconds=1))
    await until(lambda: len(desk.told) == 3)
    assert desk.told[-1] == f"put {GUESTS}"
    assert desk.facts[GUESTS].begins_at == began
    assert desk.facts[GUESTS].expires_at > now + timedelta(minutes=50)


async def test_a_calendar_without_times_or_with_one_that_is_over(
    hass: HomeAssistant, entry: MockConfigEntry, setup: Setup, desk: Desk
) -> None:
    hass.states.async_set(CALENDAR, "on", {"end_time": "soon"})
    await start(hass, entry, setup, desk)
    await until(lambda: VISITORS in desk.facts)
    left = desk.facts[VISITORS].expires_at - dt_util.utcnow()
    assert timedelta(minutes=50) < left <= timedelta(hours=1)
    visit(hass, dt_util.utcnow() - timedelta(hours=2), dt_util.utcnow() - timedelta(hours=1))
    await until(lambda: not desk.facts)


async def test_what_is_not_chosen_any_more_is_taken_back(
    hass: HomeAssistant, entry: MockConfigEntry, setup: Setup, desk: Desk
) -> None:
    ends = dt_util.utcnow() + timedelta(hours=1)
    desk.facts = {
        fact_id: OwnerFact(id=fact_id, kind="note", text="", points=0, expires_at=ends)
        for fact_id in (GUESTS, VISITORS, "of-the-owner")
    }
    hass.states.async_set(SWITCH, "off")
    await start(hass, entry, setup, desk, **{OPTION_GUESTS: SWITCH})
    await until(lambda: desk.facts.keys() == {"of-the-owner"})


async def test_without_a_choice_it_is_compared_once(
    hass: HomeAssistant, engine: FakeEngine, entry: MockConfigEntry, setup: Setup, desk: Desk
) -> None:
    await start(hass, entry, setup, desk, half_life_min=10)

    def reports() -> int:
        return len(engine.asked("report_home"))

    before = reports()
    await engine.drop_clients()
    await until(lambda: reports() > before)
    await hass.async_block_till_done()
    assert (desk.asked, desk.told) == (1, [])


async def test_an_older_engine_hears_nothing_of_it(
    hass: HomeAssistant, engine: FakeEngine, entry: MockConfigEntry, setup: Setup, desk: Desk
) -> None:
    engine.capabilities = ()
    hass.states.async_set(SWITCH, "on")
    hass.config_entries.async_update_entry(entry, options=OPTIONS)
    await setup()
    await until(lambda: engine.asked("report_home"))
    await hass.async_block_till_done()
    (report,) = engine.asked("report_home")
    assert report["facts"] == []
    assert desk.asked == 0
