"""Callers that mean harm: paths, bombs, floods of headers and chunks, connections that never speak."""

import asyncio
from collections.abc import Iterable
import contextlib
import gzip
import itertools
import re
import resource
import time
from urllib.parse import quote

import aiohttp
import pytest

from home_sentry_engine.api.limits import Limits
from home_sentry_engine.api.routing import Route
from home_sentry_engine.contract import Problem, decode
from tests.engine.unit.api.test_access import concrete
from tests.fakes.api import TOKEN, FakeEngine, serving, speaking
from tests.fakes.clock import FakeClock
from tests.fakes.patience import until
from tests.fakes.records import jpeg

TARGETS = ("etc/passwd", "data/token", "token.sha256", "proc/self/environ", "windows/win.ini")
STEPS = (
    "../",
    "..\\",
    "..%2f",
    "..%5c",
    "%2e%2e/",
    "%2e%2e%2f",
    "%252e%252e%252f",
    "..%c0%af",
    "..%ef%bc%8f",
    "..;/",
    "....//",
    "\uff0e\uff0e/",
    "%uff0e%uff0e/",
    "./.././",
)
ABSOLUTE = ("/etc/passwd", "//etc/passwd", "file:///etc/passwd", "\\\\host\\share", "C:\\boot.ini", "~root/.ssh/id_rsa")
REFUSED = frozenset({400, 404, 405, 411, 415})
TAILS = ("", "%00", "%00.jpg", "%0a", "%20", ".jpg", "/", "?x=..", "#")


def places(routes: Iterable[Route]) -> list[tuple[str, str]]:
    """Give methods and paths with one gap: every route that serves bytes, records of those, names of cameras."""
    found = [("GET", "/{}")]
    for route in routes:
        names = re.findall(r"{\w+}", route.path)
        record = route.path.rpartition("/")[2] in {"{media_id}", "{event_id}"}
        if route.answer.shape is None or record or "{camera_id}" in names:
            found += [(route.method, concrete(route.path.replace(name, "{}"))) for name in names]
    return found


def hostile_paths(routes: Iterable[Route]) -> list[tuple[str, str]]:
    steps = [step * depth + target for step, depth, target in itertools.product(STEPS, (1, 6), TARGETS)]
    words = [
        *steps,
        *ABSOLUTE,
        *(f"m1{tail}" for tail in TAILS if tail.startswith("%")),
        ".",
        "..",
        "%2e",
        "CON",
        "a" * 300,
    ]
    return [
        (method, place.format(word + tail))
        for (method, place), (word, tail) in itertools.product(places(routes), zip(words, itertools.cycle(TAILS)))
    ]


