"""Malformed requests of every kind: 9,000 cases in this file, 3,000 in the one about the WebSocket."""

from collections.abc import Sequence
from urllib.parse import quote

from hypothesis import event, given, settings
from hypothesis import strategies as st
import pytest

from home_sentry_engine.api.routing import JsonBody, Route
from tests.engine.fuzz.harness import CASES, MAX_UPLOAD, Target
from tests.engine.fuzz.http import AUTHORIZATION, check, exchange, request_bytes
from tests.engine.fuzz.operations import body_of, path_of, query_of
from tests.engine.unit.api.test_matrix import restored
from tests.fakes.records import jpeg

METHODS = (*("GET",) * 8, *("HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get"))
# what a list understands, with values that it takes
GOOD = {
    "camera": ("front_door", "x"),
    "since": ("2026-11-20T10:00:00Z", "2026-11-20T10:00:00+02:00", "2020-01-01"),
    "until": ("2026-11-21T10:00:00Z",),
    "limit": ("1", "2", "1000"),
    "cursor": ("1", "2"),
    "total": ("true", "false"),
}
MORE: dict[str, dict[str, tuple[str, ...]]] = {
    "/api/v1/events": {
        "level": ("low", "high"),
        "object": ("person",),
        "reviewed": ("0", "true"),
        "flagged": ("true",),
        "favourite": ("false",),
        "ongoing": ("false",),
    },
    "/api/v1/events/trash": {},
    "/api/v1/media": {"state": ("queued", "failed")},
    "/api/v1/detections": {"label": ("person",), "min_confidence": ("0.5", "1"), "event": ("e1",), "media": ("m1",)},
    "/api/v1/cameras": {"status": ("online",)},
    "/api/v1/alerts": {"status": ("pending",), "severity": ("high",), "rule_id": ("mine",), "event_id": ("e1",)},
}
PARAMETERS = (*GOOD, *(name for more in MORE.values() for name in more), "captured_at", "token", "offset")
# bytes that may stand in a request line: everything but blanks and line ends
SEGMENT = st.text(st.characters(codec="utf-8", exclude_characters=" \t\r\n\x0b\x0c\x00"), max_size=30)
QUOTED = st.binary(max_size=20).map(quote)
ID = st.sampled_from(("e1", "m1", "front_door", "..", "%2e%2e", "%00", "e1%0d%0a")) | SEGMENT | QUOTED
WORDS = ("", "0", "1", "50", "1000", "1001", "-1", "true", "high", "2026-11-20T10:00:00Z", "0.5", "nan", "1e9")
VALUE = st.sampled_from(WORDS) | QUOTED | st.integers().map(str) | st.datetimes().map(lambda at: quote(at.isoformat()))
PICTURE = jpeg()
BOUNDARY = b"----x"


BY_CHANCE = st.sampled_from((True, False, False))
EVERYWHERE = ("/", "/api/v1/", "/api/v1/events/e1/", "/api/v1/alerts/al1/")


def ask(target: Target, request: bytes, *, head: bool = False) -> int:
    with target.connect() as connection:
        reply = exchange(connection, request)
    check(reply, head=head)
    event(f"status {reply.status}")
    return reply.status


@pytest.fixture
def routes(target) -> tuple[Route, ...]:
    """Every operation; what the one before did is undone."""
    assert target.server is not None
    restored(target.engine)
    with target.connect() as connection:
        # the first time it is made of all operations
        connection.settimeout(60)
        exchange(connection, request_bytes("GET", "/api/v1/openapi.json"))
    return tuple(target.server.routes)


def test_any_method_path_and_query_of_every_operation(target, routes):
    @settings(CASES, max_examples=_each(2000, routes))
    @given(st.data(), st.sampled_from(METHODS), st.sampled_from(("", "", "e1", "m1", "front_door")) | ID)
    def one(route, data, method, name):
        odd = st.tuples(st.sampled_from(PARAMETERS), VALUE).map("=".join)
        query = data.draw(query_of(route) | st.just([]) | st.lists(odd, max_size=2))
        method = data.draw(st.just(method) | st.just(route.method))
        path = data.draw(st.sampled_from(EVERYWHERE)) + name if name and data.draw(BY_CHANCE) else path_of(route, name)
        ask(target, request_bytes(method, f"{path}?{'&'.join(query)}"), head=method == "HEAD")
        if method == "DELETE":
            restored(target.engine)

    for route in routes:
        one(route)


