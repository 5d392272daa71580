"""Looking again: tiles over large pictures and enlarged boxes, with a detector that the test draws."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
import numpy as np
import pytest

from home_sentry_engine.domain.box import Box
from home_sentry_engine.domain.detection import Detection, FrameDetections
from home_sentry_engine.vision.second_look import SecondLook
from home_sentry_engine.vision.tasks.boxes import BoxRules, Candidates, select
from home_sentry_engine.vision.tasks.pictures import RgbFrame
from home_sentry_engine.vision.tasks.tiles import TileRules, is_cut, joined, tiles_about, tiles_over

IMAGE = (1600, 900)
SIDE = 320


def thing(x: int, y: int, width: int, height: int, *, label: str = "person", confidence: float = 0.8) -> Detection:
    return Detection(label=label, confidence=confidence, box=Box(x=x, y=y, width=width, height=height))


class DrawnDetector:
    """Finds what the test put into the world, if it is large enough in the input of the picture it is given."""

    model_id = "drawn"
    input_side = SIDE

    def __init__(self, *world: Detection) -> None:
        self.world = world
        self.looks: list[tuple[int, int]] = []

    async def detect(self, frames, *, confidence=None, priority=0):
        return tuple(self._look(frame) for frame in frames)

    def _look(self, frame) -> FrameDetections:
        self.looks.append((frame.width, frame.height))
        left, top = getattr(frame, "left", 0), getattr(frame, "top", 0)
        sure, unsure = [], []
        for one in self.world:
            box = one.box
            x1, y1 = max(box.x - left, 0), max(box.y - top, 0)
            x2, y2 = min(box.right - left, frame.width), min(box.bottom - top, frame.height)
            if x2 <= x1 or y2 <= y1:
                continue
            seen = replace(one, box=Box(x=x1, y=y1, width=x2 - x1, height=y2 - y1))
            pixels = (y2 - y1) * SIDE / max(frame.width, frame.height)
            if pixels >= 20:
                sure.append(seen)
            elif pixels >= 8:
                unsure.append(replace(seen, confidence=0.3))
        return FrameDetections(
            detections=tuple(sure),
            image_width=frame.width,
            image_height=frame.height,
            model_id="drawn",
            inference_ms=1.0,
            uncertain=tuple(unsure),
        )


@pytest.fixture
def executor():
    with ThreadPoolExecutor(1) as pool:
        yield pool


def looking(detector, executor, *, tiles=True, stirs=False):
    rules = TileRules() if tiles else None
    return SecondLook(detector, enlarge=lambda frame: frame, stirs=lambda frame: stirs, executor=executor, tiles=rules)


def blank(size=IMAGE):
    return RgbFrame.of(np.zeros((size[1], size[0], 3), np.uint8))


async def test_a_small_person_is_found_on_the_second_look(executor):
    small = thing(1200, 300, 30, 60)
    detector = DrawnDetector(small, thing(100, 100, 200, 500))
    (found,) = await looking(detector, executor).detect([blank()])
    assert [one.box for one in found.detections] == [Box(x=100, y=100, width=200, height=500), small.box]
    assert dict(found.again) == {"tiles": 1, "tiles_found": 1}
    assert found.inference_ms == 2.0
    assert len(detector.looks) == 2


async def test_nothing_is_looked_at_again_without_a_reason(executor):
    quiet = DrawnDetector(thing(100, 100, 200, 500))
    await looking(quiet, executor).detect([blank()])
    assert len(quiet.looks) == 1
    off = DrawnDetector(thing(1200, 300, 30, 60))
    await looking(off, executor, tiles=False).detect([blank()])
    assert len(off.looks) == 1
    little = DrawnDetector(thing(100, 100, 15, 20))
    await looking(little, executor).detect([blank((400, 300))])
    assert len(little.looks) == 1


async def test_motion_without_an_object_is_looked_at_all_over(executor):
    detector = DrawnDetector(thing(1500, 800, 20, 38))
    (still,) = await looking(detector, executor).detect([blank()])
    assert not still.detections
    tiny = DrawnDetector(thing(1400, 700, 20, 38))
    (found,) = await looking(tiny, executor, stirs=True).detect([blank()])
    assert dict(found.again)["tiles"] == 4


async def test_many_doubts_cost_a_bounded_number_of_looks(executor):
    crowd = [thing(100 * n, 80 * (n % 10), 20, 50) for n in range(15)]
    detector = DrawnDetector(*crowd)
    (found,) = await looking(detector, executor).detect([blank()])
    assert len(detector.looks) <= 5
    assert found.detections


async def test_a_box_is_confirmed_or_doubted(executor):
    there, gone = thing(600, 300, 60, 150, confidence=0.6), thing(100, 300, 60, 150, confidence=0.55)
    confirmed = await looking(DrawnDetector(there), executor).confirm(blank(), [there, gone])
    assert [one.doubted for one in confirmed] == [False, True]
    assert [replace(one, doubted=None) for one in confirmed] == [there, gone]


boxes = st.builds(
    lambda x, y, w, h, c: thing(x, y, min(w, IMAGE[0] - x), min(h, IMAGE[1] - y), confidence=c),
    st.integers(0, 1500),
    st.integers(0, 800),
    st.integers(4, 300),
    st.integers(4, 300),
    st.floats(0.25, 0.5),
)


@given(st.lists(boxes, max_size=16))
def test_tiles_lie_inside_are_few_and_hold_the_surest(uncertain):
    rules = TileRules()
    tiles = tiles_about(uncertain, IMAGE, SIDE, rules)
    assert len(tiles) <= rules.most
    for tile in tiles:
        assert 0 <= tile.x < tile.right <= IMAGE[0]
        assert 0 <= tile.y < tile.bottom <= IMAGE[1]
    if tiles:
        first = max(uncertain, key=lambda one: one.confidence).box
        assert any(tile.x <= first.x and first.right <= tile.right for tile in tiles)


@given(st.lists(boxes, max_size=6), st.lists(boxes, max_size=6))
def test_joining_keeps_the_first_look_and_no_thing_twice(first, found):
    together = joined(first, found, TileRules(), about=None)
    assert together[: len(first)] == tuple(first)
    assert joined(first, [*found, *found], TileRules(), about=None) == together


def test_cut_boxes_and_the_grid():
    tiles = tiles_over(IMAGE, TileRules())
    assert len(tiles) == 4
    assert sum(tile.area for tile in tiles) > IMAGE[0] * IMAGE[1]
    left = tiles[0]
    assert is_cut(Box(x=left.right - 50, y=50, width=50, height=50), left, IMAGE)
    assert not is_cut(Box(x=0, y=0, width=50, height=50), left, IMAGE)


def test_the_selection_names_what_was_not_sure_enough():
    candidates = Candidates(
        boxes=np.array([[0, 0, 100, 100], [10, 10, 60, 60], [200, 0, 260, 90], [300, 0, 360, 90], [400, 0, 402, 2]]),
        scores=np.array([0.9, 0.4, 0.3, 0.2, 0.4]),
        classes=np.array([0, 0, 0, 0, 0]),
    )
    chosen = select(candidates, ("person",), BoxRules(confidence=0.5), (640, 480))
    assert [one.box.x for one in chosen.detections] == [0]
    assert [one.box.x for one in chosen.uncertain] == [200]
    assert dict(chosen.dropped) == {"confidence": 4}
