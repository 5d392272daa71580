"""Parts of the demo that nobody sees as long as all goes well."""

import asyncio
import io
import os
from pathlib import Path
import sys

from PIL import Image
import pytest

from scripts.demo_home.console import Console
from scripts.demo_home.errors import DemoError, TooLate
from scripts.demo_home.expectations import BASIC_DETECTOR, Outcome, report
from scripts.demo_home.folders import open_folders
from scripts.demo_home.patience import until
from scripts.demo_home.processes import Died, Launch, running, tail, while_alive
from scripts.demo_home.samples import Sample, more_samples
from scripts.demo_home.table import EventTable
from tests.e2e.stage import samples

STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(3600)"
)


def launch(tmp_path: Path, program: str, stop_s: float = 0.5) -> Launch:
    return Launch(
        name="The program",
        command=(sys.executable, "-c", program),
        environment=dict(os.environ),
        log=tmp_path / "program.log",
        stop_s=stop_s,
    )


def event(event_id: str, *labels: str, revision: int = 1, ended: bool = False) -> dict[str, object]:
    return {
        "event_id": event_id,
        "started_at": f"2026-11-20T12:00:0{revision}+00:00",
        "ended_at": "2026-11-20T12:01:00+00:00" if ended else None,
        "camera_name": "Front Door",
        "risk_score": 40,
        "risk_level": "medium",
        "analysis_state": "rules",
        "object_types": list(labels),
        "summary": "A person",
        "revision": revision,
    }


async def started(log: Path) -> None:
    async def look() -> bool | None:
        return True if tail(log).startswith("deaf") else None

    await until(look, what="the program speaks", deadline_s=300)


async def test_a_program_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    async with running(launch(tmp_path, STUBBORN), asyncio.Event()) as child:
        await started(child.log)
    assert await child.ended() == -9


async def test_somebody_in_a_hurry_does_not_wait(tmp_path: Path) -> None:
    hurry = asyncio.Event()
    async with running(launch(tmp_path, STUBBORN, stop_s=3600), hurry) as child:
        await started(child.log)
        hurry.set()
    assert await child.ended() == -9


async def test_a_program_that_ends_interrupts_the_work_and_shows_its_log(tmp_path: Path) -> None:
    program = "import sys; print('the disk is full'); sys.exit(3)"
    async with running(launch(tmp_path, program), asyncio.Event()) as child:
        with pytest.raises(Died, match=r"(?s)ended with status 3.*the disk is full"):
            await while_alive(asyncio.sleep(600), child)


async def test_waiting_ends_with_the_name_of_what_did_not_come() -> None:
    async def look() -> None:
        return None

    with pytest.raises(TooLate, match="a miracle: not within"):
        await until(look, what="a miracle", deadline_s=0.1)


def test_a_copy_of_a_picture_has_other_bytes_and_the_same_pixels() -> None:
    for sample in samples().values():
        copy = sample.copy("demo picture 7")
        assert copy != sample.content
        assert Image.open(io.BytesIO(copy)).tobytes() == Image.open(io.BytesIO(sample.content)).tobytes()


def test_more_pictures_are_bounded_and_come_from_the_folder(tmp_path: Path) -> None:
    for number in range(20):
        Image.new("RGB", (8, 8)).save(tmp_path / f"{number:02}.jpg")
    (tmp_path / "notes.txt").write_text("no picture", encoding="utf-8")
    found = more_samples({"HOME_SENTRY_TEST_MEDIA": str(tmp_path)})
    assert [sample.name for sample in found] == [f"{number:02}" for number in range(12)]
    assert {sample.camera for sample in found} == {"Front Door", "Driveway"}


@pytest.mark.parametrize(
    ("name", "labels", "detector", "good"),
    [
        ("astronaut", ("person",), "deimv2-femto", True),
        ("astronaut", ("dog", "person"), "deimv2-femto", True),
        ("astronaut", ("dog",), "deimv2-femto", False),
        ("astronaut", None, "deimv2-femto", False),
        ("coffee", None, "deimv2-femto", True),
        ("coffee", ("person",), "deimv2-femto", False),
        ("motorcycle", None, "deimv2-femto", False),
        ("motorcycle", None, BASIC_DETECTOR, True),
        ("coffee", ("person",), BASIC_DETECTOR, False),
    ],
)
def test_the_report_fails_exactly_when_an_expectation_is_not_met(
    name: str, labels: tuple[str, ...] | None, detector: str, good: bool
) -> None:
    seen = None if labels is None else event("one", *labels, ended=True)
    lines, met = report([Outcome(sample=samples()[name], event=seen)], detector)
    assert met is good
    assert lines[0].startswith("ok" if good else "FAIL")


def test_a_picture_that_never_arrived_is_a_fault_even_if_nothing_is_expected() -> None:
    stray = Sample(name="stray", camera="Driveway", shows=None, suffix=".jpg", content=b"")
    lines, met = report([Outcome(sample=stray, missing="the engine did not look at stray")], "deimv2-femto")
    assert not met
    assert "did not look" in lines[0]


def test_the_folder_of_the_demo_is_emptied_but_for_its_models(tmp_path: Path) -> None:
    folders = open_folders(tmp_path / "demo", keep=False)
    folders.models.mkdir()
    folders.engine.mkdir()
    (folders.engine / "old").touch()
    assert (open_folders(tmp_path / "demo", keep=True).engine / "old").exists()
    open_folders(tmp_path / "demo", keep=False)
    assert folders.models.exists()
    assert not folders.engine.exists()


def test_a_folder_with_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "letters.txt").touch()
    with pytest.raises(DemoError, match="holds other things"):
        open_folders(tmp_path, keep=False)


def test_the_table_tells_each_visible_change_once_and_never_goes_back() -> None:
    stream = io.StringIO()
    table = EventTable(Console(stream))
    table.tell(event("one", "person"))
    table.tell(event("one", "person"))
    table.tell(event("one", "person", revision=2, ended=True))
    table.tell(event("one", "person", revision=1))
    rows = [line for line in stream.getvalue().splitlines() if "Front Door" in line]
    assert len(rows) == 2
    assert "ongoing" in rows[0]
    assert "ended" in rows[1]


def test_a_reader_that_went_away_does_not_end_the_demo() -> None:
    stream = io.StringIO()
    console = Console(stream)
    stream.close()
    console.step("still alive")
    assert not console.is_terminal
