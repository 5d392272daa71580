"""F5, F6 and F23: a database that somebody holds, that is damaged, that is copied while it works."""

import asyncio
from contextlib import closing
import os
from pathlib import Path
import random
import shutil
import sqlite3
import subprocess
import sys
import time

import pytest

from home_sentry_engine.app.database import SoundDatabase
from home_sentry_engine.domain.clock import SystemClock
from home_sentry_engine.domain.identity import random_id
from home_sentry_engine.operations.backup import back_up
from home_sentry_engine.settings import load_settings
from home_sentry_engine.storage.repositories.cameras import Cameras
from home_sentry_engine.storage.repositories.media import MediaFiles
from tests.engine.faults.invariants import check_invariants
from tests.engine.faults.programs import ROOT, WITHOUT_MODELS, deliver, engine
from tests.fakes.household import household

CLOCK = SystemClock()


@pytest.mark.timeout(900)
def test_f05_a_foreign_writer_delays_writes_and_no_reads(tmp_path, model_mirror, stock, rounds, within):
    held_s = rounds(6, 30)
    slowest = 0.0
    with engine(tmp_path / "data", model_mirror, **WITHOUT_MODELS) as served:
        served.start()
        for number, picture in enumerate(stock(10)):
            deliver(served.cameras / "yard", f"{number}.jpg", picture)
        served.drained(10)
        with closing(sqlite3.connect(served.data / "home_sentry.db", isolation_level=None)) as foreign:
            foreign.execute("BEGIN IMMEDIATE")
            for number, picture in enumerate(stock(20, first=10), start=10):
                deliver(served.cameras / "yard", f"{number}.jpg", picture)
            until = time.monotonic() + held_s
            while time.monotonic() < until:
                began = time.monotonic()
                assert "items" in served.get("/api/v1/events")
                slowest = max(slowest, time.monotonic() - began)
                time.sleep(1.0)
            foreign.execute("ROLLBACK")
        served.drained(30)
        served.stop()
    account = check_invariants(served.data)
    assert (account.stored, account.duplicates, account.quarantined) == (30, 0, 0)
    # a read that had waited for the writer would have waited for ever: it lets go only after the last one
    assert slowest <= within(0.2)
    print(f"  held {held_s} s, slowest read {slowest * 1000:.0f} ms, 0 of 30 lost")


@pytest.mark.timeout(2400)
def test_f23_a_backup_under_load_is_sound_and_restores_the_same_events(tmp_path, model_mirror, stock, rounds):
    count = rounds(40, 600)
    command = [sys.executable, "-m", "home_sentry_engine", "db"]
    with engine(tmp_path / "data", model_mirror, **WITHOUT_MODELS) as served:
        served.start()
        copy = tmp_path / "copy.db"
        for number, picture in enumerate(stock(count)):
            deliver(served.cameras / ("yard", "door")[number % 2], f"{number}.jpg", picture)
            if number == count // 2:
                served.until(lambda status: status["accounting"]["accepted"])
                subprocess.run([*command, "backup", copy, "--data", served.data], check=True, cwd=ROOT)
            time.sleep(0.02)
        served.drained(count, within_s=rounds(120, 900))
        served.stop()
    whole = check_invariants(served.data)
    subprocess.run([*command, "restore", copy, "--data", served.data], check=True, cwd=ROOT)
    restored = check_invariants(served.data)
    assert 0 < restored.accepted <= whole.accepted == count
    assert restored.ids <= whole.ids
    with engine(tmp_path / "data", model_mirror, **WITHOUT_MODELS) as served:
        # what the copy does not know is found again in the cameras' folders
        served.start()
        served.drained(count, within_s=rounds(120, 900))
        served.stop()
    account = check_invariants(served.data)
    assert dict(account.contents) == dict(whole.contents)
    print(f"  copy at {restored.accepted} of {count} files, all of them known again after the restore")


async def _filled(folder: Path) -> Path:
    """Make a data folder with some visits, closed properly."""
    async with household(folder) as home:
        for number in range(20):
            await home.deliver(("person", 0.9), camera=f"cam{number % 3}")
            home.clock.tick(5)
        await home.pass_time(300)
    (folder / "home.db").rename(folder / "home_sentry.db")
    return folder / "home_sentry.db"


