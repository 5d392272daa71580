"""What an export says of an event, and what no spreadsheet takes for a formula."""

import csv
from dataclasses import replace
import io
import json
import zipfile

from hypothesis import given
from hypothesis import strategies as st
import pytest

from home_sentry_engine.contract import ExportKind, Identity
from home_sentry_engine.operations.export_files import digest, open_export
from home_sentry_engine.operations.export_rows import (
    DETECTION_COLUMNS,
    EVENT_COLUMNS,
    Discretion,
    cell,
    detection_rows,
    document_of,
    event_row,
)
from tests.fakes.records import detection, event


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "  =cmd|' /C calc'!A0", "\r=1", "\n@x"])
def test_what_looks_like_a_formula_begins_with_an_apostrophe(text):
    assert cell(text) == f"'{text}"


@given(st.text(max_size=30))
def test_no_text_begins_like_a_formula(text):
    written = str(cell(text))
    assert not written.lstrip().startswith(("=", "+", "-", "@"))
    assert written.removeprefix("'") == text.removeprefix("'")


def test_numbers_and_plain_texts_stay():
    assert [cell(value) for value in (-5, 0.5, None, True, "a=b")] == [-5, 0.5, "", True, "a=b"]


def test_rows_have_their_columns():
    document = document_of(replace(event("e1"), summary="=HYPERLINK()"), [detection(7)], None)
    row = dict(zip(EVENT_COLUMNS, event_row(document), strict=True))
    assert (row["event_id"], row["summary"]) == ("e1", "'=HYPERLINK()")
    assert str(row["detections"]).startswith(detection(7).label)
    (found,) = [dict(zip(DETECTION_COLUMNS, one, strict=True)) for one in detection_rows(document)]
    assert (found["id"], found["x"]) == (7, detection(7).box.x)


def test_what_is_for_others_names_nobody():
    seen = replace(
        event("e1"),
        summary="Anna Meier comes home in B-XY 123.",
        notes="call Anna",
        identities=(Identity(kind="person", finding="match", name="Anna Meier"),),
    )
    plain = document_of(seen, [], Discretion(["Anna Meier", "BXY123"]))
    text = json.dumps(plain)
    assert "Anna" not in text
    assert "123" not in json.dumps(plain["event"]["summary"])
    assert not {"notes", "identities"} & plain["event"].keys()
    assert dict(zip(EVENT_COLUMNS, event_row(plain), strict=True))["notes"] == ""
    assert "Anna Meier" in json.dumps(document_of(seen, [], None))


def test_files_hold_what_was_written(tmp_path):
    documents = [document_of(event(name), [detection(number)], None) for number, name in enumerate(("e1", "e2"), 1)]
    for kind in (ExportKind.CSV, ExportKind.JSON, ExportKind.ZIP):
        file = open_export(kind, tmp_path / kind.value)
        for document in documents:
            file.add(document)
        if kind is ExportKind.ZIP:
            file.picture("pictures/e1/01_m1.jpg", b"\xff\xd8jpeg")
        else:
            with pytest.raises(ValueError, match="no pictures"):
                file.picture("x", b"")
        assert file.size() > 0
        path = file.close({"events": 2})
        assert len(digest(path)) == 64
        assert [one.name for one in path.parent.iterdir()] == [path.name]
    text = (tmp_path / "csv/events.csv").read_text(encoding="utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["event_id"] for row in rows] == ["e1", "e2"]
    found = json.loads((tmp_path / "json/events.json").read_text())
    assert [one["event"]["event_id"] for one in found["events"]] == ["e1", "e2"]
    assert found["about"] == {"events": 2}
    with zipfile.ZipFile(tmp_path / "zip/export.zip") as archive:
        assert sorted(archive.namelist()) == [
            "about.json", "detections.csv", "events.csv", "events.json", "pictures/e1/01_m1.jpg",
        ]  # fmt: skip
        assert archive.read("pictures/e1/01_m1.jpg") == b"\xff\xd8jpeg"
        assert len(list(csv.reader(io.StringIO(archive.read("detections.csv").decode("utf-8-sig"))))) == 3


def test_an_interrupted_try_is_begun_anew(tmp_path):
    half = open_export(ExportKind.ZIP, tmp_path / "x")
    half.add(document_of(event("e1"), [], None))
    half.abandon()
    file = open_export(ExportKind.ZIP, tmp_path / "x")
    with zipfile.ZipFile(file.close({})) as archive:
        assert json.loads(archive.read("events.json"))["events"] == []