def _each(cases: int, routes: Sequence[Route]) -> int:
    return -(-cases // len(routes))


@st.composite
def filters(draw: st.DrawFn) -> str:
    """A list with filters most of which it understands."""
    path = draw(st.sampled_from(sorted(MORE)))
    good = MORE[path] if path == "/api/v1/cameras" else GOOD | MORE[path]
    names = draw(st.lists(st.sampled_from(sorted(good)), unique=True, max_size=4))
    query = [f"{name}={draw(st.sampled_from(good[name]))}".replace("+", "%2B") for name in names]
    if draw(st.booleans()):
        query.insert(draw(st.integers(0, len(query))), f"{draw(st.sampled_from(PARAMETERS))}={draw(VALUE)}")
    return f"{path}?{'&'.join(query)}"


@settings(CASES, max_examples=2000)
@given(filters())
def test_any_filter(target, path):
    ask(target, request_bytes("GET", path))


GOOD_TYPE = b"application/json"
TYPES = st.sampled_from((*(GOOD_TYPE,) * 6, GOOD_TYPE + b"; charset=utf-16", b"text/plain", b"", b"a", b"\xff"))


def test_any_body_of_every_operation(target, routes):
    taking = [route for route in routes if isinstance(route.body, JsonBody)]
    accepted = set()

    @settings(CASES, max_examples=_each(1500, taking))
    @given(st.data(), TYPES)
    def one(route, data, kind):
        name = data.draw(st.sampled_from(("", "", "", "e9")))
        body = data.draw(body_of(route))
        status = ask(
            target, request_bytes(route.method, path_of(route, name), headers=(b"Content-Type: " + kind,), body=body)
        )
        if status < 300:
            accepted.add(route.name)

    for route in taking:
        one(route)
    # what nobody ever gets through has not been looked at behind its checks
    assert len(accepted) >= len(taking) // 2


@st.composite
def damaged_pictures(draw: st.DrawFn) -> bytes:
    """A picture with bytes changed, cut out or put in."""
    data = bytearray(PICTURE)
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data) - 1))
        match draw(st.sampled_from("scid")):
            case "s":
                data[at] = draw(st.integers(0, 255))
            case "c":
                del data[at : at + draw(st.integers(1, 200))]
            case "i":
                data[at:at] = draw(st.binary(max_size=30))
            case _:
                data[at:at] = data[at : at + 40]
        if not data:
            break
    return bytes(data)


