"""S7, S13, S16, S18: what a whole engine opens, asks, writes and hands out, seen from outside of it."""

from collections.abc import Iterator
import io
import ipaddress
import json
import os
from pathlib import Path
import re
import shutil
import socket
import subprocess
import threading
from urllib.parse import urlsplit
import urllib.request

from PIL import Image
import pytest

from home_sentry_engine.settings import PREFIX, Settings, load_settings
from home_sentry_engine.settings.schema import SCHEMA
from tests.engine.faults.programs import Serve, deliver, different, engine

CANARIES = {
    "LLM_API_KEY": "canary-7f3a-llm-key",
    "VLM_API_KEY": "canary-2c80-vlm-key",
    "DETECTOR_TOKEN": "canary-91bc-detector-token",
    "ENRICHMENT_TOKEN": "canary-c51e-enrichment-token",
    "FLORENCE_TOKEN": "canary-08d2-florence-token",
    "CLIP_TOKEN": "canary-5e6a-clip-token",
    "MQTT_PASSWORD": "canary-b7f4-mqtt-password",
}
# nobody listens there, so that the engine has reason to complain
BROKER = {"MQTT_URL": "mqtt://127.0.0.1:9", "MQTT_USERNAME": "home"}
SERVERS = {
    "DATABASE_URL": "postgresql://home:canary-e19b-database-password@127.0.0.1:9/home",
    "REDIS_URL": "redis://home:canary-44d7-redis-password@127.0.0.1:9/0",
}
MAKER_NOTE = b"canary-maker-note-serial-4711"
OWNER = "canary-owner-of-the-camera"
PLACE = (52.0, 31.0, 12.34)
COMMENT = b"canary-comment-in-the-jpeg"


def described(picture: bytes) -> bytes:
    """Give a picture with the position, the serial number and the owner of its camera in it."""
    image = Image.open(io.BytesIO(picture))
    exif = Image.Exif()
    exif[0x013B] = OWNER
    exif[0x010E] = OWNER
    exif.get_ifd(0x8825).update({1: "N", 2: PLACE, 3: "E", 4: PLACE})
    exif.get_ifd(0x8769).update({0x927C: MAKER_NOTE, 0xA431: OWNER})
    made = io.BytesIO()
    image.save(made, "JPEG", quality=92, exif=exif, comment=COMMENT)
    assert all(secret in made.getvalue() for secret in (MAKER_NOTE, OWNER.encode(), COMMENT))
    return made.getvalue()


class Trace:
    """What ``strace`` saw: files that were opened and addresses that were asked."""

    def __init__(self, path: Path) -> None:
        self.path = path
        quiet = ("strace", "-D", "-f", "-qq", "--seccomp-bpf", "-s", "512", "-e", "signal=none")
        self.command = (*quiet, "-e", "trace=connect,sendto,sendmsg,sendmmsg,open,openat,openat2", "-o", str(path))

    def lines(self) -> list[str]:
        return self.path.read_text(errors="replace").splitlines()

    def opened(self) -> set[str]:
        return set(re.findall(r'open(?:at2?)?\((?:AT_FDCWD, )?"([^"]+)"', "\n".join(self.lines())))

    def asked(self) -> set[str]:
        """Addresses that are not of this machine."""
        found = re.findall(r'inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)"', "\n".join(self.lines()))
        addresses = {ipaddress.ip_address(four or six) for four, six in found}
        return {str(one) for one in addresses if not (one.is_loopback or one.is_unspecified)}


@pytest.fixture
def trace(tmp_path: Path) -> Trace:
    made = Trace(tmp_path / "trace")
    if not shutil.which("strace"):
        assert not os.environ.get("HOME_SENTRY_CI"), "strace is not installed"
        pytest.skip("strace is not installed")
    if subprocess.run([*made.command, "true"], check=False, capture_output=True).returncode:
        pytest.skip("this machine lets no program trace another")
    made.path.unlink(missing_ok=True)
    return made


@pytest.fixture
def listener() -> Iterator[tuple[int, list[str]]]:
    """A port of this machine on which nobody has any business; gives it with what was asked there."""
    heard: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def listen() -> None:
            while True:
                try:
                    link, peer = server.accept()
                except OSError:
                    return
                heard.append(str(peer))
                link.close()

        threading.Thread(target=listen, daemon=True).start()
        yield server.getsockname()[1], heard


@pytest.fixture(scope="session")
def person(test_media: Path) -> bytes:
    return (test_media / "images/misc/darknet_person.jpg").read_bytes()


