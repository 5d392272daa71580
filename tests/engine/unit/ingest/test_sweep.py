import os
import shutil
import time

from hypothesis import given, settings
from hypothesis import strategies as st
import pytest

from home_sentry_engine.ingest.sweep import Sort, Sweep


def _names(found):
    return [one.relative for one in found]


@pytest.fixture
def later():
    """A wall clock that is far ahead of all folder times, so that nothing lies within a tick."""
    return lambda: time.time() + 100


def test_only_what_is_new(tmp_path, later):
    sweep = Sweep(tmp_path, wall=later)
    (tmp_path / "yard" / "deep").mkdir(parents=True)
    (tmp_path / "yard" / "a.jpg").write_bytes(b"a")
    assert _names(sweep.scan()) == ["yard/a.jpg"]
    assert sweep.scan() == []
    (tmp_path / "yard" / "deep" / "b.jpg").write_bytes(b"b")
    assert _names(sweep.scan()) == ["yard/deep/b.jpg"]
    (tmp_path / "street").mkdir()
    (tmp_path / "street" / "c.jpg").write_bytes(b"c")
    assert _names(sweep.scan()) == ["street/c.jpg"]
    assert sweep.folders == 4


def test_oldest_first(tmp_path):
    for name, at in (("b", 300), ("a", 100), ("c", 200)):
        path = tmp_path / f"{name}.jpg"
        path.write_bytes(b"x")
        os.utime(path, (at, at))
    assert _names(Sweep(tmp_path).scan()) == ["a.jpg", "c.jpg", "b.jpg"]


def test_unchanged_folders_are_not_listed(tmp_path, later, monkeypatch):
    for number in range(20):
        (tmp_path / str(number)).mkdir()
    sweep = Sweep(tmp_path, wall=later)
    sweep.scan()
    listed = []
    real = os.scandir

    def spy(path):
        listed.append(path)
        return real(path)

    monkeypatch.setattr(os, "scandir", spy)
    (tmp_path / "7" / "a.jpg").write_bytes(b"x")
    assert _names(sweep.scan()) == ["7/a.jpg"]
    assert listed == [tmp_path / "7"]


def test_folder_changed_within_the_tick_is_listed_again(tmp_path):
    sweep = Sweep(tmp_path, wall=time.time)
    (tmp_path / "a.jpg").write_bytes(b"a")
    sweep.scan()
    status = tmp_path.stat()
    (tmp_path / "b.jpg").write_bytes(b"b")
    os.utime(tmp_path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert _names(sweep.scan()) == ["b.jpg"]


def test_change_in_place_needs_a_full_scan(tmp_path, later):
    path = tmp_path / "a.jpg"
    path.write_bytes(b"a")
    sweep = Sweep(tmp_path, wall=later)
    sweep.scan()
    path.write_bytes(b"longer")
    assert sweep.scan() == []
    assert _names(sweep.scan(full=True)) == ["a.jpg"]
    assert sweep.scan(full=True) == []


def test_name_that_comes_back(tmp_path, later):
    sweep = Sweep(tmp_path, wall=later)
    path = tmp_path / "a.jpg"
    for _ in range(3):
        path.write_bytes(b"a")
        assert _names(sweep.scan()) == ["a.jpg"]
        path.unlink()
        assert sweep.scan() == []
    (tmp_path / "yard").mkdir()
    (tmp_path / "yard" / "b.jpg").write_bytes(b"b")
    assert _names(sweep.scan()) == ["yard/b.jpg"]
    shutil.rmtree(tmp_path / "yard")
    sweep.scan()
    (tmp_path / "yard").mkdir()
    (tmp_path / "yard" / "b.jpg").write_bytes(b"b")
    assert _names(sweep.scan()) == ["yard/b.jpg"]


def test_tools_own_folders_are_left_out_and_links_are_not_followed(tmp_path, later):
    for name in (".thumbs", "@eaDir", "#recycle", "lost+found", "yard"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.jpg").write_bytes(b"a")
    (tmp_path / "yard" / "out").symlink_to("/etc")
    os.mkfifo(tmp_path / "yard" / "pipe.jpg")
    found = {one.relative: one.sort for one in Sweep(tmp_path, wall=later).scan()}
    assert found == {"yard/a.jpg": Sort.FILE, "yard/out": Sort.LINK, "yard/pipe.jpg": Sort.SPECIAL}


def test_missing_root(tmp_path):
    sweep = Sweep(tmp_path / "missing")
    with pytest.raises(FileNotFoundError):
        sweep.scan()
    (tmp_path / "missing").mkdir()
    assert sweep.scan() == []


def test_folder_that_cannot_be_read_is_tried_again(tmp_path, later, monkeypatch):
    (tmp_path / "yard").mkdir()
    (tmp_path / "yard" / "a.jpg").write_bytes(b"a")
    sweep = Sweep(tmp_path, wall=later)
    real = os.scandir

    def refuse(path):
        if str(path).endswith("yard"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert sweep.scan() == []
    assert sweep.unreadable_folders == 1
    monkeypatch.undo()
    assert _names(sweep.scan()) == ["yard/a.jpg"]
    assert sweep.unreadable_folders == 0


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz"), st.booleans(), st.booleans()), max_size=30))
def test_every_file_is_found_whenever_it_is_looked_for(tmp_path_factory, steps):
    root = tmp_path_factory.mktemp("root")
    sweep, there = Sweep(root), set()
    found: set[str] = set()
    for number, (folder, name, add, look) in enumerate(steps):
        path = root / folder / f"{name}.jpg"
        if add:
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(bytes(number))
            there.add(f"{folder}/{name}.jpg")
        elif path.exists():
            path.unlink()
            there.discard(f"{folder}/{name}.jpg")
            found.discard(f"{folder}/{name}.jpg")
        if look:
            found |= {one.relative for one in sweep.scan()}
    found |= {one.relative for one in sweep.scan()}
    assert there <= found
