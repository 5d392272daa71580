"""Ports of this machine at which nobody answers, and which nobody else can take meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager
import socket


@contextmanager
def silent_port(host: str = "127.0.0.1") -> Iterator[int]:
    """Hold a port that refuses every connection."""
    with socket.socket() as held:
        held.bind((host, 0))
        yield held.getsockname()[1]
