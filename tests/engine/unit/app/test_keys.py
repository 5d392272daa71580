"""Keys in the database, and whose things are."""

from datetime import timedelta

import pytest

from home_sentry_engine.api.access import Reach
from home_sentry_engine.api.key_ports import KeyWish
from home_sentry_engine.api.tokens import hash_of
from home_sentry_engine.app.keys import MOST_KEYS, StoredBelongings, StoredKeys, is_live
from home_sentry_engine.contract import KeyRole
from home_sentry_engine.contract.errors import Conflict, NotFound, Unprocessable
from tests.fakes.household import household

VIEWER = KeyRole.VIEWER


@pytest.fixture
async def home(tmp_path):
    async with household(tmp_path) as opened:
        for camera in ("door", "garden"):
            await opened.deliver(("person", 0.9), camera=camera)
        await opened.work()
        yield opened


@pytest.fixture
def keys(home) -> StoredKeys:
    return StoredKeys(home.database, home.tables.cameras, home.clock, home._ids)


async def test_a_key_is_kept_as_it_was_wished(keys, home):
    until = home.clock.now() + timedelta(days=3)
    wish = KeyWish(name="tablet", role=KeyRole.OPERATOR, cameras=("garden", "door"), expires_at=until)
    made = await keys.make(wish, hash_of("secret"))
    (stored,) = await keys.all()
    assert (stored.key, stored.sha256) == (made, hash_of("secret"))
    assert (made.role, made.cameras, made.expires_at) == (KeyRole.OPERATOR, ("garden", "door"), until)
    assert (made.created_at, made.last_used_at, made.revoked_at) == (home.clock.now(), None, None)


async def test_the_newest_stands_first(keys, home):
    for name in ("a", "b"):
        await keys.make(KeyWish(name=name, role=VIEWER), hash_of(name))
        home.clock.tick(1)
    assert [one.key.name for one in await keys.all()] == ["b", "a"]


async def test_what_makes_no_sense_is_refused(keys, home):
    key = await keys.make(KeyWish(name="tablet", role=VIEWER), hash_of("1"))
    chief = await keys.make(KeyWish(name="chief", role=KeyRole.ADMIN), hash_of("2"))
    past = home.clock.now()
    with pytest.raises(NotFound):
        await keys.make(KeyWish(name="x", role=VIEWER, cameras=("attic",)), hash_of("3"))
    with pytest.raises(Unprocessable):
        await keys.make(KeyWish(name="x", role=VIEWER, expires_at=past), hash_of("3"))
    with pytest.raises(Conflict):
        await keys.make(KeyWish(name="tablet", role=VIEWER), hash_of("3"))
    with pytest.raises(NotFound):
        await keys.change("nobody", {"name": "x"})
    with pytest.raises(NotFound):
        await keys.change(key.id, {"cameras": ("attic",)})
    with pytest.raises(Unprocessable):
        await keys.change(chief.id, {"cameras": ("door",)})
    with pytest.raises(Unprocessable):
        await keys.change(key.id, {"expires_at": past})
    with pytest.raises(NotFound):
        await keys.revoke("nobody")
    await keys.revoke(key.id)
    with pytest.raises(Conflict):
        await keys.change(key.id, {"name": "x"})
    assert len(await keys.all()) == 2


async def test_the_camera_of_a_key_may_go_and_the_key_sees_no_more_than_before(keys, home):
    key = await keys.make(KeyWish(name="tablet", role=VIEWER, cameras=("garden",)), hash_of("1"))
    await home.database.write(lambda conn: home.tables.cameras.remove(conn, "garden", home.clock.now()))
    assert (await keys.change(key.id, {"name": "screen"})).cameras == ("garden",)


async def test_revoking_twice_keeps_the_first_time(keys, home):
    key = await keys.make(KeyWish(name="tablet", role=VIEWER), hash_of("1"))
    first = await keys.revoke(key.id)
    home.clock.tick(60)
    assert await keys.revoke(key.id) == first
    assert not is_live(first, home.clock.now())


async def test_use_is_noted_and_an_end_can_be_taken_away(keys, home):
    until = home.clock.now() + timedelta(days=3)
    key = await keys.make(KeyWish(name="tablet", role=VIEWER, expires_at=until), hash_of("1"))
    await keys.used({key.id: home.clock.now()})
    changed = await keys.change(key.id, {"expires_at": None})
    assert (changed.last_used_at, changed.expires_at) == (home.clock.now(), None)


async def test_there_are_not_more_keys_than_can_be_looked_through(keys):
    made = [await keys.make(KeyWish(name=str(n), role=VIEWER), hash_of(str(n))) for n in range(MOST_KEYS)]
    with pytest.raises(Conflict):
        await keys.make(KeyWish(name="x", role=VIEWER), hash_of("x"))
    await keys.revoke(made[0].id)
    await keys.make(KeyWish(name="x", role=VIEWER), hash_of("x"))


async def test_whose_things_are(home):
    belongings = StoredBelongings(home.database)
    for event in await home.events():
        camera = event.camera_id
        (found,) = await home.database.read(
            lambda conn, event_id=event.event_id: home.tables.detections.of_event(conn, event_id)
        )
        assert await belongings.camera_of(Reach.EVENT, event.event_id) == camera
        assert await belongings.camera_of(Reach.MEDIA, event.media_id) == camera
        assert await belongings.camera_of(Reach.DETECTION, found.id) == camera
    for kind, thing in ((Reach.EVENT, "x"), (Reach.MEDIA, "x"), (Reach.DETECTION, 10**6), (Reach.CHANGE, 10**6)):
        assert await belongings.camera_of(kind, thing) is None
