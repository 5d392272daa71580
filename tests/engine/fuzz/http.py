"""Requests as bytes, and what every answer must look like."""

from dataclasses import dataclass
from pathlib import Path
import socket

from home_sentry_engine.contract import Problem, decode
from tests.fakes.api import TOKEN

CODES = {
    *("invalid_request", "unauthorized", "forbidden", "not_found", "method_not_allowed", "conflict", "too_large"),
    *("unsupported_type", "unprocessable", "rate_limited"),
}
ROOT = str(Path(__file__).parents[3])
LEAKS = tuple(word.encode() for word in (ROOT, "site-packages", "Traceback", ".py", "asyncio", "0x7f", TOKEN))
AUTHORIZATION = b"Authorization: Bearer " + TOKEN.encode()


@dataclass(frozen=True, slots=True)
class Reply:
    """Status, head and body of an answer; status 0 when the connection ended without one."""

    status: int
    head: bytes
    body: bytes


def exchange(connection: socket.socket, request: bytes) -> Reply:
    """Send bytes, read until the end."""
    received = bytearray()
    try:
        connection.sendall(request)
        while chunk := connection.recv(65536):
            received += chunk
    except ConnectionError:
        pass
    head, _, body = bytes(received).partition(b"\r\n\r\n")
    if not head:
        return Reply(0, b"", b"")
    return Reply(int(head.split(b" ", 2)[1]), head.lower(), body)


def request_bytes(method: str, path: str, *, headers: tuple[bytes, ...] = (), body: bytes = b"") -> bytes:
    """Build a request with the token that closes its connection."""
    lines = [
        f"{method} {path} HTTP/1.1".encode("utf-8", "surrogatepass"),
        b"Host: x",
        b"Connection: close",
        AUTHORIZATION,
    ]
    if body or method in {"POST", "PATCH"}:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join([*lines, *headers, b"", body])


def check(reply: Reply, *, head: bool = False) -> None:
    """No server error; an error says so in the documented shape; nothing of the inside shows."""
    assert 200 <= reply.status < 500, reply
    if reply.status >= 400:
        assert b"content-type: application/problem+json" in reply.head, reply
        assert b"x-request-id" in reply.head
        if not head:
            problem = decode(Problem, reply.body)
            assert problem.status == reply.status
            assert problem.code in CODES
            assert problem.title
            assert problem.detail
    for leak in LEAKS:
        assert leak not in reply.head + (reply.body if reply.status >= 400 else b""), (leak, reply)
