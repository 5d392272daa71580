"""What a client may choose to hear, must acknowledge, and is told besides events."""

import asyncio
from dataclasses import replace
import zlib

import aiohttp
from aiohttp import WSMsgType
from hypothesis import given
from hypothesis import strategies as st
import pytest

from home_sentry_engine.api.acks import AckRules, Unacknowledged
from home_sentry_engine.api.hub import Pace
from home_sentry_engine.api.notices import Notices
from home_sentry_engine.api.peer import Patience
from home_sentry_engine.api.ports import Published
from home_sentry_engine.api.subscription import Patterns, Subscription
from home_sentry_engine.contract import (
    Ack,
    AlertLevel,
    Auth,
    Bye,
    CameraChanged,
    Component,
    ComponentState,
    EventCreated,
    InfrastructureAlert,
    PerformanceUpdate,
    RiskLevel,
    ServiceStatus,
    Subscribe,
    SystemStatus,
    decode_server,
    encode,
)
from home_sentry_engine.contract.errors import InvalidRequest
from tests.fakes.api import PATIENT, QUIET, TOKEN, FakeEngine, serving
from tests.fakes.deadlines import Deadlines
from tests.fakes.load import HOT
from tests.fakes.patience import until
from tests.fakes.peer import Peer
from tests.fakes.records import camera, event

FAST = replace(PATIENT, acks=AckRules(first_s=0.03, longest_s=0.1, tries=3))
ENDLESS = replace(PATIENT, acks=AckRules(first_s=0.03, longest_s=0.1, tries=10**6))


def grave(engine: FakeEngine, level: RiskLevel = RiskLevel.CRITICAL) -> Published:
    seq = engine.feed.last + 1
    visit = replace(event(f"g{seq}"), risk_level=level, risk_score=90)
    return engine.feed.publish(EventCreated(seq=seq, event=visit))


async def greeted(server, session, **wish) -> Peer:
    peer = Peer(await session.ws_connect(f"{server.url}/api/v1/ws"))
    await peer.receive()
    await peer.send(Auth(token=TOKEN, **wish))
    await peer.receive()
    return peer


@pytest.mark.parametrize(
    ("words", "fit", "do_not"),
    [
        ((), ("event_created", "x"), ()),
        (("*",), ("event_created", ""), ()),
        (("event_*",), ("event_created", "event_"), ("camera_changed", "even")),
        (("camera_changed", "event_u*"), ("camera_changed", "event_updated"), ("event_created", "camera_changed2")),
    ],
)
def test_patterns(words, fit, do_not):
    patterns = Patterns.of(words)
    assert all(patterns.fit(name) for name in fit)
    assert not any(patterns.fit(name) for name in do_not)


@pytest.mark.parametrize("words", [("",), ("*event",), ("a*b*",), ("x" * 81,), ("a",) * 65])
def test_patterns_that_are_none(words):
    with pytest.raises(InvalidRequest):
        Patterns.of(words)


def test_the_load_has_to_be_named():
    assert not Subscription().wants("performance_update")
    assert not Subscription.of(["*"], []).wants("performance_update")
    assert Subscription.of(["performance_update"], ["yard"]).wants("performance_update")
    assert not Subscription.of([], ["yard"]).wants("event_created", "front")
    assert Subscription.of([], ["yard"]).wants("service_status")


async def test_a_client_hears_what_it_wished_for_and_may_wish_for_something_else():
    engine = FakeEngine()
    async with serving(engine, pace=QUIET) as server, aiohttp.ClientSession() as session:
        peer = await greeted(server, session, types=("camera_*",), cameras=("front_*",))
        engine.announce()
        for name in ("front_door", "yard"):
            shown = replace(camera(), id=name)
            row = engine.feed.publish(CameraChanged(seq=engine.feed.last + 1, camera=shown))
            assert row.camera_id == name
        first = await peer.receive()
        assert (type(first), first.camera.id, first.seq) == (CameraChanged, "front_door", 2)
        await peer.send(Subscribe(types=("event_created",)))
        assert (await peer.ask("ping")).ok
        engine.announce()
        assert (await peer.receive()).seq == 4
        await peer.send(Subscribe(types=("a*b",)))
        assert (await peer.rest())[0] == [Bye(reason="protocol")]


async def test_a_replay_holds_to_the_wish_too():
    engine = FakeEngine()
    for _ in range(120):
        engine.announce()
    engine.feed.publish(CameraChanged(seq=121, camera=camera()))
    async with serving(engine, pace=QUIET) as server, aiohttp.ClientSession() as session:
        peer = await greeted(server, session, since=5, types=("camera_changed",))
        assert (await peer.receive()).seq == 121
        await peer.socket.close()


