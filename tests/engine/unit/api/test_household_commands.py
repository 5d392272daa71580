"""Household, facts and zones as commands of the WebSocket."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from home_sentry_engine.contract import EnrolledSample, Household, HouseholdMember, OwnerFact, ZoneList, from_plain
from tests.fakes.peer import Peer

ANN = {"name": "Ann", "role": "resident", "trust": "full", "ha_person": "person.ann"}
PORCH = {"name": "Porch", "type": "entry_point", "points": [[0.1, 0.1], [0.9, 0.1], [0.5, 0.9]]}
FRONT = {"camera_id": "front_door"}

type Ask = Callable[..., Awaitable[Any]]


@pytest.fixture
async def ask(connect) -> Ask:
    peer: Peer = await connect()
    await peer.greet()

    async def asked(command: str, /, **args: Any) -> Any:
        return await peer.ask(command, args)

    return asked


async def test_members_and_vehicles_come_change_and_go(engine, ask):
    ann = from_plain(HouseholdMember, (await ask("save_member", **ANN, user="anna")).data)
    assert ann.ha_person == "person.ann"
    changed = from_plain(
        HouseholdMember, (await ask("save_member", owner_id=ann.id, **ANN | {"trust": "monitor"}, user="anna")).data
    )
    assert (changed.id, changed.trust) == (ann.id, "monitor")
    car = (await ask("save_vehicle", name="Car", plate="B-HS 1", user="anna")).data
    view = from_plain(Household, (await ask("get_household")).data)
    assert [one.id for one in view.members] == [ann.id]
    assert [one.plate for one in view.vehicles] == ["B-HS 1"]
    assert (await ask("save_member", owner_id="nobody", **ANN)).code == "not_found"
    assert (await ask("save_vehicle", owner_id="nobody", name="Car")).code == "not_found"
    assert (await ask("save_member", name=" ")).code == "invalid_request"
    assert (await ask("erase_owner", owner_id=car["id"], user="anna")).data == {"erased": 1}
    assert (await ask("erase_owner", owner_id=car["id"])).code == "not_found"
    done = [deed for deed in engine.audit.deeds if deed.outcome == "done"]
    assert {deed.actor for deed in done} == {"user anna"}
    assert ("household.erase_owner", car["id"]) in [(deed.action, deed.target) for deed in done]
    assert "Ann" not in str(engine.audit.deeds)


async def test_somebody_is_enrolled_and_erased(engine, ask):
    ann = (await ask("save_member", **ANN)).data["id"]
    made = from_plain(EnrolledSample, (await ask("enrol", owner_id=ann, detection_id=3, user="anna")).data)
    assert (made.detection_id, made.negative) == (3, False)
    assert (await ask("enrol", owner_id=ann, detection_id=4, negative=True)).data["negative"]
    listed = (await ask("list_samples", owner_id=ann)).data["items"]
    assert [one["detection_id"] for one in listed] == [3, 4]
    assert (await ask("erase_samples", owner_id=ann, sample_id=made.id)).data == {"erased": 1}
    assert (await ask("erase_samples", owner_id=ann, sample_id=made.id)).code == "not_found"
    assert (await ask("erase_samples", owner_id=ann)).data == {"erased": 1}
    assert (await ask("erase_faces")).data == {"erased": 0}
    assert (await ask("list_samples", owner_id="nobody")).code == "not_found"
    assert (await ask("enrol", owner_id=ann, detection_id=3, face=True)).code == "forbidden"
    assert ("household.enrol", ann) in [(deed.action, deed.target) for deed in engine.audit.deeds]


async def test_facts_come_and_go(ask):
    fact = {"fact_id": "calendar-7", "kind": "expected_visitor", "expires_at": "2026-11-20T18:00:00Z"}
    assert from_plain(OwnerFact, (await ask("put_fact", **fact)).data).id == "calendar-7"
    assert (await ask("put_fact", **fact, begins_at="2026-11-20T19:00:00Z")).code == "invalid_request"
    assert (await ask("remove_fact", fact_id="calendar-7")).data == {"erased": 1}
    assert (await ask("remove_fact", fact_id="calendar-7")).code == "not_found"


async def test_one_zone_at_a_time(engine, ask):
    await ask("set_zone", **FRONT, **PORCH, user="anna")
    await ask("set_zone", **FRONT, name="Lawn", rectangle=[0, 0.5, 1, 0.5])
    both = await ask("set_zone", **FRONT, zone_id="porch", **PORCH | {"name": "Steps", "priority": 7})
    zones = {one.id: one for one in from_plain(ZoneList, both.data).zones}
    assert zones.keys() == {"porch", "lawn"}
    assert (zones["porch"].name, zones["porch"].priority) == ("Steps", 7)
    assert (await ask("list_zones", **FRONT)).data == both.data
    left = await ask("remove_zone", **FRONT, zone_id="lawn", user="anna")
    assert [one["id"] for one in left.data["zones"]] == ["porch"]
    assert (await ask("remove_zone", **FRONT, zone_id="lawn")).code == "not_found"
    assert ("zones.set", "front_door") in [(deed.action, deed.target) for deed in engine.audit.deeds]


@pytest.mark.parametrize(
    ("zone", "code"),
    [
        (PORCH | {"points": [[0, 0], [1, 1]]}, "unprocessable"),
        (PORCH | {"name": "!"}, "unprocessable"),
        (PORCH | {"type": "moat"}, "invalid_request"),
        (PORCH | {"zone_id": "other"}, "unprocessable"),
    ],
)
async def test_what_is_no_zone_changes_nothing(ask, zone, code):
    before = (await ask("set_zone", **FRONT, **PORCH)).data
    assert (await ask("set_zone", **FRONT, **zone)).code == code
    assert (await ask("list_zones", **FRONT)).data == before


async def test_a_camera_that_does_not_exist(ask):
    gone = {"camera_id": "nowhere"}
    assert (await ask("list_zones", **gone)).code == "not_found"
    assert (await ask("set_zone", **gone, **PORCH)).code == "not_found"
    assert (await ask("remove_zone", **gone, zone_id="porch")).code == "not_found"
