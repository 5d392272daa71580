"""The WebSocket: greeting, authentication, resume, commands, limits, goodbye."""

import asyncio
from dataclasses import replace

import aiohttp
import pytest

from home_sentry_engine.api.hub import Pace
from home_sentry_engine.api.limits import Limit, LimitClass, Limits
from home_sentry_engine.contract import (
    Auth,
    Bye,
    Command,
    EventCreated,
    EventUpdated,
    Hello,
    Mode,
    Result,
    Resync,
    Snapshot,
    SystemStatus,
)
from tests.fakes.api import GENEROUS, QUIET, TOKEN, FakeEngine, serving
from tests.fakes.peer import Peer


def numbers(messages) -> list[int]:
    return [message.seq for message in messages]


async def test_hello_tells_who_answers_and_nothing_more(connect):
    hello = await (await connect()).receive()
    assert hello == Hello(engine_id="engine-1", name="Home", version=hello.version)


async def test_a_new_client_gets_the_whole_state_and_then_what_happens(engine, connect):
    engine.announce()
    peer = await connect()
    snapshot = await peer.greet()
    assert isinstance(snapshot, Snapshot)
    assert (snapshot.cursor, snapshot.resumed, len(snapshot.cameras)) == (1, False, 1)
    engine.announce()
    created = await peer.receive()
    assert isinstance(created, EventCreated)
    assert created.seq == 2


async def test_a_resumed_client_gets_what_it_missed_and_nothing_else(engine, connect):
    for _ in range(20):
        engine.announce()
    peer = await connect()
    snapshot = await peer.greet(since=5)
    assert (snapshot.resumed, snapshot.cursor, snapshot.cameras, snapshot.events) == (True, 5, (), ())
    assert numbers([await peer.receive() for _ in range(15)]) == list(range(6, 21))
    engine.announce()
    assert (await peer.receive()).seq == 21


async def test_a_client_that_is_up_to_date_resumes_without_replay(engine, connect):
    engine.announce()
    peer = await connect()
    assert (await peer.greet(since=1)).resumed
    engine.announce()
    assert (await peer.receive()).seq == 2


@pytest.mark.parametrize("since", [0, 3, 99, -1, 2**60])
async def test_what_cannot_be_resumed_is_resynchronised(engine, connect, since):
    for _ in range(10):
        engine.announce()
    engine.feed.prune(5)
    peer = await connect()
    assert isinstance(await peer.greet(since=since), Resync)
    snapshot = await peer.receive()
    assert (snapshot.cursor, snapshot.resumed) == (10, False)
    engine.announce()
    assert (await peer.receive()).seq == 11


async def test_messages_from_before_the_start_are_replayed_from_the_store():
    engine = FakeEngine()
    for _ in range(700):
        engine.announce()
    async with serving(engine, pace=QUIET) as server, aiohttp.ClientSession(server.url) as session:
        peer = Peer(await session.ws_connect("/api/v1/ws"))
        await peer.greet(since=3)
        assert numbers([await peer.receive() for _ in range(697)]) == list(range(4, 701))
        assert engine.feed.reads >= 4
        await peer.socket.close()


async def test_nothing_is_lost_or_doubled_while_others_publish(engine, connect):
    """A client that leaves and resumes at random points sees each number once, in order."""
    for _ in range(300):
        engine.announce()
    done = asyncio.Event()

    async def publish() -> None:
        for number in range(1500):
            engine.announce()
            if number % 3 == 0:
                await asyncio.sleep(0)
        done.set()

    publishing = asyncio.create_task(publish())
    seen: list[int] = []
    cursor = 0
    rounds = 0
    while cursor < 1800:
        rounds += 1
        peer = await connect()
        assert (await peer.greet(since=cursor)).resumed
        for _ in range(min(137, 1800 - cursor)):
            message = await peer.receive()
            seen.append(message.seq)
            cursor = message.seq
        await peer.socket.close()
    await publishing
    assert seen == list(range(1, 1801))
    assert rounds > 5


async def test_the_feed_may_break_and_come_back(engine):
    async with serving(engine, pace=QUIET) as server, aiohttp.ClientSession(server.url) as session:
        peer = Peer(await session.ws_connect("/api/v1/ws"))
        await peer.greet()
        engine.announce()
        assert (await peer.receive()).seq == 1
        engine.feed.break_off()
        await asyncio.sleep(0.01)
        engine.announce()
        second = asyncio.create_task(server.run())
        assert (await peer.receive()).seq == 2
        engine.announce()
        assert (await peer.receive()).seq == 3
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
        await peer.socket.close()


async def test_commands_answer_by_id(engine, connect):
    peer = await connect()
    await peer.greet()
    assert await peer.ask("ping", number=7) == Result(id=7, ok=True)
    event = await peer.ask("get_event", {"event_id": "e1"})
    assert event.data["event_id"] == "e1"
    page = await peer.ask("list_events", {"limit": 2, "camera": "front_door"})
    assert [item["event_id"] for item in page.data["items"]] == ["e3", "e2"]
    assert (await peer.ask("get_status")).data["mode"] == "normal"
    assert (await peer.ask("get_info")).data["instance_id"] == "engine-1"
    assert (await peer.ask("list_cameras")).data["total"] == 1
    assert (await peer.ask("get_camera", {"camera_id": "front_door"})).data["name"] == "Front Door"
    assert len((await peer.ask("list_event_detections", {"event_id": "e1"})).data["items"]) == 5
    await peer.send(Command(id=9, name="review_event", args={"event_id": "e1", "reviewed": True}))
    answers = [await peer.receive(), await peer.receive()]
    assert {type(answer) for answer in answers} == {EventUpdated, Result}
    assert engine.events["e1"].reviewed


