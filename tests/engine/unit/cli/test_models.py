"""``models`` over a real store, with small files in place of models."""

import hashlib
import io
from pathlib import Path

import pytest

from home_sentry_engine.vision.catalog import load_catalogue

ATTO = "deimv2-atto"
ATTO_FILE = "deimv2_hgnetv2_atto_coco.onnx"
UNPINNED = "dfine-n"
UNPINNED_FILE = "dfine_n_coco.onnx"


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    folder = tmp_path / "mirror"
    folder.mkdir()
    (folder / UNPINNED_FILE).write_bytes(b"a graph")
    return folder


@pytest.fixture
def mirrored(run, monkeypatch, mirror, tmp_path):
    monkeypatch.setenv("HOME_SENTRY_MODEL_MIRROR", str(mirror))
    monkeypatch.setenv("HOME_SENTRY_OFFLINE", "true")
    return lambda *words: run("models", *words, "--data", tmp_path / "data")


def test_the_list_shows_every_card_with_its_licence(mirrored):
    document = mirrored("list", "--json").document
    assert [one["id"] for one in document["models"]] == [card.id for card in load_catalogue()]
    assert all(one["licence"] for one in document["models"])
    places = {one["id"]: one["place"] for one in document["models"]}
    assert places[UNPINNED] == "mirror"
    assert places[ATTO] == "none"
    assert places["opencv-basic"] == "package"


def test_the_table_says_where_a_model_lies(mirrored, mirror):
    lines = mirrored("list", UNPINNED, ATTO).out.splitlines()
    assert lines[0].split() == ["ID", "TASK", "ON", "WHERE", "SIZE", "LICENCE", "NAME"]
    assert "mirror" in lines[1]
    assert "not available" in lines[2]
    assert lines[-1].endswith(f"mirror: {mirror}, offline")


def test_get_uses_a_folder_mirror_in_place(mirrored, mirror):
    outcome = mirrored("get", UNPINNED, "--json")
    (result,) = outcome.document["models"]
    assert outcome.status == 0
    assert (result["origin"], result["error"]) == ("mirror", None)
    assert result["files"] == {UNPINNED_FILE: str(mirror / UNPINNED_FILE)}
    assert outcome.err == ""


def test_get_tells_the_licence_and_where_the_file_is(mirrored, mirror):
    outcome = mirrored("get", UNPINNED)
    assert f"{UNPINNED}: D-FINE n, licence Apache-2.0" in outcome.err
    assert f"ok    {UNPINNED}: 0.0 MB, from the mirror: {mirror / UNPINNED_FILE}" in outcome.err


def test_a_model_that_cannot_be_had_fails_and_the_others_are_still_fetched(mirrored):
    outcome = mirrored("get", ATTO, UNPINNED, "--json")
    results = {one["id"]: one["error"] for one in outcome.document["models"]}
    assert outcome.status == 1
    assert "offline mode forbids fetching it" in results[ATTO]
    assert f"put {ATTO_FILE} into the model folder or a mirror" in results[ATTO]
    assert results[UNPINNED] is None
    assert outcome.err.startswith(f"  FAIL  {ATTO}: ")


def test_an_unknown_model_lists_those_that_exist(mirrored):
    outcome = mirrored("get", "yolo9000")
    assert outcome.status == 1
    assert outcome.err.startswith("home-sentry: no model is called yolo9000; known: rtdetrv2-r18, ")


def test_verify_reads_the_file_and_names_its_hash(mirrored):
    outcome = mirrored("verify", UNPINNED, "--json")
    (file,) = outcome.document["files"]
    assert (outcome.status, outcome.document["ok"]) == (0, True)
    assert file["sha256"] == hashlib.sha256(b"a graph").hexdigest()
    assert file["state"] == "verified"


def test_verify_finds_a_file_that_changed(mirrored, mirror):
    mirrored("get", UNPINNED)
    (mirror / UNPINNED_FILE).write_bytes(b"another graph")
    outcome = mirrored("verify", "--json")
    (file,) = (one for one in outcome.document["files"] if one["model_id"] == UNPINNED)
    assert (outcome.status, outcome.document["ok"]) == (1, False)
    assert file["state"] == "corrupt"
    assert file["expected"] == hashlib.sha256(b"a graph").hexdigest()


