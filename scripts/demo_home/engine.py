"""The engine as a child process, and what the demo asks it."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
import json
import math
from pathlib import Path
import time
from typing import Any, Final

from aiohttp import ClientError, ClientSession, WSMsgType

from .errors import DemoError
from .patience import until
from .processes import Launch
from .web import Refusal, Silent, Web

_PREFIX: Final = "HOME_SENTRY_"
_START_S: Final = 900.0
_PAUSE_S: Final = 1.0
# a client may ask sixty times in a minute, and this is not all that is asked
_BUSY_EVERY_S: Final = 3.0
_REDUNDANT: Final = frozenset({"data", "host", "port", "camera_root", "database_url", "redis_url", "roles"})
# whole visits in under a minute instead of minutes
_QUICK: Final = {
    "batch_window_seconds": "30",
    "batch_idle_timeout_seconds": "5",
    "batch_check_interval_seconds": "0.5",
    "log_format": "text",
    "zeroconf": "false",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """Where an engine lives: its program, its data folder, where models stay between runs, its port."""

    program: Path
    data: Path
    models: Path
    port: int
    log: Path

    @property
    def url(self) -> str:
        """Address of its API."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def cameras(self) -> Path:
        """Folder with one folder for each camera."""
        return self.data / "cameras"

    def token(self) -> str:
        """Read the token that it made at its first start."""
        try:
            return (self.data / "token").read_text(encoding="utf-8").strip()
        except OSError as err:
            raise DemoError(f"the engine left no token in {self.data}: {err.strerror}") from err


def launch(place: Installation, environment: Mapping[str, str]) -> Launch:
    """Say how to start it: embedded database and queue, short visits; other settings of the user are kept."""
    kept = {
        name: value
        for name, value in environment.items()
        if name.removeprefix(_PREFIX).lower() not in _REDUNDANT or not name.startswith(_PREFIX)
    }
    quick = {f"{_PREFIX}{key.upper()}": value for key, value in _QUICK.items()}
    place.models.mkdir(parents=True, exist_ok=True)
    return Launch(
        name="The engine",
        command=(str(place.program), "serve", "--data", str(place.data), "--port", str(place.port)),
        environment={**quick, f"{_PREFIX}MODELS": str(place.models), **kept, "PYTHONUNBUFFERED": "1"},
        log=place.log,
    )


class Engine:
    """A running engine, asked over its API."""

    def __init__(self, session: ClientSession, place: Installation) -> None:
        self._session = session
        self._place = place
        self._web = Web(session, place.url)
        self._still_busy = ""
        self._asked_at = -math.inf

    @property
    def url(self) -> str:
        """Address of its API."""
        return self._place.url

    @property
    def token(self) -> str:
        """Secret that opens its API."""
        return self._place.token()

    async def enter(self, say: Callable[[str], None] | None = None) -> None:
        """Wait until it is ready; raises ``TooLate``."""

        def tell(text: str) -> None:
            if say is not None:
                say(f"{text}{self._still_busy}")

        await until(self._is_ready, what="the engine gets ready", deadline_s=_START_S, say=tell)
        self._web.token = self.token

    async def info(self) -> dict[str, Any]:
        """Give its identity and what it judges with."""
        return dict(await self._web.get("/api/v1/info"))

    async def status(self) -> dict[str, Any]:
        """Give the state of its parts."""
        return dict(await self._web.get("/api/v1/status"))

    async def media(self) -> dict[str, dict[str, Any]]:
        """Give the newest files that it accepted, by their fingerprint."""
        page = await self._web.get("/api/v1/media", limit=200)
        return {item["sha256"]: item for item in page["items"]}

    async def detections(self, media_id: str) -> list[dict[str, Any]]:
        """Give what it found in one file."""
        return list((await self._web.get("/api/v1/detections", media=media_id, limit=100))["items"])

    async def event(self, event_id: str) -> dict[str, Any]:
        """Give one event."""
        return dict(await self._web.get(f"/api/v1/events/{event_id}"))

    async def follow(self, tell: Callable[[dict[str, Any]], None]) -> None:
        """Tell of each event now and whenever it changes; comes back by itself after a lost connection."""
        while True:
            with suppress(ClientError, OSError, TimeoutError):
                await self._follow_once(tell)
            await asyncio.sleep(_PAUSE_S)

    async def _follow_once(self, tell: Callable[[dict[str, Any]], None]) -> None:
        async with self._session.ws_connect(f"{self.url}/api/v1/ws", heartbeat=15, max_msg_size=0) as socket:
            async for message in socket:
                if message.type not in {WSMsgType.TEXT, WSMsgType.BINARY}:
                    continue
                said = json.loads(message.data)
                if said["type"] == "hello":
                    await socket.send_json({"type": "auth", "token": self.token, "schema": said["schema"]})
                for event in _events_of(said):
                    tell(event)

    async def _is_ready(self) -> bool | None:
        try:
            await self._web.get_text("/ready")
        except Silent:
            return None
        except Refusal:
            if time.monotonic() - self._asked_at >= _BUSY_EVERY_S:
                self._still_busy = await self._busy_with()
                self._asked_at = time.monotonic()
            return None
        return True

    async def _busy_with(self) -> str:
        """Give the reasons of the parts that are not there yet, for the person who waits."""
        try:
            self._web.token = self.token
            parts = (await self.status())["components"]
        except DemoError:
            return ""
        reasons = [
            f"{part['id']}: {part['reason']}" for part in parts if part["state"] == "starting" and part["reason"]
        ]
        return f" ({'; '.join(reasons)})" if reasons else ""


def _events_of(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    if message["type"] == "snapshot":
        return list(message.get("events", ()))
    if message["type"] in {"event_created", "event_updated"}:
        return [dict(message["event"])]
    return []