def picture_of(served: Serve, path: str) -> bytes:
    token = (served.data / "token").read_text().strip()
    request = urllib.request.Request(f"{served.url}{path}", headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return bytes(answer.read())


def crafted(victim: Path, port: int) -> dict[str, str]:
    """Give files that call themselves clips and name other files, or a server."""
    there = f"http://127.0.0.1:{port}/"
    playlist = "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:3,\n{}\n#EXT-X-ENDLIST\n"
    master = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{}\n"
    return {
        "file.mp4": playlist.format(victim),
        "web.mp4": playlist.format(f"{there}x.ts"),
        "master.mov": master.format(f"{there}x.m3u8"),
        "nested.avi": playlist.format(f"crypto:concat:{victim}|{victim}"),
        "concat.mkv": f"ffconcat version 1.0\nfile '{victim}'\n",
        "dash.mp4": f"<?xml version='1.0'?><MPD><Period><AdaptationSet><Representation><BaseURL>{there}</BaseURL>"
        "</Representation></AdaptationSet></Period></MPD>",
        "sdp.mp4": f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video {port} RTP/AVP 96\n",
        "image.jpg": f"<svg xmlns:xlink='x'><image xlink:href='{there}x.png'/></svg>",
    }


def of_environment(folder: Path, variables: dict[str, str]) -> Settings:
    given = {f"{PREFIX}{name}": value for name, value in variables.items()}
    return load_settings(data=folder, file=None, environment=given, overrides={})


def test_every_secret_of_the_settings_is_planted(tmp_path):
    secret = {str(key) for key in SCHEMA.schema if str(key).endswith(("_token", "_api_key", "_password"))}
    assert secret == {name.lower() for name in CANARIES}
    settings = of_environment(tmp_path, {**BROKER, **CANARIES, **SERVERS})
    passwords = {urlsplit(address).password for address in SERVERS.values()}
    assert set(settings.secrets) == {*CANARIES.values(), *passwords}


@pytest.mark.timeout(300)
def test_servers_that_cannot_be_reached_are_named_without_their_passwords(tmp_path, model_mirror):
    with engine(tmp_path / "data", model_mirror, LOG_LEVEL="debug", **SERVERS, **CANARIES, **BROKER) as served:
        served.start(until_ready=False)
        assert served.process.wait(200) != 0
        log = served.log.read_text(errors="replace")
    assert "cannot be reached" in log
    assert "canary-" not in log


@pytest.mark.timeout(900)
def test_nothing_foreign_is_opened_asked_told_or_handed_out(tmp_path, model_mirror, person, trace, listener):
    port, heard = listener
    victim = tmp_path / "another-household" / "secret.ts"
    victim.parent.mkdir()
    victim.write_bytes(os.urandom(4096))
    # fetching is allowed, and everything that is on is here already
    settings = {"OFFLINE": "false", "ENRICHMENT": "false", "REID": "false", "LOG_LEVEL": "debug"}
    with engine(tmp_path / "data", model_mirror, **settings, **BROKER, **CANARIES) as served:
        served.wrapped_in = trace.command
        served.start()
        for number in range(3):
            deliver(served.cameras / "yard", f"{number}.jpg", different(described(person), number))
        traps = crafted(victim, port)
        for name, text in traps.items():
            deliver(served.cameras / "yard", name, (text + "#" * 4000).encode())
        served.until(lambda status: status["accounting"]["rejected"] >= len(traps), within_s=200)
        served.drained(3)
        pictures = {"/api/v1/cameras/yard/latest.jpg"}
        # one visit, unless the machine took its time between two pictures
        event, *_ = served.get("/api/v1/events")["items"]
        pictures |= {f"/api/v1/events/{event['event_id']}/{name}.jpg" for name in ("thumbnail", "snapshot")}
        found = served.get("/api/v1/detections?limit=100")["items"]
        pictures |= {
            f"/api/v1/media/{one['media_id']}/{name}.jpg" for one in found for name in ("picture", "thumbnail")
        }
        shown = {path: picture_of(served, path) for path in pictures}
        told = {path: json.dumps(served.get(path)) for path in ("/api/v1/status", "/api/v1/info", "/api/v1/events")}
        token = (served.data / "token").read_text().strip()
        served.stop()
        log = served.log.read_text(errors="replace")

    assert len(shown) >= 5
    for path, data in shown.items():
        assert Image.open(io.BytesIO(data)).size[0] > 0
        assert not Image.open(io.BytesIO(data)).getexif(), path
        hidden = [one for one in (MAKER_NOTE, OWNER.encode(), COMMENT, b"Exif\x00", b"http://ns.adobe") if one in data]
        assert not hidden, path
    assert "mqtt" in log.lower()
    for secret in (*CANARIES.values(), OWNER, token):
        assert secret not in log
        assert not [path for path, text in told.items() if secret in text]
    assert len(log) > 1000

    opened = trace.opened()
    assert [path for path in opened if str(served.cameras) in path]
    assert not [path for path in opened if victim.parent.name in path]
    assert heard == []
    assert trace.asked() == set()
