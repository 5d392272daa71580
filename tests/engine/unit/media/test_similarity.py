"""SSIM against scikit-image, in result and in time."""

import gc
import time

import cv2
from hypothesis import given
from hypothesis import strategies as st
import numpy as np
import pytest
from skimage.metrics import structural_similarity

from home_sentry_engine.media.picture import decode
from home_sentry_engine.media.similarity import Reference, appearance_of, blend, grey_at, grey_of, is_infrared, ssim
from tests.needs import folder_from

CLOSE = 1e-4


def drawn(seed: int, rows: int = 360, columns: int = 640):
    random = np.random.default_rng(seed)
    small = random.integers(0, 256, (max(2, rows // 20), max(2, columns // 20)), dtype=np.uint8)
    return np.asarray(cv2.resize(small, (columns, rows), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)


def changed(grey, how: str, seed: int = 1):
    random = np.random.default_rng(seed)
    match how:
        case "noise":
            return np.clip(grey + random.normal(0, 12, grey.shape), 0, 255).astype(np.uint8)
        case "dark":
            return (grey * 0.4).astype(np.uint8)
        case "blur":
            return np.asarray(cv2.GaussianBlur(grey, (0, 0), 4), dtype=np.uint8)
        case "shift":
            return np.roll(grey, 60, axis=1)
        case "flat":
            return np.full_like(grey, 7)
    return grey.copy()


HOW = ("same", "noise", "dark", "blur", "shift", "flat")


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("size", [(360, 640), (480, 640), (41, 67), (7, 7), (8, 300)])
def test_the_score_is_that_of_scikit_image(how, size):
    one = drawn(3, *size)
    other = changed(one, how)
    assert ssim(one, other) == pytest.approx(structural_similarity(one, other), abs=CLOSE)


@given(st.integers(0, 2**32 - 1), st.integers(7, 60), st.integers(7, 60))
def test_the_score_of_pure_noise_is_that_of_scikit_image(seed, rows, columns):
    random = np.random.default_rng(seed)
    one, other = random.integers(0, 256, (2, rows, columns), dtype=np.uint8)
    assert ssim(one, other) == pytest.approx(structural_similarity(one, other), abs=CLOSE)
    assert ssim(one, other) == pytest.approx(ssim(other, one), abs=CLOSE)
    assert ssim(one, one) == pytest.approx(1.0, abs=1e-6)


def test_real_pictures_score_as_with_scikit_image():
    files = sorted((folder_from("HOME_SENTRY_TEST_MEDIA") / "images" / "coco_val2017").glob("*.jpg"))[:6]
    assert len(files) == 6
    greys = [grey_of(decode(file.read_bytes()).pixels) for file in files]
    for grey in greys:
        for how in HOW:
            assert ssim(grey, changed(grey, how)) == pytest.approx(
                structural_similarity(grey, changed(grey, how)), abs=CLOSE
            )


def test_it_takes_a_fraction_of_the_time_of_scikit_image():
    one, other = drawn(1), changed(drawn(1), "noise")
    kept = Reference(one)
    ours, theirs = [], []
    for _ in range(12):
        began = time.process_time()
        kept.ssim(other)
        middle = time.process_time()
        structural_similarity(one, other)
        ours.append(middle - began)
        theirs.append(time.process_time() - middle)
    assert min(theirs) / min(ours) >= 5


@pytest.mark.parametrize("wide", [1, 8])
def test_a_picture_like_a_thread_is_not_blown_up(wide):
    thread = np.zeros((16_384, wide, 3), np.uint8)
    assert grey_of(thread, 160).shape == grey_at(thread[:, :, 0], 160).shape == (640, 160)
    assert grey_of(thread.transpose(1, 0, 2), 160).shape == (7, 160)


def test_light_alone_is_no_other_view():
    one = drawn(5)
    darker = Reference(one).compare(changed(one, "dark"))
    assert Reference(one).ssim(changed(one, "dark")) < 0.9
    assert darker.coarse > 0.98
    assert darker.changed == 0.0
    moved = Reference(one).compare(changed(one, "shift"))
    assert moved.coarse < 0.6
    assert moved.changed > 0.6


def test_a_smeared_view_keeps_its_places_and_loses_its_edges():
    plain = drawn(5)
    for x in range(20, 600, 60):
        plain[40:300, x : x + 25] = 230 - x // 4
    one, smeared = changed(plain, "noise"), changed(changed(plain, "blur"), "noise")
    assert Reference(one).compare(smeared).coarse > 0.85
    assert appearance_of(smeared).sharpness < 0.5 * appearance_of(one).sharpness


def test_nearly_equal_pictures_are_not_looked_at_closely():
    one = drawn(2)
    other = one.copy()
    other[0, 0] ^= 1
    assert Reference(one).compare(other).coarse == 1.0


def test_infrared_has_no_colour():
    grey = drawn(1)
    assert is_infrared(np.repeat(grey[:, :, np.newaxis], 3, axis=2))
    assert not is_infrared(np.stack([grey, drawn(2), drawn(3)], axis=2))


def test_a_blend_moves_by_its_share():
    black, white = np.zeros((9, 9), np.uint8), np.full((9, 9), 200, np.uint8)
    assert blend(black, white, 0.25).mean() == 50


def held_bytes(reference: Reference) -> int:
    arrays, waiting, seen = 0, [reference], set()
    while waiting:
        one = waiting.pop()
        if id(one) not in seen:
            seen.add(id(one))
            arrays += one.nbytes if isinstance(one, np.ndarray) else 0
            of_ours = type(one).__module__ == Reference.__module__ or isinstance(one, (dict, tuple))
            waiting += gc.get_referents(one) if of_ours else []
    return arrays


def test_a_usual_view_takes_no_more_room_than_its_picture_needs():
    grey = drawn(1)
    reference = Reference(grey)
    reference.compare(drawn(2))
    assert grey.nbytes <= held_bytes(reference) <= 2 * grey.nbytes
    reference.ssim(drawn(2))
    assert held_bytes(reference) > 20 * grey.nbytes
