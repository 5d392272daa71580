"""``./scripts/demo --once --engine-only`` as somebody types it."""

import asyncio
import os
from pathlib import Path
import signal

import pytest

from tests.e2e.browser import OUTPUT
from tests.e2e.stage import ROOT

DEMO = ROOT / "scripts" / "demo"
PATIENCE_S = 600


async def demo(*arguments: str, **environment: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        str(DEMO),
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, **environment},
    )
    output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode()


async def running_demo(folder: Path) -> asyncio.subprocess.Process:
    """Start the demo in a session of its own and wait until the first picture arrives."""
    process = await asyncio.create_subprocess_exec(
        str(DEMO),
        "--engine-only",
        "--engine-port",
        "0",
        "--data",
        str(folder),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, **without_media()},
        start_new_session=True,
    )
    assert process.stdout is not None
    told = b""
    async with asyncio.timeout(PATIENCE_S):
        async for line in process.stdout:
            told += line
            if b"uploads" in line:
                return process
    pytest.fail(f"no picture was brought:\n{told.decode()}")


def without_media() -> dict[str, str]:
    return {"HOME_SENTRY_TEST_MEDIA": ""}


async def test_once_shows_what_is_expected_and_succeeds(tmp_path: Path) -> None:
    status, output = await demo(
        "--once", "--engine-only", "--engine-port", "0", "--data", str(tmp_path), **without_media()
    )
    (OUTPUT / "demo-once.txt").write_text(output, encoding="utf-8")
    assert status == 0, output
    for name in ("astronaut", "motorcycle", "coffee", "chelsea", "camera"):
        assert f"ok    {name} " in output
    assert "Front Door" in output
    assert "All as expected" in output


async def test_a_mistake_in_the_environment_is_told_in_one_line(tmp_path: Path) -> None:
    status, output = await demo(
        "--once", "--engine-only", "--data", str(tmp_path), HOME_SENTRY_TEST_MEDIA=str(tmp_path / "nowhere")
    )
    assert status == 1
    assert "HOME_SENTRY_TEST_MEDIA" in output
    assert "Traceback" not in output


async def test_an_engine_that_cannot_start_is_told_with_its_log(tmp_path: Path) -> None:
    status, output = await demo(
        "--once",
        "--engine-only",
        "--engine-port",
        "0",
        "--data",
        str(tmp_path),
        **without_media(),
        HOME_SENTRY_DETECTION_CONFIDENCE="7",
    )
    assert status == 1
    assert "The engine ended with status" in output
    assert "detection_confidence" in output
    assert "Traceback" not in output


async def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letters.txt").write_text("dear", encoding="utf-8")
    status, output = await demo("--once", "--engine-only", "--data", str(tmp_path), **without_media())
    assert status == 1
    assert "holds other things" in output
    assert (tmp_path / "letters.txt").read_text(encoding="utf-8") == "dear"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_everything_and_leaves_no_process(tmp_path: Path, number: signal.Signals) -> None:
    process = await running_demo(tmp_path)
    assert processes_with(str(tmp_path))
    process.send_signal(number)
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE_S):
        rest = await process.stdout.read()
        assert await process.wait() == 0
    assert b"Stopping" in rest
    assert not processes_with(str(tmp_path))


async def test_children_end_when_the_demo_is_killed(tmp_path: Path) -> None:
    process = await running_demo(tmp_path)
    process.kill()
    await process.wait()
    async with asyncio.timeout(PATIENCE_S):
        while processes_with(str(tmp_path)):  # noqa: ASYNC110  # nobody tells when a foreign process ends
            await asyncio.sleep(0.2)


def processes_with(text: str) -> list[int]:
    """Give the ids of all processes whose command line names this folder."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                command = (folder / "cmdline").read_bytes()
            except OSError:
                continue
            if text.encode() in command:
                found.append(int(folder.name))
    return found
