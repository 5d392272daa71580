"""The client against a real server: deadlines, states of the connection, commands."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
import gc
from random import Random

from aiohttp import ClientSession, ClientWebSocketResponse, web
import pytest

from custom_components.home_sentry.client import (
    Backoff,
    BadAnswer,
    ClientError,
    ConnectionState,
    Deadlines,
    Engine,
    Incompatible,
    Live,
    Mirror,
    NoPicture,
    Pacing,
    Refused,
    Unreachable,
    WrongEngine,
)
from custom_components.home_sentry.contract import CameraChanged, EventChange, ServerMessage, Snapshot, encode
from custom_components.home_sentry.contract.errors import DeadlineExceeded, NotFound
from tests.fakes.engine import JPEG, TOKEN, FakeEngine, until

from .conftest import FAST, PATIENT


class Listener:
    """Remembers what it hears, and how far it came."""

    def __init__(self, since: int | None = None) -> None:
        self.since = since
        self.states: list[ConnectionState] = []
        self.errors: list[ClientError | None] = []
        self.messages: list[ServerMessage] = []

    def on_state(self, state: ConnectionState, error: ClientError | None) -> None:
        self.states.append(state)
        self.errors.append(error)

    def on_message(self, message: ServerMessage) -> None:
        self.messages.append(message)
        if isinstance(message, Snapshot) and not message.resumed and self.since is None:
            self.since = message.cursor
        self.since = getattr(message, "seq", self.since)

    @property
    def state(self) -> ConnectionState | None:
        return self.states[-1] if self.states else None


@pytest.fixture
async def session(socket_enabled: None) -> AsyncIterator[ClientSession]:
    async with ClientSession() as session:
        yield session


@asynccontextmanager
async def listening(
    session: ClientSession,
    engine: FakeEngine,
    *,
    since: int | None = None,
    token: str = TOKEN,
    deadlines: Deadlines = PATIENT,
) -> AsyncIterator[tuple[Live, Listener]]:
    listener = Listener(since)
    live = Live(
        Engine(session, engine.url, token, deadlines),
        listener,
        engine_id="engine-1",
        since=lambda: listener.since,
        random=Random(1),
        pacing=FAST,
    )
    task = asyncio.create_task(live.run())
    try:
        yield live, listener
    finally:
        task.cancel()
        await asyncio.wait([task])


def test_waits_grow_to_a_limit_and_start_anew() -> None:
    backoff = Backoff(Pacing(first_s=1, longest_s=8, patient_s=100), Random(1))
    waits = [backoff.next_s() for _ in range(6)]
    for wait, step in zip(waits, (1, 2, 4, 8, 8, 8), strict=True):
        assert step / 2 <= wait <= step
    assert 50 <= backoff.patient_s() <= 100
    backoff.reset()
    assert backoff.next_s() <= 1


async def test_rest(session: ClientSession, engine: FakeEngine) -> None:
    client = Engine(session, engine.url, TOKEN, PATIENT)
    assert (await client.info()).instance_id == "engine-1"
    assert (await client.status()).detector_ms == 41.5
    for picture in (
        await client.event_snapshot("e/1"),
        await client.latest_picture("front_door"),
    ):
        assert picture.content.startswith(JPEG)
        assert picture.content_type == "image/jpeg"
    assert "/api/v1/events/e%2F1/snapshot.jpg" in engine.requests
    assert not [request for request in engine.requests if TOKEN in request]


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, Refused), (403, Refused), (404, BadAnswer), (302, BadAnswer), (429, Unreachable), (503, Unreachable)],
)
async def test_rest_errors(session: ClientSession, engine: FakeEngine, status: int, error: type[ClientError]) -> None:
    engine.status_code = status
    with pytest.raises(error):
        await Engine(session, engine.url, TOKEN, PATIENT).info()


async def test_rest_of_an_older_engine(session: ClientSession, engine: FakeEngine) -> None:
    engine.schema = engine.min_schema = 0
    with pytest.raises(Incompatible) as caught:
        await Engine(session, engine.url, TOKEN, PATIENT).info()
    assert caught.value.engine_is_older


async def test_pictures_that_are_none(session: ClientSession, engine: FakeEngine) -> None:
    client = Engine(session, engine.url, TOKEN, PATIENT)
    with pytest.raises(NoPicture):
        await client.event_snapshot("gone")
    engine.content_type = "text/html"
    with pytest.raises(BadAnswer):
        await client.event_snapshot("e")


@asynccontextmanager
async def something_else(answer: bytes, *, answers: bool = True) -> AsyncIterator[str]:
    may_answer = asyncio.Event()
    if answers:
        may_answer.set()

    async def handle(_request: web.Request) -> web.Response:
        await may_answer.wait()
        return web.Response(body=answer, content_type="image/jpeg")

    app = web.Application()
    app.router.add_get("/{path:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=30.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    may_answer.set()
    await runner.cleanup()


async def test_what_is_no_engine(session: ClientSession) -> None:
    async with something_else(b"<html>") as url:
        with pytest.raises(BadAnswer):
            await Engine(session, url, TOKEN, PATIENT).info()
        with pytest.raises(BadAnswer):
            async with Engine(session, url, TOKEN, PATIENT).socket():
                pass


async def test_answers_without_end(session: ClientSession) -> None:
    async with something_else(b" " * (1 << 21)) as url:
        with pytest.raises(BadAnswer, match="exceeds"):
            await Engine(session, url, TOKEN, PATIENT).info()


async def test_answers_that_do_not_come(session: ClientSession) -> None:
    soon = replace(PATIENT, request_s=0.5)
    async with something_else(b"", answers=False) as url:
        with pytest.raises(Unreachable, match="in time"):
            await Engine(session, url, TOKEN, soon).info()
        with pytest.raises(Unreachable, match="in time"):
            async with Engine(session, url, TOKEN, soon).socket():
                pass


async def test_nobody_there(session: ClientSession) -> None:
    client = Engine(session, "http://127.0.0.1:9", TOKEN, PATIENT)
    with pytest.raises(Unreachable):
        await client.info()
    with pytest.raises(Unreachable):
        async with client.socket():
            pass


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refusal_at_the_door(session: ClientSession, status: int) -> None:
    async def refuse(_request: web.Request) -> web.Response:
        return web.Response(status=status)

    app = web.Application()
    app.router.add_get("/api/v1/ws", refuse)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    with pytest.raises(Refused):
        async with Engine(session, url, TOKEN, PATIENT).socket():
            pass
    await runner.cleanup()


async def test_snapshot_then_messages(session: ClientSession, engine: FakeEngine) -> None:
    async with listening(session, engine) as (_, listener):
        await until(lambda: listener.state is ConnectionState.CONNECTED)
        await engine.put_camera("garden")
        await until(lambda: len(listener.messages) == 2)
        assert isinstance(listener.messages[0], Snapshot)
        assert isinstance(listener.messages[1], CameraChanged)


async def test_grave_events_are_acknowledged_also_when_they_come_again(
    session: ClientSession, engine: FakeEngine
) -> None:
    async with listening(session, engine) as (_, listener):
        await until(lambda: listener.state is ConnectionState.CONNECTED)
        assert engine.auths[-1].acks
        await engine.start_event("front_door", score=20)
        grave = await engine.start_event("front_door", score=90)
        await until(lambda: engine.acks == [engine.cursor])
        await engine.send_raw(encode(engine.history[-1]).decode())
        await engine.change_event(grave.event_id, EventChange.DOWNGRADED, risk_score=60)
        await until(lambda: engine.acks == [engine.cursor - 1, engine.cursor - 1, engine.cursor])


async def test_comes_back_and_has_what_it_missed_replayed(session: ClientSession, engine: FakeEngine) -> None:
    async with listening(session, engine) as (_, listener):
        await until(lambda: listener.state is ConnectionState.CONNECTED)
        await engine.stop()
        await until(lambda: ConnectionState.LOST in listener.states)
        await engine.put_camera("garden")
        await engine.start()
        await until(lambda: listener.state is ConnectionState.CONNECTED)
        await until(lambda: listener.since == 2)
        assert [auth.since for auth in engine.auths] == [None, None, 1]
        resumed = [message.resumed for message in listener.messages if isinstance(message, Snapshot)]
        assert resumed == [False, False, True]


async def test_comes_back_on_one_connection_when_nothing_was_missed(session: ClientSession, engine: FakeEngine) -> None:
    async with listening(session, engine) as (_, listener):
        await until(lambda: listener.state is ConnectionState.CONNECTED)
        await engine.say_goodbye("slow")
        await until(lambda: ConnectionState.LOST in listener.states)
        assert "slow" in str(listener.errors[listener.states.index(ConnectionState.LOST)])
        await until(lambda: listener.state is ConnectionState.CONNECTED)
        assert [auth.since for auth in engine.auths] == [None, None]


async def test_a_refused_token_ends_the_attempts(session: ClientSession, engine: FakeEngine) -> None:
    async with listening(session, engine, token="wrong") as (live, listener):
        await until(lambda: listener.state is ConnectionState.REFUSED)
        await asyncio.sleep(0.2)
        assert len(engine.auths) == 1
        assert live.state is ConnectionState.REFUSED


async def test_waits_patiently_for_an_update(session: ClientSession, engine: FakeEngine) -> None:
    engine.schema = engine.min_schema = 99
    async with listening(session, engine) as (_, listener):
        await until(lambda: listener.state is ConnectionState.INCOMPATIBLE)
        assert isinstance(listener.errors[-1], Incompatible)
        assert not listener.errors[-1].engine_is_older
        assert not engine.auths
        engine.schema = engine.min_schema = 1
        await until(lambda: listener.state is ConnectionState.CONNECTED)


async def test_gives_no_token_to_another_engine(session: ClientSession, engine: FakeEngine) -> None:
    engine.instance_id = "other"
    async with listening(session, engine) as (_, listener):
        await until(lambda: ConnectionState.LOST in listener.states)
        assert isinstance(listener.errors[-1], WrongEngine)
        assert not engine.auths


async def test_a_server_that_does_not_greet(session: ClientSession, engine: FakeEngine) -> None:
    engine.greets = False
    async with listening(session, engine, deadlines=replace(PATIENT, greeting_s=0.3)) as (_, listener):
        await until(lambda: ConnectionState.LOST in listener.states)
        assert "in time" in str(listener.errors[listener.states.index(ConnectionState.LOST)])


async def test_a_first_message_that_is_no_greeting(
    session: ClientSession, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.greets = False
    async with listening(session, engine) as (_, listener):

        async def wrong(request: web.Request) -> web.WebSocketResponse:
            socket = web.WebSocketResponse()
            await socket.prepare(request)
            await socket.send_str('{"type": "bye", "reason": "idle"}')
            await socket.close()
            return socket

        await engine.stop()
        monkeypatch.setattr(engine, "_socket", wrong)
        await engine.start()
        await until(lambda: any("greeting" in str(error) for error in listener.errors if isinstance(error, BadAnswer)))


@pytest.mark.parametrize("text", ["not json", '{"type": "event_created"}', '{"type": "of the future"}', "[1]"])
async def test_a_message_that_cannot_be_read_is_skipped(session: ClientSession, engine: FakeEngine, text: str) -> None:
    async with listening(session, engine) as (_, listener):
        await until(lambda: listener.state is ConnectionState.CONNECTED)
        await engine.send_raw(text)
        await engine.put_camera("garden")
        await until(lambda: listener.since == 2)
        assert ConnectionState.LOST not in listener.states


async def test_commands(session: ClientSession, engine: FakeEngine) -> None:
    async with listening(session, engine) as (live, listener):
        with pytest.raises(Unreachable):
            await live.command("echo")
        await until(lambda: listener.state is ConnectionState.CONNECTED)
        assert await live.command("echo", {"a": 1}) == {"a": 1}
        with pytest.raises(NotFound, match="no such thing") as caught:
            await live.command("fail")
        assert caught.value.details == {"a": 1}
        engine.answers_commands = False
        with pytest.raises(DeadlineExceeded):
            await live.command("echo", deadline_s=0.05)
        before = len(engine.commands)
        waiting = asyncio.create_task(live.command("echo", deadline_s=60))
        await until(lambda: len(engine.commands) > before)
        await engine.drop_clients()
        with pytest.raises(Unreachable):
            await waiting


async def test_a_command_whose_connection_breaks_while_it_is_sent(
    session: ClientSession, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with listening(session, engine) as (live, listener):
        await until(lambda: listener.state is ConnectionState.CONNECTED)
        sending = asyncio.Event()

        async def send(*_: object) -> None:
            sending.set()
            await until(lambda: ConnectionState.LOST in listener.states)
            raise ConnectionResetError("gone")

        monkeypatch.setattr(ClientWebSocketResponse, "send_str", send)
        waiting = asyncio.create_task(live.command("echo", deadline_s=60))
        await sending.wait()
        await engine.drop_clients()
        with pytest.raises(Unreachable, match="gone"):
            await waiting
    gc.collect()
    assert "never retrieved" not in caplog.text


async def test_a_half_open_connection_is_noticed(session: ClientSession, engine: FakeEngine) -> None:
    async with listening(session, engine, deadlines=replace(PATIENT, heartbeat_s=0.2)) as (_, listener):
        await until(lambda: ConnectionState.CONNECTED in listener.states)
        for socket in engine._sockets:
            # none: it is lost already, because the machine stood still for longer than the heartbeat
            if socket._req is not None and (transport := socket._req.transport) is not None:
                transport.pause_reading()
        await until(lambda: ConnectionState.LOST in listener.states)


async def test_a_long_replay_leaves_room_for_others(session: ClientSession, engine: FakeEngine) -> None:
    for number in range(500):
        await engine.put_camera("garden", events_today=number)
    async with listening(session, engine, since=0) as (_, listener):
        await until(lambda: listener.state is ConnectionState.CONNECTED)
        most, before = 0, len(listener.messages)
        while listener.since != engine.cursor:
            await asyncio.sleep(0)
            most, before = max(most, len(listener.messages) - before), len(listener.messages)
        assert len(listener.messages) > 500
        assert most <= 2


def test_an_older_revision_does_not_undo_a_newer_one() -> None:
    mirror = Mirror()
    assert mirror.newest("front_door") is None
    assert mirror.events("front_door") == ()
