"""What the second look finds of small people on labelled pictures, and what it costs."""

from concurrent.futures import ThreadPoolExecutor
import logging

from home_sentry_engine.domain.clock import SystemClock
from home_sentry_engine.media.picture import decode
from home_sentry_engine.settings import DetectSettings, ModelSettings
from home_sentry_engine.vision.second_look import SecondLook
from home_sentry_engine.vision.tasks.tiles import TileRules
from home_sentry_engine.vision.zoo import Zoo
from tests.engine.quality.labelled import coco_persons
from tests.engine.quality.scoring import Truth, iou

_LOGGER = logging.getLogger(__name__)
SMALL = 0.02


def hits(found, truths: tuple[Truth, ...]) -> set[int]:
    """Which of the labelled people were found, each box used once."""
    used: set[int] = set()
    for one in found.detections:
        corners = (one.box.x, one.box.y, one.box.right, one.box.bottom)
        free = [(iou(corners, truth.corners), n) for n, truth in enumerate(truths) if n not in used]
        best, place = max(free, default=(0.0, -1))
        if one.label == "person" and best >= 0.5:
            used.add(place)
    return used


async def test_small_people_are_found_more_often_at_a_bounded_cost(model_mirror, test_media, tmp_path):
    pictures = coco_persons(test_media)
    frames = [decode(one.file.read_bytes()) for one in pictures]
    models = ModelSettings(folder=tmp_path, mirror=str(model_mirror), offline=True)
    small, right, total, looks = {}, {}, {}, {}
    async with Zoo(DetectSettings(detector="deimv2-atto"), models, SystemClock()) as zoo:
        await zoo.prepare()
        with ThreadPoolExecutor(1) as executor:
            for name, tiles in (("once", None), ("twice", TileRules())):
                look = SecondLook(
                    zoo.detector, enlarge=lambda frame: frame, stirs=lambda frame: False, executor=executor, tiles=tiles
                )
                found = await look.detect(frames, confidence=0.5)
                seen = [hits(one, picture.truths) for one, picture in zip(found, pictures, strict=True)]
                small[name] = sum(
                    _share(picture.truths[n], frame) < SMALL
                    for places, picture, frame in zip(seen, pictures, frames, strict=True)
                    for n in places
                )
                right[name] = sum(map(len, seen))
                total[name] = sum(one.label == "person" for frame in found for one in frame.detections)
                looks[name] = len(frames) + sum(dict(one.again).get("tiles", 0) for one in found)
    _LOGGER.info("small %s, right %s of %s, looks %s", small, right, total, looks)
    assert small["twice"] >= small["once"] + 3
    assert right["twice"] / total["twice"] >= right["once"] / total["once"] - 0.08
    assert looks["twice"] <= 2 * looks["once"]


def _share(truth: Truth, frame) -> float:
    left, top, right, bottom = truth.corners
    return (right - left) * (bottom - top) / (frame.width * frame.height)
