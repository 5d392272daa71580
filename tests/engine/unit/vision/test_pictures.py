import numpy as np
from PIL import Image
import pytest

from home_sentry_engine.domain.errors import Permanent
from home_sentry_engine.vision.catalog import Colour, ImageInput, Resize
from home_sentry_engine.vision.eyes import draw_canary
from home_sentry_engine.vision.tasks.pictures import RgbFrame, prepare

SMALL = ImageInput(width=64, height=64)


def test_a_stretch_is_exactly_what_pillow_does():
    pixels = draw_canary(120, 90)
    prepared = prepare([RgbFrame.of(pixels)], SMALL)
    expected = np.asarray(Image.fromarray(pixels).resize((64, 64), Image.Resampling.BILINEAR)) / 255
    assert prepared.tensor.shape == (1, 3, 64, 64)
    assert prepared.tensor.dtype == np.float32
    assert prepared.tensor[0] == pytest.approx(expected.transpose(2, 0, 1), abs=1e-6)
    assert prepared.ratios == (1.0,)


def test_a_far_larger_picture_stays_near_to_pillow():
    pixels = np.asarray(Image.fromarray(draw_canary()).resize((1600, 1200), Image.Resampling.BICUBIC))
    prepared = prepare([RgbFrame.of(pixels)], SMALL).tensor[0]
    expected = np.asarray(Image.fromarray(pixels).resize((64, 64), Image.Resampling.BILINEAR)) / 255
    assert np.abs(prepared - expected.transpose(2, 0, 1)).mean() < 0.01


def test_a_picture_decoded_at_half_scale_gives_nearly_the_same_tensor():
    whole = np.asarray(Image.fromarray(draw_canary()).resize((1280, 960), Image.Resampling.BICUBIC))
    half = np.asarray(Image.fromarray(whole).reduce(2))
    image = ImageInput(width=640, height=640)
    expected = prepare([RgbFrame.of(whole)], image).tensor
    got = prepare([RgbFrame(pixels=half, width=1280, height=960)], image).tensor
    assert np.abs(got - expected).mean() < 0.005


def test_normalisation_follows_the_colour_planes():
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[:] = (255, 0, 51)
    image = ImageInput(width=8, height=8, colour=Colour.BGR, mean=(0.5, 0.25, 0.1), std=(0.5, 0.25, 0.2), scale=1 / 255)
    tensor = prepare([RgbFrame.of(pixels)], image).tensor[0]
    assert [float(plane[0, 0]) for plane in tensor] == pytest.approx(
        [(0.2 - 0.5) / 0.5, -1.0, (1 - 0.1) / 0.2], abs=1e-5
    )


def test_a_letterbox_keeps_the_aspect_and_pads_right_and_below():
    pixels = np.full((50, 200, 3), 255, np.uint8)
    image = ImageInput(width=64, height=64, resize=Resize.LETTERBOX_TOP_LEFT, scale=1.0)
    prepared = prepare([RgbFrame.of(pixels)], image)
    assert prepared.ratios == (0.32,)
    assert (prepared.tensor[0, 0, :16] == 255).all()
    assert (prepared.tensor[0, 0, 16:] == 114).all()


def test_a_letterbox_ratio_counts_from_the_original_of_a_reduced_picture():
    frame = RgbFrame(pixels=np.zeros((50, 200, 3), np.uint8), width=400, height=100)
    image = ImageInput(width=64, height=64, resize=Resize.LETTERBOX_TOP_LEFT)
    assert prepare([frame], image).ratios == (0.16,)


def test_several_pictures_of_different_sizes_become_one_tensor():
    frames = [RgbFrame.of(draw_canary(40, 30)), RgbFrame.of(draw_canary(90, 160))]
    prepared = prepare(frames, SMALL)
    assert prepared.tensor.shape == (2, 3, 64, 64)
    assert np.array_equal(prepared.tensor[1], prepare(frames[1:], SMALL).tensor[0])


def test_pictures_that_may_not_be_written_to_and_slices_work():
    pixels = draw_canary(100, 100)
    pixels.flags.writeable = False
    assert np.array_equal(
        prepare([RgbFrame.of(pixels[::2, ::2])], SMALL).tensor,
        prepare([RgbFrame.of(np.ascontiguousarray(pixels[::2, ::2]))], SMALL).tensor,
    )


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((8, 8), np.uint8),
        np.zeros((8, 8, 4), np.uint8),
        np.zeros((8, 8, 3), np.float32),
        np.zeros((0, 8, 3), np.uint8),
    ],
)
def test_what_is_no_picture_is_permanent(pixels):
    with pytest.raises(Permanent, match="no RGB picture"):
        prepare([RgbFrame(pixels=pixels, width=8, height=8)], SMALL)