async def ask(url: str, lines: list[bytes], body: bytes = b"") -> tuple[int, bytes]:
    """Send bytes as they are; gives status and body."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        async with asyncio.timeout(60):
            writer.write(b"\r\n".join([*lines, b"Host: x", b"Connection: close", b"", b""]) + body)
            answer = await reader.read()
        head, _, rest = answer.partition(b"\r\n\r\n")
        return int(head.split(b" ", 2)[1]), rest
    finally:
        await close(writer)


async def close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


async def test_no_path_leads_out(server):
    attempts = hostile_paths(server.routes)
    assert len(attempts) >= 500
    for method, path in attempts:
        raw = path if path.isascii() else quote(path, safe="/%?#;\\")
        lines = [f"{method} {raw} HTTP/1.1".replace(" ~", " /~").encode(), f"Authorization: Bearer {TOKEN}".encode()]
        status, body = await ask(server.url, lines)
        assert status in REFUSED, (method, path, status)
        problem = decode(Problem, body)
        assert "passwd" not in problem.detail


async def test_all_that_serves_files_is_among_the_places(server):
    found = {place for _, place in places(server.routes)}
    served = {
        route.path for route in server.routes if route.answer.content_type not in {"application/json", "text/plain"}
    }
    assert {re.sub(r"{\w+}", "{}", path) for path in served} <= found
    assert {
        "/api/v1/events/{}/clip.mp4",
        "/api/v1/events/{}/clip.gif",
        "/api/v1/cameras/{}/timelapse.mp4",
        "/api/v1/exports/{}/file",
        "/api/v1/detections/{}/picture.jpg",
        "/api/v1/detections/{}/thumbnail.jpg",
    } <= found


async def test_an_attempt_is_noted(server, client, caplog):
    async with client.get("/api/v1/media/..%2f..%2fetc%2fpasswd/picture.jpg") as response:
        assert response.status == 404
    (record,) = [record for record in caplog.records if "tried to leave" in record.message]
    assert record.address == "127.0.0.1"
    assert "passwd" not in record.getMessage()


@pytest.mark.parametrize(
    ("token", "actor", "outcome"), [(TOKEN, "token", "not_found"), (None, "stranger", "unauthorized")]
)
async def test_an_attempt_is_audited_once_in_a_minute(token, actor, outcome):
    clock = FakeClock()
    engine = FakeEngine(clock=clock)
    lines = [f"Authorization: Bearer {token}".encode()] if token else []
    async with serving(engine) as server:
        for pause in (0, 0, 30, 30):
            clock.tick(pause)
            for name in ("..%2f..%2fetc%2fpasswd", "%2e%2e%5cx", "m1%00"):
                status, _ = await ask(server.url, [f"GET /api/v1/media/{name}/picture.jpg HTTP/1.1".encode(), *lines])
                assert status == (404 if token else 401)
    deeds = [(one.actor, one.action, one.outcome, one.address, one.target) for one in engine.audit.deeds]
    assert deeds == [(actor, "path.refused", outcome, "127.0.0.1", None)] * 2


async def test_a_compressed_bomb_is_not_unpacked(engine, client):
    piece = gzip.compress(jpeg() + b"\0" * 40_000_000)
    began = time.process_time()
    gzip.decompress(piece)
    unpacked_s = time.process_time() - began
    bomb = 20 * piece
    began = time.process_time()
    headers = {"Content-Encoding": "gzip", "Content-Type": "image/jpeg"}
    async with client.post("/api/v1/cameras/front_door/frames", data=bomb, headers=headers) as response:
        assert response.status == 415
    async with client.post("/api/v1/cameras/front_door/frames", data=bomb) as response:
        assert response.status == 415
    assert time.process_time() - began < 10 * unpacked_s
    assert engine.uploads == []


@pytest.mark.parametrize(
    "lines",
    [
        [b"GET /api/v1/info HTTP/1.1", *(f"X-{number}: x".encode() for number in range(200))],
        [b"GET /api/v1/info HTTP/1.1", b"X-Big: " + b"x" * 100_000],
        [b"GET /" + b"a" * 100_000 + b" HTTP/1.1"],
        [b"GET / HTTP/9.9"],
        [b"G\x00T / HTTP/1.1"],
        [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"],
        [b"GET / HTTP/1.1", b"Content-Length: -5"],
        [b"GET / HTTP/1.1", b"Content-Length: 5", b"Content-Length: 6"],
        [b"GET / HTTP/1.1", b"Transfer-Encoding: chunked", b"Content-Length: 5"],
        [b"GET / HTTP/1.1", b"Transfer-Encoding: chunked, identity"],
        [b"GET / HTTP/1.1", b"Bad Header: 1"],
        [b"GET / HTTP/1.1", b"A\x0b: 1"],
    ],
)
async def test_what_is_not_http_gets_a_documented_400(server, lines):
    status, body = await ask(server.url, lines)
    assert status == 400
    problem = decode(Problem, body)
    assert problem.code == "invalid_request"
    assert problem.details == {}


async def test_headers_without_end_are_cut_off(server, client):
    host, port = server.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    began = time.process_time()
    writer.write(b"GET /api/v1/info HTTP/1.1\r\n")
    async with asyncio.timeout(60):
        with contextlib.suppress(ConnectionError):
            for _ in range(125):
                writer.write(b"X-A: " + b"x" * 8000 + b"\r\n")
                await writer.drain()
            # the header has no end yet, but the connection has
            await reader.read()
    await close(writer)
    assert time.process_time() - began < 20
    async with client.get("/api/v1/info") as response:
        assert response.status == 200


async def test_a_million_chunks_cost_little(server, client, record_property):
    host, port = server.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        b"PATCH /api/v1/events/e1 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
        b"Content-Type: application/json\r\n" + f"Authorization: Bearer {TOKEN}\r\nConnection: close\r\n\r\n".encode()
    )
    others: list[float] = []

    async def ask_meanwhile() -> None:
        while True:
            before = time.perf_counter()
            async with client.get("/api/v1/info") as response:
                await response.read()
            others.append(time.perf_counter() - before)

    asking = asyncio.create_task(ask_meanwhile())
    began = time.process_time()
    try:
        for part in range(1000):
            writer.write(b"1\r\nx\r\n" * 1000)
            await writer.drain()
            if part == 500:
                await until(lambda: len(others) > 1)
        writer.write(b"0\r\n\r\n")
        await writer.drain()
    except ConnectionError:
        pass
    spent = time.process_time() - began
    answer = await reader.read()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await close(writer)
    status = int(answer.split(b" ", 2)[1]) if answer else None
    record_property("cpu_s", round(spent, 2))
    # a million bytes of "x" fit the limit and are no JSON
    assert status in {400, 408, 413, None}
    assert others


async def _trickle(writers: list[asyncio.StreamWriter]) -> None:
    """Send a byte of an endless header to each, again and again, until cancelled."""
    while True:
        for writer in writers:
            writer.write(b"x")
        await asyncio.sleep(0.02)


async def test_connections_that_say_nothing_do_not_disturb(server, client):
    host, port = server.url.removeprefix("http://").split(":")
    # both ends of each are in this process
    count = min(500, (resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 200) // 2)
    silent = [await asyncio.open_connection(host, int(port)) for _ in range(count)]
    start = b"GET /api/v1/info HTTP/1.1\r\nHost:"
    slow = [writer for _, writer in silent[::10]]
    for number, (_, writer) in enumerate(silent):
        writer.write(start if writer in slow else start[: number % 30])
    trickling = asyncio.create_task(_trickle(slow))
    for _ in range(20):
        async with client.get("/api/v1/info") as response:
            assert response.status == 200
        await asyncio.sleep(0.02)
    assert not trickling.done()
    trickling.cancel()
    await asyncio.gather(trickling, return_exceptions=True)
    assert [writer for writer in slow if writer.is_closing()] == []
    for _, writer in silent:
        await close(writer)


async def test_of_too_many_silent_connections_the_oldest_is_cut(engine):
    async with serving(engine, most_silent=3) as server:
        host, port = server.url.removeprefix("http://").split(":")
        streams = []
        for _ in range(5):
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await reader.readline()).startswith(b"HTTP/1.1 200")
            streams.append((reader, writer))
        for reader, _ in streams[:2]:
            with contextlib.suppress(ConnectionError):
                await reader.read()
            assert reader.at_eof() or reader.exception() is not None
        for reader, writer in streams[2:]:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"HTTP/1.1 200" in await reader.readuntil(b"HTTP/1.1 200")
        for _, writer in streams:
            await close(writer)


async def test_the_engine_does_not_wait_for_silent_connections_when_it_stops(engine):
    async with asyncio.timeout(50), serving(engine) as server:
        host, port = server.url.removeprefix("http://").split(":")
        streams = [await asyncio.open_connection(host, int(port)) for _ in range(5)]
        for _, writer in streams:
            writer.write(b"POST /api/v1/analyze HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n")
        await asyncio.sleep(0.05)
    for _, writer in streams:
        await close(writer)


async def test_requests_one_behind_the_other_are_all_answered(server):
    host, port = server.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n" * 50)
    writer.write(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    answer = await reader.read()
    assert answer.count(b"HTTP/1.1 200 OK") == 51
    await close(writer)


async def test_a_body_that_nobody_reads_does_no_harm(client):
    async with client.get("/api/v1/info", data=b"x" * 500_000) as response:
        assert response.status == 200
    async with client.request("TRACE", "/api/v1/info", data=b"secret") as response:
        assert response.status == 405
        assert b"secret" not in await response.read()


async def test_header_values_in_odd_bytes_do_no_harm(server):
    for value in (b"\xff\xfe", b"\x80" * 50, "häßlich".encode()):
        lines = [
            b"POST /api/v1/analyze HTTP/1.1",
            b"Authorization: Bearer " + TOKEN.encode(),
            b"Content-Length: 4",
            b"Content-Type: image/" + value,
            b"If-None-Match: " + value,
            b"X-Forwarded-For: " + value,
        ]
        status, body = await ask(server.url, lines, b"abcd")
        assert status in {400, 415}
        assert decode(Problem, body).status == status
        status, _ = await ask(server.url, [b"GET /api/v1/info HTTP/1.1", b"Authorization: Bearer " + value])
        assert status in {400, 401}


async def test_a_client_that_asks_without_end_is_answered_slowly_and_does_not_slow_another(record_property):
    engine = FakeEngine()
    async with serving(engine, limits=Limits()) as server, speaking(server) as noisy, speaking(server) as quiet:
        quiet_headers = {"X-Forwarded-For": "192.0.2.7"}

        async def once(session: aiohttp.ClientSession, **options) -> tuple[int, float]:
            before = time.perf_counter()
            async with session.get("/api/v1/info", **options) as response:
                return response.status, time.perf_counter() - before

        statuses: list[int] = []

        async def flood() -> None:
            while len(statuses) < 70 + 100 + 20:
                statuses.append((await once(noisy))[0])

        began = time.perf_counter()
        flooding = [asyncio.create_task(flood()) for _ in range(4)]
        answers = []
        for _ in range(50):
            answers.append(await once(quiet, headers=quiet_headers))
            await asyncio.sleep(0.005)
        await asyncio.gather(*flooding)
        # the last twenty refusals, four at a time, took a quarter of a second each
        assert time.perf_counter() - began >= 20 / 4 * 0.25
        assert statuses.count(200) == 70
        assert statuses.count(429) == len(statuses) - statuses.count(200)
        assert [status for status, _ in answers] == [200] * 50
        record_property("other_p95_ms", round(sorted(seconds for _, seconds in answers)[47] * 1e3, 1))
