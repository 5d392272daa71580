"""F25: targets of alerts that are down for hours, ask to come later, or take a message and never answer."""

from collections import Counter
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import json
import sqlite3
from threading import Event, Thread
import urllib.error
import urllib.request

import pytest

from home_sentry_engine.alerting.channels.webhook import WebhookSender
from home_sentry_engine.contract import Component, RiskLevel
from home_sentry_engine.contract.notifications import DeliveryReason, DeliveryState
from tests.engine.faults.invariants import DATABASE, check_invariants
from tests.engine.faults.programs import WITHOUT_MODELS, Serve, deliver, engine
from tests.engine.servers import free_port
from tests.fakes.household import Household, household
from tests.fakes.targets import HookServer, hook_server
from tests.fakes.telling import Voice

HOUR = 3600.0
CANARY = "planted-canary-of-a-webhook"
TWICE = (
    "SELECT event_id FROM deliveries WHERE state = 'delivered' GROUP BY event_id, channel_id, level HAVING count(*) > 1"
)


class Counted:
    """Counts the tries of a real sender."""

    def __init__(self, home: Household) -> None:
        self._now = home.clock.now
        self.timeout_s = 60.0
        self.tries = 0

    async def send(self, target, message) -> None:
        self.tries += 1
        await WebhookSender(private=True, now=self._now, timeout_s=self.timeout_s).send(target, message)


async def jobs(home: Household) -> int:
    depth = await home.tables.queue.depth("notify")
    return depth.pending + depth.processing + depth.delayed + depth.dead


def component(voice: Voice, channel_id: str) -> Component:
    found = voice.board.get(f"notify:{channel_id}")
    assert found is not None
    return found


def once_each(server: HookServer) -> int:
    """Check that each message came once; gives how many came."""
    came = Counter(server.accepted)
    assert set(came.values()) <= {1}
    return len(came)


async def test_f25_a_target_that_is_down_for_six_hours_costs_three_tries_an_alert_and_nothing_stays(tmp_path):
    port, alerts, deepest = free_port(), 0, 0
    async with household(tmp_path) as home:
        voice = Voice(home, senders=(counted := Counted(home)))
        channel = await voice.webhook(given={"url": f"http://127.0.0.1:{port}/{CANARY}"})
        for number in range(12):
            event = await voice.visit(f"cam{number % 4}")
            event = await voice.alarm(event)
            await voice.pass_time(600, step=20)
            await voice.alarm(event, RiskLevel.CRITICAL)
            alerts += 2
            deepest = max(deepest, await jobs(home))
            await voice.pass_time(HOUR / 2 - 610, step=20)
        await voice.pass_time(15 * 60, step=20)
        down = await voice.deliveries()
        assert len(down) == alerts
        assert {one.state for one in down} == {DeliveryState.FAILED}
        assert all(one.attempts <= 3 for one in down)
        assert counted.tries == sum(one.attempts for one in down) <= 3 * alerts
        assert (await jobs(home), deepest <= 2) == (0, True)
        await voice.health.look()
        ill = component(voice, channel.id)
        told = ill.reason or ""
        assert (ill.state, "Phone" in told, CANARY in told) == ("unhealthy", True, False)
        tries = counted.tries
        async with hook_server(port) as server:
            await voice.alarm(await voice.visit("cam0"))
            await voice.pass_time(70)
            assert once_each(server) == 1
        await voice.health.look()
        assert component(voice, channel.id).state == "healthy"
        assert counted.tries == tries + 1
    print(f"\n  F25 down 6 h: {alerts} alerts, {tries} tries, at most {deepest} jobs waiting, 0 left")


async def test_f25_a_target_that_throttles_is_asked_when_it_says_and_gets_each_alert_once(tmp_path):
    async with household(tmp_path) as home, hook_server() as server:
        voice = Voice(home, senders=(counted := Counted(home)))
        await voice.webhook(given={"url": server.url})
        server.answers, server.headers = [429, 429, 200], {"Retry-After": "60"}
        await voice.alarm(await voice.visit())
        await voice.pass_time(55)
        assert counted.tries == 1
        await voice.pass_time(10)
        assert counted.tries == 2
        await voice.pass_time(120)
        (one,) = await voice.deliveries()
        assert (one.state, one.attempts, counted.tries) == (DeliveryState.DELIVERED, 3, 3)
        # one message under one id, whatever it took
        assert set(server.accepted) == {one.id}
        server.answers = [429]
        await voice.alarm(await voice.visit("garden"))
        await voice.pass_time(20 * 60, step=20)
        late = (await voice.deliveries())[-1]
        assert (late.state, late.reason, late.attempts) == (DeliveryState.FAILED, DeliveryReason.THROTTLED, 3)
        assert await jobs(home) == 0
    print(f"\n  F25 throttled: {counted.tries} tries of 2 alerts, 1 delivered once")


