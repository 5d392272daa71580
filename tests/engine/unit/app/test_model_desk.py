"""The API's models over a real zoo with a model in a mirror."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from home_sentry_engine.app.enriching import enrichment_component
from home_sentry_engine.app.model_desk import ModelDesk
from home_sentry_engine.app.model_room import model_rules
from home_sentry_engine.contract import ComponentState, ModelState
from home_sentry_engine.contract.errors import Conflict, NotFound
from home_sentry_engine.settings import DetectSettings, ModelSettings, load_settings
from home_sentry_engine.vision.models import ModelRules
from home_sentry_engine.vision.session import Room
from home_sentry_engine.vision.tiers import Tier
from home_sentry_engine.vision.zoo import Zoo
from tests.engine.unit.vision.test_models import catalogue, face_file, file_of
from tests.fakes.clock import FakeClock

FACES, AGPL = "ultraface-320", "vehicle-damage-yolo11x"


@asynccontextmanager
async def desk_of(folder):
    zoo = Zoo(
        DetectSettings(provider="cpu"),
        ModelSettings(folder=folder / "own", mirror=str(folder), offline=True),
        FakeClock(),
        catalogue=catalogue(),
        rules=ModelRules(provider="cpu", room=Room(budget_bytes=10**9)),
    )
    async with zoo:
        yield ModelDesk(zoo)


async def test_a_model_that_had_nothing_to_do_for_five_minutes_is_cold(tmp_path):
    face_file(tmp_path)
    async with desk_of(tmp_path) as desk:
        await desk.switch(FACES, on=True)
        assert not (await desk.one(FACES)).cold
        # its canary has warmed it up
        assert not (await desk.load(FACES)).cold
        await desk._zoo.models._clock.advance(299)
        assert (await desk.status()).cold == ()
        await desk._zoo.models._clock.advance(1)
        assert (await desk.status()).cold == (FACES,)
        assert (await desk.one(FACES)).cold
        desk._zoo.models.history.note(FACES, 3.0)
        assert (await desk.status()).cold == ()
        assert (await desk.status()).loaded == (FACES,)


async def test_a_broken_file_is_deleted_and_told_with_what_to_do_until_it_is_whole(tmp_path):
    own, mirror = tmp_path / "own", tmp_path / file_of(FACES)
    face_file(tmp_path)
    async with desk_of(tmp_path) as desk:
        zoo = desk._zoo
        await desk.switch(FACES, on=True)
        assert (await desk.verify(FACES)).ok
        assert enrichment_component(zoo, "models").state is ComponentState.HEALTHY
        whole, ours = mirror.read_bytes(), own / FACES / mirror.name
        ours.parent.mkdir(parents=True)
        for place in (ours, mirror):
            place.write_bytes(whole[:-1] + b"?")
        fetching = asyncio.create_task(zoo.models.run())
        await desk.get(FACES, None)
        await until(lambda: zoo.models.fetches.corrupt(FACES))
        assert not ours.exists()
        assert mirror.exists()
        record = await desk.one(FACES)
        assert record.state is ModelState.FAILED
        assert "sha256" in (record.reason or "")
        assert (await desk.status()).failed == (FACES,)
        told = enrichment_component(zoo, "models")
        assert (told.id, told.state) == ("models", ComponentState.DEGRADED)
        assert "sha256" in (told.reason or "")
        assert "home-sentry models get" in (told.fix or "")
        mirror.write_bytes(whole)
        # the next try comes by itself, later than a person's
        await zoo.models._clock.advance(120)
        await desk.get(FACES, None)
        await until(lambda: zoo.models.fetches.corrupt(FACES) is None)
        assert enrichment_component(zoo, "models").state is ComponentState.HEALTHY
        fetching.cancel()
        await asyncio.gather(fetching, return_exceptions=True)


async def until(condition) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 the store works in threads
            await asyncio.sleep(0.01)


async def test_every_model_is_told_with_its_licence_and_place(tmp_path):
    face_file(tmp_path)
    async with desk_of(tmp_path) as desk:
        found = {one.id: one for one in (await desk.all()).items}
        assert len(found) == len(list(catalogue()))
        assert (found[FACES].place, found[FACES].on, found[FACES].state) == ("mirror", False, ModelState.OFF)
        assert (found[AGPL].licence, found[AGPL].permissive) == ("AGPL-3.0", False)
        assert found["yunet"].resident
        assert (found["yunet"].on, found["yunet"].place, found["yunet"].state) == (True, "none", ModelState.MISSING)
        assert "put it into the model folder" in (found["yunet"].reason or "")
        assert (await desk.all()).memory.budget_bytes == 10**9
        with pytest.raises(NotFound):
            await desk.one("nobody")


async def test_a_model_is_allowed_loaded_weighed_and_let_go(tmp_path):
    face_file(tmp_path)
    async with desk_of(tmp_path) as desk:
        assert (await desk.switch(FACES, on=True)).on
        loaded = await desk.load(FACES)
        assert (loaded.state, loaded.measured, loaded.loads) == (ModelState.LOADED, True, 1)
        status = await desk.status()
        assert status.loaded == (FACES,)
        assert status.memory.used_bytes == loaded.memory_bytes
        # loading alone is no use of it
        assert (await desk.latency()).items == ()
        gone = await desk.unload(FACES)
        assert (gone.state, gone.measured) == (ModelState.READY, True)
        assert (await desk.verify(FACES)).ok
        off = await desk.switch(FACES, on=False)
        assert (off.state, off.reason) == (ModelState.OFF, "UltraFace RFB-320 is off: a person switched it off")


async def test_removing_frees_our_copy_and_not_the_mirrors(tmp_path):
    face_file(tmp_path / "own")
    face_file(tmp_path)
    async with desk_of(tmp_path) as desk:
        assert (await desk.remove(FACES)).freed_bytes > 0
        assert (await desk.one(FACES)).place == "mirror"
        assert (tmp_path / file_of(FACES)).exists()


async def test_what_is_in_use_is_neither_removed_nor_unloaded(tmp_path):
    face_file(tmp_path)
    async with desk_of(tmp_path) as desk:
        await desk.switch(FACES, on=True)
        await desk.load(FACES)
        entry = desk._zoo.pool.entries[0]
        entry.holders += 1
        for deed in (desk.remove, desk.unload):
            with pytest.raises(Conflict, match="in use"):
                await deed(FACES)
        entry.holders -= 1


async def test_licences_and_models_without_files(tmp_path):
    async with desk_of(tmp_path) as desk:
        for deed in (desk.get(AGPL, None), desk.switch(AGPL, on=True), desk.switch(AGPL, on=True, accepted="MIT")):
            with pytest.raises(Conflict, match="AGPL") as caught:
                await deed
            assert caught.value.details["licence"] == "AGPL-3.0"
        assert (await desk.switch(AGPL, on=True, accepted="AGPL-3.0")).on
        with pytest.raises(Conflict, match="has no files"):
            await desk.get("opencv-basic", None)
        with pytest.raises(Conflict, match="not loaded on demand"):
            await desk.load("deimv2-femto")


async def test_the_fetching_of_a_model_is_told(tmp_path):
    async with desk_of(tmp_path) as desk:
        asked = await desk.get("yunet", None)
        assert asked.state is ModelState.MISSING
        (news,) = await desk.news()
        assert (news.model_id, news.state) == ("yunet", ModelState.MISSING)
        running = asyncio.create_task(desk._zoo.models.run())
        while not (news.reason and "into the model folder" in news.reason):
            (news,) = await asyncio.wait_for(desk.news(), 60)
        running.cancel()


async def test_a_model_that_cannot_be_had_keeps_no_other_waiting(tmp_path):
    face_file(tmp_path)
    async with desk_of(tmp_path) as desk:
        fetches = desk._zoo.models.fetches
        running = asyncio.create_task(desk._zoo.models.run())
        await desk.get("yunet", None)
        await until(lambda: fetches.failure("yunet"))
        await desk.switch(FACES, on=True)
        await desk.get(FACES, None)
        await until(lambda: not fetches.is_wanted(FACES))
        assert fetches.failure(FACES) is None
        assert (await desk.one(FACES)).state is ModelState.READY
        # the one that failed rests until its next try
        assert fetches.is_wanted("yunet")
        async with asyncio.timeout(60):
            while fetches.is_wanted("yunet"):
                await desk._zoo.models._clock.advance(60)
                await asyncio.sleep(0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def test_the_machine_limits_what_models_take(tmp_path):
    settings = load_settings(data=tmp_path, environment={}, overrides={"provider": "cpu", "model_memory_mb": 300})
    rules = model_rules(settings)
    assert (rules.tier, rules.idle_s, rules.room.budget_bytes) == (Tier.CPU, 300, 300 * 1024 * 1024)
    left = rules.room.left(0)
    assert left is not None
    assert 0 < left <= 300 * 1024 * 1024
    assert replace(rules.room, budget_bytes=None).left(0) is not None
