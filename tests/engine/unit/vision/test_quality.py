import numpy as np
from PIL import Image, ImageFilter
import pytest

from home_sentry_engine.domain.errors import Permanent
from home_sentry_engine.vision.eyes import draw_canary
from home_sentry_engine.vision.tasks.graph import Loaded
from home_sentry_engine.vision.tasks.pictures import RgbFrame
from home_sentry_engine.vision.tasks.quality import Defect, QualityMeter, measure, quality_of
from tests.engine.unit.vision.loading import real

NUMBERS = np.random.default_rng(11)


def frame(pixels) -> RgbFrame:
    return RgbFrame.of(np.asarray(pixels, np.uint8))


def street(width: int = 640, height: int = 480) -> np.ndarray:
    """A drawn scene with sky, ground, edges and fine structure."""
    y, x = np.mgrid[:height, :width]
    scene = np.where(y < height // 3, 180, 90)[..., np.newaxis] + np.stack(
        [x % 37 * 2, (2 * x + 3 * y) % 29 * 2, (x + y) % 31 * 2], 2
    )
    scene[height // 2 : height - 40, 80:200] = (40, 60, 120)
    scene[height // 2 :: 9, 300:600] = (220, 220, 200)
    return np.clip(scene, 0, 255).astype(np.uint8)


def measured(pixels) -> tuple[set[Defect], str | None]:
    found = quality_of(frame(pixels))
    return set(found.defects), found.verdict


def test_a_drawn_scene_is_fine():
    found = quality_of(frame(street()))
    assert (found.defects, found.verdict) == ((), None)
    assert found.score < 40


@pytest.mark.parametrize(
    ("make", "defect", "verdict"),
    [
        (lambda scene: scene * 0.08, Defect.DARK, "bad quality"),
        (np.zeros_like, Defect.DARK, "bad quality"),
        (lambda scene: np.full_like(scene, 120), Defect.UNIFORM, "view covered"),
        (lambda scene: np.full_like(scene, 255), Defect.UNIFORM, "view covered"),
        (lambda scene: Image.fromarray(scene).filter(ImageFilter.GaussianBlur(3)), Defect.BLURRED, "bad quality"),
        (lambda scene: Image.fromarray(scene).filter(ImageFilter.GaussianBlur(8)), Defect.BLURRED, "view covered"),
        (lambda scene: Image.fromarray(scene).filter(ImageFilter.GaussianBlur(60)), Defect.COVERED, "view covered"),
        (lambda scene: np.clip(scene + NUMBERS.normal(0, 60, scene.shape), 0, 255), Defect.NOISY, None),
    ],
)
def test_defects(make, defect, verdict):
    defects, told = measured(make(street()))
    assert defect in defects
    assert told == verdict


def test_a_hand_before_the_lens_is_covered():
    x = np.linspace(60, 100, 640)
    skin = np.stack([np.tile(x + shade, (480, 1)) for shade in (30, 5, 0)], 2) + NUMBERS.normal(0, 1.5, (480, 640, 3))
    assert measured(np.clip(skin, 0, 255)) == ({Defect.COVERED}, "view covered")


def test_broken_rows_are_stripes():
    scene = np.tile(np.linspace(60, 160, 640), (480, 1))[..., np.newaxis].repeat(3, axis=2)
    scene[100:400, 200:260] = (30, 90, 140)
    scene[150:300, 400:420] = 220
    assert Defect.STRIPED not in measured(scene)[0]
    for top in range(60, 420, 120):
        scene[top : top + 60, :, 1] += 80
    assert Defect.STRIPED in measured(scene)[0]
    assert measured(scene)[1] == "bad quality"
    scene[420:, :, 1] += 80
    assert Defect.STRIPED in measured(scene)[0]
    assert measured(scene)[1] == "view covered"


def test_mscn_is_brisques():
    picture = street(64, 48)
    grey = picture.astype(np.float64) @ (0.299, 0.587, 0.114)
    taps = np.exp(-((np.arange(7) - 3) ** 2) / (2 * (7 / 6) ** 2))
    weights = np.outer(taps, taps) / taps.sum() ** 2
    padded, squared = (np.pad(one, 3, mode="reflect") for one in (grey, grey**2))
    mean, power = (
        sum(weights[i, j] * one[i : i + 48, j : j + 64] for i in range(7) for j in range(7))
        for one in (padded, squared)
    )
    mscn = (grey - mean) / (np.sqrt(np.maximum(power - mean**2, 0)) + 1)
    assert measure(picture).mscn == pytest.approx(mscn.var(), rel=1e-3)


@pytest.mark.parametrize("shape", [(8, 8), (1, 300), (300, 1), (40, 40), (3000, 20)])
def test_any_size_is_judged(shape):
    found = quality_of(frame(NUMBERS.integers(0, 255, (*shape, 3))))
    assert 0 <= found.score <= 100
    assert found.grade in {"excellent", "good", "fair", "poor"}


def test_what_is_no_picture_is_refused():
    with pytest.raises(Permanent):
        measure(np.zeros((3, 3), np.uint8))


def test_it_is_asked_for_like_a_model():
    loaded: Loaded = real("image-quality")
    meter = QualityMeter(loaded)
    meter.canary(frame(draw_canary()))
    assert meter.judge(frame(street())).verdict is None


class TestReal:
    def test_no_labelled_picture_is_called_bad(self, test_media):
        bad = {
            path.name: quality.verdict
            for folder in ("voc2012", "coco_val2017", "misc", "omz", "plates", "night")
            for path in sorted((test_media / "images" / folder).iterdir())
            if (quality := quality_of(frame(Image.open(path).convert("RGB")))).verdict
        }
        assert bad == {}

    def test_the_striped_frame_is_told_and_its_night_neighbour_is_not(self, test_media):
        folder = test_media / "images" / "frigate_docs"
        assert measured(Image.open(folder / "mismatched-resolution.jpg").convert("RGB")) == (
            {Defect.STRIPED}, "view covered"
        )  # fmt: skip
        assert measured(Image.open(folder / "false-positive.jpg").convert("RGB")) == (set(), None)

    def test_only_strong_blur_hides_the_scene_and_no_ordinary_picture_comes_near(self, test_media):
        names = ("misc/3dogs.jpg", "night/iat_low_demo.jpg", "frigate_docs/false-positive.jpg")
        for name in names:
            with Image.open(test_media / "images" / name) as opened:
                picture = opened.convert("RGB")
            wide = picture.filter(ImageFilter.GaussianBlur(picture.width * 0.012))
            slight = picture.filter(ImageFilter.GaussianBlur(picture.width * 0.003))
            assert (measured(wide)[1], name) == ("view covered", name)
            assert (measured(slight)[1] != "view covered", name) == (True, name)
        for folder in ("voc2012", "coco_val2017", "misc", "omz", "plates", "night"):
            for path in sorted((test_media / "images" / folder).iterdir()):
                found = quality_of(frame(Image.open(path).convert("RGB"))).measures
                assert (found.seams <= 4, found.mscn > 0.1) == (True, True), path.name

    @pytest.mark.parametrize("name", ["misc/3dogs.jpg", "night/iat_low_demo.jpg", "frigate_docs/false-positive.jpg"])
    def test_the_same_scene_blurred_or_in_the_dark_is_told(self, test_media, name):
        with Image.open(test_media / "images" / name) as opened:
            picture = opened.convert("RGB")
        assert measured(picture.filter(ImageFilter.GaussianBlur(4)))[0] == {Defect.BLURRED}
        assert Defect.DARK in measured(np.asarray(picture) * 0.1)[0]
