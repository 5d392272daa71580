"""Wrong words, wrong settings, and the program as it is installed."""

from pathlib import Path
import socket
import subprocess
import sys

import pytest

from home_sentry_engine import __version__

COMMANDS = ("serve", "analyze", "models", "doctor", "bench", "db", "dead-letters", "openapi")


def program(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "home_sentry_engine", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_version():
    done = program("--version")
    assert (done.returncode, done.stdout.strip()) == (0, f"home-sentry {__version__}")


def test_help_names_every_command():
    done = program("--help")
    assert done.returncode == 0
    assert [name for name in COMMANDS if name not in done.stdout] == []


def test_a_command_loads_only_itself():
    look = (
        "import sys\n"
        "from home_sentry_engine.cli.main import main\n"
        "try: main(['models', '--help'])\n"
        "except SystemExit: pass\n"
        "print([name for name in ('alembic', 'av', 'sqlalchemy') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ((), "COMMAND"),
        (("nonsense",), "invalid choice: 'nonsense'"),
        (("models",), "VERB"),
        (("models", "polish"), "invalid choice: 'polish'"),
        (("db", "restore"), "source"),
        (("bench", "detect", "--rounds", "0"), "must be 1 to 10000"),
        (("bench", "detect", "--rounds", "many"), "invalid"),
        (("dead-letters", "list", "--limit", "5000"), "must be 1 to 1000"),
        (("dead-letters", "list", "--queue", "other"), "invalid choice: 'other'"),
    ],
)
def test_wrong_usage_is_status_2(run, words, text):
    outcome = run(*words)
    assert outcome.status == 2
    assert text in outcome.err
    assert outcome.out == ""


@pytest.mark.parametrize("command", [("models", "list"), ("doctor",), ("db", "check"), ("bench", "latency")])
def test_a_wrong_setting_names_key_and_range(run, monkeypatch, tmp_path, command):
    monkeypatch.setenv("HOME_SENTRY_BATCH_WINDOW_SECONDS", "0")
    outcome = run(*command, "--data", tmp_path)
    assert outcome.status == 1
    assert "home-sentry: setting 'batch_window_seconds': must be 1 to 3600 (got '0')" in outcome.err


def test_a_wrong_settings_file_is_named(run, tmp_path):
    outcome = run("doctor", "--data", tmp_path, "--config", tmp_path / "none.toml")
    assert outcome.status == 1
    assert "cannot read the settings file none.toml: No such file or directory" in outcome.err


def test_the_data_folder_comes_from_the_environment_too(run, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME_SENTRY_DATA", str(tmp_path))
    assert run("models", "list", "--json").document["folder"] == str(tmp_path / "models")


def test_a_closed_pipe_ends_quietly(tmp_path: Path):
    command = f"{sys.executable} -m home_sentry_engine openapi | head -c 10"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=True)
    assert (done.stdout, done.stderr) == ('{\n  "opena', "")


def test_a_taken_port_is_told_in_one_line(tmp_path):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        number = listener.getsockname()[1]
        done = program("serve", "--data", str(tmp_path), "--port", str(number), "--no-llm")
    assert done.returncode == 1
    expected = f"home-sentry: cannot listen on 127.0.0.1:{number}: address already in use; choose another host or port"
    assert done.stderr.splitlines()[-1] == expected
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", [("db", "check"), ("dead-letters", "list"), ("token", "list")])
def test_a_folder_that_cannot_be_looked_into_is_not_called_empty(run, tmp_path, command):
    (tmp_path / "data").symlink_to(tmp_path / "data")
    outcome = run(*command, "--data", tmp_path / "data")
    place = tmp_path / "data" / "home_sentry.db"
    assert (outcome.status, outcome.err) == (1, f"home-sentry: {place}: Too many levels of symbolic links\n")


def test_a_file_that_cannot_be_written_is_told_in_one_line(run, tmp_path):
    (tmp_path / "data").write_text("a file, no folder")
    outcome = run("models", "enable", "yolox-nano", "--data", tmp_path / "data")
    assert (outcome.status, outcome.err) == (1, f"home-sentry: {tmp_path / 'data' / 'models'}: Not a directory\n")
