"""An engine that speaks the real contract over real HTTP and WebSocket, under the test's control."""

import asyncio
from contextlib import suppress
from dataclasses import replace
import itertools
import socket as sockets
import ssl
from typing import Any, Self

from aiohttp import WSMsgType, web

from custom_components.home_sentry.contract import (
    MIN_SCHEMA,
    SCHEMA,
    VERSION,
    Accounting,
    Ack,
    Auth,
    AuthFailed,
    Bye,
    Camera,
    CamerasSilent,
    Command,
    Component,
    ComponentState,
    Event,
    Hello,
    Info,
    KeyRole,
    Mode,
    Part,
    PartList,
    QueueDepth,
    Result,
    Resync,
    Snapshot,
    Status,
    Summary,
    SummaryUpdate,
    SystemStatus,
    Whoami,
    decode_client,
    encode,
    to_plain,
)
from tests.fakes import visits
from tests.fakes.report_of_engine import Reports

START = visits.START
TOKEN = "right-token-of-the-fake-engine"
CLIP = bytes(range(200))
JPEG = b"\xff\xd8\xff\xe0 a picture \xff\xd9"
# what Home Assistant asks by itself, sooner or later after a connection or an alert
UNASKED = frozenset({"deliver_alert", "list_components", "report_home"})


