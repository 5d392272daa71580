import stat

import pytest

from home_sentry_engine.resilience.private_file import write_private


def test_only_the_owner_may_read_it_whoever_could_before(tmp_path):
    file = tmp_path / "secret"
    file.write_text("old")
    file.chmod(0o644)
    write_private(file, b"new")
    assert file.read_bytes() == b"new"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_a_write_that_fails_leaves_nothing_behind(tmp_path):
    place = tmp_path / "folder"
    (place / "inside").mkdir(parents=True)
    with pytest.raises(OSError, match="folder"):
        write_private(place, b"a file cannot take the place of a folder")
    assert list(tmp_path.iterdir()) == [place]
