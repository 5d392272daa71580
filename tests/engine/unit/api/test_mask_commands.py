"""Privacy masks as commands of the WebSocket."""

import pytest

from home_sentry_engine.contract import MaskList, from_plain
from tests.fakes.peer import Peer

FRONT = {"camera_id": "front_door"}
STREET = {"name": "Street", "points": [[0, 0], [1, 0], [0.5, 0.4]], "modes": ["disarmed", "armed_home"]}


@pytest.fixture
async def peer(connect) -> Peer:
    one: Peer = await connect()
    await one.greet()
    return one


async def test_masks_are_drawn_listed_and_taken_away(engine, peer):
    drawn = await peer.ask("set_masks", {**FRONT, "masks": [STREET], "user": "anna"})
    (mask,) = from_plain(MaskList, drawn.data).masks
    assert (mask.name, mask.points[2], set(mask.modes)) == ("Street", (0.5, 0.4), set(STREET["modes"]))
    assert (await peer.ask("list_masks", FRONT)).data == drawn.data
    assert from_plain(MaskList, (await peer.ask("set_masks", {**FRONT, "masks": []})).data).masks == ()
    deeds = [(one.action, one.actor, one.target) for one in engine.audit.deeds]
    assert ("masks.replace", "user anna", "front_door") in deeds


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"points": [[0, 0], [1, 1]]}, "invalid_request"),
        ({"points": [[0, 0], [1, 1], [2, 0]]}, "unprocessable"),
        ({"points": [[0, 0], [1, 1], [1, 0], [0, 1]]}, "unprocessable"),
        ({"modes": ["asleep"]}, "invalid_request"),
    ],
)
async def test_what_is_no_mask_changes_nothing(peer, wrong, code):
    before = (await peer.ask("set_masks", {**FRONT, "masks": [STREET]})).data
    assert (await peer.ask("set_masks", {**FRONT, "masks": [STREET | wrong]})).code == code
    assert (await peer.ask("list_masks", FRONT)).data == before


async def test_a_camera_that_does_not_exist(peer):
    assert (await peer.ask("list_masks", {"camera_id": "nowhere"})).code == "not_found"
    assert (await peer.ask("set_masks", {"camera_id": "nowhere", "masks": [STREET]})).code == "not_found"
