import logging

import cv2
from hypothesis import given
from hypothesis import strategies as st
import numpy as np
from PIL import Image
import pytest

from home_sentry_engine.vision.eyes import draw_canary
from home_sentry_engine.vision.tasks.errors import MalformedOutput, UnsupportedGraph
from home_sentry_engine.vision.tasks.pictures import RgbFrame
from home_sentry_engine.vision.tasks.plate_text import SlotReader, decode_slots, normalise_plate, plate_text, read_plate
from home_sentry_engine.vision.tasks.plates import PlateFinder, straightened
from home_sentry_engine.vision.tasks.text import (
    TextLine,
    TextReader,
    TextRegion,
    decode_characters,
    decode_lines,
    reading_order,
)
from tests.engine.unit.vision.graphs import fixed_graph
from tests.engine.unit.vision.loading import real, tiny

LETTERS = "ABCDEFGH"
ANY: dict[str, tuple[str, list[int | str]]] = {"x": ("float32", ["n", 3, "h", "w"])}


@pytest.fixture(scope="module")
def reader() -> TextReader:
    return TextReader(real("pp-ocr"))


def shares(text: str) -> np.ndarray:
    """CTC shares for a path like ``A-AB``, ``-`` being the blank."""
    value = np.full((len(text), len(LETTERS) + 2), 0.01)
    for step, sign in enumerate(text):
        value[step, 0 if sign == "-" else LETTERS.index(sign) + 1] = 0.9
    return value


@pytest.mark.parametrize(
    ("path", "text"), [("AA-AB", "AAB"), ("----", ""), ("ABBB", "AB"), ("-A--B-", "AB"), ("A", "A"), ("H-H", "HH")]
)
def test_repeats_join_unless_a_blank_lies_between(path, text):
    line = decode_characters(shares(path), (*LETTERS, " "))
    assert line.text == text
    assert line.confidence == pytest.approx(0.9 if text else 0)


@given(path=st.text(alphabet="AB-", min_size=1, max_size=12))
def test_ctc_equals_the_textbook(path):
    joined = [sign for at, sign in enumerate(path) if at == 0 or path[at - 1] != sign]
    assert decode_characters(shares(path), (*LETTERS, " ")).text == "".join(joined).replace("-", "")


def test_lines_are_found_grown_and_scaled():
    ink = np.zeros((1, 1, 64, 128), np.float32)
    ink[0, 0, 20:30, 30:90] = 0.9
    ink[0, 0, 50:60, 30:90] = 0.35
    ((corners, score),) = decode_lines(ink, size=(256, 64))
    assert score > 0.8
    # 60 x 10 cells, spread by one: grown by 1.6 * area / circumference on every side
    grown = 1.6 * 60 * 10 / (2 * (60 + 10))
    assert corners.min(axis=0) == pytest.approx(((30 - grown) * 2, 20 - grown), abs=3)
    assert corners.max(axis=0) == pytest.approx(((90 + grown) * 2, 30 + grown), abs=3)
    assert decode_lines(np.zeros((1, 1, 8, 8), np.float32), size=(8, 8)) == []


def test_lines_stand_in_rows():
    def at(text: str, x: float, y: float) -> TextRegion:
        corners = ((x, y), (x + 30, y), (x + 30, y + 10), (x, y + 10))
        return TextRegion(line=TextLine(text=text, confidence=1), corners=corners)

    regions = [at("d", 50, 23), at("b", 50, 0), at("a", 0, 3), at("c", 0, 20)]
    assert [one.line.text for one in reading_order(regions)] == ["a", "b", "c", "d"]


def test_characters_that_do_not_match_the_graph_are_refused(tmp_path):
    ink, signs = np.zeros((1, 1, 32, 32), np.float32), np.zeros((1, 5, 4), np.float32)
    finder = fixed_graph(tmp_path / "f.onnx", ANY, {"ink": ink})
    for listed, ok in (("A\nB", True), ("A\nB\nC", False), ("", False)):
        graph = fixed_graph(tmp_path / "r.onnx", ANY, {"signs": signs}, **({"character": listed} if listed else {}))
        loaded = tiny("pp-ocr", {"find": finder, "read": graph})
        if ok:
            TextReader(loaded).canary(RgbFrame.of(draw_canary()))
        else:
            with pytest.raises(UnsupportedGraph, match="pp-ocr reads 4 classes"):
                TextReader(loaded)
    with pytest.raises(UnsupportedGraph, match="has no graph 'read'"):
        TextReader(tiny("pp-ocr", {"find": finder}))


