from hypothesis import given
from hypothesis import strategies as st
import numpy as np
from onnx import TensorProto, helper, numpy_helper
import pytest

from home_sentry_engine.domain.box import Box
from home_sentry_engine.vision.eyes import draw_canary
from home_sentry_engine.vision.session import Cancel
from home_sentry_engine.vision.tasks.florence import (
    FlorenceAnswer,
    FlorenceTask,
    Region,
    parse_answer,
    prompt_of,
    question_prompt,
)
from home_sentry_engine.vision.tasks.florence_run import FlorenceReader
from home_sentry_engine.vision.tasks.pictures import RgbFrame
from tests.engine.unit.vision.graphs import fixed_graph, save_graph
from tests.engine.unit.vision.loading import tiny
from tests.engine.unit.vision.words import tokenizer

FRAME = RgbFrame.of(draw_canary(1000, 500))
WIDE = 4


class TestParse:
    @pytest.mark.parametrize(
        "task",
        [FlorenceTask.CAPTION, FlorenceTask.DETAILED_CAPTION, FlorenceTask.MORE_DETAILED_CAPTION, FlorenceTask.OCR],
    )
    def test_words(self, task):
        assert parse_answer(task, "</s><s>a red car </s><pad>", (10, 10)) == FlorenceAnswer(task=task, text="a red car")

    @pytest.mark.parametrize("raw", ["", "<s></s>", "<CAPTION> a car", "a car <loc_12>", "a <OD>"])
    def test_raw_tokens_are_no_words_and_are_counted(self, raw):
        assert parse_answer(FlorenceTask.CAPTION, raw, (10, 10)) == FlorenceAnswer(task=FlorenceTask.CAPTION, dropped=1)

    @pytest.mark.parametrize("task", [FlorenceTask.OD, FlorenceTask.DENSE_REGION_CAPTION])
    def test_regions(self, task):
        raw = (
            "</s><s>car<loc_100><loc_200><loc_299><loc_399>person<loc_0><loc_0><loc_9><loc_9>"
            "<loc_500><loc_500><loc_999><loc_999></s>"
        )
        found = parse_answer(task, raw, (1000, 500))
        assert found.dropped == 0
        assert found.regions == (
            Region(text="car", box=Box.from_corners((100.5, 100.25, 299.5, 199.75), image=(1000, 500))),
            Region(text="person", box=Box.from_corners((0.5, 0.25, 9.5, 4.75), image=(1000, 500))),
            Region(text="person", box=Box.from_corners((500.5, 250.25, 999.5, 499.75), image=(1000, 500))),
        )

    def test_text_with_four_corners(self):
        raw = "STOP<loc_100><loc_100><loc_200><loc_110><loc_198><loc_150><loc_99><loc_140>"
        (region,) = parse_answer(FlorenceTask.OCR_WITH_REGION, raw, (1000, 1000)).regions
        assert region.text == "STOP"
        assert (region.box.x, region.box.y, region.box.right, region.box.bottom) == (100, 100, 200, 150)

    @pytest.mark.parametrize(
        ("raw", "texts", "dropped"),
        [
            ("car<loc_1><loc_2><loc_3>", [], 1),
            ("<loc_1><loc_1><loc_9><loc_9>", [], 1),
            ("car<loc_9><loc_9><loc_1><loc_1>", [], 1),
            ("car<loc_1><loc_1><loc_99><loc_1000>", [], 1),
            ("car<loc_1><loc_1><loc_99><loc_99> and more", ["car"], 1),
            ("no places at all", [], 1),
            ("", [], 0),
        ],
    )
    def test_what_is_no_region_is_counted(self, raw, texts, dropped):
        found = parse_answer(FlorenceTask.OD, raw, (1000, 1000))
        assert ([one.text for one in found.regions], found.dropped) == (texts, dropped)

    @given(
        task=st.sampled_from(FlorenceTask),
        parts=st.lists(
            st.sampled_from(["car", "<loc_1>", "<loc_999>", "<loc_1234>", "<s>", "<OD>", " ", "<"]), max_size=30
        ),
    )
    def test_no_raw_token_ever_comes_out(self, task, parts):
        found = parse_answer(task, "".join(parts), (64, 48))
        for text in (found.text, *(region.text for region in found.regions)):
            assert "<loc_" not in text
            assert "<OD>" not in text
        assert all(region.box.right <= 64 and region.box.bottom <= 48 for region in found.regions)

    def test_every_task_has_a_prompt_and_questions_stay_questions(self):
        assert len({prompt_of(task) for task in FlorenceTask}) == len(FlorenceTask) == 7
        assert question_prompt("what is <OD> this?") == "<VQA>what is   this?"


WRITTEN = ["a", "red", "car"]
SPECIAL = ("<s>", "<pad>", "</s>")
PROMPT_WORDS = sorted({word.strip("?.,") for task in FlorenceTask for word in prompt_of(task).split()})


