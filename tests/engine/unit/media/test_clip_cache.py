"""The folder of made clips: what stays, what goes, and what a restart finds."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from home_sentry_engine.media.clip_cache import ClipCache, ClipName
from home_sentry_engine.media.clip_plan import ClipKind

START = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
DAY_S = 86_400.0


class Shelf:
    def __init__(self, folder: Path, budget_bytes: int = 1000) -> None:
        self.now = START
        self.cache = ClipCache(folder, budget_bytes=budget_bytes, kept_s=7 * DAY_S, now=lambda: self.now)

    def put(self, event_id: str, size: int = 100, *, veil: str = "", digest: str = "ab") -> Path:
        name = named(event_id, veil=veil, digest=digest)
        begun = self.cache.begin(name)
        begun.write_bytes(bytes(size))
        return self.cache.keep(begun, name)

    def ids(self) -> set[str]:
        return {one.name.owner_id for one in self.cache.clips()}


def named(event_id: str, *, veil: str = "", digest: str = "ab") -> ClipName:
    return ClipName(camera_id="door", owner="event", owner_id=event_id, digest=digest, veil=veil, kind=ClipKind.MP4)


def test_what_was_used_longest_ago_goes_from_90_percent_on_down_to_80(tmp_path):
    shelf = Shelf(tmp_path)
    for number in range(9):
        shelf.put(f"e{number}")
        shelf.now += timedelta(minutes=1)
    assert shelf.cache.trim() == 0
    assert shelf.cache.find(named("e0")) is not None
    shelf.now += timedelta(minutes=1)
    shelf.put("e9")
    assert shelf.cache.trim() == 2
    assert shelf.ids() == {"e0", *(f"e{number}" for number in range(3, 10))}


def test_what_nobody_used_for_a_week_goes(tmp_path):
    shelf = Shelf(tmp_path)
    shelf.put("old")
    shelf.put("watched")
    shelf.now += timedelta(days=6)
    shelf.cache.find(named("watched"))
    shelf.now += timedelta(days=1, seconds=1)
    assert shelf.cache.trim() == 1
    assert shelf.ids() == {"watched"}


def test_use_does_not_change_the_time_from_which_the_tag_follows(tmp_path):
    shelf = Shelf(tmp_path)
    place = shelf.put("e1")
    before = place.stat().st_mtime_ns
    shelf.now += timedelta(hours=1)
    assert shelf.cache.find(named("e1")) == place
    assert place.stat().st_mtime_ns == before
    assert place.stat().st_atime == pytest.approx(shelf.now.timestamp())


def test_a_restart_finds_what_was_made_and_removes_what_was_not_finished(tmp_path):
    shelf = Shelf(tmp_path)
    shelf.put("e1")
    begun = shelf.cache.begin(named("e2"))
    begun.write_bytes(b"half")
    again = Shelf(tmp_path)
    assert again.cache.recover() == 1
    assert again.cache.find(named("e1")) is not None
    assert again.cache.find(named("e2")) is None
    assert not begun.exists()


def test_a_clip_under_other_masks_is_another_clip_and_replaces_the_former(tmp_path):
    shelf = Shelf(tmp_path)
    bare = shelf.put("e1")
    assert shelf.cache.find(named("e1", veil="ff00")) is None
    shelf.put("e1", veil="ff00")
    assert not bare.exists()
    assert shelf.cache.drop(lambda name: name.veil == "ff00") == 1
    assert shelf.ids() == set()


def test_what_is_no_clip_is_left_alone_and_names_lead_nowhere(tmp_path):
    shelf = Shelf(tmp_path)
    (tmp_path / "door").mkdir(parents=True)
    (tmp_path / "door" / "note.txt").write_text("mine")
    (tmp_path / "door" / "event.e1.ab.open.gif").symlink_to("/etc/passwd")
    assert shelf.ids() == {"e1"}
    shelf.cache.drop(lambda _name: True)
    assert (tmp_path / "door" / "note.txt").exists()
    assert Path("/etc/passwd").exists()
    for bad in ("../e1", "a/b", "a.b", ""):
        with pytest.raises(ValueError, match="not the name of a clip"):
            shelf.cache.find(named(bad))