@pytest.mark.parametrize(
    ("read", "text", "plausible"),
    [
        (["AD 799 KB"], "AD799KB", True),
        (["京B·D01113"], "BD01113", True),
        (["ab", "12-3c"], "AB123C", True),
        (["Passat CC"], "PASSATCC", False),
        (["SLOW DOWN 30 ZONE"], "SLOWDOWN30ZONE", False),
        ([""], "", False),
        (["1A2"], "1A2", False),
    ],
)
def test_plates_have_one_form_and_slogans_are_none(read, text, plausible):
    found = plate_text([TextLine(text=one, confidence=0.8) for one in read])
    assert (found.text, found.plausible) == (text, plausible)
    assert found.confidence == pytest.approx(0.8 if any(read) else 0)


@given(st.text(max_size=20))
def test_the_form_is_stable(text):
    once = normalise_plate(text)
    assert normalise_plate(once) == once
    assert once == "" or (once.isascii() and once.isalnum() and once == once.upper())


def test_slots(tmp_path):
    alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_"
    value = np.full((9, 37), 0.001)
    for slot, sign in enumerate("AB12___"):
        value[slot, alphabet.index(sign)] = 0.9
    value[7:, 36] = 0.9
    line = decode_slots(value, alphabet, "_")
    assert line.text == "AB12"
    assert line.confidence == pytest.approx(0.9)
    path = fixed_graph(
        tmp_path / "p.onnx",
        {"input": ("uint8", ["n", 64, 128, 1])},
        {"plate": value.astype(np.float32).reshape(1, -1)},
    )
    assert SlotReader(tiny("fast-plate-ocr-xs", path)).read_line(RgbFrame.of(draw_canary())).text == "AB12"
    other = fixed_graph(
        tmp_path / "o.onnx", {"input": ("uint8", ["n", 64, 128, 3])}, {"plate": np.zeros((1, 9, 38), np.float32)}
    )
    with pytest.raises(MalformedOutput, match="9 slots of 37 signs"):
        SlotReader(tiny("fast-plate-ocr-xs", other)).canary(RgbFrame.of(draw_canary()))


class TestReal:
    """The text models of the rapidocr package, run by ourselves, beside that package's own reading."""

    @pytest.fixture(scope="class")
    @staticmethod
    def library():
        logging.disable(logging.CRITICAL)
        from rapidocr import RapidOCR  # noqa: PLC0415 - takes a second and loads much

        yield RapidOCR(params={"Global.log_level": "critical"})
        logging.disable(logging.NOTSET)

    def test_drawn_words_are_read(self, reader):
        picture = np.full((120, 480, 3), 255, np.uint8)
        cv2.putText(picture, "HOME 4711", (20, 80), cv2.FONT_HERSHEY_SIMPLEX, 2, (0, 0, 0), 4)
        (region,) = reader.read(RgbFrame.of(picture))
        assert region.line.text == "HOME 4711"
        assert region.line.confidence > 0.9
        left, top = region.corners[0]
        assert (left, top) == pytest.approx((20, 30), abs=25)

    def test_a_picture_without_text_says_nothing(self, reader):
        assert reader.read(RgbFrame.of(np.full((200, 300, 3), 90, np.uint8))) == ()

    @pytest.mark.parametrize(
        ("name", "truth"),
        [("test_plate_1.png", "AD799KB"), ("lpd_sample_1.jpg", "E99999"), ("lpd_sample_2.jpeg", "BD01113")],
    )
    def test_a_plate_is_read_as_the_library_reads_it(self, reader, library, test_media, model_mirror, name, truth):
        with Image.open(test_media / "images/plates" / name) as opened:
            picture = np.asarray(opened.convert("RGB"))
        found = PlateFinder(real("lpd-yunet", model_mirror)).find(RgbFrame.of(picture))
        assert found[0].corners is not None
        ours = read_plate(reader, RgbFrame.of(picture), found[0])
        assert (ours.text, ours.plausible) == (truth, True)
        plate = straightened(RgbFrame.of(picture), found[0].corners)
        theirs = library(np.ascontiguousarray(plate[:, :, ::-1]))
        assert truth in {normalise_plate(text) for text in (theirs.txts or ())}
