"""A whole engine beside a real MQTT broker that is there, dies, comes back, or does not let it in."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
import logging
from pathlib import Path
import shutil
import subprocess
import sys

import pytest

from home_sentry_engine.app.engine import Engine
from home_sentry_engine.contract import ComponentState, Mode, Status
from home_sentry_engine.settings import Settings, load_settings
from tests.engine.mqtt_listener import Listener, listening
from tests.engine.servers import MosquittoServer, server_folder

QUICK = {
    "batch_window_seconds": 3,
    "batch_idle_timeout_seconds": 1,
    "batch_check_interval_seconds": 0.2,
    "port": 0,
    "zeroconf": False,
    "llm": False,
    "enrichment": False,
}
TOLD = {"event_created": "event", "event_updated": "event", "detections_added": "detections"}


@pytest.fixture
def server() -> Iterator[MosquittoServer]:
    with server_folder("mosquitto") as folder:
        yield MosquittoServer(folder)


def settings_in(
    folder: Path, server: MosquittoServer | None = None, mirror: Path | None = None, **overrides
) -> Settings:
    environment = {"HOME_SENTRY_MODEL_MIRROR": str(mirror)} if mirror else {}
    mqtt = {"mqtt_url": server.url, "mqtt_username": server.USER, "mqtt_password": server.PASSWORD} if server else {}
    return load_settings(data=folder, environment=environment, overrides={**QUICK, **mqtt, **overrides})


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Engine]:
    async with Engine(settings) as engine:
        task = asyncio.create_task(engine.run())
        try:
            yield engine
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def until(condition, *, timeout_s: float = 100):
    async with asyncio.timeout(timeout_s):
        while not (found := await condition()):  # noqa: ASYNC110 - what is waited for lies in a database
            await asyncio.sleep(0.02)
    return found


@dataclass
class Restartable:
    """A broker that may be killed, and who listens to it all the time."""

    listener: Listener
    child: subprocess.Popen[bytes]
    restart: Callable[[], None]


@contextmanager
def restartable(server: MosquittoServer) -> Iterator[Restartable]:
    with ExitStack() as stack:

        def start() -> subprocess.Popen[bytes]:
            return stack.enter_context(server.running())

        def restart() -> None:
            broker.child.wait(60)
            broker.child = start()

        child = start()
        broker = Restartable(stack.enter_context(listening(server)), child, restart)
        yield broker


async def shows(engine: Engine, state: ComponentState) -> bool:
    await asyncio.sleep(0)
    return engine.board.state("mqtt") is state


async def announced(engine: Engine) -> list[tuple[str, int]]:
    """Topics and sequence numbers of what the outbox holds for the broker."""
    rows = await engine.database.read(lambda conn: engine.tables.outbox.since(conn, 0))
    return [
        (f"home_sentry/cameras/{row.camera_id}/{TOLD[row.kind]}", row.seq)
        for row in rows
        if row.kind in TOLD and b'"detections":[]' not in row.body
    ]


def heard(listener: Listener) -> list[tuple[str, int]]:
    """The same of what the broker passed on, repetitions left out."""
    topics = {name for name, _, _ in listener.heard if name.rpartition("/")[2] in set(TOLD.values())}
    told = {(topic, one["seq"]): None for topic in topics for one in listener.on(topic)}
    return list(told)


async def normal(engine: Engine) -> Status | None:
    """Give the status once nothing but the broker is wrong."""
    status = await engine.health.status()
    return status if status.mode is Mode.NORMAL else None


async def test_a_broker_that_dies_and_comes_back_hears_everything_and_stops_nothing(
    tmp_path, server, model_mirror, test_media, caplog
):
    caplog.set_level(logging.DEBUG)
    folder = tmp_path / "cameras" / "Front Door"
    folder.mkdir(parents=True)
    pictures = test_media / "images/misc"
    with restartable(server) as broker:
        async with running(settings_in(tmp_path, server, model_mirror, detector="deimv2-atto")) as engine:

            async def everything() -> bool:
                want = await announced(engine)
                return bool(want) and set(heard(broker.listener)) >= set(want)

            async def looked() -> bool:
                account = await engine.database.read(engine.tables.media.accounting)
                return account.stored == len(list(folder.iterdir()))

            await broker.listener.until(lambda one: one.raw("home_sentry/availability"))
            shutil.copy(pictures / "darknet_person.jpg", folder)
            await until(looked)
            await until(everything)

            broker.child.kill()
            before = len(await announced(engine))
            shutil.copy(pictures / "darknet_dog.jpg", folder)
            await until(looked)
            assert len(await announced(engine)) > before
            await until(lambda: shows(engine, ComponentState.DEGRADED))

            # nothing in the house needs the broker
            status = await until(lambda: normal(engine))
            assert await shows(engine, ComponentState.DEGRADED)
            assert status.accounting is not None
            assert status.accounting.quarantined == 0
            assert not any(cause.startswith("mqtt: ") for cause in status.mode_causes)

            broker.restart()
            await until(everything)
            await until(lambda: shows(engine, ComponentState.HEALTHY))
        await broker.listener.until(lambda one: one.raw("home_sentry/availability")[-1] == b"offline")
        for topic in dict(heard(broker.listener)):
            seqs = [seq for name, seq in heard(broker.listener) if name == topic]
            assert seqs == sorted(seqs)
        risk = broker.listener.on("home_sentry/cameras/front_door/risk")[-1]
        assert "person" in risk["objects"] or "dog" in risk["objects"]
        configs = [name for name, _, _ in broker.listener.heard if name.startswith("homeassistant/device/")]
        assert len(set(configs)) == 2
    assert server.PASSWORD not in caplog.text


async def test_a_wrong_password_is_a_reason_and_nothing_else_suffers(tmp_path, server, caplog):
    caplog.set_level(logging.DEBUG)
    with server.running():
        async with running(settings_in(tmp_path, server, mqtt_password="PLANTED-word")) as engine:
            await until(lambda: shows(engine, ComponentState.DEGRADED))
            component = engine.board.get("mqtt")
            assert component is not None
            assert "refuses this engine" in str(component.reason)
            assert "mqtt_password" in str(component.fix)

            async def well() -> bool:
                return engine.board.state("database") is ComponentState.HEALTHY

            await until(well)
            part = engine.wellbeing.registry.part("mqtt")
            assert (part.controllable, part.core, part.failures) == (True, False, 0)
    assert "PLANTED" not in f"{caplog.text}{engine.settings!r}{component!r}"


async def test_without_a_broker_in_the_settings_there_is_no_part(tmp_path):
    async with Engine(settings_in(tmp_path, None)) as engine:
        assert "mqtt" not in {part.component.id for part in engine.wellbeing.registry.parts()}


def test_the_library_is_loaded_by_a_connection_alone():
    rooms = ", ".join(f"home_sentry_engine.broker.mqtt.{name}" for name in ("opening", "publisher", "discovery"))
    loads = "any(name.startswith('paho') for name in sys.modules)"
    subprocess.run([sys.executable, "-c", f"import sys, {rooms}; sys.exit({loads})"], check=True)
