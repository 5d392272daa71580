"""JSON over HTTP to a service: tries, deadlines, a breaker; blocking and thread-safe."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
import http.client
import json
import random
import time
from typing import Any, Final
from urllib.parse import urlsplit

import cv2
import numpy as np

from home_sentry_engine.domain.errors import Permanent, Unavailable
from home_sentry_engine.resilience.breaker import Breaker, BreakerPolicy, BreakerState
from home_sentry_engine.resilience.outbound import ForbiddenAddress, http_connection
from home_sentry_engine.vision.tasks.pictures import Frame

from .waiting import cutting, nobody_waits, waited_for_at_most

_QUALITY: Final = 92
_LONGEST_PROBLEM: Final = 16 * 1024
_LONGEST_REASON: Final = 300
_MOST_ANSWER: Final = 16 * 1024 * 1024
_REFUSED: Final = range(400, 500)
_BUSY: Final = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Deadlines in seconds, tries and the growing pause between them; five failed tries in a row leave it alone."""

    connect_s: float = 10.0
    read_s: float = 60.0
    health_s: float = 5.0
    tries: int = 3
    pause_s: float = 1.0
    factor: float = 2.0
    jitter: float = 0.1
    failures: int = 5
    open_s: float = 60.0
    half_open_calls: int = 3

    @property
    def patience_s(self) -> float:
        """What a question needs that one slow try answers."""
        return self.connect_s + self.read_s

    @property
    def breaker(self) -> BreakerPolicy:
        """When the service is left alone; what it refuses as the caller's fault does not count."""
        return BreakerPolicy(
            failures=self.failures,
            open_s=self.open_s,
            half_open_calls=self.half_open_calls,
            excluded=(Permanent, ServiceLacks, _Busy),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Nerves:
    """Clock, sleep and chance of a service, so that tests need not wait."""

    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    chance: Callable[[], float] = random.random


class ServiceLacks(Unavailable):
    """The service answers that its model is off (``skipped``) or does not work; that says nothing against it."""

    def __init__(self, reason: str, *, skipped: bool) -> None:
        """Keep the reason as the service told it."""
        super().__init__(reason, code="off" if skipped else "unavailable")
        self.skipped = skipped


class _Failed(Exception):
    """One try that another one may follow."""


class _Busy(_Failed):
    """One try that the service works too hard to answer; that says nothing against it."""


class Service:
    """One server; ``failure`` is what is raised when it does not answer, never a ``requests``-like error."""

    def __init__(
        self,
        name: str,
        url: str,
        failure: type[Unavailable],
        *,
        limits: Limits | None = None,
        token: str | None = None,
        nerves: Nerves | None = None,
    ) -> None:
        """Take a name for people, the address, and what to raise; raises ``ValueError`` for a bad address."""
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"the address of {name} begins with http:// or https://")
        self._name, self._failure = name, failure
        self._secure, self._host, self._port = parts.scheme == "https", parts.hostname, parts.port
        self._path = parts.path.rstrip("/")
        self._limits = limits or Limits()
        self._nerves = nerves or Nerves()
        self._headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self.breaker = Breaker(name, monotonic=self._nerves.monotonic, policy=self._limits.breaker)

    def ask(self, path: str, question: Mapping[str, Any]) -> dict[str, Any]:
        """Post a question, each try of which counts for the breaker.

        Raises ``failure`` or ``BreakerOpen``, and ``Permanent`` for one that it refuses.
        """
        body = json.dumps(question).encode()
        limits = self._limits
        for number in range(1, limits.tries + 1):
            try:
                with self.breaker.call():
                    return self._send("POST", path, body, limits.read_s)
            except _Failed as err:
                if number == limits.tries or self.breaker.state is BreakerState.OPEN or not self._waited(number):
                    raise self._failure(f"{self._name}: {err}", code="service") from err
        raise AssertionError("unreachable")

    @property
    def health_s(self) -> float:
        """What an answer may take that needs no model."""
        return self._limits.health_s

    def health(self) -> dict[str, Any]:
        """Ask once how it is, whatever the breaker says; raises ``failure``."""
        return self.read("/health", self._limits.health_s)

    def read(self, path: str, read_s: float | None = None) -> dict[str, Any]:
        """Get a document once; raises ``failure``."""
        limit_s = read_s or self._limits.read_s
        try:
            with waited_for_at_most(self._limits.connect_s + limit_s):
                return self._send("GET", path, None, limit_s)
        except (_Failed, Permanent, ServiceLacks) as err:
            raise self._failure(f"{self._name}: {err}", code="service") from err

    def _waited(self, number: int) -> bool:
        """Pause after a try; False where nobody waits for the next one."""
        limits, nerves = self._limits, self._nerves
        if nobody_waits():
            return False
        pause_s = limits.pause_s * limits.factor ** (number - 1)
        nerves.sleep(pause_s * (1 + limits.jitter * (2 * nerves.chance() - 1)))
        return not nobody_waits()

    def _send(self, method: str, path: str, body: bytes | None, read_s: float) -> dict[str, Any]:
        limit_s = self._limits.connect_s
        connection = http_connection(self._host, self._port, secure=self._secure, timeout_s=limit_s)
        try:
            connection.connect()
            connection.sock.settimeout(read_s)
            with cutting(connection.sock):
                connection.request(method, f"{self._path}{path}", body=body, headers=self._headers)
                response = connection.getresponse()
                data = response.read(_MOST_ANSWER + 1)
        except ForbiddenAddress as err:
            raise self._failure(f"{self._name}: {err}", code="service") from err
        except (OSError, http.client.HTTPException) as err:
            raise _Failed(f"it does not answer ({type(err).__name__})") from err
        finally:
            connection.close()
        if nobody_waits():
            raise _Failed("it took too long to answer")
        return self._understood(response.status, data)

    def _understood(self, status: int, data: bytes) -> dict[str, Any]:
        lacks = _lacking(status, data)
        if lacks is not None:
            raise ServiceLacks(f"{self._name}: {lacks[1]}", skipped=lacks[0])
        if status in _REFUSED and status not in _BUSY:
            raise Permanent(f"{self._name} refuses the question (HTTP {status})", code="service_refuses")
        if status != http.HTTPStatus.OK:
            raise (_Busy if status in _BUSY else _Failed)(f"it answers HTTP {status}")
        if len(data) > _MOST_ANSWER:
            raise _Failed("its answer is too long")
        try:
            found = json.loads(data)
        except (ValueError, RecursionError) as err:
            raise _Failed("its answer is no JSON") from err
        if not isinstance(found, dict):
            raise _Failed("its answer is no JSON object")
        return found


def _lacking(status: int, data: bytes) -> tuple[bool, str] | None:
    """Tell whether an answer says that a model is off or does not work, and why."""
    if status != http.HTTPStatus.SERVICE_UNAVAILABLE or len(data) > _LONGEST_PROBLEM:
        return None
    try:
        details = json.loads(data)["details"]
        outcome, reason = details["outcome"], details["reason"]
    except ValueError, KeyError, TypeError, RecursionError:
        return None
    if outcome not in {"skipped", "unavailable"} or not isinstance(reason, str):
        return None
    return outcome == "skipped", reason[:_LONGEST_REASON]


def picture_of(frame: Frame) -> str:
    """Give a picture as JPEG in base64, as services want it."""
    done, data = cv2.imencode(".jpg", frame.pixels[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not done:
        raise Permanent("the picture could not be encoded", code="bad_picture")
    return base64.b64encode(np.asarray(data).tobytes()).decode("ascii")
