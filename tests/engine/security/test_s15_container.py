"""S15: the services of Compose run without root, without capabilities, on a root that cannot be written."""

from contextlib import ExitStack
import json
import os
from pathlib import Path
import re
import signal
import ssl
import subprocess
import sys
import time
from typing import Any
import urllib.error
import urllib.request

import pytest
import yaml

from tests.engine.faults.programs import QUICK, WITHOUT_MODELS, deliver
from tests.engine.security.sandbox import ROOT, Confined, needed
from tests.engine.servers import free_port
from tests.engine.unit.deploy.test_compose import FILE, filled

IMAGE = re.findall(r"^ENV (.*)$", (ROOT / "addon/Dockerfile").read_text(), re.MULTILINE)[-1]
QUIET = QUICK | WITHOUT_MODELS | {"LLM": "false"}
CAPABILITIES = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
WRITABLE = {"/data", "/data/shared", "/tmp", "/dev/shm"}
READ_ONLY = ("/", "/cameras", "/etc", "/usr/bin", "/opt", "/dev", str(ROOT), "/home", "/run", "/var/tmp")


class House:
    """The two engines of Compose between real servers; volumes are folders."""

    def __init__(self, folder: Path, mirror: Path, database: str, redis: str) -> None:
        self.folder = folder
        self.port = free_port()
        self.services = yaml.safe_load(filled(FILE.read_text()))["services"]
        self._given = {
            **{f"HOME_SENTRY_{name}": value for name, value in QUIET.items()},
            "HOME_SENTRY_DATABASE_URL": database,
            "HOME_SENTRY_REDIS_URL": redis,
            "HOME_SENTRY_PORT": str(self.port),
            "HOME_SENTRY_MODEL_MIRROR": "/mirror",
        }
        self._mirror = mirror
        for name in ("front", "gpu", "pictures", "cameras"):
            (folder / name).mkdir()
            if name != "cameras":
                # as a new volume gets the owner of its place in the image
                os.chown(folder / name, 10093, 10093)
        for name in ("front", "gpu"):
            (folder / name / "shared").mkdir()

    def confined(self, name: str) -> Confined:
        service = self.services[name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        user, _, group = service["user"].partition(":")
        assert user == group
        volumes = {"/mirror": (self._mirror, True)}
        for volume in service["volumes"]:
            source, place, *mode = volume.split(":")
            volumes[place] = (self.folder / Path(source).name, mode == ["ro"])
        image = dict(part.split("=", 1) for part in IMAGE.split())
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        return Confined(
            place=self.folder / f"root-{name}",
            user=int(user),
            volumes=volumes,
            tmpfs=tuple(one.partition(":")[0] for one in service["tmpfs"]),
            environment=image | service["environment"] | self._given | {"PATH": path},
        )

    def asked(self, path: str) -> Any:
        """Ask the API as somebody outside would who read the token in the volume."""
        unknown = ssl.create_default_context()
        unknown.check_hostname, unknown.verify_mode = False, ssl.CERT_NONE
        token = (self.folder / "front/token").read_text().strip()
        request = urllib.request.Request(
            f"https://127.0.0.1:{self.port}{path}", headers={"Authorization": f"Bearer {token}"}
        )
        with urllib.request.urlopen(request, timeout=60, context=unknown) as answer:
            return json.loads(answer.read()) if path.startswith("/api") else answer.read().decode()


@pytest.fixture
def person(test_media: Path) -> bytes:
    return (test_media / "images/misc/darknet_person.jpg").read_bytes()


@pytest.fixture
async def house(tmp_path, model_mirror, postgres_server, redis_server) -> House:
    needed()
    return House(tmp_path, model_mirror, await postgres_server.empty(), redis_server.url)


def eventually(look, engines, within_s=250.0):
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        for name, (process, log) in engines.items():
            assert process.poll() is None, f"{name}: {log.read_text(errors='replace')[-4000:]}"
        try:
            if found := look():
                return found
        except OSError, urllib.error.URLError:
            pass
        time.sleep(0.2)
    raise AssertionError([log.read_text(errors="replace")[-3000:] for _, log in engines.values()])


def started(stack: ExitStack, house: House, name: str) -> tuple[subprocess.Popen[bytes], Path]:
    log = house.folder / f"{name}.log"
    output = stack.enter_context(log.open("wb"))
    process = house.confined(name).start(*house.services[name]["entrypoint"], stdout=output, stderr=output)
    stack.callback(process.wait)
    stack.callback(process.kill)
    return process, log


@pytest.mark.timeout(900)
def test_both_engines_of_compose_work_within_their_bounds(house, person):
    with ExitStack() as stack:
        engines = {name: started(stack, house, name) for name in ("front", "gpu")}
        eventually(lambda: "model loaded" in engines["gpu"][1].read_text(), engines)
        deliver(house.folder / "cameras/yard", "1.jpg", person)
        events = eventually(lambda: house.asked("/api/v1/events")["items"], engines)
        assert [one["camera_id"] for one in events] == ["yard"]
        assert "person" in events[0]["object_types"]
        assert house.asked("/health") == "alive"
        for name, (process, _) in engines.items():
            lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
            status = {line.partition(":")[0]: line.partition(":")[2].strip() for line in lines}
            assert status["Uid"].split() == status["Gid"].split() == ["10093"] * 4
            assert {status[kind] for kind in CAPABILITIES} == {"0" * 16}
            assert (status["NoNewPrivs"], status["Groups"]) == ("1", "")
            mounts = [line.split()[4:6] for line in Path(f"/proc/{process.pid}/mountinfo").read_text().splitlines()]
            writable = {place for place, options in mounts if options.split(",")[0] == "rw"}
            assert {place for place in writable if not place.startswith(("/proc", "/dev/"))} == WRITABLE - {"/dev/shm"}
            check = house.services[name].get("healthcheck", {}).get("test")
            if check:
                assert house.confined(name).answer(*check[1:])[0] == 0
        for process, _ in engines.values():
            process.send_signal(signal.SIGTERM)
        assert [process.wait(100) for process, _ in engines.values()] == [0, 0]
    assert (house.folder / "cameras/yard/1.jpg").read_bytes() == person
    assert [one.name for one in (house.folder / "cameras/yard").iterdir()] == ["1.jpg"]


@pytest.mark.parametrize("name", ["front", "gpu"])
def test_nothing_but_volumes_and_memory_can_be_written(house, name):
    places = [*READ_ONLY, *sorted(WRITABLE)]
    script = 'for place in "$@"; do if touch "$place/probe" 2>/dev/null; then echo "$place"; fi; done'
    status, wrote = house.confined(name).answer("sh", "-c", script, "sh", *places)
    assert (status, set(wrote.split())) in ((0, WRITABLE), (1, WRITABLE))
