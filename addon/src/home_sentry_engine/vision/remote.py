"""A detector elsewhere: any server with ``POST /detect``, ``POST /detect/batch`` and ``GET /health``.

A picture goes as the file ``file`` of a form, several as the files ``files``. The answer to one is
``{"detections": [{"class", "confidence", "bbox": {"x", "y", "width", "height"}}], "inference_time_ms", "image_width",
"image_height"}`` with boxes in pixels of the picture that was sent; the answer to several is ``{"results": [...]}``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
import http.client
import json
import math
import queue
import secrets
import socket
import threading
import time
from typing import Any, Final
from urllib.parse import urlsplit

import cv2
import numpy as np

from home_sentry_engine.contract import ComponentState
from home_sentry_engine.domain.detection import FrameDetections
from home_sentry_engine.domain.errors import Permanent, Transient, Unavailable
from home_sentry_engine.domain.labels import canonical_label
from home_sentry_engine.resilience.breaker import Breaker, BreakerPolicy
from home_sentry_engine.resilience.outbound import ForbiddenAddress, http_connection

from .detector import DetectorStatus
from .services.answers import is_number
from .services.waiting import cutting, nobody_waits, waited_for, waited_for_at_most
from .session import Cancel, InferenceTimeout
from .tasks.boxes import BoxRules, Candidates, select
from .tasks.pictures import Frame

REMOTE_ID: Final = "remote"
INPUT_SIDE: Final = 640
# a call may also have to connect, which the deadline of a graph knows nothing of
SLACK_S: Final = 15.0
_SINGLY: Final = "/detect"
_QUALITY: Final = 92
_MOST_ANSWER: Final = 4 * 1024 * 1024
_SLOWEST_RETRY_S: Final = 60.0
_REFUSED: Final = frozenset({400, 413, 415, 422})
_OUR_FAULT: Final = range(400, 500)
_NO_BATCH: Final = frozenset({404, 405, 501})


class _TokenRefused(Unavailable):
    """The server works, and does not let us in."""


class _RefusedForNow(Transient):
    """The server works, and does not want this question now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteRules:
    """Deadlines in seconds and connections of a remote detector; five failures leave it alone for a minute."""

    connect_s: float = 10.0
    read_s: float = 30.0
    health_s: float = 5.0
    connections: int = 10
    kept_alive: int = 5
    failures: int = 5
    open_s: float = 60.0
    half_open_calls: int = 3
    successes: int = 2

    @property
    def breaker(self) -> BreakerPolicy:
        """When the server is left alone; what it refuses, for whatever reason, does not count."""
        return BreakerPolicy(
            failures=self.failures,
            open_s=self.open_s,
            half_open_calls=self.half_open_calls,
            successes=self.successes,
            excluded=(Permanent, InferenceTimeout, _TokenRefused, _RefusedForNow),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    status: int
    body: bytes
    retry_after_s: float | None


class RemoteEye:
    """Looks by asking a server; blocking and thread-safe. One try a call: who asks again is the queue of jobs.

    Raises ``Transient`` (time-out, 5xx, no sense in the answer), ``Permanent`` (the server refuses the picture),
    ``Unavailable`` (nobody there, or left alone after failures).
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        rules: RemoteRules | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the address, a bearer token, and the limits."""
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("the address of a detector begins with http:// or https://")
        self._secure, self._host, self._path = parts.scheme == "https", parts.hostname, parts.path.rstrip("/")
        self._port = parts.port
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._rules = rules or RemoteRules()
        self._slots = threading.BoundedSemaphore(self._rules.connections)
        self._kept: queue.LifoQueue[http.client.HTTPConnection] = queue.LifoQueue(self._rules.kept_alive)
        self._batches = True
        self.breaker = Breaker(f"the detector at {self._host}", monotonic=monotonic, policy=self._rules.breaker)

    @property
    def model_id(self) -> str:
        """Id of its card."""
        return REMOTE_ID

    @property
    def status(self) -> DetectorStatus:
        """What there is to say about it while it is well."""
        return DetectorStatus(
            model_id=REMOTE_ID,
            name=f"detector at {self._host}",
            state=ComponentState.HEALTHY,
            provider="remote",
            provider_reason="the setting detector_url names it",
            origin="remote",
        )

    @property
    def input_side(self) -> int:
        """Pixels that a picture's shorter side should have."""
        return INPUT_SIDE

    def check(self) -> Mapping[str, Any]:
        """Ask how it is; raises ``Unavailable`` unless it answers in time that it is well."""
        try:
            with waited_for_at_most(self._rules.connect_s + self._rules.health_s):
                answer = self._send("GET", "/health", b"", {}, self._rules.health_s)
        except Transient as err:
            raise Unavailable(err.reason, code=err.code) from err
        if answer.status != http.HTTPStatus.OK:
            raise Unavailable(f"{self._host} is not well (HTTP {answer.status})", code="remote_unwell")
        try:
            found = json.loads(answer.body)
        except ValueError, RecursionError:
            return {}
        return found if isinstance(found, dict) else {}

    def look(
        self, frames: Sequence[Frame], rules: BoxRules, cancel: Cancel | None = None
    ) -> tuple[FrameDetections, ...]:
        """Find objects; boxes come back in pixels of the original pictures. Whoever cancels cuts the connection."""
        with waited_for(cancel or Cancel()):
            return self._look(frames, rules)

    def _look(self, frames: Sequence[Frame], rules: BoxRules) -> tuple[FrameDetections, ...]:
        if len(frames) > 1 and self._batches:
            found = self._together(frames, rules)
            if found is not None:
                return found
        results = []
        for frame in frames:
            if nobody_waits():
                raise InferenceTimeout(f"{self._host} was not waited for any longer", code="timeout")
            answer = self._ask(_SINGLY, [("file", _jpeg(frame))])
            results.append(_result(self._object(self._checked(answer)), frame, rules, self._host))
        return tuple(results)

    def close(self) -> None:
        """Close idle connections."""
        while not self._kept.empty():
            self._kept.get_nowait().close()

    def _together(self, frames: Sequence[Frame], rules: BoxRules) -> tuple[FrameDetections, ...] | None:
        answer = self._ask("/detect/batch", [("files", _jpeg(frame)) for frame in frames])
        if answer.status in _NO_BATCH:
            self._batches = False
            return None
        results = self._object(self._checked(answer)).get("results")
        if not isinstance(results, list) or len(results) != len(frames):
            raise Transient(f"{self._host} did not answer for each picture", code="malformed")
        return tuple(
            _result(one if isinstance(one, dict) else {}, frame, rules, self._host)
            for one, frame in zip(results, frames, strict=True)
        )

    def _ask(self, path: str, files: Sequence[tuple[str, bytes]]) -> _Answer:
        boundary = secrets.token_hex(16)
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{number}.jpg"\r\n'
            f"Content-Type: image/jpeg\r\n\r\n".encode()
            + data
            + b"\r\n"
            for number, (name, data) in enumerate(files)
        ]
        body = b"".join((*parts, f"--{boundary}--\r\n".encode()))
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        with self.breaker.call():
            answer = self._send("POST", path, body, headers, self._rules.read_s)
            if path == _SINGLY or answer.status not in _NO_BATCH:
                self._checked(answer)
            return answer

    def _checked(self, answer: _Answer) -> _Answer:
        if answer.status == http.HTTPStatus.OK:
            return answer
        if answer.status in _REFUSED:
            raise Permanent(f"{self._host} refuses the picture (HTTP {answer.status})", code="remote_refused")
        if answer.status in {401, 403}:
            raise _TokenRefused(f"{self._host} refuses the token (HTTP {answer.status})", code="remote_token")
        failure = _RefusedForNow if answer.status in _OUR_FAULT else Transient
        raise failure(
            f"{self._host} answers with HTTP {answer.status}", code="remote_status", retry_after_s=answer.retry_after_s
        )

    def _object(self, answer: _Answer) -> dict[str, Any]:
        try:
            found = json.loads(answer.body)
        except (ValueError, RecursionError) as err:
            raise Transient(f"the answer of {self._host} is not JSON", code="malformed") from err
        if not isinstance(found, dict):
            raise Transient(f"the answer of {self._host} is no JSON object", code="malformed")
        return found

    def _send(self, method: str, path: str, body: bytes, headers: Mapping[str, str], read_s: float) -> _Answer:
        if not self._slots.acquire(timeout=self._rules.connect_s):
            raise Transient(f"all connections to {self._host} are busy", code="remote_busy")
        try:
            return self._exchange(method, path, body, headers, read_s)
        finally:
            self._slots.release()

    def _exchange(self, method: str, path: str, body: bytes, headers: Mapping[str, str], read_s: float) -> _Answer:
        kept, connection = self._connection()
        try:
            if connection.sock is None:
                connection.connect()
            connection.sock.settimeout(read_s)
            with cutting(connection.sock):
                connection.request(method, self._path + path, body=body or None, headers={**self._headers, **headers})
                response = connection.getresponse()
                data = response.read(_MOST_ANSWER + 1)
        except (OSError, http.client.HTTPException) as err:
            connection.close()
            if kept and not isinstance(err, TimeoutError) and not nobody_waits():
                # the server may have closed an idle connection just now
                return self._exchange(method, path, body, headers, read_s)
            raise self._failure(err, read_s) from err
        if nobody_waits():
            # what there is of it was cut
            connection.close()
            raise Transient(f"{self._host} took too long to answer", code="timeout")
        if len(data) > _MOST_ANSWER:
            connection.close()
            raise Transient(f"the answer of {self._host} is too large", code="malformed")
        self._keep(connection, response)
        return _Answer(
            status=response.status, body=data, retry_after_s=_retry_after_s(response.headers.get("Retry-After"))
        )

    def _failure(self, err: Exception, read_s: float) -> Transient | Unavailable:
        if isinstance(err, TimeoutError):
            return Transient(f"{self._host} gave no answer within {read_s:g} s", code="timeout")
        if isinstance(err, ForbiddenAddress):
            return Unavailable(str(err), code="remote_forbidden")
        if isinstance(err, ConnectionRefusedError | socket.gaierror):
            return Unavailable(f"{self._host} cannot be reached", code="remote_unreachable")
        return Transient(f"{self._host} broke off: {type(err).__name__}", code="remote_broken")

    def _connection(self) -> tuple[bool, http.client.HTTPConnection]:
        try:
            return True, self._kept.get_nowait()
        except queue.Empty:
            return False, http_connection(self._host, self._port, secure=self._secure, timeout_s=self._rules.connect_s)

    def _keep(self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse) -> None:
        if response.will_close:
            connection.close()
            return
        try:
            self._kept.put_nowait(connection)
        except queue.Full:
            connection.close()


