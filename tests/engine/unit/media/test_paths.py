from datetime import UTC, datetime
import os

import pytest

from home_sentry_engine.domain.filetypes import FileType
from home_sentry_engine.media.paths import MediaPaths, UnsafeName, open_regular, remove, write_atomic

AT = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)


def test_places(tmp_path):
    paths = MediaPaths(tmp_path)
    assert paths.still("front_door", "ab12", AT, FileType.JPEG) == tmp_path / "media/front_door/2026-11-20/ab12.jpg"
    assert paths.frame("yard", "ab12", AT, 4.0) == tmp_path / "media/yard/2026-11-20/ab12_00004000.jpg"
    assert paths.thumbnail("ab12") == tmp_path / "thumbnails/ab12_thumb.jpg"
    assert paths.video_thumbnail("17") == tmp_path / "thumbnails/17_video_thumb.jpg"


@pytest.mark.parametrize("bad", ["", "..", "../x", "a/b", "a\\b", ".hidden", "a\0b", "a.jpg", "ä", "x" * 200, "%2e%2e"])
def test_names_that_lead_elsewhere(tmp_path, bad):
    paths = MediaPaths(tmp_path)
    for place in (
        lambda: paths.still(bad, "ab12", AT, FileType.JPEG),
        lambda: paths.still("yard", bad, AT, FileType.JPEG),
        lambda: paths.frame("yard", bad, AT, 0.0),
        lambda: paths.thumbnail(bad),
        lambda: paths.video_thumbnail(bad),
    ):
        with pytest.raises(UnsafeName):
            place()


def test_links_out_of_the_root_are_seen(tmp_path):
    root = tmp_path / "data"
    (root / "media").mkdir(parents=True)
    (tmp_path / "secret").write_text("x")
    (root / "media" / "link").symlink_to(tmp_path / "secret")
    paths = MediaPaths(root)
    assert paths.contains(root / "media" / "new.jpg")
    assert not paths.contains(root / "media" / "link")
    assert not paths.contains(root / ".." / "secret")


def test_a_folder_that_became_a_link_leads_nowhere(tmp_path):
    cameras, clip = tmp_path / "cameras", b"somebody else's"
    for folder in ("porch/day", "garden"):
        (cameras / folder).mkdir(parents=True)
        (cameras / folder / "a.mp4").write_bytes(clip)
    with open_regular(cameras / "porch/day/a.mp4", below=cameras) as file:
        assert file.read() == clip
    (cameras / "porch/day/a.mp4").unlink()
    (cameras / "porch/day").rmdir()
    (cameras / "porch/day").symlink_to(cameras / "garden")
    with pytest.raises(FileNotFoundError, match="a link stands in the way"):
        open_regular(cameras / "porch/day/a.mp4", below=cameras)
    (cameras / "a.mp4").symlink_to(cameras / "garden/a.mp4")
    with pytest.raises(OSError, match="symbolic link"):
        open_regular(cameras / "a.mp4", below=cameras)
    # what lies elsewhere, and the folder of the cameras itself, may be reached by links
    (tmp_path / "alias").symlink_to(cameras)
    for below in (None, tmp_path / "alias", tmp_path / "none"):
        with open_regular(tmp_path / "alias/garden/a.mp4", below=below) as file:
            assert file.read() == clip


def test_write_is_all_or_nothing(tmp_path, monkeypatch):
    place = tmp_path / "a" / "b.jpg"
    write_atomic(place, b"one")
    write_atomic(place, b"two")
    assert place.read_bytes() == b"two"

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", full)
    with pytest.raises(OSError, match="No space"):
        write_atomic(place, b"three")
    assert place.read_bytes() == b"two"
    assert [file.name for file in place.parent.iterdir()] == ["b.jpg"]
    assert remove(place)
    assert not remove(place)


def test_only_regular_files_are_opened(tmp_path):
    (tmp_path / "a").write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    os.mkfifo(tmp_path / "fifo")
    with open_regular(tmp_path / "a") as file:
        assert file.read() == b"x"
    for name in ("link", "fifo", "."):
        with pytest.raises(OSError, match=r".+"):
            open_regular(tmp_path / name)
