from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
import numpy as np
from PIL import Image
import pytest

from home_sentry_engine.domain.box import Box, InvalidBoundingBoxError
from home_sentry_engine.domain.errors import Permanent
from home_sentry_engine.vision.catalog import Colour, ImageInput, Layout, Resample, Resize
from home_sentry_engine.vision.eyes import draw_canary
from home_sentry_engine.vision.tasks.crops import cut, cut_box
from home_sentry_engine.vision.tasks.inputs import fit
from home_sentry_engine.vision.tasks.pictures import RgbFrame

PICTURE = draw_canary(90, 60)
FRAME = RgbFrame.of(PICTURE)
PLAIN = ImageInput(width=30, height=30)


def test_stretch_is_pillows():
    tensor = fit(FRAME, PLAIN).tensor
    wanted = np.asarray(Image.fromarray(PICTURE).resize((30, 30), Image.Resampling.BILINEAR)) / 255
    assert tensor.shape == (1, 3, 30, 30)
    assert tensor.dtype == np.float32
    assert np.allclose(tensor[0].transpose(1, 2, 0), wanted, atol=1e-6)


def test_values_are_normalised_in_the_order_of_the_planes():
    image = replace(PLAIN, colour=Colour.BGR, scale=1.0, mean=(1.0, 2.0, 3.0), std=(2.0, 4.0, 8.0))
    flat = np.full((30, 30, 3), (10, 20, 30), np.uint8)
    tensor = fit(RgbFrame.of(flat), image).tensor
    assert tensor[0, :, 0, 0].tolist() == [(30 - 1) / 2, (20 - 2) / 4, (10 - 3) / 8]


def test_whole_numbers_stay_bytes_and_axes_may_end_in_colour():
    image = replace(PLAIN, layout=Layout.NHWC, scale=1.0)
    flat = RgbFrame.of(np.full((30, 30, 3), (10, 20, 30), np.uint8))
    for dtype in ("uint8", "int32"):
        tensor = fit(flat, image, dtype=dtype).tensor
        assert (tensor.shape, tensor.dtype) == ((1, 30, 30, 3), np.dtype(dtype))
        assert tensor[0, 0, 0].tolist() == [10, 20, 30]
    assert fit(flat, image, dtype="float16").tensor.dtype == np.float16


def test_centred_padding_is_even():
    tensor = fit(FRAME, replace(PLAIN, resize=Resize.LETTERBOX_CENTRE, pad_value=255)).tensor[0, 0]
    assert np.all(tensor[:5] == 1)
    assert np.all(tensor[25:] == 1)
    assert not np.all(tensor[5:25] == 1)


def test_the_middle_is_cropped_as_clip_does_it():
    image = replace(PLAIN, resize=Resize.CROP_CENTRE, resample=Resample.BICUBIC)
    small = Image.fromarray(PICTURE).resize((45, 30), Image.Resampling.BICUBIC).crop((7, 0, 37, 30))
    assert np.allclose(fit(FRAME, image).tensor[0].transpose(1, 2, 0), np.asarray(small) / 255, atol=1e-6)


@given(
    resize=st.sampled_from(Resize),
    width=st.integers(2, 300),
    height=st.integers(2, 300),
    side=st.sampled_from([(32, 32), (64, 24), (24, 64)]),
    reduced=st.sampled_from([1, 2, 3]),
)
def test_points_come_back_to_where_they_were(resize, width, height, side, reduced):
    rows, columns = max(1, height // reduced), max(1, width // reduced)
    frame = RgbFrame(pixels=np.zeros((rows, columns, 3), np.uint8), width=width, height=height)
    fitted = fit(frame, replace(PLAIN, width=side[0], height=side[1], resize=resize))
    assert fitted.tensor.shape == (1, 3, side[1], side[0])
    points = np.array([[0.0, 0.0], [width, height], [width / 3, height / 2]])
    inside = points * fitted.scale + fitted.shift
    assert np.allclose(fitted.back(inside), points, atol=1e-6)
    if resize is not Resize.CROP_CENTRE:
        assert inside.min() >= -1e-6
        assert np.all(inside <= np.array(side) + 1e-6)


def test_what_is_no_picture_is_refused():
    with pytest.raises(Permanent, match="no RGB picture"):
        fit(RgbFrame(pixels=np.zeros((4, 4), np.uint8), width=4, height=4), PLAIN)


class TestCrop:
    def test_a_box_is_clamped_to_the_picture(self):
        frame = RgbFrame.of(draw_canary(100, 100))
        crop = cut(frame, (10, 10, 200, 200))
        assert (crop.box.x, crop.box.y, crop.box.right, crop.box.bottom) == (10, 10, 100, 100)
        assert np.array_equal(crop.pixels, frame.pixels[10:, 10:])

    @pytest.mark.parametrize("corners", [(10, 10, 10, 50), (50, 50, 10, 10), (0, 0, 0, 0), (200, 200, 300, 300)])
    def test_a_box_without_area_or_outside_is_refused(self, corners):
        with pytest.raises(InvalidBoundingBoxError):
            cut(FRAME, corners)

    def test_a_margin_widens_but_never_leaves_the_picture(self):
        crop = cut(FRAME, (40, 20, 60, 40), margin=0.5)
        assert (crop.left, crop.top, crop.width, crop.height) == (30, 10, 40, 40)
        assert cut(FRAME, (0, 0, 90, 60), margin=1.0).box == Box(x=0, y=0, width=90, height=60)

    def test_a_margin_does_not_rescue_a_box_without_area(self):
        with pytest.raises(InvalidBoundingBoxError):
            cut(FRAME, (95, 10, 99, 20), margin=5.0)

    def test_a_reduced_picture_is_cut_at_the_right_place(self):
        whole = draw_canary(400, 200)
        half = RgbFrame(pixels=whole[::2, ::2], width=400, height=200)
        crop = cut_box(half, Box(x=100, y=50, width=80, height=40))
        assert np.array_equal(crop.pixels, whole[50:90:2, 100:180:2])
        assert (crop.width, crop.height) == (80, 40)

    def test_what_is_found_inside_is_told_in_the_whole_picture(self):
        crop = cut_box(FRAME, Box(x=20, y=10, width=30, height=30))
        assert crop.outside(Box(x=1, y=2, width=3, height=4)) == Box(x=21, y=12, width=3, height=4)

    @given(
        x=st.integers(0, 80), y=st.integers(0, 50), wide=st.integers(1, 90), high=st.integers(1, 60),
        reduced=st.sampled_from([1, 2, 4]),
    )  # fmt: skip
    def test_a_crop_is_never_empty(self, x, y, wide, high, reduced):
        frame = RgbFrame(pixels=PICTURE[::reduced, ::reduced], width=90, height=60)
        crop = cut(frame, (x, y, x + wide, y + high))
        assert crop.pixels.size
        assert crop.box.right <= 90
        assert crop.box.bottom <= 60
