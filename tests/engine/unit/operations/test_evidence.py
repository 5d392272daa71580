"""Packs of evidence: whoever changes one is found out."""

from dataclasses import replace
import json
from pathlib import Path
import random
import zipfile

from hypothesis import given, settings
from hypothesis import strategies as st
import pytest

from home_sentry_engine.cli.main import main
from home_sentry_engine.operations.evidence import EvidencePack, Link, check_chain, check_pack
from home_sentry_engine.operations.export_rows import document_of
from tests.fakes.records import detection, event


def made(folder: Path, number: int = 1, previous: str = "0" * 64, text: str = "A person at the door") -> Path:
    """Make a pack the way that the engine does."""
    folder.mkdir()
    pack = EvidencePack(folder)
    pack.add(document_of(replace(event("e1"), summary=text), [detection(7)], None))
    for place in ("stills", "shared"):
        pack.picture(f"{place}/e1/01_m1.jpg", f"{place} {number}".encode() * 20)
    about = {"pack": f"p{number}", "made_at": "2026-11-20T12:00:00+00:00"}
    listed = pack.seal(about)
    link = Link(number=number, pack=f"p{number}", made_at=about["made_at"], list_sha256=listed, previous=previous)
    path = pack.close(about | {"chain": link.document()})
    return path.rename(folder.parent / f"pack{number}.zip")


@pytest.fixture(scope="module")
def pack(tmp_path_factory) -> Path:
    return made(tmp_path_factory.mktemp("evidence") / "one")


def rewritten(path: Path, target: Path, changes: dict[str, bytes]) -> Path:
    """Write a pack anew with other contents, as a careful forger does."""
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(target, "w") as copy:
        for name in dict.fromkeys([*archive.namelist(), *changes]):
            content = changes.get(name, archive.read(name) if name in archive.namelist() else b"")
            copy.writestr(zipfile.ZipInfo(name), content, compress_type=zipfile.ZIP_STORED)
    return target


def test_a_pack_that_nobody_touched_is_sound(pack):
    checked = check_pack(pack)
    assert checked.faults == ()
    assert checked.link is not None
    assert checked.link.number == 1


@settings(max_examples=150)
@given(st.integers(0, 2**32), st.integers(1, 255))
def test_any_changed_byte_is_found(pack, place, other):
    content = bytearray(pack.read_bytes())
    content[place % len(content)] ^= other
    changed = pack.with_name("changed.zip")
    changed.write_bytes(content)
    assert check_pack(changed).faults


def test_bytes_that_are_added_or_missing_are_found(pack, tmp_path):
    whole = pack.read_bytes()
    for content in (whole + b"\0", b"\0" + whole, whole[:-1], whole[1:], whole[: len(whole) // 2], b""):
        changed = tmp_path / "changed.zip"
        changed.write_bytes(content)
        assert check_pack(changed).faults


def test_a_pack_of_few_bytes_that_would_become_many_is_not_unpacked(pack, tmp_path):
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(pack) as old, zipfile.ZipFile(bomb, "x", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
        new.writestr("zeros", bytes(10_000_000))
    assert check_pack(bomb).faults == ("the archive is compressed, which no pack is",)


def test_names_in_a_pack_are_not_obeyed_by_a_terminal(pack, tmp_path):
    changed = tmp_path / "changed.zip"
    changed.write_bytes(pack.read_bytes())
    with zipfile.ZipFile(changed, "a") as archive:
        archive.writestr("\x1b[2J\nok  pack.zip", b"x")
    assert "'\\x1b[2J\\nok  pack.zip' was added" in check_pack(changed).faults


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"stills/e1/01_m1.jpg": b"another"}, "stills/e1/01_m1.jpg was changed"),
        ({"report.html": b"<p>nothing happened"}, "report.html was changed"),
        ({"more.txt": b"x"}, "more.txt was added"),
        ({"SHA256SUMS": b""}, "SHA256SUMS was changed"),
        ({"chain.json": b"{}"}, "the link is incomplete"),
        ({"chain.json": b"no JSON"}, "Expecting value"),
    ],
)
def test_what_was_changed_is_named(pack, tmp_path, changes, fault):
    faults = check_pack(rewritten(pack, tmp_path / "changed.zip", changes)).faults
    assert any(fault in one for one in faults), faults


def test_a_pack_without_its_list_or_link_is_none(tmp_path):
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", b"b")
    assert check_pack(path).faults == ("SHA256SUMS is missing", "chain.json is missing")


def test_a_pack_that_was_made_anew_breaks_the_chain(tmp_path):
    first = made(tmp_path / "one", 1)
    link = check_pack(first).link
    assert link is not None
    second = made(tmp_path / "two", 2, link.digest)
    noted = {n: {"digest": d.digest, "sha256": c.sha256} for n, c in ((1, check_pack(first)), (2, check_pack(second)))
             if (d := c.link) is not None}  # fmt: skip
    (tmp_path / "forged").mkdir()
    forged = made(tmp_path / "forged" / "one", 1, text="Nobody at the door")
    assert check_pack(forged).faults == ()
    assert check_chain([check_pack(one) for one in (second, first)], noted) == ()
    assert "does not follow" in check_chain([check_pack(one) for one in (forged, second)], None)[0]
    assert "not the pack that the engine made" in check_chain([check_pack(forged)], noted)[0]
    assert "made no pack" in check_chain([check_pack(forged)], {})[0]
    assert "same place" in check_chain([check_pack(one) for one in (forged, first)], None)[0]


def test_texts_of_a_scene_are_no_markup_in_the_report(tmp_path):
    path = made(tmp_path / "one", text="<script>alert(1)</script>")
    with zipfile.ZipFile(path) as archive:
        report = archive.read("report.html").decode()
    assert "<script" not in report
    assert "&lt;script&gt;" in report


def test_the_command_tells_and_its_status_says_it_too(pack, tmp_path, capsys):
    assert main(["evidence", "verify", str(pack)]) == 0
    assert "ok" in capsys.readouterr().out
    changed = tmp_path / "changed.zip"
    content = bytearray(pack.read_bytes())
    content[random.Random(1).randrange(len(content))] ^= 1
    changed.write_bytes(content)
    assert main(["evidence", "verify", str(pack), str(changed), str(tmp_path / "nowhere.zip"), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["sound"], [bool(one["faults"]) for one in told["packs"]]) == (False, [False, True, True])
    assert main(["evidence", "verify", str(pack), "--engine", "--data", str(tmp_path)]) == 1
    assert "no database" in capsys.readouterr().err
