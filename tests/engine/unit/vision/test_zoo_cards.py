from dataclasses import replace
import re

import pytest

from home_sentry_engine.settings import ModelSettings
from home_sentry_engine.vision.catalog import (
    Card,
    Catalogue,
    InvalidCard,
    Layout,
    Resample,
    Resize,
    Task,
    load_catalogue,
)
from home_sentry_engine.vision.catalog.catalogue import parse_cards
from home_sentry_engine.vision.store import HashMismatch, ModelStore

# what a home security zoo knows -> the cards that give it, the one of choice first
ZOO = {
    "objects": ("rtdetrv2-r18", "rtdetrv2-r34", "rtdetrv2-r50", "rtdetrv2-r101"),
    "objects, other families": ("dfine-n", "deimv2-femto", "rf-detr-nano", "yolox-nano"),
    "plates": ("yolov9-t-384-plates", "lpd-yunet"),
    "faces": ("yunet", "ultraface-320"),
    "plate text": ("pp-ocr", "fast-plate-ocr-xs"),
    "image embeddings": ("siglip2-base", "clip-vit-l-14"),
    "captions": ("florence-2-base-ft", "florence-2-large"),
    "open vocabulary": ("owlv2-base", "grounding-dino-tiny"),
    "pose": ("vitpose-plus-small", "movenet-lightning"),
    "depth": ("depth-anything-v2-small",),
    "violence": ("violence-vit",),
    "weather": ("weather-siglip2",),
    "clothes, by segment": ("segformer-b2-clothes",),
    "clothes, by type": ("fashion-siglip",),
    "action": ("stgcn-ntu60", "xclip-base"),
    "quality": ("image-quality",),
    "vehicle type": ("vehicle-type-resnet50",),
    "vehicle damage": ("vehicle-damage-yolo11x",),
    "pets": ("pet-resnet18",),
    "persons again": ("osnet-x0-25", "reid-retail-0248", "reid-retail-0287", "reid-retail-0288"),
    "scene segments": ("deeplab-v3-voc",),
}
OFF = {
    *ZOO["captions"],
    *ZOO["open vocabulary"],
    *ZOO["action"],
    *("violence-vit", "weather-siglip2", "segformer-b2-clothes", "fashion-siglip"),
    *("vehicle-type-resnet50", "vehicle-damage-yolo11x", "pet-resnet18"),
}


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


@pytest.mark.parametrize("what", ZOO)
def test_every_row_of_the_zoo_has_its_cards(catalogue, what):
    for model_id in ZOO[what]:
        card = catalogue.get(model_id)
        assert card.licence
        assert card.source.repository
        assert card.name


def test_nothing_restrictive_is_on_by_default(catalogue):
    on = {card.id: card.licence for card in catalogue if card.default_on}
    assert not [name for name, licence in on.items() if re.search(r"AGPL|GPL|NC|non-commercial|unknown", licence)]
    assert all(catalogue.get(name).permissive for name in on)
    assert not [name for name in on if catalogue.get(name).unconfirmed]
    assert "movenet-lightning-dequant" in on
    assert not OFF & set(on)


def test_a_restricted_card_cannot_even_be_written_as_default():
    card = """
[[card]]
id = "one"
name = "One"
task = "face"
contract = "yunet"
licence = "AGPL-3.0"
default_on = true
source = { host = "none", repository = "a/b", revision = "r" }
"""
    with pytest.raises(InvalidCard, match=r"card one: AGPL-3\.0 may not be on by default"):
        parse_cards(card)
    assert not parse_cards(card.replace("true", "false"))[0].default_on
    permissive = card.replace("AGPL-3.0", "MIT")
    assert parse_cards(permissive)[0].default_on
    with pytest.raises(InvalidCard, match="card one: nobody confirmed its licence and source"):
        parse_cards(permissive + 'unconfirmed = ["licence", "source"]\n')