def _jpeg(frame: Frame) -> bytes:
    bgr = cv2.cvtColor(frame.pixels, cv2.COLOR_RGB2BGR)
    done, encoded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not done:
        raise Permanent("the picture cannot be encoded", code="no_picture")
    return encoded.tobytes()


def _result(answer: Mapping[str, Any], frame: Frame, rules: BoxRules, host: str) -> FrameDetections:
    found = answer.get("detections")
    if not isinstance(found, list):
        raise Transient(f"the answer of {host} lists no detections", code="malformed")
    rows, columns = frame.pixels.shape[:2]
    sent = _number(answer.get("image_width"), columns), _number(answer.get("image_height"), rows)
    scale = np.array([frame.width / sent[0], frame.height / sent[1]] * 2)
    things = [_thing(one, host) for one in found]
    labels = tuple(dict.fromkeys(label for label, _, _ in things))
    candidates = Candidates(
        boxes=np.array([box for _, _, box in things], np.float64).reshape(-1, 4) * scale,
        scores=np.array([score for _, score, _ in things], np.float64),
        classes=np.array([labels.index(label) for label, _, _ in things], np.int64),
    )
    chosen = select(candidates, labels, rules, (frame.width, frame.height))
    return FrameDetections(
        detections=chosen.detections,
        image_width=frame.width,
        image_height=frame.height,
        model_id=REMOTE_ID,
        inference_ms=_number(answer.get("inference_time_ms"), 0.0),
        offset_s=frame.offset_s,
        dropped=chosen.dropped,
        uncertain=chosen.uncertain,
    )


def _thing(one: Any, host: str) -> tuple[str, float, tuple[float, float, float, float]]:
    try:
        box, label = one["bbox"], one.get("class", one.get("label"))
        x, y, width, height = (float(box[side]) for side in ("x", "y", "width", "height"))
        score = float(one["confidence"])
    except (TypeError, KeyError, ValueError, AttributeError, OverflowError) as err:
        raise Transient(f"{host} names a detection without class, confidence or box", code="malformed") from err
    if not isinstance(label, str) or not 0.0 <= score <= 1.0 or not all(map(math.isfinite, (x, y, width, height))):
        raise Transient(f"{host} names a detection that makes no sense", code="malformed")
    return canonical_label(label), score, (x, y, x + width, y + height)


def _number(value: Any, otherwise: float) -> float:
    return float(value) if is_number(value) and value > 0 else otherwise


def _retry_after_s(text: str | None) -> float | None:
    return min(float(text), _SLOWEST_RETRY_S) if text is not None and text.isdecimal() else None
