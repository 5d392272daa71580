"""``home-sentry analyze``: what a person learns about a picture of their own."""

from typing import Any

import pytest

from home_sentry_engine.cli.analyze import table_of


@pytest.fixture
def pictures(monkeypatch, model_mirror, test_media):
    """The test pictures, with the real models at hand and nothing fetched."""
    monkeypatch.setenv("HOME_SENTRY_MODEL_MIRROR", str(model_mirror))
    monkeypatch.setenv("HOME_SENTRY_OFFLINE", "true")
    return test_media / "images"


def test_objects_and_what_models_found_in_them_are_told(run, pictures, tmp_path):
    (tmp_path / "notes.txt").write_text("no picture")
    outcome = run("analyze", "--no-llm", "--json", pictures / "plates" / "lpd_sample_1.jpg", tmp_path / "notes.txt")
    assert outcome.status == 0
    (media, refused), (event,) = outcome.document["media"], outcome.document["events"]
    assert refused["error"].startswith("not a picture or clip by its name")
    assert [one["label"] for one in media["detections"]] == ["car"]
    assert (event["risk_level"], event["analysis_reason"]) == ("low", "disabled")
    found = event["enrichment"]
    assert [one["value"]["text"] for one in found["findings"] if one["about"] == "plates"] == ["E99999"]
    assert {step["outcome"] for step in found["steps"] if step["about"] == "faces"} == {"skipped"}
    table = list(table_of(outcome.document))
    assert "    car          0.92  71,1 517x356" in table
    assert any(line.startswith("    plates         text E99999, ") and line.endswith("(lpd-yunet)") for line in table)
    assert any(line.startswith("    failed: not a picture") for line in table)


def test_what_models_found_is_told_in_words():
    value = {"posture": "crouching", "is_moving": True, "alerts": ["crouching", "hiding"], "words": [], "side": None}
    finding = {"about": "pose", "value": value, "model_id": "movenet"}
    event: dict[str, Any] = {
        "analysis_state": "rules",
        "analysis_reason": None,
        "risk_score": 20,
        "risk_level": "low",
        "summary": "1 person at Yard",
        "factors": [],
        "enrichment": {"findings": [finding]},
    }
    *_, line = table_of({"events": [event]})
    assert line == "    pose           posture crouching, is moving yes, alerts crouching and hiding (movenet)"


def test_nothing_but_failures_is_status_1(run, tmp_path):
    (tmp_path / "notes.txt").write_text("no picture")
    assert run("analyze", "--no-llm", tmp_path / "notes.txt").status == 1
    assert run("analyze", "--no-llm", tmp_path).status == 1


def test_a_path_that_is_not_there_is_named_as_such(run, tmp_path):
    outcome = run("analyze", tmp_path / "gone.jpg", tmp_path / "nowhere", "--json", "--no-llm")
    assert outcome.status == 1
    assert [one["error"] for one in outcome.document["media"]] == ["there is no such file or folder"] * 2


def test_a_detector_that_cannot_be_had_ends_the_command(run, pictures):
    outcome = run("analyze", "--no-llm", "--detector", "owl", pictures / "plates" / "lpd_sample_1.jpg")
    assert outcome.status == 1
    assert outcome.err.startswith("home-sentry: no detector: no model is called 'owl'; known: rtdetrv2-r18, ")
    assert "yunet" not in outcome.err


def test_a_data_folder_that_is_kept_shows_no_events_of_earlier_runs(run, pictures, tmp_path):
    def looked(picture, at):
        words = ("--no-llm", "--json", "--data", tmp_path / "kept", "--at", at)
        return run("analyze", *words, pictures / "misc" / picture).document["events"]

    (dogs,) = looked("3dogs.jpg", "2026-11-01T10:00:00+00:00")
    assert dogs["object_types"] == ["dog"]
    assert looked("supervision_1.jpg", "2026-11-03T10:00:00+00:00") == []


def test_the_basic_detector_is_named_where_no_model_looked(run, pictures, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME_SENTRY_MODEL_MIRROR", str(tmp_path))
    outcome = run("analyze", "--no-llm", pictures / "plates" / "lpd_sample_1.jpg")
    assert outcome.status == 0
    assert outcome.out.splitlines()[-1].startswith("detector  basic detector inside OpenCV")


def test_a_camera_name_that_gives_no_id_is_said_so(run, tmp_path):
    outcome = run("analyze", "--camera", "///", tmp_path)
    assert (outcome.status, outcome.err) == (1, "home-sentry: the camera name '///' has no letter or digit\n")


def test_what_cannot_be_read_has_no_size(run, tmp_path):
    (tmp_path / "x.jpg").write_text("rubbish")
    outcome = run("analyze", "--no-llm", tmp_path / "x.jpg")
    assert outcome.out.splitlines()[0] == str(tmp_path / "x.jpg")
