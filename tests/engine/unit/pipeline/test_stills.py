"""Which pictures a model that sees is shown."""

from dataclasses import replace
from datetime import timedelta
import io

from hypothesis import given
from hypothesis import strategies as st
import numpy as np
from PIL import Image

from home_sentry_engine.domain.box import Box
from home_sentry_engine.domain.errors import Permanent
from home_sentry_engine.pipeline.stills import Candidate, VisitStills, best_stills, part_to_show, picture_of
from tests.engine.unit.pipeline.test_closely import Files
from tests.engine.unit.pipeline.views import scene_of, seen, shot
from tests.fakes.clock import START

SUBJECTS = (1, 2, 3)


@st.composite
def candidates(draw):
    seconds = draw(st.lists(st.integers(0, 300), min_size=1, max_size=12))
    values = st.dictionaries(st.sampled_from(SUBJECTS), st.floats(0.01, 1.0), max_size=3)
    return [
        Candidate(key=f"k{number}", at=START + timedelta(seconds=second), shows=draw(values))
        for number, second in enumerate(seconds)
    ]


@given(candidates(), st.integers(1, 4), st.randoms())
def test_the_choice_is_small_ordered_and_the_same_for_any_order(given_ones, most, random):
    chosen = best_stills(given_ones, SUBJECTS, most)
    assert len(chosen) == min(most, len(given_ones))
    assert len({one.key for one in chosen}) == len(chosen)
    assert [one.at for one in chosen] == sorted(one.at for one in chosen)
    mixed = list(given_ones)
    random.shuffle(mixed)
    assert best_stills(mixed, SUBJECTS, most) == chosen


@given(candidates(), st.integers(1, 4))
def test_everybody_is_shown_well_as_far_as_there_is_room(given_ones, most):
    chosen = best_stills(given_ones, SUBJECTS, most)
    there = [number for number in SUBJECTS if any(number in one.shows for one in given_ones)]
    for number in there[:most]:
        best = max(one.shows.get(number, 0.0) for one in given_ones)
        assert max(one.shows.get(number, 0.0) for one in chosen) >= 0.8 * best


def test_pictures_far_apart_come_before_clearer_ones_of_the_same_moment():
    def at(second, value):
        return Candidate(key=f"s{second}", at=START + timedelta(seconds=second), shows={1: value})

    chosen = best_stills([at(0, 0.9), at(1, 0.88), at(2, 0.86), at(40, 0.5), at(80, 0.4)], (1,), 3)
    assert [one.key for one in chosen] == ["s0", "s40", "s80"]


boxes = st.builds(
    Box, x=st.integers(0, 1800), y=st.integers(0, 1000), width=st.integers(4, 119), height=st.integers(4, 79)
)


@given(st.lists(boxes, max_size=4))
def test_the_part_shown_lies_in_the_picture_and_holds_every_box(found):
    part = part_to_show(found, (1920, 1080))
    assert part.x >= 0
    assert part.y >= 0
    assert part.right <= 1920
    assert part.bottom <= 1080
    for box in found:
        assert part.x <= box.x
        assert box.right <= part.right
        assert part.y <= box.y
        assert box.bottom <= part.bottom


def test_somebody_far_away_is_enlarged_and_somebody_near_is_not_cut():
    far = part_to_show([Box(x=900, y=500, width=60, height=120)], (1920, 1080))
    assert (far.width, far.height) == (640, 360)
    near = part_to_show([Box(x=300, y=100, width=600, height=900)], (1920, 1080))
    assert (near.width, near.height) == (1920, 1080)
    assert part_to_show([], (640, 480)) == Box(x=0, y=0, width=640, height=480)


def test_pictures_are_small_plain_jpegs():
    pixels = np.zeros((1080, 1920, 3), np.uint8)
    pixels[:, 960:] = (250, 20, 20)
    made = picture_of(pixels, Box(x=0, y=0, width=1920, height=1080), 768)
    decoded = Image.open(io.BytesIO(made.jpeg))
    assert (decoded.format, decoded.size, made.width, made.height) == ("JPEG", (768, 432), 768, 432)
    assert not decoded.getexif()
    red, green, blue = np.asarray(decoded.convert("RGB"))[200, 700].tolist()
    assert (red > 200, green < 60, blue < 60) == (True, True, True)
    noise = np.random.default_rng(1).integers(0, 255, (2048, 2048, 3), np.uint8)
    assert len(picture_of(noise, Box(x=0, y=0, width=2048, height=2048), 2048).jpeg) < 2_500_000


def visit(count, *, apart_s=8):
    return [shot(START + timedelta(seconds=apart_s * n), [seen("person", 100 + n)], n + 1) for n in range(count)]


async def test_a_visit_is_shown_by_at_most_four_pictures_of_its_own():
    files = Files()
    shown = await VisitStills(files, files, longest_px=320)(scene_of(*visit(20)), 4)
    assert [one.at for one in shown.stills] == sorted(one.at for one in shown.stills)
    assert (len(shown.stills), shown.trouble) == (4, None)
    assert len({one.media_id for one in shown.stills}) == 4
    assert all(max(one.picture.width, one.picture.height) == 320 for one in shown.stills)
    assert len(files.decoded) == 8


async def test_what_cannot_be_read_is_left_out_with_its_reason():
    files = Files(m1=Permanent("the file is gone", code="file_gone"))
    files.gone = {"m2"}
    shown = await VisitStills(files, files, longest_px=320)(scene_of(*visit(3)), 4)
    assert [one.media_id for one in shown.stills] == ["m3"]
    assert "the file is gone" in (shown.trouble or "")
    assert "no longer on record" in (shown.trouble or "")
    alone = await VisitStills(files, files, longest_px=320)(scene_of(*visit(1)), 4)
    assert (alone.stills, alone.trouble) == ((), "the file is gone")


async def test_frames_of_a_clip_are_shown_at_their_own_times():
    files = Files()
    frames = [
        replace(one, media_id="clip", offset_s=float(8 * n), at=START + timedelta(seconds=8 * n))
        for n, one in enumerate(visit(3))
    ]
    shown = await VisitStills(files, files, longest_px=320)(scene_of(*frames), 2)
    assert [one.media_id for one in shown.stills] == ["clip", "clip"]
    assert {place for _, place in files.decoded} == {0.0, 8.0, 16.0}
    assert shown.stills[0].at < shown.stills[1].at
