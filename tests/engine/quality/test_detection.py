"""Real detectors on labelled pictures, beside bare ONNX Runtime on the same pictures with its own plain steps."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
import logging
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image
import pytest

from home_sentry_engine.domain.clock import SystemClock
from home_sentry_engine.domain.labels import COCO_80
from home_sentry_engine.media.picture import decode
from home_sentry_engine.settings import DetectSettings, ModelSettings
from home_sentry_engine.vision.catalog import load_catalogue
from home_sentry_engine.vision.zoo import Zoo
from tests.engine.quality.labelled import Labelled, coco_persons, voc
from tests.engine.quality.scoring import Corners, Guess, average_precision, mean_average_precision

_LOGGER = logging.getLogger(__name__)
EIGHT = ("person", "car", "bus", "motorcycle", "bicycle", "dog", "cat", "bird")
# every box counts for an average precision; 0.5 is what a household runs
THRESHOLDS = (0.01, 0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    model_id: str
    voc: float
    coco: float


GATES = [
    pytest.param(Gate(model_id="deimv2-femto", voc=0.82, coco=0.80), id="femto"),
    pytest.param(Gate(model_id="deimv2-atto", voc=0.71, coco=0.72), id="atto"),
    pytest.param(Gate(model_id="yolox-nano", voc=0.74, coco=0.73), id="yolox"),
]

type Look = Callable[[Sequence[Labelled], float], list[list[Guess]]]


@pytest.fixture
async def look(model_mirror: Path, tmp_path: Path, request):
    """Give the engine's own way of looking, from the encoded file on."""
    models = ModelSettings(folder=tmp_path, mirror=str(model_mirror), offline=True)

    async def through_the_engine(
        model_id: str, pictures: Sequence[Labelled], threshold: float, *, reduce: bool = False
    ) -> list[list[Guess]]:
        async with Zoo(DetectSettings(detector=model_id), models, SystemClock()) as zoo:
            await zoo.prepare()
            at_least = zoo.detector.input_side if reduce else None
            frames = [decode(one.file.read_bytes(), at_least=at_least) for one in pictures]
            found = await zoo.detector.detect(frames, confidence=threshold)
        return [
            [
                Guess(
                    label=one.label,
                    score=one.confidence,
                    corners=(one.box.x, one.box.y, one.box.right, one.box.bottom),
                )
                for one in frame.detections
            ]
            for frame in found
        ]

    return through_the_engine


def bare(model: Path, pictures: Sequence[Labelled], threshold: float) -> list[list[Guess]]:
    """Look as a plain script does: contract A, Pillow's resize, no rules but the threshold."""
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    side = session.get_inputs()[0].shape[2]
    answers = []
    for one in pictures:
        with Image.open(one.file) as opened:
            picture = opened.convert("RGB")
        small = np.asarray(picture.resize((side, side), Image.Resampling.BILINEAR), np.float32) / 255
        labels, boxes, scores = session.run(
            None,
            {
                "images": small.transpose(2, 0, 1)[np.newaxis],
                "orig_target_sizes": np.array([picture.size], np.int64),
            },
        )
        answers.append(
            [
                Guess(label=COCO_80[label], score=float(score), corners=_corners(box))
                for label, box, score in zip(labels[0], boxes[0], scores[0], strict=True)
                if score >= threshold
            ]
        )
    return answers


def _corners(box: np.ndarray) -> Corners:
    left, top, right, bottom = (float(value) for value in box)
    return left, top, right, bottom


def scores(guesses: list[list[Guess]], pictures: Sequence[Labelled], labels: Sequence[str]) -> float:
    return mean_average_precision(guesses, [one.truths for one in pictures], labels)


@pytest.mark.parametrize("gate", GATES)
async def test_average_precision_reaches_its_gate(gate, look, test_media):
    voc_pictures, coco_pictures = voc(test_media), coco_persons(test_media)
    assert len(voc_pictures) >= 50
    assert len(coco_pictures) >= 33
    on_voc = scores(await look(gate.model_id, voc_pictures, 0.01), voc_pictures, EIGHT)
    on_coco = scores(await look(gate.model_id, coco_pictures, 0.01), coco_pictures, ["person"])
    _LOGGER.info("%s: VOC mAP50 %.4f, COCO person AP50 %.4f", gate.model_id, on_voc, on_coco)
    assert on_voc >= gate.voc
    assert on_coco >= gate.coco


@pytest.mark.parametrize("threshold", THRESHOLDS)
async def test_the_default_detector_equals_bare_onnx_runtime(
    threshold, look, model_mirror, test_media, record_property
):
    model = model_mirror / load_catalogue().get("deimv2-femto").files[0].name
    for pictures, labels in ((voc(test_media), EIGHT), (coco_persons(test_media), ("person",))):
        ours = scores(await look("deimv2-femto", pictures, threshold), pictures, labels)
        plain = scores(bare(model, pictures, threshold), pictures, labels)
        _LOGGER.info("at %s: engine %.4f, bare %.4f", threshold, ours, plain)
        assert ours == pytest.approx(plain, abs=0.01)


async def test_the_smallest_detector_loses_nothing_to_bare_onnx_runtime(look, model_mirror, test_media):
    model = model_mirror / load_catalogue().get("deimv2-atto").files[0].name
    for pictures, labels in ((voc(test_media), EIGHT), (coco_persons(test_media), ("person",))):
        ours = scores(await look("deimv2-atto", pictures, 0.01), pictures, labels)
        assert ours >= scores(bare(model, pictures, 0.01), pictures, labels) - 0.01


async def test_pictures_decoded_at_half_scale_pass_the_same_gate(look, test_media):
    pictures = coco_persons(test_media)
    found = average_precision(
        await look("deimv2-atto", pictures, 0.01, reduce=True), [one.truths for one in pictures], "person"
    )
    assert found is not None
    assert found >= 0.72


async def test_one_box_per_object(look, test_media):
    dog = Labelled(file=test_media / "images" / "misc" / "darknet_dog.jpg", truths=())
    person = Labelled(file=test_media / "images" / "misc" / "darknet_person.jpg", truths=())
    on_dog, on_person = await look("auto", [dog, person], 0.5)
    assert sorted(one.label for one in on_dog) == ["bicycle", "car", "dog"]
    assert [one.label for one in on_person].count("person") == 1
    assert "dog" in {one.label for one in on_person}


async def test_the_bicycle_is_the_whole_bicycle(look, test_media):
    dog = Labelled(file=test_media / "images" / "misc" / "darknet_dog.jpg", truths=())
    ((*found,),) = await look("auto", [dog], 0.5)
    (bicycle,) = (one for one in found if one.label == "bicycle")
    assert bicycle.corners == pytest.approx((124, 130, 568, 425), abs=25)
