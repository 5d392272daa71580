"""Whether anybody still waits for an answer; a connection whose answer nobody waits for is cut."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
import socket
import threading
from typing import Final

from home_sentry_engine.vision.session import Cancel

_ASKED: Final[ContextVar[Cancel | None]] = ContextVar("asked", default=None)


@contextmanager
def waited_for(cancel: Cancel) -> Iterator[None]:
    """Let this thread's calls of services end when somebody cancels."""
    token = _ASKED.set(cancel)
    try:
        yield
    finally:
        _ASKED.reset(token)


@contextmanager
def waited_for_at_most(seconds: float) -> Iterator[None]:
    """Let this thread's calls of services end after some time, in however small pieces the answers come.

    Where ``waited_for`` tells who waits for them, that alone counts.
    """
    if _ASKED.get() is not None:
        yield
        return
    cancel = Cancel()
    timer = threading.Timer(seconds, cancel.cancel)
    timer.daemon = True
    timer.start()
    try:
        with waited_for(cancel):
            yield
    finally:
        timer.cancel()


def nobody_waits() -> bool:
    """Tell whether the answer of this thread's call is not wanted any more."""
    cancel = _ASKED.get()
    return cancel is not None and cancel.cancelled


@contextmanager
def cutting(sock: socket.socket) -> Iterator[None]:
    """Shut a connection down as soon as nobody waits for what comes over it, which wakes its reader."""
    cancel = _ASKED.get()
    if cancel is None:
        yield
        return

    def cut() -> None:
        with suppress(OSError):
            # below TLS, whose own farewell would wait for the reader
            socket.socket.shutdown(sock, socket.SHUT_RDWR)

    with cancel.heard(cut):
        yield
