import numpy as np
import pytest
import skimage.data

from home_sentry_engine.vision.builtin import MODEL_ID, BuiltinDetector
from home_sentry_engine.vision.eyes import draw_canary
from home_sentry_engine.vision.session import Cancel, InferenceTimeout
from home_sentry_engine.vision.tasks.boxes import BoxRules
from home_sentry_engine.vision.tasks.pictures import RgbFrame


@pytest.fixture(scope="module")
def detector() -> BuiltinDetector:
    return BuiltinDetector()


def test_a_person_is_found_where_the_person_is(detector):
    (found,) = detector.detect([RgbFrame.of(skimage.data.astronaut())], BoxRules())
    best = found.detections[0]
    assert (best.label, found.model_id) == ("person", MODEL_ID)
    # the face lies around (220, 110) in this picture of 512x512
    assert best.box.x < 220 < best.box.right
    assert best.box.y < 110 < best.box.bottom


def test_an_empty_scene_is_empty(detector):
    (found,) = detector.detect([RgbFrame.of(skimage.data.coffee())], BoxRules())
    assert found.detections == ()


def test_boxes_are_in_pixels_of_the_original(detector):
    small = skimage.data.astronaut()
    (plain,) = detector.detect([RgbFrame.of(small)], BoxRules())
    (scaled,) = detector.detect([RgbFrame(pixels=small, width=1024, height=1024)], BoxRules())
    assert scaled.detections[0].box.width == pytest.approx(2 * plain.detections[0].box.width, abs=2)


@pytest.mark.parametrize("shape", [(1, 1), (20, 2000), (127, 63), (128, 64)])
def test_any_size_is_looked_at(detector, shape):
    (found,) = detector.detect([RgbFrame.of(np.zeros((*shape, 3), np.uint8))], BoxRules())
    assert found.detections == ()


def test_it_stops_when_told(detector):
    cancel = Cancel()
    cancel.cancel()
    with pytest.raises(InferenceTimeout):
        detector.detect([RgbFrame.of(draw_canary())], BoxRules(), cancel=cancel)