HEADS = (
    *(b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\x10\0\0\0WEBPVP8 ", b"RIFF\x10\0\0\0AVI LIST"),
    *(b"\0\0\0\x18ftypisom", b"\x1aE\xdf\xa3"),
)
FILE = st.one_of(
    damaged_pictures(),
    damaged_pictures(),
    st.tuples(st.sampled_from(HEADS), st.binary(max_size=300)).map(b"".join),
    st.binary(max_size=100),
)
FRAMES = "/api/v1/cameras/front_door/frames"
UPLOADS = (FRAMES, FRAMES, "/api/v1/cameras/nowhere/frames", "/api/v1/analyze")
FILE_TYPES = (
    *(b"application/octet-stream",) * 4,
    *(b"image/jpeg", b"image/png", b"video/mp4", b"text/html", b"", b"multipart/form-data"),
)
ENCODINGS = (*(b"",) * 6, b"gzip", b"identity", b"br, \xff")


@settings(CASES, max_examples=1500)
@given(st.sampled_from(UPLOADS), FILE, st.sampled_from(FILE_TYPES), st.sampled_from(ENCODINGS))
def test_any_upload(target, path, data, kind, encoding):
    headers = (b"Content-Type: " + kind, *((b"Content-Encoding: " + encoding,) if encoding else ()))
    ask(target, request_bytes("POST", path, headers=headers, body=data))


FILE_NAME = b'form-data; name="file"; filename="a.jpg"'
PART_NAMES = (*(FILE_NAME,) * 4, b'form-data; name="x"', b"", b"inline", b"form-data; filename*=utf-8''%ff", b"\xff")
PART_LINES = (
    *(b"",) * 5,
    *(b"Content-Type: image/jpeg\r\n", b"Content-Transfer-Encoding: base64\r\n", b"X: \xff\r\n", b"broken\r\n"),
    *(b"Content-Encoding: deflate\r\n", b"Content-Type: multipart/mixed; boundary=z\r\n", b"Content-Length: 5\r\n"),
)
ENDS = (*(b"--" + BOUNDARY + b"--\r\n",) * 4, b"--" + BOUNDARY, b"", b"\r\n")


@st.composite
def forms(draw: st.DrawFn) -> bytes:
    """A multipart form whose parts and separators may be wrong."""
    parts = []
    for _ in range(draw(st.sampled_from((1, 1, 1, 0, 2, 9)))):
        head = (
            b"Content-Disposition: " + draw(st.sampled_from(PART_NAMES)) + b"\r\n" + draw(st.sampled_from(PART_LINES))
        )
        parts.append(b"--" + BOUNDARY + b"\r\n" + head + b"\r\n" + draw(FILE) + b"\r\n")
    form = b"".join(parts) + draw(st.sampled_from(ENDS))
    cut = draw(st.sampled_from((0, 0, 0, 1, 5, 40)))
    return form[: max(0, len(form) - cut)]


# what aiohttp only warns of is no fault of ours
@pytest.mark.filterwarnings("ignore::aiohttp.multipart.BadContentDispositionHeader")
@pytest.mark.filterwarnings("ignore::aiohttp.multipart.BadContentDispositionParam")
@settings(CASES, max_examples=1000)
@given(st.sampled_from(UPLOADS), forms(), st.sampled_from((*(BOUNDARY,) * 6, b"y", b'"' + BOUNDARY + b'"', b"")))
def test_any_form(target, path, form, boundary):
    kind = b"Content-Type: multipart/form-data; boundary=" + boundary
    ask(target, request_bytes("POST", path, headers=(kind,), body=form))


KNOWN_LINES = (
    *(b"Host: x", b"Transfer-Encoding: chunked", b"Content-Length: 3", b"Content-Length: -1", b"Expect: 100-continue"),
    *(b"Connection: Upgrade", b"Upgrade: websocket", b"Upgrade: h2c", b"Sec-WebSocket-Version: 13", b"Range: bytes=0-"),
    *(
        b"Sec-WebSocket-Key: x",
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        b"Origin: null",
        b": empty",
        AUTHORIZATION,
    ),
    *(b"Content-Encoding: gzip", b"X-Forwarded-For: ::1, \xff", b"If-None-Match: \xff", b"Cookie: a=b", b"A" * 9000),
)
RAW_LINES = st.lists(
    st.sampled_from(KNOWN_LINES) | st.binary(max_size=40).filter(lambda line: b"\n" not in line and b"\r" not in line),
    max_size=6,
)
KNOWN_FIRST = (
    *(b"GET / HTTP/1.1", b"GET /api/v1/ws HTTP/1.1", b"POST /api/v1/analyze HTTP/1.1", b"GET http://x/health HTTP/1.1"),
    *(b"CONNECT x:1 HTTP/1.1", b"OPTIONS * HTTP/1.1", b"GET /health HTTP/1.0"),
)
FIRST_LINES = st.sampled_from(KNOWN_FIRST) | st.binary(max_size=40).filter(lambda line: b"\n" not in line)


@settings(CASES, max_examples=1000)
@given(FIRST_LINES, RAW_LINES, st.binary(max_size=60))
def test_any_bytes_on_the_line(target, first, lines, rest):
    with target.connect() as connection:
        connection.sendall(b"\r\n".join([first, *lines, b"Connection: close", b"", rest]))
        connection.shutdown(1)
        reply = exchange(connection, b"")
    # a connection may end without an answer when what came is no whole request
    if reply.status not in {0, 101, 100}:
        check(reply, head=first.startswith(b"HEAD"))


def test_a_file_over_the_limit_is_refused_before_it_is_read(target):
    with target.connect() as connection:
        reply = exchange(connection, request_bytes("POST", FRAMES, body=PICTURE + b"\0" * MAX_UPLOAD * 2))
    check(reply)
    assert reply.status == 413