async def test_a_grave_event_comes_again_until_it_is_acknowledged():
    engine = FakeEngine()
    async with serving(engine, pace=QUIET, patience=ENDLESS) as server, aiohttp.ClientSession() as session:
        peer = await greeted(server, session, acks=True)
        grave(engine)
        engine.announce()
        numbers: list[int] = []
        while numbers.count(1) < 3 or 2 not in numbers:
            numbers.append((await peer.receive()).seq)
        assert numbers.count(2) == 1, "only the grave one is repeated"
        await peer.send(Ack(seq=1))
        await peer.send(Ack(seq=77))
        assert (await peer.ask("ping")).ok
        grave(engine, RiskLevel.HIGH)
        assert (await peer.receive()).seq == 3
        await peer.send(Ack(seq=3))
        assert (await peer.ask("ping")).ok
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await peer.socket.receive()
        await peer.socket.close()


async def test_who_never_acknowledges_is_sent_away_and_resumes():
    engine = FakeEngine()
    async with serving(engine, pace=QUIET, patience=FAST) as server, aiohttp.ClientSession() as session:
        peer = await greeted(server, session, acks=True)
        grave(engine)
        messages, code = await peer.rest()
        assert [getattr(one, "seq", None) for one in messages] == [1, 1, 1, 1, None]
        assert (messages[-1], code) == (Bye(reason="slow"), 1013)
        again = await greeted(server, session, since=0, acks=True)
        assert (await again.receive()).seq == 1
        await again.socket.close()


async def test_who_did_not_promise_is_never_asked_again():
    engine = FakeEngine()
    async with serving(engine, pace=QUIET, patience=FAST) as server, aiohttp.ClientSession() as session:
        peer = await greeted(server, session)
        grave(engine)
        assert (await peer.receive()).seq == 1
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await peer.socket.receive()
        await peer.socket.close()


@given(st.lists(st.tuples(st.integers(1, 5), st.booleans(), st.floats(0, 40)), max_size=40))
def test_what_is_out_is_due_in_time_or_given_up(steps):
    waiting = Unacknowledged(AckRules(), lambda: 0.5)
    now, out = 0.0, set()
    for seq, acknowledged, later in steps:
        now += later
        if acknowledged:
            waiting.acknowledged(seq)
            out.discard(seq)
        elif seq not in out:
            waiting.sent(seq, b"%d" % seq, now)
            out.add(seq)
        again = waiting.again(now)
        if again is None:
            waiting.clear()
            out.clear()
        else:
            assert set(map(int, again)) <= out
        assert len(waiting) == len(out)
        due = waiting.next_due()
        assert (due is None) == (not out)
        assert due is None or now < due <= now + 30 * 1.3


async def test_large_messages_are_deflated_for_those_who_ask_alone():
    engine = FakeEngine()
    async with serving(engine, pace=QUIET) as server, aiohttp.ClientSession() as session:
        plain = await greeted(server, session)
        assert not plain.socket.compress
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(
            b"GET /api/v1/ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
        )
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"permessage-deflate" in head
        packed, body = await _frame(reader)
        assert not packed, "a short greeting goes as it is"
        assert decode_server(body)
        text = encode(Auth(token=TOKEN))
        writer.write(bytes([0x81, 0x80 | 126]) + len(text).to_bytes(2) + bytes(4) + text)
        await _frame(reader)
        engine.announce(summary="A person at the door. " * 200)
        packed, body = await _frame(reader)
        assert packed
        assert len(body) < 2000
        message = decode_server(zlib.decompressobj(-15).decompress(body + b"\x00\x00\xff\xff"))
        assert isinstance(message, EventCreated)
        assert (await plain.receive()).seq == message.seq
        writer.close()
        await plain.socket.close()


async def _frame(reader: asyncio.StreamReader) -> tuple[bool, bytes]:
    async with asyncio.timeout(60):
        while True:
            first, second = await reader.readexactly(2)
            length = second & 0x7F
            if length == 126:
                length = int.from_bytes(await reader.readexactly(2))
            body = await reader.readexactly(length)
            if first & 0x0F == WSMsgType.TEXT and b'"system_status"' not in body:
                return bool(first & 0x40), body


async def test_a_compressing_client_of_aiohttp_understands_it():
    engine = FakeEngine()
    async with serving(engine, pace=QUIET) as server, aiohttp.ClientSession() as session:
        peer = Peer(await session.ws_connect(f"{server.url}/api/v1/ws", compress=15))
        await peer.greet()
        assert peer.socket.compress
        for _ in range(5):
            engine.announce(summary="again and again " * 300)
            assert (await peer.receive()).event.summary.startswith("again")
        await peer.socket.close()