class FakeEngine(visits.Visits):
    """State, history and connections of one engine on a port of 127.0.0.1."""

    _runner: web.AppRunner | None = None
    _site: web.TCPSite | None = None
    _place: sockets.socket | None = None

    def __init__(self, instance_id: str = "engine-1", name: str = "Sentry") -> None:
        self.instance_id = instance_id
        self.name = name
        self.token = TOKEN
        self.caller = Whoami(id="installation", name="installation", role=KeyRole.ADMIN)
        self.version = VERSION
        self.schema, self.min_schema = SCHEMA, MIN_SCHEMA
        self.mode = Mode.NORMAL
        self.causes: tuple[str, ...] = ()
        self.components = [
            Component(
                id="detector",
                state=ComponentState.HEALTHY,
                details={"model": "dfine-s", "provider": "CPUExecutionProvider"},
            ),
            Component(id="llm", state=ComponentState.DISABLED, reason="switched off"),
        ]
        self.queues = [QueueDepth(queue="detect", pending=2, processing=1, delayed=0, dead=0)]
        self.accounting: Accounting | None = None
        self.cameras: dict[str, Camera] = {}
        self.events: dict[str, Event] = {}
        self.history: list[Any] = []
        self.oldest_replayed = 0
        self.greets = True
        self.refuses_sockets = False
        self.answers_commands = True
        self.commands: list[Command] = []
        self.failing: set[str] = {"fail"}
        self.failure = "not_found"
        self.answers: dict[str, Any] = {}
        self.parts: list[Part] = []
        self.broken_rules: dict[str, str] = {}
        self.summary: Summary | None = None
        self.reports = Reports(self._refusal)
        self.status_code: int | None = None
        self.content_type = "image/jpeg"
        self.requests: list[str] = []
        self.auths: list[Auth] = []
        self.acks: list[int] = []
        self.port = 0
        self.tls: ssl.SSLContext | None = None
        self.tls_next_fingerprint: str | None = None
        self.insecure = False
        self.capabilities: tuple[str, ...] = ()
        self._numbers = itertools.count(1)
        # each with the turn in which it is written to: what is published during a replay comes after it
        self._sockets: dict[web.WebSocketResponse, asyncio.Lock] = {}
        self._strangers: set[web.WebSocketResponse] = set()
        self._now = START

    @property
    def url(self) -> str:
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}"

    @property
    def cursor(self) -> int:
        return self.history[-1].seq if self.history else 0

    def asked(self, name: str) -> list[dict[str, Any]]:
        """Give the arguments of every command of a name that has arrived so far."""
        return [command.args for command in self.commands if command.name == name]

    @property
    def wishes(self) -> list[Command]:
        """Every command that a person or an automation gave; others come in between whenever they like."""
        return [command for command in self.commands if command.name not in UNASKED]

    @property
    def connections(self) -> int:
        return len(self._sockets)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
        self._leave_place()

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/health", self._health)
        app.router.add_get("/api/v1/info", self._info)
        app.router.add_get("/api/v1/status", self._status)
        app.router.add_get("/api/v1/whoami", self._whoami)
        app.router.add_get("/api/v1/ws", self._socket)
        self.reports.add(app)
        app.router.add_get("/api/v1/{kind}/{id}/{picture}.jpg", self._picture)
        app.router.add_get("/api/v1/{kind}/{id}/{clip:clip|timelapse}.{format:mp4|gif}", self._clip)
        # who is still being answered ends by himself, once his connection is closed
        self._runner = web.AppRunner(app, shutdown_timeout=30.0)
        await self._runner.setup()
        self._keep_place()
        self._site = web.TCPSite(self._runner, "127.0.0.1", self.port, ssl_context=self.tls)
        await self._site.start()

    async def stop(self) -> None:
        if self._runner is not None and self._site is not None:
            runner, self._runner = self._runner, None
            server = self._site._server
            # nobody comes in any more while those who are there are sent away
            await self._site.stop()
            await self.drop_clients()
            await runner.cleanup()
            # the runner knows nothing of those whose encryption is still being agreed on
            if isinstance(server, asyncio.Server):
                server.abort_clients()
                await server.wait_closed()

    def _keep_place(self) -> None:
        """Hold the port beside the server, so that nobody else gets it while the engine is away."""
        if self._place is None or self._place.getsockname()[1] != self.port:
            self._leave_place()
            self._place = sockets.socket()
            self._place.setsockopt(sockets.SOL_SOCKET, sockets.SO_REUSEADDR, 1)
            self._place.bind(("127.0.0.1", self.port))
            self.port = self._place.getsockname()[1]

    def _leave_place(self) -> None:
        if self._place is not None:
            self._place.close()
            self._place = None

    async def drop_clients(self) -> None:
        for socket in [*self._sockets, *self._strangers]:
            await socket.close()

    async def say_goodbye(self, reason: Any = "slow") -> None:
        for socket in list(self._sockets):
            await socket.send_str(encode(Bye(reason=reason)).decode())
            await socket.close()

    async def refuse_clients(self, reason: str) -> None:
        """Send everybody away, as when what they showed counts no longer."""
        await self._send(AuthFailed(message=reason))
        for socket in list(self._sockets):
            await socket.close(code=4401)

    async def send_raw(self, text: str) -> None:
        for socket, turn in list(self._sockets.items()):
            async with turn:
                with suppress(ConnectionError):
                    await socket.send_str(text)

    def info(self) -> Info:
        return Info(
            instance_id=self.instance_id,
            name=self.name,
            version=self.version,
            schema=self.schema,
            min_schema=self.min_schema,
            started_at=START,
            detector="dfine-s",
            provider="CPUExecutionProvider",
            llm="nemotron-4b",
            tls_next_fingerprint=self.tls_next_fingerprint,
            insecure=self.insecure,
            capabilities=self.capabilities,
        )

    def status(self) -> Status:
        return Status(
            mode=self.mode,
            mode_causes=self.causes,
            components=tuple(self.components),
            queues=tuple(self.queues),
            accounting=self.accounting,
            cameras_active=len(self.cameras),
            cameras_total=len(self.cameras),
            detector_ms=41.5,
            at=START,
            broken_rules=dict(self.broken_rules),
        )

    async def give_up(self, dead: int) -> None:
        """Say that so many jobs were given up."""
        self.queues = [replace(self.queues[0], dead=dead)]
        await self.publish_status()

    def set_component(self, part: Component) -> None:
        self.components = [part if known.id == part.id else known for known in self.components]

    async def fall_silent(self, *camera_ids: str) -> None:
        since = self._now if camera_ids else None
        await self._publish(CamerasSilent(seq=self.cursor + 1, camera_ids=camera_ids, since=since))

    async def publish_status(self) -> None:
        await self._send(SystemStatus(status=self.status()))

    async def look_back(self, summary: Summary) -> None:
        """Say what was made of a time that is over."""
        await self._publish(SummaryUpdate(seq=self.cursor + 1, summary=summary))

    async def _publish(self, message: Any) -> None:
        self.history.append(message)
        await self._send(message)

    async def _send(self, message: Any) -> None:
        await self.send_raw(encode(message).decode())

    def _refusal(self, request: web.Request) -> web.Response | None:
        self.requests.append(str(request.rel_url))
        if self.status_code is not None:
            return web.Response(status=self.status_code)
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return web.Response(status=401)
        return None

    async def _health(self, _request: web.Request) -> web.Response:
        return web.Response(text="ok")

    async def _info(self, request: web.Request) -> web.Response:
        return self._refusal(request) or _json(self.info())

    async def _status(self, request: web.Request) -> web.Response:
        return self._refusal(request) or _json(self.status())

    async def _whoami(self, request: web.Request) -> web.Response:
        return self._refusal(request) or _json(self.caller)

    async def _picture(self, request: web.Request) -> web.Response:
        if refusal := self._refusal(request):
            return refusal
        if request.match_info["id"] == "gone":
            return web.Response(status=404)
        return web.Response(body=JPEG + request.path.encode(), content_type=self.content_type)

    async def _clip(self, request: web.Request) -> web.StreamResponse:
        if refusal := self._refusal(request):
            return refusal
        if request.match_info["id"] == "gone":
            return web.Response(status=409)
        kind = "video/mp4" if request.match_info["format"] == "mp4" else "image/gif"
        if request.match_info["id"] == "broken":
            response = web.StreamResponse(headers={"Content-Type": kind, "Content-Length": str(len(CLIP))})
            await response.prepare(request)
            await response.write(CLIP[:50])
            request.transport.close()  # type: ignore[union-attr]
            return response
        wanted = request.http_range
        if wanted.start is None:
            return web.Response(body=CLIP, content_type=kind)
        told = {"Content-Range": f"bytes {wanted.start}-{wanted.stop - 1}/{len(CLIP)}"}
        return web.Response(status=206, body=CLIP[wanted], content_type=kind, headers=told)

    def _snapshot(self) -> Snapshot:
        newest: dict[str, Event] = {}
        for event in self.events.values():
            newest[event.camera_id] = event
        shown = [e for e in self.events.values() if e.ended_at is None or newest[e.camera_id] is e]
        return Snapshot(
            cursor=self.cursor,
            info=self.info(),
            status=self.status(),
            cameras=tuple(self.cameras.values()),
            events=tuple(shown),
            summary=self.summary,
        )

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._strangers.add(socket)
        try:
            auth = await self._greeted(socket)
        finally:
            self._strangers.discard(socket)
        if auth is not None:
            await self._serve(socket, auth.since)
        return socket

    async def _greeted(self, socket: web.WebSocketResponse) -> Auth | None:
        if self.greets:
            hello = Hello(
                engine_id=self.instance_id,
                name=self.name,
                version=self.version,
                schema=self.schema,
                min_schema=self.min_schema,
            )
            await socket.send_str(encode(hello).decode())
        first = await socket.receive()
        if first.type is not WSMsgType.TEXT:
            return None
        auth = decode_client(first.data)
        assert isinstance(auth, Auth)
        self.auths.append(auth)
        if auth.token != self.token or self.refuses_sockets:
            await socket.send_str(encode(AuthFailed(message="wrong token")).decode())
            await socket.close(code=4401)
            return None
        return auth

    async def _serve(self, socket: web.WebSocketResponse, since: int | None) -> None:
        turn = self._sockets[socket] = asyncio.Lock()
        try:
            async with turn:
                for first in self._first_messages(since):
                    await socket.send_str(encode(first).decode())
            async for message in socket:
                command = decode_client(message.data)
                if isinstance(command, Ack):
                    self.acks.append(command.seq)
                if isinstance(command, Command):
                    self.commands.append(command)
                    if self.answers_commands:
                        await socket.send_str(encode(self._answer(command)).decode())
        finally:
            del self._sockets[socket]

    def _first_messages(self, since: int | None) -> list[Any]:
        if since is None:
            return [self._snapshot()]
        if not self.oldest_replayed <= since <= self.cursor:
            return [Resync(reason="too old"), self._snapshot()]
        resumed = replace(self._snapshot(), cursor=since, resumed=True, cameras=(), events=())
        return [resumed, *(message for message in self.history if message.seq > since)]

    def _answer(self, command: Command) -> Result:
        """Fail, give what the test prepared for the command, or give its arguments back."""
        if command.name in self.failing:
            return Result(id=command.id, ok=False, code=self.failure, message="no such thing", details={"a": 1})
        parts = to_plain(PartList(items=tuple(self.parts)))
        answer = parts if command.name == "list_components" else self.answers.get(command.name, command.args)
        return Result(id=command.id, ok=True, data=answer(command.args) if callable(answer) else answer)


def _json(value: object) -> web.Response:
    return web.Response(body=encode(value), content_type="application/json")


async def until(true: Any, *, within_s: float = 60.0) -> None:
    """Wait until a condition holds."""
    async with asyncio.timeout(within_s):
        while not true():  # noqa: ASYNC110  # the condition is not always an event
            await asyncio.sleep(0.01)
