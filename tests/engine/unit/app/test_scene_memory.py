"""An image model learns the views of a camera: real graphs, a real database."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from home_sentry_engine.app.scene_memory import SceneMemories
from home_sentry_engine.app.views import CameraViews
from home_sentry_engine.contract import to_plain
from home_sentry_engine.domain.errors import Unavailable
from home_sentry_engine.domain.messages import Absent
from home_sentry_engine.vision.tasks.embeddings import Embedding, unit
from tests.engine.unit.app.test_views import COVERED, picture
from tests.fakes.household import household


class Eye:
    """Sees the mean colours of 8 x 8 fields, or nothing at all."""

    def __init__(self) -> None:
        self.looks = 0
        self.trouble: Unavailable | None = None
        self.model_id = "colours"

    async def __call__(self, shown) -> Embedding:
        self.looks += 1
        if self.trouble is not None:
            raise self.trouble
        rows, columns = shown.pixels.shape[0] // 8, shown.pixels.shape[1] // 8
        fields = shown.pixels[: rows * 8, : columns * 8].reshape(8, rows, 8, columns, 3).mean(axis=(1, 3))
        return unit(fields.astype(np.float32) - 100.0, self.model_id)


class Watch:
    """One camera, a picture every two minutes."""

    def __init__(self, home, executor=None) -> None:
        self.home, self.eye, self.minutes = home, Eye(), 0.0
        self.media, _ = home.arrival_from("Door", "door")
        self.restart()

    def restart(self) -> None:
        self.memories = SceneMemories(self.home.database, self.home.tables.scenes, self.eye)
        self.views = CameraViews(self.home.database, self.home.tables.scenes, None, self.memories)  # type: ignore[arg-type]  # the loop's own executor

    async def sees(self, shown, minutes: float = 2.0) -> float | None:
        self.minutes += minutes
        at = self.media.captured_at + timedelta(minutes=self.minutes)
        media = replace(self.media, captured_at=at, received_at=at)
        news = await self.views.look(media, shown)
        await self.home.store.write(lambda tx: tx.places.note_view(media, news) and None)
        return await self.score()

    async def score(self) -> float | None:
        camera = await self.home.database.read(lambda conn: self.home.tables.cameras.get(conn, "door"))
        assert camera is not None
        return to_plain(camera)["scene_anomaly"]


@pytest.fixture
async def watch(tmp_path):
    async with household(tmp_path) as home:
        await home.deliver(camera="door")
        await home.work()
        yield Watch(home)


async def test_ten_frames_are_learned_before_anything_is_strange(watch):
    scores = [await watch.sees(picture()) for _ in range(12)]
    assert scores[:10] == [None] * 10
    assert scores[10:] == [pytest.approx(0.0, abs=0.05)] * 2
    assert await watch.sees(COVERED) > 0.8


async def test_what_was_learned_outlives_a_restart_but_not_a_reset(watch):
    for _ in range(11):
        await watch.sees(picture())
    watch.restart()
    assert await watch.sees(picture(seed=9)) > 0.8
    await watch.home.database.write(lambda conn: watch.home.tables.scenes.reset(conn, "door"))
    assert await watch.sees(picture(seed=9)) is None


async def test_another_model_learns_anew(watch):
    for _ in range(11):
        await watch.sees(picture())
    watch.eye.model_id = "other"
    assert await watch.sees(picture()) is None


async def test_a_camera_is_looked_at_once_a_minute(watch):
    for _ in range(8):
        await watch.sees(picture(), minutes=0.25)
    assert watch.eye.looks == 2


async def test_without_a_model_the_reason_is_kept_and_it_is_tried_again_later(watch):
    watch.eye.trouble = Unavailable("siglip2-base needs an accelerator", code="off")
    for _ in range(4):
        assert await watch.sees(picture()) is None
    assert watch.eye.looks == 1
    assert watch.memories.reason == "siglip2-base needs an accelerator"
    watch.eye.trouble = None
    await watch.sees(picture(), minutes=10)
    assert watch.memories.reason is None


async def test_the_leg_of_a_visit_says_how_strange_the_view_is(watch):
    home = watch.home
    home.mind.answer = 40
    await home.deliver(("person", 0.8), camera="door")
    await home.pass_time(60)
    assert home.mind.asked[-1].legs["deviation"] == Absent(reason="no image model knows this view yet")
    for _ in range(11):
        await watch.sees(picture())
    await watch.sees(COVERED)
    home.clock.tick(600)
    await home.deliver(("person", 0.8), camera="door")
    await home.pass_time(60)
    assert home.mind.asked[-1].legs["deviation"]["anomaly"] > 0.8
