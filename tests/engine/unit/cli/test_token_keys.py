"""``token list``, ``create`` and ``revoke`` over a real database."""

import asyncio
from contextlib import closing
import json
from pathlib import Path
import shutil
import sqlite3

import pytest

from home_sentry_engine.api.tokens import hash_of
from home_sentry_engine.cli.main import main
from home_sentry_engine.domain.clock import SystemClock
from home_sentry_engine.storage.database import Database, sqlite_url
from tests.engine.unit.storage.samples import with_camera


@pytest.fixture(scope="module")
def empty(tmp_path_factory) -> Path:
    """A database with a camera and without keys."""
    file = tmp_path_factory.mktemp("empty") / "home_sentry.db"

    async def make() -> None:
        async with Database(sqlite_url(file), SystemClock()) as database:
            await database.write(with_camera)

    asyncio.run(make())
    return file


@pytest.fixture
def data(empty, tmp_path: Path) -> Path:
    shutil.copy(empty, tmp_path)
    return tmp_path


@pytest.fixture
def run(data, capsys):
    def say(*words: str) -> tuple[int, str]:
        code = main(["token", *words, "--data", str(data)])
        shown = capsys.readouterr()
        return code, shown.out + shown.err

    return say


def test_a_key_is_made_shown_and_revoked(run, data):
    code, said = run("create", "Tablet", "--role", "operator", "--camera", "yard", "--days", "30")
    secret = said.splitlines()[0]
    assert (code, len(secret)) == (0, 43)
    code, said = run("list", "--json")
    (key,) = json.loads(said)["keys"]
    assert (key["name"], key["role"], key["cameras"], key["revoked_at"]) == ("Tablet", "operator", ["yard"], None)
    assert secret not in said
    assert "opens until" in run("list")[1]
    assert run("revoke", key["id"]) == (0, "'Tablet' opens nothing any more\n")
    assert "revoked" in run("list")[1]
    with closing(sqlite3.connect(data / "home_sentry.db")) as raw:
        assert raw.execute("SELECT sha256 FROM api_keys").fetchall() == [(hash_of(secret),)]
        deeds = raw.execute("SELECT actor, action, target FROM audit ORDER BY id").fetchall()
    assert deeds == [("command line", "key.create", key["id"]), ("command line", "key.revoke", key["id"])]
    assert secret.encode() not in b"".join(file.read_bytes() for file in data.glob("home_sentry.db*"))


def test_no_keys_yet(run):
    assert run("list") == (0, "there are no keys but the token of the installation\n")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("create", "x", "--camera", "attic"), "there is no camera 'attic'"),
        (("create", "x", "--role", "admin", "--camera", "yard"), "sees every camera"),
        (("create", " "), "'name' must have"),
        (("revoke", "nobody"), "there is no such key"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(run, words, why):
    code, said = run(*words)
    assert code != 0
    assert why in said


def test_a_name_is_taken_until_its_key_is_revoked(run):
    run("create", "Tablet")
    assert "of this name" in run("create", "Tablet")[1]
    run("revoke", json.loads(run("list", "--json")[1])["keys"][0]["id"])
    assert run("create", "Tablet")[0] == 0


def test_without_a_database_it_says_so(tmp_path, capsys):
    assert main(["token", "list", "--data", str(tmp_path / "nothing")]) != 0
    assert "there is no database" in capsys.readouterr().err