async def _opened(folder: Path) -> SoundDatabase:
    """Start with what lies in the folder, read and write, and stop."""
    settings = load_settings(data=folder)
    async with SoundDatabase(settings, CLOCK, random_id) as sound:
        account = await sound.database.read(MediaFiles().accounting)
        if sound.rescued is not None:
            assert account.accepted == account.stored + account.queued + account.quarantined
        await sound.database.write(
            lambda conn: Cameras(CLOCK.now).ensure(
                conn, camera_id="after", name="After", folder=None, now=CLOCK.steady()
            )
        )
    with closing(sqlite3.connect(folder / "home_sentry.db")) as raw:
        assert raw.execute("PRAGMA quick_check").fetchall() == [("ok",)]
    return sound


@pytest.mark.timeout(900)
async def test_f06_a_damaged_database_never_stops_the_start(tmp_path, rounds):
    template = tmp_path / "template"
    template.mkdir()
    file = await _filled(template)
    bytes_before = file.read_bytes()
    chance = random.Random(6)
    flips, rescued = rounds(30, 1000), 0
    # a page that holds nothing may be anything behind its first bytes
    pages = [start for start in range(0, len(bytes_before), 4096) if start == 0 or any(bytes_before[start + 3 :][:2])]
    for number in range(flips):
        folder = tmp_path / f"flip{number}"
        folder.mkdir()
        damaged = bytearray(bytes_before)
        # half of them in the headers of pages, where they hurt most
        for _ in range(chance.randint(1, 8)):
            page = chance.choice(pages)
            damaged[page + chance.randrange(100 if number % 2 else 4096)] ^= 1 << chance.randrange(8)
        (folder / "home_sentry.db").write_bytes(damaged)
        sound = await _opened(folder)
        if sound.rescued is not None:
            rescued += 1
            assert (sound.rescued.kept / "home_sentry.db").read_bytes() == bytes(damaged)
            assert sound.component().reason
        shutil.rmtree(folder)
    assert rescued > flips // 4
    print(f"  {flips} damaged copies: 0 crashes, {rescued} noticed, put aside and replaced")


@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.5, 0.99])
async def test_f06_a_truncated_database_is_replaced_by_the_newest_sound_backup(tmp_path, share):
    file = await _filled(tmp_path)
    back_up(file, tmp_path / "backups" / "home_sentry-20261119T000000Z.db")
    (tmp_path / "backups" / "home_sentry-20261120T000000Z.db").write_bytes(b"no database")
    before = check_invariants_without_files(file)
    whole = file.read_bytes()
    file.write_bytes(whole[: int(len(whole) * share)])
    sound = await _opened(tmp_path)
    assert sound.rescued is not None
    assert sound.rescued.backup is not None
    assert sound.rescued.backup.name == "home_sentry-20261119T000000Z.db"
    assert check_invariants_without_files(file) == before
    assert "backup" in (sound.component().reason or "")


async def test_f06_an_empty_file_without_a_backup_is_what_a_database_begins_with(tmp_path):
    (tmp_path / "home_sentry.db").touch()
    assert (await _opened(tmp_path)).rescued is None


async def test_f06_the_engine_stays_the_same_engine_when_its_database_is_lost(tmp_path):
    first = await _opened(tmp_path)
    (tmp_path / "home_sentry.db").write_bytes(b"rubbish" * 1000)
    second = await _opened(tmp_path)
    assert second.rescued is not None
    assert second.rescued.backup is None
    assert second.instance_id == first.instance_id
    third = await _opened(tmp_path)
    assert third.rescued is None


async def test_a_properly_closed_database_is_not_read_through_again(tmp_path, monkeypatch):
    await _opened(tmp_path)
    checked: list[Path] = []
    monkeypatch.setattr("home_sentry_engine.app.database.refuse_damaged", checked.append)
    await _opened(tmp_path)
    assert checked == []
    # changed behind our back, an hour later: a clock of files may be coarse
    file = tmp_path / "home_sentry.db"
    later = file.stat().st_mtime + 3600
    await asyncio.to_thread(os.utime, file, (later, later))
    await _opened(tmp_path)
    assert len(checked) == 1


def check_invariants_without_files(file: Path) -> list[tuple]:
    with closing(sqlite3.connect(file)) as raw:
        assert raw.execute("PRAGMA quick_check").fetchall() == [("ok",)]
        return raw.execute("SELECT id, risk_score, summary FROM events ORDER BY id").fetchall()
