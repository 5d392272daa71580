import pytest

from home_sentry_engine.domain.labels import COCO_80, SECURITY_CLASSES
from home_sentry_engine.vision.catalog import Catalogue, InvalidCard, Source, Task, UnknownModel, load_catalogue
from home_sentry_engine.vision.catalog.catalogue import parse_cards
from home_sentry_engine.vision.catalog.writing import card_text
from home_sentry_engine.vision.tasks.decoders import Contract

PERMISSIVE = {"Apache-2.0", "MIT", "BSD-3-Clause"}


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


def test_every_detector_of_the_zoo_has_a_card(catalogue):
    wanted = {
        *(f"rtdetrv2-{size}" for size in ("r18", "r34", "r50", "r101")),
        "rtdetrv2-r18-int8",
        *(f"dfine-{size}" for size in "nsmlx"),
        *(f"deimv2-{size}" for size in ("atto", "femto", "pico", "n")),
        *(f"rf-detr-{size}" for size in ("nano", "small", "medium", "large")),
        "yolox-nano",
        "opencv-basic",
    }
    assert wanted == {card.id for card in catalogue.of_task(Task.DETECT)}


def test_detectors_are_permissive_and_speak_a_known_contract(catalogue):
    contracts = {*Contract, "opencv"}
    for card in catalogue.of_task(Task.DETECT):
        assert card.licence in PERMISSIVE, card.id
        assert card.contract in contracts, card.id
        if card.files:
            assert card.image is not None, card.id
            assert set(card.labels) >= SECURITY_CLASSES, card.id


def test_every_card_with_files_says_what_it_takes_of_the_memory(catalogue):
    for card in catalogue:
        if card.files:
            assert card.memory_bytes, card.id
            # a graph is in the memory at least once
            assert card.memory_bytes > (card.size_bytes or 0), card.id
        else:
            assert not card.memory_estimated, card.id


def test_an_estimate_is_marked_and_a_measurement_is_not(catalogue):
    assert catalogue.get("siglip2-base").memory_estimated
    assert not catalogue.get("deimv2-femto").memory_estimated
    copy = parse_cards(card_text(catalogue.get("siglip2-base")))[0]
    assert (copy.memory_bytes, copy.memory_estimated) == (catalogue.get("siglip2-base").memory_bytes, True)


def test_files_that_are_on_by_default_can_be_fetched(catalogue):
    for card in catalogue:
        # what nobody serves ("none") works only where somebody put it
        if card.default_on and card.source.host not in {"package", "none"}:
            assert all((card.source.url(file.path) or "").startswith("https://") for file in card.files), card.id


def test_the_two_label_sets_agree_on_names(catalogue):
    coco_91 = catalogue.get("rf-detr-nano").labels
    assert tuple(name for name in coco_91 if name) == COCO_80
    assert (coco_91[1], coco_91[3], coco_91[18], coco_91[90]) == ("person", "car", "dog", "toothbrush")


def test_the_mirror_finds_every_file_by_its_own_name(catalogue):
    names = [file.name for card in catalogue for file in card.files]
    assert len(names) == len(set(names))


def test_an_unknown_model_is_named_with_the_known_ones(catalogue):
    with pytest.raises(UnknownModel, match=r"'yolo26'.*deimv2-femto"):
        catalogue.get("yolo26")


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("huggingface", "https://huggingface.co/a/b/resolve/r1/onnx/model.onnx"),
        ("github", "https://github.com/a/b/raw/r1/onnx/model.onnx"),
        ("release", "https://github.com/a/b/releases/download/r1/onnx/model.onnx"),
        ("none", None),
        ("package", None),
    ],
)
def test_sources_know_their_addresses(host, url):
    assert Source(host=host, repository="a/b", revision="r1").url("onnx/model.onnx") == url


GOOD = """
[[card]]
id = "one"
name = "One"
task = "detect"
contract = "yolox"
licence = "MIT"
source = { host = "none", repository = "a/b", revision = "r" }
"""


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (GOOD.replace('licence = "MIT"\n', ""), "card one: lacks 'licence'"),
        (GOOD.replace('"detect"', '"dance"'), "card one: 'dance'"),
        (GOOD + 'labels = "imagenet"\n', "card one: unknown label set"),
        (GOOD + '[[card.files]]\nname = "../x"\n', "card one: file name"),
        (GOOD + '[[card.files]]\nname = "x"\nsha256 = "abc"\n', "card one: sha256 of x"),
        (GOOD.replace("revision", "version"), "card one: "),
    ],
)
def test_a_wrong_card_is_refused_by_name(text, reason):
    with pytest.raises(InvalidCard, match=reason):
        parse_cards(text)


def test_cards_may_not_share_ids_or_files():
    one = parse_cards(GOOD + '[[card.files]]\nname = "x.onnx"\n')[0]
    with pytest.raises(InvalidCard, match="two cards"):
        Catalogue([one, one])
    other = parse_cards(GOOD.replace('"one"', '"two"') + '[[card.files]]\nname = "x.onnx"\n')[0]
    with pytest.raises(InvalidCard, match=r"share the file name x\.onnx"):
        Catalogue([one, other])


def test_what_nobody_read_at_its_source_is_marked(catalogue):
    assert catalogue.get("fashion-siglip").unconfirmed == ("licence", "source")
    for card in catalogue:
        assert set(card.unconfirmed) <= {"licence", "source"}, card.id
        # a place that nobody looked at cannot have given a hash
        assert "source" not in card.unconfirmed or all(file.sha256 is None for file in card.files), card.id
