"""Views of cameras over a real database: told, kept over a restart, evidence in the next event."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import cv2
import numpy as np
import pytest

from home_sentry_engine.app import views as views_module
from home_sentry_engine.app.scenes import StoredScenes
from home_sentry_engine.app.views import CameraViews
from home_sentry_engine.context.patches import alike
from home_sentry_engine.contract import CameraStatus, SceneChanged, decode
from home_sentry_engine.domain.resting import ViewNews
from home_sentry_engine.media.picture import Picture
from home_sentry_engine.media.similarity import SCALER
from home_sentry_engine.pipeline.relay import to_message
from tests.fakes.household import household


def picture(seed: int = 1, *, light: float = 1.0, grey: bool = False, size: tuple[int, int] = (1280, 720)) -> Picture:
    random = np.random.default_rng(seed)
    small = random.integers(0, 255, (12, 20, 3), dtype=np.uint8)
    pixels = cv2.resize(small, size, interpolation=cv2.INTER_NEAREST) * light
    if grey:
        pixels = np.repeat(pixels.mean(axis=2, keepdims=True), 3, axis=2)
    shown = pixels.astype(np.uint8)
    return Picture(pixels=shown, width=size[0], height=size[1], source=b"")


COVERED = picture(light=0.01)


class Watch:
    """One camera's pictures, each half a minute after the one before, with what they say stored."""

    def __init__(self, home, executor) -> None:
        self.home, self.executor, self.seconds = home, executor, 0.0
        self.media, _ = home.arrival_from("Door", "door")
        self.restart()

    def restart(self) -> None:
        self.views = CameraViews(self.home.database, self.home.tables.scenes, self.executor)

    async def sees(self, shown: Picture, after_s: float = 30.0, *, camera_id: str = "door") -> ViewNews:
        self.seconds += after_s
        at = self.media.captured_at + timedelta(seconds=self.seconds)
        media = replace(self.media, camera_id=camera_id, captured_at=at)
        news = await self.views.look(media, shown)

        def note(tx):
            for change in tx.places.note_view(media, news):
                tx.outbox.add("scene_change", change, camera_id=change.camera_id)
            tx.cameras.seen("door", media_id=None, at=media.captured_at)

        await self.home.store.write(note)
        return news

    async def told(self) -> list[str]:
        since = self.media.captured_at - timedelta(days=1)
        found = await self.home.database.read(lambda conn: self.home.tables.scenes.recent(conn, "door", since))
        return [f"{change.kind}{' over' if change.over_at else ''}" for change in found]


@pytest.fixture
async def watch(tmp_path):
    with ThreadPoolExecutor(1) as executor:
        async with household(tmp_path) as home:
            await home.deliver(camera="door")
            await home.work()
            yield Watch(home, executor)


async def test_a_covered_lens_is_told_once_and_ends(watch):
    for _ in range(6):
        await watch.sees(picture())
    for _ in range(6):
        await watch.sees(COVERED)
    assert await watch.told() == ["view_blocked"]
    assert (await watch.sees(picture())).over
    assert await watch.told() == ["view_blocked over"]


async def test_a_change_keeps_its_score_and_what_scaled_the_pictures(watch):
    assert (await watch.sees(picture())).similarity is None
    same = await watch.sees(picture())
    assert same.similarity > 0.9
    for _ in range(6):
        await watch.sees(COVERED)
    (change,) = await watch.home.database.read(lambda conn: watch.home.tables.scenes.changes(conn, "door"))
    assert (change.similarity < 0.9, change.scaler) == (True, SCALER)
    camera = await watch.home.database.read(lambda conn: watch.home.tables.cameras.get(conn, "door"))
    assert camera.scene_change == change


async def test_a_view_that_another_scaler_made_is_never_compared(watch, monkeypatch):
    for _ in range(8):
        await watch.sees(picture())
    (kept,) = await watch.home.database.read(lambda conn: watch.home.tables.scenes.of(conn, "door"))
    assert kept.state["scaler"] == SCALER
    monkeypatch.setattr(views_module, "SCALER", "another-scaler")
    watch.restart()
    first, second = [await watch.sees(picture(seed=9)) for _ in range(2)]
    assert (first.similarity, first.change) == (None, None)
    assert second.scaler == "another-scaler"
    assert await watch.told() == []


