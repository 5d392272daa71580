"""Persons to whom members of the household are linked are told to the engine, whether or not somebody chose them."""

from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed

from custom_components.home_sentry import home as home_module
from custom_components.home_sentry.const import HOME_REPEAT, OPTION_PRESENCE
from custom_components.home_sentry.contract import Household, HouseholdMember, to_plain
from tests.fakes.engine import FakeEngine

from .conftest import Setup
from .test_home import facts, reports, settle


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home_module, "HOME_PAUSE_S", 0.01)


class House:
    """The engine's members, each with the person that it is linked to."""

    def __init__(self, engine: FakeEngine, *persons: str | None) -> None:
        self.persons = persons
        self.asked = 0
        engine.capabilities = ("linked_persons",)
        engine.answers["get_household"] = self._view

    def _view(self, _args: dict[str, Any]) -> Any:
        self.asked += 1
        members = tuple(
            HouseholdMember(id=f"o{number}", name="Ann", role="resident", trust="full", ha_person=person)
            for number, person in enumerate(self.persons)
        )
        return to_plain(
            Household(members=members, vehicles=(), facts=(), guest_mode=False, faces_allowed=False, consent="")
        )


async def test_linked_persons_are_told_and_followed(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    house = House(engine, "person.ann", None, "person.gone", "person.ann")
    hass.states.async_set("person.ann", "not_home", {"friendly_name": "Ann"})
    await setup()
    told = facts((await settle(hass, engine, 1))[-1])
    assert set(told) == {"person.ann", "person.gone"}
    ann = told["person.ann"]
    assert (ann.kind.value, ann.state, ann.name, ann.changed_at is not None) == ("person", "not_home", "Ann", True)
    assert (told["person.gone"].state, house.asked) == (None, 1)
    hass.states.async_set("person.ann", "home", {"friendly_name": "Ann"})
    assert facts((await settle(hass, engine, 2))[-1])["person.ann"].state == "home"
    assert house.asked == 1


async def test_a_person_who_was_chosen_for_presence_is_told_once(
    hass: HomeAssistant, engine: FakeEngine, entry: MockConfigEntry, setup: Setup
) -> None:
    House(engine, "person.ann", "person.ben")
    hass.config_entries.async_update_entry(entry, options={OPTION_PRESENCE: ["person.ann"]})
    await setup()
    (report,) = await settle(hass, engine, 1)
    kinds = {one["entity_id"]: one["kind"] for one in report["facts"]}
    assert (kinds, len(report["facts"])) == ({"person.ann": "presence", "person.ben": "person"}, 2)


async def test_new_links_are_learned_now_and_then(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    house = House(engine)
    await setup()
    assert facts((await settle(hass, engine, 1))[-1]) == {}
    house.persons = ("person.ann",)
    async_fire_time_changed(hass, dt_util.utcnow() + HOME_REPEAT)
    assert set(facts((await settle(hass, engine, 2))[-1])) == {"person.ann"}
    hass.states.async_set("person.ann", "home")
    await settle(hass, engine, 3)
    house.persons = ()
    async_fire_time_changed(hass, dt_util.utcnow() + 2 * HOME_REPEAT)
    assert facts((await settle(hass, engine, 4))[-1]) == {}
    before = len(reports(engine))
    hass.states.async_set("person.ann", "not_home")
    await hass.async_block_till_done()
    assert len(reports(engine)) == before


async def test_an_engine_that_does_not_judge_by_them_is_not_asked(
    hass: HomeAssistant, engine: FakeEngine, setup: Setup
) -> None:
    house = House(engine, "person.ann")
    engine.capabilities = ()
    await setup()
    (report,) = await settle(hass, engine, 1)
    assert (report["facts"], house.asked) == ([], 0)


async def test_an_engine_that_cannot_say_who_is_linked_hears_the_rest(
    hass: HomeAssistant, engine: FakeEngine, setup: Setup
) -> None:
    House(engine, "person.ann")
    engine.failing.add("get_household")
    await setup()
    assert (await settle(hass, engine, 1))[-1]["facts"] == []
    engine.failing.clear()
    async_fire_time_changed(hass, dt_util.utcnow() + HOME_REPEAT)
    assert set(facts((await settle(hass, engine, 2))[-1])) == {"person.ann"}


async def test_nobody_is_followed_after_the_end(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    House(engine, "person.ann")
    entry = await setup()
    await settle(hass, engine, 1)
    linked = entry.runtime_data.home._linked
    assert await hass.config_entries.async_unload(entry.entry_id)
    linked.forget()
    linked._follow(("person.ben",))
    assert linked._end is None