@pytest.mark.parametrize(
    ("name", "args", "code"),
    [
        ("nonsense", {}, "invalid_request"),
        ("get_event", {}, "invalid_request"),
        ("get_event", {"event_id": 5}, "invalid_request"),
        ("get_event", {"event_id": "../e1"}, "invalid_request"),
        ("get_event", {"event_id": "e9"}, "not_found"),
        ("get_camera", {"camera_id": "nowhere"}, "not_found"),
        ("list_events", {"limit": "2"}, "invalid_request"),
        ("list_events", {"limit": True}, "invalid_request"),
        ("list_events", {"limit": 10**18}, "invalid_request"),
        ("review_event", {"event_id": "e1"}, "invalid_request"),
        ("ping", {"more": 1}, "invalid_request"),
    ],
)
async def test_a_failed_command_names_its_reason_and_the_connection_stays(connect, name, args, code):
    peer = await connect()
    await peer.greet()
    result = await peer.ask(name, args)
    assert (result.ok, result.code) == (False, code)
    assert (await peer.ask("ping", number=2)).ok


async def test_a_command_ends_at_its_deadline_and_a_fault_stays_inside(engine, connect, caplog):
    peer = await connect()
    await peer.greet()
    engine.delay_s = 3600
    result = await peer.ask("list_events", deadline_s=0.05)
    assert result.code == "deadline"
    engine.delay_s = 0
    engine.failure = RuntimeError("/data/secret")
    result = await peer.ask("list_events")
    assert result.code == "internal"
    assert "/data" not in f"{result.message}{result.details}"
    assert any(record.exc_info for record in caplog.records)


async def test_commands_are_counted():
    engine = FakeEngine()
    limits = Limits(classes=dict(GENEROUS.classes) | {LimitClass.SOCKET: Limit(per_minute=3)})
    async with serving(engine, limits=limits, pace=QUIET) as server, aiohttp.ClientSession(server.url) as session:
        peer = Peer(await session.ws_connect("/api/v1/ws"))
        await peer.greet()
        results = [await peer.ask("ping", number=number) for number in range(5)]
        assert [result.ok for result in results] == [True] * 3 + [False] * 2
        assert results[-1].code == "rate_limited"
        assert results[-1].details["retry_after_s"] > 0
        await peer.socket.close()


async def test_the_status_comes_regularly_and_at_once_when_it_changes():
    engine = FakeEngine()
    pace = Pace(status_every_s=0.2, status_pause_s=0.02)
    async with serving(engine, pace=pace) as server, aiohttp.ClientSession(server.url) as session:
        peer = Peer(await session.ws_connect("/api/v1/ws"))
        await peer.greet()
        for _ in range(3):
            assert isinstance(await peer.receive(statuses=True), SystemStatus)
        engine.change_status(Mode.DEGRADED)
        while (status := await peer.receive(statuses=True)).status.mode is Mode.NORMAL:
            pass
        assert status.status.mode is Mode.DEGRADED
        await peer.socket.close()


async def test_a_status_that_cannot_be_read_does_not_stop_the_feed(engine):
    pace = Pace(status_every_s=0.05, status_pause_s=0.01)
    async with serving(engine, pace=pace) as server, aiohttp.ClientSession(server.url) as session:
        peer = Peer(await session.ws_connect("/api/v1/ws"))
        await peer.greet()
        engine.failure = TimeoutError()
        await asyncio.sleep(0.1)
        engine.announce()
        assert (await peer.receive()).seq == 1
        await peer.socket.close()


async def test_clients_are_told_when_the_engine_stops(engine):
    async with aiohttp.ClientSession() as session:
        async with serving(engine, pace=QUIET) as server:
            peers = [Peer(await session.ws_connect(f"{server.url}/api/v1/ws")) for _ in range(5)]
            for peer in peers:
                await peer.greet()
            endings = [asyncio.create_task(peer.rest()) for peer in peers]
        assert await asyncio.gather(*endings) == [([Bye(reason="shutdown")], 1001)] * 5


async def test_an_unknown_engine_failure_closes_with_1011(engine, connect, caplog):
    peer = await connect()
    await peer.receive()
    engine.feed.snapshot = _failing
    await peer.send(Auth(token=TOKEN))
    assert await peer.rest() == ([], 1011)
    assert any(record.exc_info for record in caplog.records)


async def _failing():
    raise RuntimeError("broken")


async def test_the_connection_survives_what_a_later_version_adds(connect):
    peer = await connect()
    await peer.receive()
    await peer.socket.send_json({"type": "auth", "token": TOKEN, "schema": 7, "colour": "red"})
    assert isinstance(await peer.receive(), Snapshot)
    await peer.socket.send_json({"type": "a later version's", "id": 1, "name": "ping"})
    await peer.socket.send_json({"type": "command", "id": 2, "name": "ping", "trace": "x"})
    answer = await peer.receive()
    assert (answer.id, answer.ok) == (2, True)


async def test_a_client_of_an_older_schema_is_sent_away(connect):
    peer = await connect()
    await peer.receive()
    await peer.send(replace(Auth(token=TOKEN), schema=0))
    assert await peer.rest() == ([Bye(reason="protocol")], 1008)
