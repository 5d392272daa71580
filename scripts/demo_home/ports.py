"""Ports of this machine that stay with the program that they were found for."""

from collections.abc import Iterator
from contextlib import contextmanager
import socket


@contextmanager
def held_port(wanted: int) -> Iterator[int]:
    """Hold the wanted port if nothing listens there, else some free one; 0 asks for any.

    A server may start there, end and start again, and nobody else is given the port meanwhile. Raises ``OSError`` where
    no port is free.
    """
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            held.bind(("127.0.0.1", wanted))
        except OSError:
            held.bind(("127.0.0.1", 0))
        yield int(held.getsockname()[1])
