"""Looking back with a whole engine: no face leaves in a picture for others, found by the real model."""

import io
import time
from types import SimpleNamespace
import zipfile

import aiohttp
import numpy as np
import pytest

from home_sentry_engine.api.limits import RateLimiter
from home_sentry_engine.app.engine import Engine
from home_sentry_engine.app.looking_back import abilities
from home_sentry_engine.app.sharing import SharedPictures, faces_of
from home_sentry_engine.contract import ComponentState
from home_sentry_engine.domain.box import Box
from home_sentry_engine.domain.errors import Unavailable
from home_sentry_engine.media.blur import blurred
from home_sentry_engine.media.picture import decode
from home_sentry_engine.operations.evidence import check_pack
from home_sentry_engine.storage.repositories.watching import Ability
from home_sentry_engine.vision.tasks.faces import FaceFinder
from home_sentry_engine.vision.tasks.pictures import RgbFrame
from tests.engine.security.test_s02_cameras import server_of
from tests.engine.unit.app.test_engine import drop, events_of, running, settings_in, until
from tests.fakes.api import GENEROUS

CROWD = "images/coco_val2017/000000001000.jpg"


class NoFinder:
    """A model that finds nothing."""

    def find(self, frame, *, confidence=0.6, cancel=None):
        return ()


class AwayModels:
    """Models of which none is here."""

    async def preload(self, model_id, kind):
        raise Unavailable(f"{model_id} is not here", code="model_missing")

    async def use(self, model_id, kind, work, *, timeout_s):
        await self.preload(model_id, kind)


class NoPictures:
    """A decoder of nothing."""

    async def whole(self, media, offset_s):
        return np.zeros((10, 10, 3), np.uint8)


def test_a_person_without_a_face_loses_the_upper_part():
    pixels = np.random.default_rng(1).integers(0, 255, (200, 300, 3), np.uint8)
    person = Box(x=100, y=50, width=40, height=100)
    found = faces_of(NoFinder(), pixels, [person])  # type: ignore[arg-type]
    assert found == [Box(x=100, y=50, width=40, height=30)]


def test_what_is_blurred_cannot_be_told_any_more_and_the_rest_stays():
    pixels = np.random.default_rng(1).integers(0, 255, (200, 300, 3), np.uint8)
    drawn = blurred(pixels, [Box(x=100, y=50, width=60, height=60), Box(x=290, y=190, width=10, height=10)])
    inside = drawn[50:110, 100:160].reshape(-1, 3)
    assert len(np.unique(inside, axis=0)) <= 36
    assert np.array_equal(drawn[:20], pixels[:20])
    assert not np.array_equal(drawn[50:110, 100:160], pixels[50:110, 100:160])
    assert not drawn.flags.writeable


async def test_without_the_model_that_finds_faces_nothing_is_shared():
    shared = SharedPictures(AwayModels(), NoPictures(), None)  # type: ignore[arg-type]
    with pytest.raises(Unavailable, match=r"finds them is away: yunet is not here") as told:
        await shared.check()
    assert told.value.code == "no_face_model"
    with pytest.raises(Unavailable):
        await shared.picture(None, None, [])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("roles", "paused", "states", "able"),
    [
        ({"ingest", "detect"}, None, {}, {Ability.RUN, Ability.TAKE, Ability.LOOK}),
        ({"ingest"}, None, {}, {Ability.RUN, Ability.TAKE}),
        ({"ingest", "detect"}, "no room", {}, {Ability.RUN, Ability.LOOK}),
        ({"ingest", "detect"}, None, {"detector": ComponentState.FAILED}, {Ability.RUN, Ability.TAKE}),
        ({"ingest", "detect"}, None, {"detect_workers": ComponentState.DISABLED}, {Ability.RUN, Ability.TAKE}),
        ({"detect"}, None, {"detector": ComponentState.DEGRADED}, {Ability.RUN, Ability.LOOK}),
        ({"assess", "api"}, None, {}, {Ability.RUN}),
    ],
)
def test_what_an_engine_can_do_follows_from_its_roles_and_parts(roles, paused, states, able):
    ground = SimpleNamespace(
        settings=SimpleNamespace(roles=frozenset(roles)),
        board=SimpleNamespace(state=lambda name: states.get(name, ComponentState.HEALTHY)),
        wellbeing=SimpleNamespace(guard=SimpleNamespace(paused=paused)),
    )
    assert abilities(ground) == able  # type: ignore[arg-type]


async def _exported(session: aiohttp.ClientSession, **wish) -> bytes:
    async with session.post("/api/v1/exports", json=wish) as answer:
        assert answer.status == 202, await answer.text()
        export_id = (await answer.json())["id"]

    async def ready():
        async with session.get(f"/api/v1/exports/{export_id}") as answer:
            known = await answer.json()
        assert known["state"] != "failed", known["reason"]
        return known["state"] == "ready"

    await until(ready)
    async with session.get(f"/api/v1/exports/{export_id}/file") as answer:
        assert answer.status == 200
        assert answer.headers["Content-Disposition"].startswith('attachment; filename="home-sentry-')
        return await answer.read()


async def _faces(engine: Engine, archive: bytes) -> int:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        frames = [RgbFrame.of(decode(opened.read(name)).pixels) for name in opened.namelist() if name.endswith(".jpg")]
    assert frames

    def look(finder: FaceFinder, _cancel: object) -> int:
        return sum(len(finder.find(frame)) for frame in frames)

    return await engine.zoo.models.use("yunet", FaceFinder, look, timeout_s=60)


async def test_over_http_a_time_is_summarised_and_exported_without_faces(tmp_path, model_mirror, test_media):
    async with running(settings_in(tmp_path, model_mirror)) as engine:
        # what is made slowly is asked for more often than a caller may
        server_of(engine)._limiter = RateLimiter(GENEROUS, time.monotonic)
        drop(test_media / CROWD, tmp_path / "cameras" / "Front Door")

        async def finished():
            return [one for one in await events_of(engine) if one.ended_at is not None]

        (event,) = await until(finished)
        headers = {"Authorization": f"Bearer {(tmp_path / 'token').read_text().strip()}"}
        async with aiohttp.ClientSession(engine.url, headers=headers) as session:
            own = await _exported(session, kind="zip")
            shared = await _exported(session, kind="zip", share=True)
            assert await _faces(engine, own) >= 4
            assert await _faces(engine, shared) == 0
            packed = tmp_path / "evidence.zip"
            packed.write_bytes(await _exported(session, kind="evidence", event=event.event_id))
            assert check_pack(packed).faults == ()
            with zipfile.ZipFile(packed) as opened:
                stills = [opened.read(name) for name in opened.namelist() if name.startswith("stills/")]
            assert stills == [(test_media / CROWD).read_bytes()]
            assert (await _exported(session, kind="csv")).decode("utf-8-sig").count("\n") == 2
            async with session.put(
                "/api/v1/properties/home", json={"name": "Home", "camera_ids": ["front_door"]}
            ) as answer:
                assert answer.status == 200
            async with session.get("/api/v1/events", params={"property": "home"}) as answer:
                assert [one["event_id"] for one in (await answer.json())["items"]] == [event.event_id]
            async with session.get("/api/v1/events", params={"property": "moon"}) as answer:
                assert answer.status == 404
            times = {"since": "2020-01-01T00:00:00Z", "until": "2020-01-02T00:00:00Z"}
            async with session.post("/api/v1/summaries", json=times) as answer:
                told = await answer.json()
            assert (answer.status, told["all_clear"], told["looked"]) == (201, False, 0)
            assert [one["reason"] for one in told["blind"]] == ["not_running"]
