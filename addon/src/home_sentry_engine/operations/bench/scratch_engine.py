"""A real engine in a process of its own with an empty data folder, for benchmarks that must see what a client sees."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
import os
from pathlib import Path
import socket
import sys
import tempfile
from typing import Final

import aiohttp

from home_sentry_engine.domain.errors import HomeSentryError
from home_sentry_engine.settings import PREFIX, Settings

_START_S: Final = 120.0
_STOP_S: Final = 15.0
_PAUSE_S: Final = 0.1
_TAIL_LINES: Final = 15


class EngineDied(HomeSentryError, RuntimeError):
    """The engine ended or did not get ready; the message carries the end of its log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScratchEngine:
    """Address, secret, process and folders of a running engine."""

    pid: int
    url: str
    token: str
    data: Path
    cameras: Path


@asynccontextmanager
async def scratch_engine(
    settings: Settings, overrides: Mapping[str, object], *, data: Path | None = None
) -> AsyncIterator[ScratchEngine]:
    """Run ``home-sentry serve`` until the block is left; detector and model places are those of the settings.

    An override of None leaves a setting out. ``data`` is kept for another start, without it the folder is a new one
    that goes with the engine. Raises ``EngineDied``.
    """
    with tempfile.TemporaryDirectory(prefix="home-sentry-bench-") as folder:
        data = data or Path(folder)
        log, port = data / "engine.log", _free_port()
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "home_sentry_engine", "serve", "--data", str(data / "data")),
                *("--port", str(port)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=_environment(settings, overrides, data),
            )
        try:
            url = f"http://127.0.0.1:{port}"
            await _ready(process, url, log)
            token = (data / "data" / "token").read_text(encoding="ascii").strip()
            yield ScratchEngine(pid=process.pid, url=url, token=token, data=data / "data", cameras=data / "cameras")
        finally:
            await _stop(process)


def _environment(settings: Settings, overrides: Mapping[str, object], folder: Path) -> dict[str, str]:
    cameras = folder / "cameras"
    cameras.mkdir(exist_ok=True)
    chosen: dict[str, object] = {
        "camera_root": cameras,
        "models": settings.models.folder,
        "model_mirror": settings.models.mirror or None,
        "offline": settings.models.offline,
        "detector": settings.detect.detector,
        "provider": settings.detect.provider,
        "detector_threads": settings.detect.threads,
        "zeroconf": False,
        "log_format": "text",
        "log_level": "warning",
        **overrides,
    }
    ours = {f"{PREFIX}{key.upper()}": str(value) for key, value in chosen.items() if value is not None}
    return {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)} | ours


async def _ready(process: asyncio.subprocess.Process, url: str, log: Path) -> None:
    try:
        async with asyncio.timeout(_START_S), aiohttp.ClientSession() as session:
            while process.returncode is None:
                with suppress(aiohttp.ClientError):
                    async with session.get(f"{url}/ready") as answer:
                        if answer.status == 200:
                            return
                await asyncio.sleep(_PAUSE_S)
    except TimeoutError:
        raise EngineDied(f"the engine did not get ready within {_START_S:.0f} s:\n{_tail(log)}") from None
    raise EngineDied(f"the engine ended with status {process.returncode}:\n{_tail(log)}")


async def _stop(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(_STOP_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-_TAIL_LINES:])


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        number: int = listener.getsockname()[1]
    return number
