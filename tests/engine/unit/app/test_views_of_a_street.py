"""Views with real pictures: a street with pedestrians, at dusk, under infrared light, with a lorry, with a cover."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from home_sentry_engine.media.picture import Picture
from tests.engine.unit.app.test_views import Watch
from tests.fakes.household import household

ROWS, COLUMNS = 360, 480
STEP = 20


def frames_of(video: Path) -> Iterator[np.ndarray]:
    reader = cv2.VideoCapture(str(video))
    try:
        number = 0
        while True:
            there, pixels = reader.read()
            if not there:
                return
            if number % STEP == 0:
                yield np.ascontiguousarray(pixels[:, :, ::-1])
            number += 1
    finally:
        reader.release()


@pytest.fixture(scope="module")
def street(test_media) -> list[np.ndarray]:
    """Real frames of one fixed camera, 40 of them, people walk through all of them."""
    found = list(frames_of(test_media / "video" / "vtest.avi"))
    assert len(found) == 40
    assert found[0].shape == (ROWS, COLUMNS, 3)
    return found


@pytest.fixture(scope="module")
def noise() -> np.random.Generator:
    return np.random.default_rng(1)


def shown(pixels: np.ndarray) -> Picture:
    whole = np.clip(pixels, 0, 255).astype(np.uint8)
    return Picture(pixels=whole, width=whole.shape[1], height=whole.shape[0], source=b"")


def infrared(pixels: np.ndarray) -> np.ndarray:
    """Make what a camera shows at night: no colour, a lamp in the middle, foliage that shines."""
    red, green, blue = (pixels[:, :, n].astype(np.float32) for n in range(3))
    grey = 0.2 * red + 0.9 * green - 0.1 * blue
    y, x = np.mgrid[-1 : 1 : ROWS * 1j, -1 : 1 : COLUMNS * 1j]
    lit = grey * (1.15 - 0.6 * (x**2 + y**2))
    return np.repeat(lit[:, :, None], 3, axis=2)


@pytest.fixture
async def watch(tmp_path, street):
    """A camera that has seen the street for a while."""
    with ThreadPoolExecutor(1) as executor:
        async with household(tmp_path) as home:
            await home.deliver(camera="door")
            await home.work()
            watch = Watch(home, executor)
            for pixels in street[:20]:
                await watch.sees(shown(pixels))
            yield watch


async def test_people_who_walk_by_tell_nothing(watch, street):
    for pixels in (*street[20:], *street[:10]):
        await watch.sees(shown(pixels))
    assert await watch.told() == []


async def test_dusk_and_dawn_tell_nothing(watch, street, noise):
    shares = (*np.linspace(1, 0.2, 30), *np.linspace(0.2, 1, 30))
    for n, share in enumerate(shares):
        grain = noise.normal(0, 2 + 6 * (1 - share), (ROWS, COLUMNS, 1))
        await watch.sees(shown(street[n % 40] * share + grain), after_s=60)
    assert await watch.told() == []


async def test_the_switch_to_infrared_and_back_tells_nothing(watch, street, noise):
    for _ in range(3):
        for pixels in street[:8]:
            await watch.sees(shown(infrared(pixels) + noise.normal(0, 4, (ROWS, COLUMNS, 1))))
        for pixels in street[8:16]:
            await watch.sees(shown(pixels))
    assert await watch.told() == []


async def test_one_passing_lorry_tells_nothing(watch, street, test_media):
    bus = cv2.imread(str(next(iter(sorted((test_media / "images" / "coco_val2017").glob("*.jpg"))))))
    assert bus is not None
    lorry = cv2.resize(bus, (310, 260))[:, :, ::-1]
    for round_, pixels in enumerate(street[:12]):
        for left in (-120, 40, 250):
            with_lorry = pixels.copy()
            place = with_lorry[75:335, max(0, left) : left + 310]
            place[:] = lorry[: place.shape[0], -place.shape[1] :]
            await watch.sees(shown(with_lorry), after_s=3)
        await watch.sees(shown(street[round_ + 20]), after_s=30)
    assert await watch.told() == []


@pytest.mark.parametrize(
    ("spoil", "kind"),
    [
        (lambda pixels: pixels * 0.02 + 3, "view_blocked"),
        (lambda pixels: cv2.GaussianBlur(pixels, (0, 0), 5), "view_tampered"),
        (lambda pixels: cv2.resize(pixels[60:220, 220:433], (COLUMNS, ROWS)), "angle_changed"),
    ],
    ids=["covered", "smeared", "turned"],
)
async def test_real_tampering_is_told_after_three_frames_and_ends(watch, street, spoil, kind):
    news = [await watch.sees(shown(spoil(pixels)), after_s=6) for pixels in street[20:26]]
    told = [n for n, one in enumerate(news) if one.change is not None]
    assert await watch.told() == [kind]
    assert told == [2]
    for pixels in street[26:29]:
        await watch.sees(shown(pixels))
    assert await watch.told() == [f"{kind} over"]
