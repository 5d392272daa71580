"""What ``doctor`` says of the MQTT broker, and that it disturbs nobody."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from home_sentry_engine.operations.doctor import State
from home_sentry_engine.operations.doctor.mqtt import look
from home_sentry_engine.settings import load_settings
from tests.engine.mqtt_listener import listening
from tests.engine.servers import MosquittoServer, server_folder


@pytest.fixture
def server() -> Iterator[MosquittoServer]:
    with server_folder("mosquitto") as folder:
        yield MosquittoServer(folder)


async def findings(folder: Path, **raw: object):
    overrides = {f"mqtt_{name}": value for name, value in raw.items()}
    return await look(load_settings(data=folder, environment={}, overrides=overrides))


async def test_without_a_broker_there_is_nothing_to_say(tmp_path):
    assert await findings(tmp_path) == ()


async def test_a_broker_that_lets_the_engine_in_is_told_nothing(tmp_path, server):
    with server.running(), listening(server) as listener:
        await listener.until(lambda one: one.listening)
        (found,) = await findings(tmp_path, url=server.url, username=server.USER, password=server.PASSWORD)
        (_again,) = await findings(tmp_path, url=server.url, username=server.USER, password=server.PASSWORD)
    assert (found.id, found.state, found.text) == ("mqtt", State.OK, f"{server.url} lets this engine in")
    assert listener.heard == []


async def test_a_broker_that_is_away_or_refuses_is_a_warning_with_its_way_out(tmp_path, server):
    (away,) = await findings(tmp_path, url=server.url)
    assert (away.state, away.fix) == (State.WARN, "start the MQTT broker, or correct mqtt_url")
    with server.running():
        (refused,) = await findings(tmp_path, url=server.url, username=server.USER, password="PLANTED")
    assert refused.state is State.WARN
    assert "mqtt_password" in str(refused.fix)
    assert "PLANTED" not in repr(refused)