def test_nothing_guesses_age_or_gender(catalogue):
    private = re.compile(r"\b(age|gender|sex|ethnicity|race|emotion)s?\b", re.IGNORECASE)
    for card in catalogue:
        words = " ".join((card.id, card.name, card.note, card.contract, card.source.repository, *card.labels))
        assert not private.search(words.replace("_", " ").replace("-", " ")), card.id


def test_what_looks_at_pictures_says_how_it_wants_them(catalogue):
    without = {"stgcn-ntu60", "image-quality", "opencv-basic"}
    for card in catalogue:
        if card.task not in {Task.LANGUAGE, Task.VISION_LANGUAGE} and card.id not in without:
            assert card.image is not None, card.id


def test_classes_have_labels(catalogue):
    lengths = {card.id: len(card.labels) for card in catalogue if card.own_labels or card.label_set == "voc21"}
    assert lengths == {
        "segformer-b2-clothes": 18,
        "stgcn-ntu60": 60,
        "violence-vit": 2,
        "weather-siglip2": 5,
        "deeplab-v3-voc": 21,
        "vehicle-type-resnet50": 11,
        "vehicle-damage-yolo11x": 6,
        "pet-resnet18": 2,
    }


def test_a_comparison_has_a_threshold_of_its_own_model(catalogue):
    for card in (*catalogue.of_task(Task.REIDENTIFY), *catalogue.of_task(Task.IMAGE_TEXT)):
        assert 0 < float(card.quirks["same_above"]) < 1, card.id
        assert card.quirks["dimension"] in {256, 512, 768}, card.id


def test_a_card_may_bring_its_own_words_and_input():
    (card,) = parse_cards(
        """
[[card]]
id = "one"
name = "One"
task = "classify"
contract = "class_logits"
licence = "MIT"
rank = "low"
labels = ["a", "b"]
source = { host = "none", repository = "a/b", revision = "r" }
image = { size = [4, 2], resize = "crop_centre", resample = "bicubic", layout = "nhwc" }

[[card.files]]
name = "one.onnx"

[[card.files]]
name = "one.json"
role = "tokenizer"
"""
    )
    assert card.labels == ("a", "b")
    assert card.image is not None
    assert (card.image.resize, card.image.resample, card.image.layout) == (
        Resize.CROP_CENTRE,
        Resample.BICUBIC,
        Layout.NHWC,
    )
    assert [file.name for file in card.files_of("tokenizer")] == ["one.json"]
    with pytest.raises(InvalidCard, match="card one: unknown rank 'first'"):
        parse_cards(
            '[[card]]\nid = "one"\nname = "O"\ntask = "face"\ncontract = "x"\nlicence = "MIT"\nrank = "first"\n'
            'source = { host = "none", repository = "a/b", revision = "r" }\n'
        )


class TestPackage:
    """Files that lie inside an installed Python package."""

    def store(self, tmp_path) -> ModelStore:
        return ModelStore(ModelSettings(folder=tmp_path, offline=True))

    async def test_text_models_are_here_without_any_network(self, tmp_path):
        model = await self.store(tmp_path).fetch(load_catalogue().get("pp-ocr"))
        assert model.origin == "package"
        assert model.main.name == "PP-OCRv6_rec_small.onnx"
        found = await self.store(tmp_path).find(load_catalogue().get("pp-ocr"))
        assert found is not None
        assert found.origin == "package"

    async def test_they_are_checked_like_all_others_and_never_deleted(self, tmp_path):
        card = load_catalogue().get("pp-ocr")
        (file,) = card.files_of("find")
        wrong = _with_hash(card, file.name, "0" * 64)
        with pytest.raises(HashMismatch, match="the package's copy is not used"):
            await self.store(tmp_path).fetch(wrong)
        assert await self.store(tmp_path).remove(card) == 0
        assert (await self.store(tmp_path).fetch(card)).paths[file.name].is_file()


def _with_hash(card: Card, name: str, sha256: str) -> Card:
    files = tuple(replace(file, sha256=sha256) if file.name == name else file for file in card.files)
    return replace(card, files=files)
