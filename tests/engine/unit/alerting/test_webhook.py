"""Webhooks, sent to a real web server."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
import hashlib
import hmac
import json
import ssl

import pytest

from home_sentry_engine.alerting.channels.errors import SendFailed
from home_sentry_engine.alerting.channels.targets import WebhookTarget
from home_sentry_engine.alerting.channels.webhook import WebhookSender, signature, wait_of
from home_sentry_engine.alerting.message import alert_message
from home_sentry_engine.contract.notifications import DeliveryReason
from tests.engine.unit.alerting.samples import ALERT, MESSAGE, NOW
from tests.fakes.certificates import self_signed
from tests.fakes.deadlines import Deadlines
from tests.fakes.ports import silent_port
from tests.fakes.targets import hook_server

KEY = "a key of the household"


def sender(*, private=True, timeout_s=60.0, tls=None):
    return WebhookSender(private=private, now=lambda: NOW, timeout_s=timeout_s, tls=tls)


async def refused(server, status, *, headers=None, **changes):
    server.answers, server.headers = [status], headers or {}
    with pytest.raises(SendFailed) as failed:
        await sender(**changes).send(WebhookTarget(url=server.url), MESSAGE)
    return failed.value


async def test_a_signed_message_arrives_once():
    async with hook_server() as server:
        await sender().send(WebhookTarget(url=server.url, signing_key=KEY), MESSAGE)
    (post,) = server.posts
    assert json.loads(post.body) == MESSAGE.payload
    assert post.headers["Content-Type"] == "application/json"
    assert post.headers["Idempotency-Key"] == MESSAGE.id
    at = post.headers["X-Home-Sentry-Timestamp"]
    assert at == str(int(NOW.timestamp()))
    mac = hmac.new(KEY.encode(), at.encode() + b"." + post.body, hashlib.sha256).hexdigest()
    assert post.headers["X-Home-Sentry-Signature"] == f"v1={mac}" == signature(KEY, int(at), post.body)


async def test_without_a_key_nothing_is_signed():
    async with hook_server() as server:
        await sender().send(WebhookTarget(url=server.url), MESSAGE)
    assert "X-Home-Sentry-Signature" not in server.posts[0].headers


@pytest.mark.parametrize(
    ("status", "reason", "again"),
    [
        (400, DeliveryReason.REJECTED, False),
        (401, DeliveryReason.REJECTED, False),
        (404, DeliveryReason.REJECTED, False),
        (408, DeliveryReason.REJECTED, True),
        (429, DeliveryReason.THROTTLED, True),
        (500, DeliveryReason.REJECTED, True),
        (503, DeliveryReason.THROTTLED, True),
        (504, DeliveryReason.NO_ANSWER, False),
    ],
)
async def test_what_the_answers_mean(status, reason, again):
    async with hook_server() as server:
        failed = await refused(server, status)
    assert (failed.reason, failed.again, failed.retry_after_s) == (reason, again, None)
    assert str(status) in failed.detail
    assert "very-secret-path" not in str(failed)


async def test_the_target_says_when_to_come_again():
    async with hook_server() as server:
        failed = await refused(server, 429, headers={"Retry-After": "120"})
    assert failed.retry_after_s == 120


@pytest.mark.parametrize(
    ("header", "wait_s"),
    [
        (None, None),
        ("7", 7.0),
        ("999999999999", 999999999.0),
        ("-3", None),
        ("soon", None),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90.0),
        (format_datetime(NOW - timedelta(seconds=90), usegmt=True), 0.0),
    ],
)
def test_retry_after_is_read_in_both_forms(header, wait_s):
    assert wait_of(header, NOW) == wait_s


@pytest.mark.parametrize("target", ["http://127.0.0.1:1/", "http://169.254.169.254/", "file:///etc/passwd"])
async def test_redirects_are_not_followed(target):
    async with hook_server() as server:
        failed = await refused(server, 307, headers={"Location": target})
    assert (failed.reason, failed.again, len(server.posts)) == (DeliveryReason.REDIRECTED, False, 1)


async def test_a_target_that_does_not_answer_is_not_asked_twice(monkeypatch):
    deadlines = Deadlines(monkeypatch)
    async with hook_server() as server:
        server.stands_still = partial(deadlines.end, 3600.0)
        failed = await refused(server, 200, timeout_s=3600.0)
    assert (failed.reason, failed.again, len(server.posts)) == (DeliveryReason.NO_ANSWER, False, 1)


async def test_nobody_listens():
    with silent_port() as port, pytest.raises(SendFailed) as failed:
        await sender().send(WebhookTarget(url=f"http://127.0.0.1:{port}/"), MESSAGE)
    assert (failed.value.reason, failed.value.again) == (DeliveryReason.UNREACHABLE, True)


async def test_a_connection_that_is_cut_is_tried_again():
    async def cut(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(cut, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    with pytest.raises(SendFailed) as failed:
        await sender().send(WebhookTarget(url=url), MESSAGE)
    server.close()
    assert (failed.value.reason, failed.value.again) == (DeliveryReason.UNREACHABLE, True)


async def test_an_answer_without_an_end_is_left_alone():
    async def babble(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            while True:
                writer.write(b"3e8\r\n" + b"x" * 1000 + b"\r\n")
                await writer.drain()
        except ConnectionError:
            writer.close()

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with asyncio.timeout(60):
        await sender().send(WebhookTarget(url=url), MESSAGE)
    server.close()


async def test_a_certificate_has_to_be_trusted(tmp_path):
    context, _ = self_signed(tmp_path, "hook")
    async with hook_server(tls=context) as server:
        with pytest.raises(SendFailed) as failed:
            await sender().send(WebhookTarget(url=server.url), MESSAGE)
        assert (failed.value.reason, failed.value.again) == (DeliveryReason.UNTRUSTED, False)
        assert server.posts == []
        trusting = ssl.create_default_context(cafile=tmp_path / "hook.pem")
        await sender(tls=trusting).send(WebhookTarget(url=server.url), MESSAGE)
    assert len(server.posts) == 1


async def test_addresses_of_the_network_are_for_the_owner_to_allow():
    async with hook_server() as server:
        with pytest.raises(SendFailed) as failed:
            await sender(private=False).send(WebhookTarget(url=server.url), MESSAGE)
    assert (failed.value.reason, failed.value.again, server.posts) == (DeliveryReason.FORBIDDEN_TARGET, False, [])


async def test_what_a_model_wrote_leaves_nothing_to_render_or_to_follow():
    summary = '<a href="https://evil.example">x</a> [here](http://evil.example) www.evil.example {{ f("a.b") }} `rm`'
    alert = replace(ALERT, summary=summary, rule_name="{% for x in y %}", camera_name="a\u202ebc\r\nX: y")
    message = alert_message("d1", alert, engine="Home", now=NOW, picture=None)
    async with hook_server() as server:
        await sender().send(WebhookTarget(url=server.url), message)
    (post,) = server.posts
    told = str(json.loads(post.body))
    for sign in ("s://", "p://", "evil.example", "{{", "{%", "[here]", "`", "\u202e", "\r", "\n"):
        assert sign not in told


def test_a_test_says_that_it_is_one():
    assert replace(MESSAGE, test=True).payload["type"] == "test"
    assert datetime.fromisoformat(MESSAGE.payload["at"]).tzinfo == UTC