async def test_f25_a_target_that_takes_a_message_and_never_answers_gets_it_once(tmp_path):
    async with household(tmp_path) as home, hook_server() as server:
        voice = Voice(home, senders=(counted := Counted(home)))
        await voice.webhook(given={"url": server.url})
        server.delay_s, counted.timeout_s = 3600.0, 3.0
        for camera in ("door", "garden", "yard"):
            await voice.alarm(await voice.visit(camera))
            await voice.pass_time(120, step=20)
        assert {one.reason for one in await voice.deliveries()} == {DeliveryReason.NO_ANSWER}
        assert once_each(server) == counted.tries == 3
        server.delay_s, counted.timeout_s = 0.0, 60.0
        await voice.pass_time(60, step=20)
        await voice.alarm(await voice.visit("drive"))
        await voice.pass_time(60, step=20)
        assert (await voice.deliveries())[-1].state is DeliveryState.DELIVERED
        assert once_each(server) == 4
    print("\n  F25 slow: 3 alerts of which none was sent twice, 1 delivered when it answered again")


@contextmanager
def target(port: int):
    """Listen in a thread; gives the bodies that came."""
    came: list[dict[str, object]] = []
    heard = Event()

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            came.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()
            heard.set()

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", port), Hook)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield came, heard
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def _state(status, name: str) -> str | None:
    return next((one["state"] for one in status["components"] if one["id"] == name), None)


def ask(served: Serve, method: str, path: str, body: object) -> dict[str, object]:
    token = (served.data / "token").read_text().strip()
    request = urllib.request.Request(
        f"{served.url}/api/v1/{path}",
        data=json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        method=method,
    )
    with urllib.request.urlopen(request, timeout=40) as answer:
        return json.loads(answer.read())


@pytest.mark.timeout(900)
def test_f25_an_alert_outlives_its_engine_and_reaches_its_target_once(tmp_path, model_mirror, stock):
    port = free_port()
    settings = {"ALLOW_PRIVATE_TARGETS": "true", "LEARNING_DAYS": "0", "JOB_LEASE_SECONDS": "3", **WITHOUT_MODELS}
    with engine(tmp_path / "data", model_mirror, **settings) as served:
        served.start()
        url = f"http://127.0.0.1:{port}/{CANARY}"
        given = {"kind": "webhook", "name": "Phone", "url": url, "signing_key": f"{CANARY}-key"}
        channel = ask(served, "POST", "notifications/channels", given | {"filters": {"level": "low"}})
        assert channel["target"] == f"http://127.0.0.1:{port}/…"
        tested = ask(served, "POST", f"notifications/channels/{channel['id']}/test", {})
        assert (tested["state"], tested["reason"]) == ("failed", "unreachable")
        ask(served, "POST", "rules", {"id": "everything", "name": "Everything", "risk_threshold": 0})
        for number, picture in enumerate(stock(3)):
            deliver(served.cameras / "yard", f"{number}.jpg", picture)
        served.drained(3)
        name = f"notify:{channel['id']}"
        ill = served.until(lambda status: _state(status, name) == "unhealthy")
        (told,) = [one for one in ill["components"] if one["id"] == name]
        assert "Phone" in told["reason"]
        pending = served.get("/api/v1/notifications/deliveries?state=pending")["items"]
        assert pending
        served.kill()
        with target(port) as (came, heard):
            served.start()
            assert heard.wait(60), served.tail()
            served.until(lambda _status: not served.get("/api/v1/notifications/deliveries?state=pending")["items"])
            served.until(
                lambda status: all(one["state"] == "healthy" for one in status["components"] if one["id"] == name)
            )
            sent = Counter(one["id"] for one in came)
            delivered = served.get("/api/v1/notifications/deliveries?state=delivered")["items"]
            assert set(sent.values()) == {1}
            assert {one["id"] for one in delivered} == set(sent)
            served.stop()
    assert CANARY not in served.log.read_text()
    with closing(sqlite3.connect(served.data / DATABASE)) as raw:
        assert raw.execute(TWICE).fetchall() == []
    assert CANARY.encode() not in (served.data / DATABASE).read_bytes()
    check_invariants(served.data)
    print(f"\n  F25 killed in between: {len(delivered)} alerts delivered once each after the restart")