async def test_what_was_learned_outlives_a_restart(watch):
    for _ in range(8):
        await watch.sees(picture())
    await watch.sees(picture(), after_s=700)
    watch.restart()
    changes = [await watch.sees(picture(seed=9)) for _ in range(4)]
    assert [news.change for news in changes].count("angle_changed") == 1


async def test_infrared_has_a_view_of_its_own(watch):
    for _ in range(3):
        for _ in range(4):
            await watch.sees(picture())
        for _ in range(4):
            await watch.sees(picture(seed=5, grey=True))
    assert await watch.told() == []
    kept = await watch.home.database.read(lambda conn: watch.home.tables.scenes.of(conn, "door"))
    assert [view.light for view in kept] == ["day", "infrared"]


async def test_what_a_picture_shows_at_a_place_is_told_with_its_light(watch):
    day, night = (await watch.sees(picture())).shown, (await watch.sees(picture(light=0.7, grey=True))).shown
    assert day is not None
    assert night is not None
    assert (day.light, night.light) == ("day", "infrared")
    here, there = (0.1, 0.2, 0.3, 0.4), (0.6, 0.5, 0.3, 0.4)
    assert alike(day.patch(here), night.patch(here))
    assert not alike(day.patch(here), day.patch(there))


async def test_views_are_kept_now_and_then_only(watch):
    news = [await watch.sees(picture()) for _ in range(30)]
    assert sum(one.keep is not None for one in news) == 2


async def test_another_resolution_is_learned_anew(watch):
    await watch.sees(picture())
    assert (await watch.sees(picture(size=(640, 480)))).keep is not None
    assert await watch.told() == []


async def test_an_older_picture_says_nothing(watch):
    await watch.sees(picture())
    assert await watch.sees(COVERED, after_s=-10) == ViewNews()


async def test_a_kept_view_that_cannot_be_read_is_learned_anew(watch):
    await watch.sees(picture())
    await watch.home.database.write(lambda conn: conn.exec_driver_sql("UPDATE scenes SET picture = x'00'") and None)
    watch.restart()
    assert (await watch.sees(picture())).keep is not None


class Newest:
    """Decodes every media file to one picture."""

    def __init__(self) -> None:
        self.shown = picture()
        self.asked: list[str] = []

    async def load(self, media):
        self.asked.append(media.media_id)
        return (self.shown,)


@pytest.fixture
def newest() -> Newest:
    return Newest()


@pytest.fixture
def scenes(watch, newest) -> StoredScenes:
    home = watch.home
    return StoredScenes(home.database, home.tables, home.clock, lambda: None, pictures=newest.load)


async def camera_of(watch):
    found = await watch.home.database.read(lambda conn: watch.home.tables.cameras.get(conn, "door"))
    assert found is not None
    return found


async def messages(watch) -> list[SceneChanged]:
    rows = await watch.home.database.read(lambda conn: watch.home.tables.outbox.since(conn, 0, 10_000))
    return [decode(SceneChanged, to_message(row)) for row in rows if row.kind == "scene_change"]


async def test_a_change_is_announced_when_it_begins_and_when_it_is_over(watch):
    for shown in (picture(), COVERED, picture()):
        for _ in range(6):
            await watch.sees(shown)
        if shown is COVERED:
            camera = await camera_of(watch)
            assert (camera.status, camera.status_reason) == (CameraStatus.DEGRADED, "the view is blocked")
            assert camera.scene_change is not None
    assert [(one.change.kind.value, one.change.stands) for one in await messages(watch)] == [
        ("view_blocked", True),
        ("view_blocked", False),
    ]
    camera = await camera_of(watch)
    assert (camera.status, camera.scene_change) == (CameraStatus.ONLINE, None)


