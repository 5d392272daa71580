"""A detector elsewhere: real sockets, servers that behave and servers that do not."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import json
import re
import socket
import threading
import time

import cv2
import numpy as np
import pytest

from home_sentry_engine.contract import ComponentState
from home_sentry_engine.domain.clock import SystemClock
from home_sentry_engine.domain.errors import Permanent, Transient, Unavailable
from home_sentry_engine.resilience.breaker import BreakerOpen, BreakerState
from home_sentry_engine.settings import DetectSettings, ModelSettings
from home_sentry_engine.vision.remote import RemoteEye, RemoteRules
from home_sentry_engine.vision.session import Cancel
from home_sentry_engine.vision.tasks.boxes import BoxRules
from home_sentry_engine.vision.tasks.pictures import RgbFrame
from home_sentry_engine.vision.zoo import Zoo
from tests.engine.servers import free_port

RULES = BoxRules()
QUICK = RemoteRules(connect_s=60.0, read_s=60.0, health_s=60.0)
HASTY = RemoteRules(connect_s=60.0, read_s=0.4, health_s=0.4)
FOUND = {"class": "Person", "confidence": 0.9, "bbox": {"x": 10, "y": 20, "width": 30, "height": 60}}


def answer(*found, size=(320, 240)):
    return {"detections": list(found), "inference_time_ms": 7.5, "image_width": size[0], "image_height": size[1]}


class Server:
    """Answers as it is told; remembers paths, pictures, headers and how many connections there were."""

    def __init__(self) -> None:
        self.say = {"/health": (200, {"status": "healthy"}), "/detect": (200, answer(FOUND))}
        self.delay_s = 0.0
        self.paths: list[str] = []
        self.pictures: list[np.ndarray] = []
        self.headers: list[dict[str, str]] = []
        self.connections = 0
        self.url = ""

    def take(self, path, headers, body):
        self.paths.append(path)
        self.headers.append(dict(headers))
        for found in re.finditer(rb"Content-Type: image/jpeg\r\n\r\n(.*?)\r\n--", body, re.DOTALL):
            self.pictures.append(np.asarray(cv2.imdecode(np.frombuffer(found[1], np.uint8), cv2.IMREAD_COLOR)))
        time.sleep(self.delay_s)
        return self.say.get(path, (404, {}))


@contextmanager
def serving(server):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self):
            super().setup()
            server.connections += 1

        def do_GET(self):
            self._reply()

        do_POST = do_GET  # noqa: N815 the name that http.server wants

        def _reply(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, said = server.take(self.path, self.headers, body)
            data = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            if status == 503:
                self.send_header("Retry-After", "9")
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_):
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.url = f"http://127.0.0.1:{http.server_port}"
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


@pytest.fixture
def server():
    with serving(Server()) as one:
        yield one


@pytest.fixture
def eye(server):
    remote = RemoteEye(server.url, token="secret", rules=QUICK)
    yield remote
    remote.close()


def frame(width=320, height=240, scale=1):
    return RgbFrame(pixels=np.full((height, width, 3), 90, np.uint8), width=width * scale, height=height * scale)


def test_boxes_come_back_in_pixels_of_the_original(server, eye):
    (found,) = eye.look([frame(scale=2)], RULES)
    (one,) = found.detections
    assert (one.label, one.confidence) == ("person", 0.9)
    assert (one.box.x, one.box.y, one.box.width, one.box.height) == (20, 40, 60, 120)
    assert (found.image_width, found.image_height, found.inference_ms) == (640, 480, 7.5)
    assert server.pictures[0].shape == (240, 320, 3)
    assert server.headers[0]["Authorization"] == "Bearer secret"


def test_thresholds_hold_on_this_side_too(server, eye):
    server.say["/detect"] = (200, answer(FOUND | {"confidence": 0.4}, FOUND | {"class": "toaster"}))
    (found,) = eye.look([frame()], RULES)
    assert found.detections == ()
    assert dict(found.dropped) == {"class": 1, "confidence": 1}
    assert [one.confidence for one in found.uncertain] == [0.4]


def test_several_pictures_go_together_or_one_by_one(server, eye):
    server.say["/detect/batch"] = (200, {"results": [answer(FOUND), answer()]})
    together = eye.look([frame(), frame()], RULES)
    assert [len(one.detections) for one in together] == [1, 0]
    del server.say["/detect/batch"]
    singly = eye.look([frame(), frame()], RULES)
    assert [len(one.detections) for one in singly] == [1, 1]
    eye.look([frame(), frame()], RULES)
    assert server.paths == ["/detect/batch", "/detect/batch", "/detect", "/detect", "/detect", "/detect"]
    assert server.connections == 1


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ((400, {}), Permanent),
        ((413, {}), Permanent),
        ((415, {}), Permanent),
        ((422, {}), Permanent),
        ((401, {}), Unavailable),
        ((500, {}), Transient),
        ((503, {}), Transient),
        ((200, b"no json"), Transient),
        ((200, b"[" * 200_000), Transient),
        ((200, b'{"detections":[{"class":"person","confidence":1' + b"0" * 400 + b',"bbox":{}}]}'), Transient),
        ((200, answer(FOUND | {"bbox": dict.fromkeys(("x", "y", "width", "height"), 10**400)})), Transient),
        ((200, {}), Transient),
        ((200, answer({"class": "person"})), Transient),
        ((200, answer(FOUND | {"confidence": 7})), Transient),
        ((200, answer(FOUND | {"bbox": {"x": "left"}})), Transient),
    ],
)
def test_no_failure_is_an_empty_picture(server, eye, said, error):
    server.say["/detect"] = said
    with pytest.raises(error) as caught:
        eye.look([frame()], RULES)
    if said[0] == 503:
        assert caught.value.retry_after_s == 9


def test_figures_beyond_all_sense_are_not_believed(server, eye):
    server.say["/detect"] = (200, answer(FOUND, size=(10**400, 10**400)) | {"inference_time_ms": 10**400})
    (found,) = eye.look([frame()], RULES)
    assert [(one.box.x, one.box.y) for one in found.detections] == [(10, 20)]
    assert found.inference_ms == 0.0


@contextmanager
def trickling():
    """A server that answers byte by byte for ever; gives its address and what tells that it has begun."""
    begun, ended = threading.Event(), threading.Event()

    def answer_for_ever(link):
        with link, suppress(OSError):
            link.recv(65536)
            link.sendall(b"HTTP/1.1 200 OK\r\n")
            while not ended.wait(0.01):
                begun.set()
                link.sendall(b"x")

    def listen():
        with suppress(OSError):
            while not ended.is_set():
                threading.Thread(target=answer_for_ever, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=listen, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", begun
        finally:
            ended.set()


def test_an_answer_that_trickles_ends_when_nobody_waits_for_it():
    with trickling() as (url, begun), ThreadPoolExecutor(1) as executor:
        remote, cancel = RemoteEye(url, rules=QUICK), Cancel()
        looking = executor.submit(remote.look, [frame()], RULES, cancel)
        assert begun.wait(60)
        cancel.cancel()
        with pytest.raises(Transient):
            looking.result(60)


def test_a_health_check_ends_however_slowly_it_is_answered():
    with trickling() as (url, _), pytest.raises(Unavailable):
        RemoteEye(url, rules=RemoteRules(connect_s=0.2, health_s=0.2)).check()


def test_who_does_not_answer_is_left_alone_for_a_minute(server):
    now = 0.0
    eye = RemoteEye(server.url, rules=QUICK, monotonic=lambda: now)
    server.say["/detect"] = (400, {})
    for _ in range(8):
        with pytest.raises(Permanent):
            eye.look([frame()], RULES)
    assert eye.breaker.state is BreakerState.CLOSED
    server.say["/detect"] = (500, {})
    for _ in range(5):
        with pytest.raises(Transient):
            eye.look([frame()], RULES)
    asked = len(server.paths)
    with pytest.raises(BreakerOpen):
        eye.look([frame()], RULES)
    assert len(server.paths) == asked
    now = 61.0
    server.say["/detect"] = (200, answer(FOUND))
    for _ in range(2):
        assert eye.look([frame()], RULES)[0].detections
    assert eye.breaker.state is BreakerState.CLOSED
    eye.close()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 408, 409, 413, 415, 422, 425, 429])
def test_no_refusal_opens_the_breaker(server, eye, status):
    server.say |= {"/detect": (status, {}), "/detect/batch": (status, {})}
    for _ in range(6):
        for frames in ([frame()], [frame(), frame()]):
            with pytest.raises((Permanent, Transient, Unavailable), match=f"HTTP {status}"):
                eye.look(frames, RULES)
    assert eye.breaker.state is BreakerState.CLOSED


def test_a_slow_server_is_a_time_out_and_a_gone_one_is_away(server):
    server.delay_s = 1.0
    eye = RemoteEye(server.url, rules=HASTY)
    with pytest.raises(Transient, match="no answer within"):
        eye.look([frame()], RULES)
    with pytest.raises(Unavailable, match="no answer within"):
        eye.check()
    eye.close()
    with pytest.raises(Unavailable, match="cannot be reached"):
        RemoteEye(f"http://127.0.0.1:{free_port()}", rules=QUICK).look([frame()], RULES)


def test_an_idle_connection_that_the_server_closed_is_opened_anew(eye):
    with serving(Server()) as one:
        port = int(one.url.rsplit(":", 1)[1])
        remote = RemoteEye(one.url, rules=QUICK)
        assert remote.look([frame()], RULES)[0].detections
        for kept in list(remote._kept.queue):
            kept.sock.shutdown(socket.SHUT_RDWR)
        assert remote.look([frame()], RULES)[0].detections
        assert one.connections == 2
        assert port
        remote.close()


def test_only_http_addresses():
    with pytest.raises(ValueError, match="http"):
        RemoteEye("ftp://x")


async def test_the_zoo_lets_it_look(server, tmp_path):
    settings, models = DetectSettings(url=server.url), ModelSettings(folder=tmp_path, offline=True)
    async with Zoo(settings, models, SystemClock()) as zoo:
        status = await zoo.prepare()
        assert (status.state, status.model_id, status.provider) == (ComponentState.HEALTHY, "remote", "remote")
        (found,) = await zoo.detector.detect([frame()])
        assert found.detections[0].label == "person"
    server.say["/health"] = (503, {})
    async with Zoo(settings, models, SystemClock()) as zoo:
        with pytest.raises(Unavailable, match="not well"):
            await zoo.prepare()
        assert zoo.detector.describe().state is ComponentState.UNHEALTHY
        with pytest.raises(Unavailable):
            await zoo.detector.detect([frame()])
