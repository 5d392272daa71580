"""``token rotate`` replaces the token and does not print it."""

from home_sentry_engine.api.tokens import open_tokens
from home_sentry_engine.cli.main import main


def test_a_folder_without_a_token_is_not_the_engines(tmp_path, capsys):
    assert main(["token", "rotate", "--data", str(tmp_path / "typo")]) == 1
    assert f"there is no token in {tmp_path / 'typo'}" in capsys.readouterr().err
    assert not (tmp_path / "typo").exists()


def test_a_new_token_lies_in_its_file(tmp_path, capsys):
    open_tokens(tmp_path)
    old = (tmp_path / "token").read_text().strip()
    assert main(["token", "rotate", "--data", str(tmp_path)]) == 0
    new = (tmp_path / "token").read_text().strip()
    assert new != old
    shown = capsys.readouterr().out
    assert "works until" in shown
    assert new not in shown
    assert old not in shown