async def test_the_newest_picture_becomes_the_usual_view_of_its_light_at_once(watch, scenes, newest):
    for _ in range(6):
        await watch.sees(picture())
    for _ in range(6):
        await watch.sees(picture(seed=9))
    media_id = await watch.home.deliver(camera="door")
    await watch.home.work()
    newest.shown = picture(seed=9)
    taken = await scenes.update("door")
    assert (taken.light, taken.media_id, newest.asked) == ("day", media_id, [media_id])
    kept = await watch.home.database.read(lambda conn: watch.home.tables.scenes.of(conn, "door"))
    assert [view.state["learned"] for view in kept] == [1]
    camera = await camera_of(watch)
    assert (camera.status, camera.scene_change) == (CameraStatus.ONLINE, None)
    assert [(await watch.sees(picture(seed=9))).change for _ in range(6)] == [None] * 6
    back = [await watch.sees(picture()) for _ in range(6)]
    assert "angle_changed" in [news.change for news in back]


async def test_only_a_picture_that_shows_something_becomes_the_usual_view(scenes, newest):
    assert await scenes.update("nowhere") is None
    newest.shown = COVERED
    with pytest.raises(ValueError, match="shows nothing"):
        await scenes.update("door")


async def test_an_acknowledged_view_is_the_usual_one_from_then_on(watch, scenes):
    for _ in range(6):
        await watch.sees(picture())
    for _ in range(6):
        await watch.sees(picture(seed=9))
    (change,) = await scenes.acknowledge_camera("door")
    assert change.acknowledged_at is not None
    camera = await camera_of(watch)
    assert (camera.status, camera.scene_change) == (CameraStatus.ONLINE, None)
    news = [await watch.sees(picture(seed=9)) for _ in range(12)]
    assert [one.change for one in news if one.change] == []
    assert [one.change.acknowledged_at is not None for one in await messages(watch)] == [False, True]
    assert await scenes.acknowledge_camera("door") == ()
    assert await scenes.acknowledge(change.id) == change
    assert await scenes.acknowledge(999) is None
    assert await scenes.acknowledge_camera("nowhere") is None
    assert await scenes.changes("nowhere", 5) is None
    assert await scenes.changes(None, 5) == (change,)


async def test_a_cover_that_was_acknowledged_never_becomes_the_usual_view(watch, scenes):
    for _ in range(6):
        await watch.sees(picture())
    for _ in range(6):
        await watch.sees(COVERED)
    (change,) = await scenes.changes("door", 5)
    assert (await scenes.acknowledge(change.id)).acknowledged_at is not None
    for _ in range(4):
        await watch.sees(COVERED)
    await watch.sees(picture())
    changes = [await watch.sees(COVERED) for _ in range(6)]
    assert [one.change for one in changes if one.change] == ["view_blocked"]


async def test_a_forgotten_view_is_learned_anew_by_every_engine(watch, scenes):
    for _ in range(6):
        await watch.sees(picture())
    assert await scenes.reset("door") == 1
    assert await scenes.reset("nowhere") is None
    changes = [await watch.sees(picture(seed=9)) for _ in range(8)]
    assert [one.change for one in changes if one.change] == []
    assert await scenes.reset(None) == 1


async def test_a_lorry_that_parks_is_told_and_soon_part_of_the_view(watch):
    for _ in range(8):
        await watch.sees(picture())
    lorry = picture()
    lorry.pixels[300:680, 700:1240] = 90
    for _ in range(8):
        await watch.sees(lorry)
    assert await watch.told() == ["unknown over"]
    assert (await camera_of(watch)).status is CameraStatus.ONLINE
    for _ in range(6):
        await watch.sees(COVERED)
    assert await watch.told() == ["view_blocked", "unknown over"]


async def test_cameras_that_are_gone_leave_no_view_in_memory(watch):
    for number in range(5):
        camera_id = f"guest{number}"
        await watch.home.deliver(camera=camera_id)
        await watch.sees(picture(seed=number), camera_id=camera_id)
        assert set(watch.views._cameras) == {camera_id}
        await watch.home.database.write(
            lambda conn, camera_id=camera_id: watch.home.tables.cameras.remove(conn, camera_id, watch.home.clock.now())
        )
    await watch.sees(picture())
    assert set(watch.views._cameras) == {"door"}
