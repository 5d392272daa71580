from datetime import timedelta
import errno
import json
import stat

import pytest

from home_sentry_engine.api.tokens import HASH_FILE, TOKEN_FILE, UnusableToken, hash_of, open_tokens, rotate_tokens
from home_sentry_engine.resilience.private_file import write_private
from tests.fakes.clock import START


def test_the_first_start_makes_a_token_of_256_bits_that_only_the_owner_reads(tmp_path):
    keys, made = open_tokens(tmp_path / "data")
    token = (tmp_path / "data" / TOKEN_FILE).read_text().strip()
    assert made
    assert len(token) >= 43
    assert keys.accepts(hash_of(token), START)
    assert {path.name for path in (tmp_path / "data").iterdir()} == {TOKEN_FILE, HASH_FILE}
    for path in (tmp_path / "data").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_two_installations_have_two_tokens(tmp_path):
    assert open_tokens(tmp_path / "a")[0] != open_tokens(tmp_path / "b")[0]


def test_the_next_start_finds_it_again_even_without_the_readable_file(tmp_path):
    first, _ = open_tokens(tmp_path)
    (tmp_path / TOKEN_FILE).unlink()
    again, made = open_tokens(tmp_path)
    assert again == first
    assert not made


def test_the_hash_is_derived_from_a_token_that_somebody_put_there(tmp_path):
    (tmp_path / TOKEN_FILE).write_text("z" * 50 + "\n")
    (tmp_path / TOKEN_FILE).chmod(0o644)
    keys, made = open_tokens(tmp_path)
    assert keys.current == hash_of("z" * 50)
    assert not made
    assert stat.S_IMODE((tmp_path / TOKEN_FILE).stat().st_mode) == 0o600


def test_a_short_token_is_refused(tmp_path):
    (tmp_path / TOKEN_FILE).write_text("secret")
    with pytest.raises(UnusableToken, match="fewer than 43"):
        open_tokens(tmp_path)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"current": 5, "previous": null, "previous_until": null}', "\u00e9"])
def test_a_damaged_hash_file_is_named(tmp_path, text):
    (tmp_path / HASH_FILE).write_text(text)
    with pytest.raises(UnusableToken):
        open_tokens(tmp_path)


def test_rotation_keeps_the_old_token_for_ten_minutes(tmp_path):
    open_tokens(tmp_path)
    old = (tmp_path / TOKEN_FILE).read_text().strip()
    keys = rotate_tokens(tmp_path, START)
    new = (tmp_path / TOKEN_FILE).read_text().strip()
    assert new != old
    for known in (keys, open_tokens(tmp_path)[0]):
        assert known.accepts(hash_of(new), START + timedelta(days=400))
        assert known.accepts(hash_of(old), START + timedelta(minutes=9, seconds=59))
        assert not known.accepts(hash_of(old), START + timedelta(minutes=10))
        assert not known.accepts(hash_of(""), START)


@pytest.mark.parametrize("readable", [True, False])
def test_a_rotation_that_cannot_be_kept_locks_nobody_out(tmp_path, monkeypatch, readable):
    keys, _ = open_tokens(tmp_path)
    if not readable:
        (tmp_path / TOKEN_FILE).unlink()
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def write(file, content):
        if file.name == HASH_FILE:
            raise OSError(errno.ENOSPC, "No space left on device")
        write_private(file, content)

    monkeypatch.setattr("home_sentry_engine.api.tokens.write_private", write)
    with pytest.raises(UnusableToken, match="No space left"):
        rotate_tokens(tmp_path, START)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert open_tokens(tmp_path)[0] == keys


def test_the_hash_file_does_not_hold_the_token(tmp_path):
    open_tokens(tmp_path)
    token = (tmp_path / TOKEN_FILE).read_text().strip()
    text = (tmp_path / HASH_FILE).read_text()
    assert token not in text
    assert json.loads(text)["current"] == hash_of(token)