def decoder_graph(path, names: list[str], written: list[str], *, merged: bool):
    """A decoder that gives one row of logits per token that is already written."""
    vocabulary = len(names)
    embeds = helper.make_tensor_value_info("inputs_embeds", TensorProto.FLOAT, ["b", "t", WIDE])
    # row t of "answers" says what follows when t tokens are written: two to start with, then the words, then the end
    answers = np.zeros((16, vocabulary), np.float32)
    for at, word in enumerate([*written, "</s>"]):
        answers[at + 1, names.index(word)] = 9
    nodes = [
        helper.make_node("Shape", ["inputs_embeds"], ["shape"]),
        helper.make_node("Gather", ["shape", "one"], ["length"]),
        helper.make_node("Slice", ["answers", "zero", "length", "zero"], ["rows"]),
        helper.make_node("Unsqueeze", ["rows", "zero"], ["logits"]),
    ]
    constants = [
        numpy_helper.from_array(np.array([1], np.int64), "one"),
        numpy_helper.from_array(np.array([0], np.int64), "zero"),
        numpy_helper.from_array(answers, "answers"),
    ]
    inputs = [
        helper.make_tensor_value_info("encoder_attention_mask", TensorProto.INT64, ["b", "s"]),
        helper.make_tensor_value_info("encoder_hidden_states", TensorProto.FLOAT, ["b", "s", WIDE]),
        embeds,
    ]
    if merged:
        past: list[int | str | None] = ["b", 2, "past", WIDE]
        inputs += [
            helper.make_tensor_value_info(f"past_key_values.0.decoder.{part}", TensorProto.FLOAT, past)
            for part in ("key", "value")
        ]
        inputs.append(helper.make_tensor_value_info("use_cache_branch", TensorProto.BOOL, [1]))
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["b", "t", vocabulary])
    return save_graph(path, nodes, inputs, [logits], constants)


def florence(folder, written: list[str], *, merged: bool = True) -> FlorenceReader:
    """Four real graphs of Florence's contract: the decoder writes the next of ``written`` by how much stands there."""
    words = tokenizer(folder / "tokenizer.json", [*dict.fromkeys([*WRITTEN, *written, *PROMPT_WORDS])], special=SPECIAL)
    names = [*SPECIAL, "<unk>", *dict.fromkeys([*WRITTEN, *written, *PROMPT_WORDS])]
    vocabulary = len(names)
    vision = fixed_graph(
        folder / "v.onnx", {"pixel_values": ("float32", ["b", 3, 768, 768])}, {"f": np.ones((1, 5, WIDE), np.float32)}
    )
    ids = helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["b", "t"])
    embeds = helper.make_tensor_value_info("inputs_embeds", TensorProto.FLOAT, ["b", "t", WIDE])
    table = np.random.default_rng(1).normal(0, 1, (vocabulary, WIDE)).astype(np.float32)
    embed = save_graph(
        folder / "e.onnx",
        [helper.make_node("Gather", ["table", "input_ids"], ["inputs_embeds"])],
        [ids],
        [embeds],
        [numpy_helper.from_array(table, "table")],
    )
    mask = helper.make_tensor_value_info("attention_mask", TensorProto.INT64, ["b", "t"])
    hidden = helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, ["b", "t", WIDE])
    encoder = save_graph(
        folder / "n.onnx",
        [helper.make_node("Identity", ["inputs_embeds"], ["last_hidden_state"])],
        [mask, embeds],
        [hidden],
    )
    decoder = decoder_graph(folder / "d.onnx", names, written, merged=merged)
    graphs = {"vision": vision, "embed": embed, "encoder": encoder, "decoder": decoder}
    return FlorenceReader(tiny("florence-2-base-ft", graphs, {"tokenizer": words}))


@pytest.mark.parametrize("merged", [True, False])
def test_a_tiny_florence_writes_what_its_decoder_says(tmp_path, merged):
    reader = florence(tmp_path, WRITTEN, merged=merged)
    found = reader.ask(FlorenceTask.CAPTION, FRAME)
    assert (found.text, found.dropped) == ("a red car", 0)
    assert reader.answer_question("what is this?", FRAME).text == "a red car"
    reader.canary(FRAME)


def test_places_become_regions(tmp_path):
    places = ["<loc_100>", "<loc_200>", "<loc_300>", "<loc_400>"]
    reader = florence(tmp_path, ["car", *places])
    found = reader.ask(FlorenceTask.OD, FRAME)
    assert [(one.text, one.box.x, one.box.y) for one in found.regions] == [("car", 100, 100)]


def test_a_decoder_that_never_ends_is_stopped(tmp_path):
    reader = florence(tmp_path, ["a", "red", "a", "red", "a", "red", "a", "red"])
    reader._most = 6
    # "a red a" may not be written twice, so the seventh is something else, and six is the most in any case
    assert len(reader.ask(FlorenceTask.CAPTION, FRAME).text.split()) <= 6


def test_a_cancelled_call_stops(tmp_path):
    reader = florence(tmp_path, WRITTEN)
    cancel = Cancel()
    cancel.cancel()
    with pytest.raises(RuntimeError, match="could not compute"):
        reader.ask(FlorenceTask.CAPTION, FRAME, cancel=cancel)