def test_verify_finds_a_wrong_file_under_a_known_name(mirrored, mirror):
    (mirror / ATTO_FILE).write_bytes(b"not this model")
    outcome = mirrored("verify")
    assert outcome.status == 1
    assert ["corrupt" in line for line in outcome.out.splitlines() if ATTO in line] == [True]


def test_verify_of_a_named_missing_model_fails(mirrored):
    outcome = mirrored("verify", ATTO)
    assert outcome.status == 1
    assert "missing" in outcome.out
    assert outcome.err == f"fetch what is missing or damaged with: home-sentry models get {ATTO}\n"


def test_verify_of_sound_files_advises_nothing(mirrored):
    assert mirrored("verify", UNPINNED).err == ""


def test_a_model_that_is_computed_is_neither_fetched_nor_checked(mirrored):
    fetched, checked = mirrored("get", "opencv-basic"), mirrored("verify", "opencv-basic", "image-quality")
    assert (fetched.status, checked.status) == (0, 0)
    assert "ok    opencv-basic: built in, nothing to fetch" in fetched.err
    assert checked.out == "opencv-basic, image-quality: built in, no file to check\n"


def test_verify_without_names_checks_what_is_here_alone(run, tmp_path):
    outcome = run("models", "verify", "--data", tmp_path, "--json")
    assert outcome.status == 0
    assert {file["origin"] for file in outcome.document["files"]} <= {"package"}


def test_the_models_option_names_the_folder(run, tmp_path):
    (tmp_path / UNPINNED_FILE).write_bytes(b"a graph")
    document = run("models", "list", UNPINNED, "--models", tmp_path, "--json").document
    assert document["folder"] == str(tmp_path)
    assert document["models"][0]["place"] == "local"


def test_get_without_names_takes_what_the_settings_want(mirrored, monkeypatch):
    monkeypatch.setenv("HOME_SENTRY_DETECTOR", UNPINNED)
    monkeypatch.setenv("HOME_SENTRY_LLM", "false")
    assert [one["id"] for one in mirrored("get", "--json").document["models"]] == [UNPINNED]
    monkeypatch.setenv("HOME_SENTRY_LLM", "true")
    assert [one["id"] for one in mirrored("get", "--json").document["models"]] == [UNPINNED, "nemotron-3-nano-4b"]


def test_remove_deletes_our_copy_and_leaves_the_mirror(mirrored, mirror, tmp_path):
    folder = tmp_path / "data" / "models"
    folder.mkdir(parents=True)
    (folder / UNPINNED_FILE).write_bytes(b"a graph")
    outcome = mirrored("remove", UNPINNED)
    assert (outcome.status, outcome.out) == (0, f"{UNPINNED}: 0.0 MB freed\n")
    assert not (folder / UNPINNED_FILE).exists()
    assert (mirror / UNPINNED_FILE).exists()
    assert mirrored("remove", UNPINNED, "--json").document["freed_bytes"] == {UNPINNED: 0}


def test_a_restricted_model_is_fetched_and_switched_on_with_its_licence_alone(mirrored, mirror):
    (mirror / "car_dd_yolo11x_seg.onnx").write_bytes(b"a graph")
    for verb in ("get", "enable"):
        refused = mirrored(verb, "vehicle-damage-yolo11x")
        assert refused.status == 1
        assert "comes under the licence 'AGPL-3.0'" in refused.err
        assert "--accept-licence" in refused.err
        assert mirrored(verb, "vehicle-damage-yolo11x", "--accept-licence", "AGPL-3.0").status == 0
    assert _on(mirrored, "vehicle-damage-yolo11x")
    assert mirrored("disable", "vehicle-damage-yolo11x").status == 0
    assert not _on(mirrored, "vehicle-damage-yolo11x")


def test_a_person_at_a_terminal_is_asked(mirrored, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    refused = mirrored("enable", "vehicle-damage-yolo11x")
    assert refused.status == 1
    assert "Do you accept this licence? [y/N]" in refused.err
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    assert mirrored("enable", "vehicle-damage-yolo11x").status == 0


def test_quantize_says_what_it_lacks(mirrored, tmp_path):
    outcome = mirrored("quantize", UNPINNED, "--calibration", tmp_path)
    assert outcome.status == 1
    assert "home-sentry: " in outcome.err


def _on(mirrored, model_id):
    (model,) = mirrored("list", model_id, "--json").document["models"]
    return model["on"]