async def test_changes_of_parts_and_figures_are_told_and_the_load_to_who_wants_it():
    engine = FakeEngine()
    healthy = Component(id="llm", state=ComponentState.HEALTHY)
    engine.status_now = replace(engine.status_now, components=(healthy,))
    pace = Pace(status_every_s=0.05, status_pause_s=0.01, performance_every_s=0.02)
    async with serving(engine, pace=pace) as server, aiohttp.ClientSession() as session:
        peer = await greeted(server, session, types=("service_status", "infrastructure_alert"))
        loads = await greeted(server, session, types=("performance_update", "system_status"))
        assert await _heard(loads, PerformanceUpdate)
        for _ in range(2):
            assert await _heard(loads, SystemStatus)
        ill = replace(healthy, state=ComponentState.UNHEALTHY, reason="no answer")
        engine.status_now = replace(engine.status_now, components=(ill,))
        told = await _heard(peer, ServiceStatus)
        assert (told.component.id, told.component.state, told.previous) == ("llm", "unhealthy", "healthy")
        engine.load.heat(HOT)
        assert (await _heard(peer, InfrastructureAlert)).alert == HOT
        engine.load.heat()
        assert (await _heard(peer, InfrastructureAlert)).alert.level is AlertLevel.NORMAL
        await loads.socket.close()
        await peer.socket.close()


async def _heard(peer: Peer, kind: type):
    async with asyncio.timeout(60):
        while not isinstance(message := await peer.receive(statuses=True), kind):
            pass
    return message


async def test_a_feed_that_stands_still_is_told_and_begun_anew():
    engine = FakeEngine()
    pace = replace(QUIET, feed_checked_every_s=0.03)
    async with serving(engine, pace=pace) as server, aiohttp.ClientSession() as session:
        peer = await greeted(server, session)
        quiet = engine.feed.publish
        queues = list(engine.feed._queues)
        engine.feed._queues.clear()
        quiet(EventCreated(seq=1, event=event("lost")))
        engine.feed._queues.extend(queues)
        told = await _heard(peer, ServiceStatus)
        assert (told.component.id, told.component.state) == ("feed", "degraded")
        again = asyncio.create_task(server.run())
        assert (await _heard(peer, ServiceStatus)).component.state == "healthy"
        assert (await _heard(peer, EventCreated)).seq == 1
        again.cancel()
        await asyncio.gather(again, return_exceptions=True)
        await peer.socket.close()


async def test_who_is_silent_for_long_is_sent_away():
    patience = Patience(idle_s=0.1)
    async with (
        serving(FakeEngine(), pace=QUIET, patience=patience) as server,
        aiohttp.ClientSession() as session,
    ):
        peer = Peer(await session.ws_connect(f"{server.url}/api/v1/ws"))
        await peer.send(Auth(token=TOKEN))
        messages, code = await peer.rest()
        # on a slow machine the silence ends before the snapshot is there
        assert (messages[-1], code) == (Bye(reason="idle"), 4408)


async def test_who_only_listens_and_answers_pings_may_stay(monkeypatch):
    deadlines = Deadlines(monkeypatch)
    async with (
        serving(FakeEngine(), pace=QUIET, patience=replace(PATIENT, idle_s=3600.0)) as server,
        aiohttp.ClientSession() as session,
    ):
        peer = await greeted(server, session)
        for sign_of_life in (peer.socket.pong, peer.socket.ping, peer.socket.pong):
            (before,) = deadlines.ends(3600.0)
            await sign_of_life()
            await until(lambda: deadlines.ends(3600.0) > [before])  # noqa: B023 - awaited within the turn
        await peer.socket.close()


def test_a_notice_is_told_once():
    notices = Notices()
    part = Component(id="api", state=ComponentState.HEALTHY)
    assert list(notices.of_parts([part])) == []
    assert [kind for kind, _ in notices.of_parts([part, replace(part, id="new")])] == ["service_status"]
    assert list(notices.of_parts([part, replace(part, id="new")])) == []
    assert len(list(notices.of_alerts([HOT]))) == 1
    assert list(notices.of_alerts([replace(HOT, value=81.0)])) == []
    assert list(notices.feed_works()) == []
    assert len(list(notices.feed_broken("x"))) == 1
    assert list(notices.feed_broken("y")) == []
    assert len(list(notices.feed_works())) == 1
