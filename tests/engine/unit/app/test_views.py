"""Views of cameras over a real database: told, kept over a restart, evidence in the next event."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import cv2
import numpy as np
import pytest

from home_sentry_engine.app.views import CameraViews
from home_sentry_engine.domain.resting import ViewNews
from home_sentry_engine.media.picture import Picture
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

    async def sees(self, shown: Picture, after_s: float = 30.0) -> ViewNews:
        self.seconds += after_s
        media = replace(self.media, captured_at=self.media.captured_at + timedelta(seconds=self.seconds))
        news = await self.views.look(media, shown)
        await self.home.store.write(lambda tx: tx.places.note_view(media, news))
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
