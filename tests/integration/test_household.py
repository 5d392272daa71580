"""Actions about the household and about zones."""

import logging
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
import probatio as vol
import pytest

from custom_components.home_sentry.const import DOMAIN
from custom_components.home_sentry.contract import Household, HouseholdMember, HouseholdVehicle, Schedule, to_plain
from tests.fakes.engine import FakeEngine

from .conftest import Setup
from .helpers import reach

NIGHTS = Schedule(days=(4, 5), begins="22:00", ends="06:30")
ANN = HouseholdMember(
    id="o1", name="Ann", role="resident", trust="full", schedule=NIGHTS, ha_person="person.ann", appearances=3
)
CAR = HouseholdVehicle(id="v1", name="Car", plate="B-HS 1", role="resident", trust="full")


@pytest.fixture(autouse=True)
async def _there(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    house = Household(
        members=(ANN,), vehicles=(CAR,), facts=(), guest_mode=False, faces_allowed=False, consent="ask first"
    )
    engine.answers["get_household"] = to_plain(house)
    await reach(hass, await setup(), engine)


async def act(hass: HomeAssistant, action: str, /, **data: Any) -> Any:
    return await hass.services.async_call(DOMAIN, action, data, blocking=True, return_response=True)


def last(engine: FakeEngine) -> tuple[str, dict[str, Any]]:
    return engine.wishes[-1].name, engine.wishes[-1].args


async def test_the_household_is_listed(hass: HomeAssistant) -> None:
    listed = await act(hass, "household_list")
    assert [one["name"] for one in listed["members"]] == ["Ann"]
    assert listed["consent"] == "ask first"


async def test_somebody_new(hass: HomeAssistant, engine: FakeEngine) -> None:
    await act(
        hass, "household_save_member", name="Bob", role="family", trust="partial", days=["fri", "mon"], ends="18:00:00"
    )
    assert last(engine) == (
        "save_member",
        {
            "name": "Bob",
            "role": "family",
            "trust": "partial",
            "schedule": {"days": [0, 4], "begins": "00:00", "ends": "18:00"},
        },
    )
    await act(hass, "household_save_vehicle", name="Van", plate="B-HS 2")
    assert last(engine) == ("save_vehicle", {"name": "Van", "plate": "B-HS 2", "schedule": None})


async def test_what_is_not_given_stays(hass: HomeAssistant, engine: FakeEngine) -> None:
    await act(hass, "household_save_member", owner_id="o1", trust="monitor", begins="21:00:00")
    assert last(engine) == (
        "save_member",
        {
            "owner_id": "o1",
            "name": "Ann",
            "role": "resident",
            "trust": "monitor",
            "ha_person": "person.ann",
            "schedule": {"days": [4, 5], "begins": "21:00", "ends": "06:30"},
        },
    )
    every_day = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    await act(hass, "household_save_member", owner_id="o1", ha_person="", days=every_day, begins="00:00", ends="23:59")
    assert (last(engine)[1]["ha_person"], last(engine)[1]["schedule"]) == (None, None)
    await act(hass, "household_save_vehicle", owner_id="v1", plate="")
    assert (last(engine)[1]["name"], last(engine)[1]["plate"]) == ("Car", None)


@pytest.mark.parametrize(("name", "owner"), [("household_save_member", "v1"), ("household_save_vehicle", "o1")])
async def test_who_is_not_there_cannot_be_changed(
    hass: HomeAssistant, engine: FakeEngine, name: str, owner: str
) -> None:
    with pytest.raises(ServiceValidationError, match=f"no member or vehicle {owner}"):
        await act(hass, name, owner_id=owner, trust="full")
    assert last(engine)[0] == "get_household"


@pytest.mark.parametrize(
    "wrong",
    [{}, {"trust": "full"}, {"name": ""}, {"name": "A", "role": "burglar"}, {"name": "A", "ha_person": "light.a"}],
)
async def test_what_is_no_member_is_refused(hass: HomeAssistant, engine: FakeEngine, wrong: dict[str, Any]) -> None:
    before = len(engine.wishes)
    with pytest.raises(vol.Invalid):
        await act(hass, "household_save_member", **wrong)
    assert len(engine.wishes) == before


async def test_enrolling_and_saying_who_it_is_not(hass: HomeAssistant, engine: FakeEngine) -> None:
    shown = {"owner_id": "o1", "detection_id": 3}
    await act(hass, "household_enrol", **shown)
    assert last(engine) == ("enrol", {**shown, "face": False, "consent": False, "negative": False})
    await act(hass, "household_not_this", **shown, face=True, consent=True)
    assert last(engine) == ("enrol", {**shown, "face": True, "consent": True, "negative": True})
    await act(hass, "list_detections", event_id="e1")
    assert last(engine) == ("list_event_detections", {"event_id": "e1"})
    engine.failing.add("enrol")
    engine.failure = "forbidden"
    with pytest.raises(ServiceValidationError, match="cannot do that: no such thing"):
        await act(hass, "household_enrol", **shown)


async def test_erasing(hass: HomeAssistant, engine: FakeEngine) -> None:
    await act(hass, "household_erase_samples", owner_id="o1", sample_id=2)
    assert last(engine) == ("erase_samples", {"owner_id": "o1", "sample_id": 2})
    await act(hass, "household_erase_samples", owner_id="o1")
    assert last(engine) == ("erase_samples", {"owner_id": "o1"})
    await act(hass, "household_erase", owner_id="o1")
    assert last(engine) == ("erase_owner", {"owner_id": "o1"})
    await act(hass, "household_erase_faces")
    assert last(engine) == ("erase_faces", {})
    await act(hass, "household_samples", owner_id="o1")
    assert last(engine) == ("list_samples", {"owner_id": "o1"})


async def test_no_name_is_logged(hass: HomeAssistant, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="custom_components.home_sentry")
    await act(hass, "household_list")
    await act(hass, "household_save_member", owner_id="o1", name="Annabel")
    await act(hass, "household_save_vehicle", owner_id="v1", plate="B-HS 77")
    told = "".join(
        record.getMessage() for record in caplog.records if record.name.startswith("custom_components.home_sentry")
    )
    assert not [name for name in ("Ann", "B-HS") if name in told]


async def test_zones(hass: HomeAssistant, engine: FakeEngine) -> None:
    porch = {"camera_id": "front_door", "name": "Porch", "points": [[0.1, 0.5], [0.9, 0.5], [0.5, 1]]}
    more = {"zone_id": "porch", "type": "entry_point", "priority": 7, "required_for": ["person"], "loitering_s": 30}
    await act(hass, "set_zone", **porch, **more)
    assert last(engine) == ("set_zone", {**porch, **more})
    await act(hass, "list_zones", camera_id="front_door")
    assert last(engine) == ("list_zones", {"camera_id": "front_door"})
    await act(hass, "remove_zone", camera_id="front_door", zone_id="porch")
    assert last(engine) == ("remove_zone", {"camera_id": "front_door", "zone_id": "porch"})
    before = len(engine.wishes)
    for wrong in (
        {"points": None},
        {"rectangle": [0, 0, 1, 1]},
        {"type": "moat"},
        {"points": [[0, 0], [1, 1]]},
        {"points": [[0, 0], [1, 1], [2, 0]]},
        {"colour": "blue"},
    ):
        given = {name: value for name, value in (porch | wrong).items() if value is not None}
        with pytest.raises(vol.Invalid):
            await act(hass, "set_zone", **given)
    assert len(engine.wishes) == before
