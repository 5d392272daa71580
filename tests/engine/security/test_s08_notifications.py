"""S8: where channels of alerts may lead; only an owner who allows it lets them reach this machine and its network."""

import asyncio
from dataclasses import replace

import pytest

from home_sentry_engine.alerting.channels.errors import SendFailed
from home_sentry_engine.alerting.channels.mail import MailSender
from home_sentry_engine.alerting.channels.targets import MailTarget, WebhookTarget
from home_sentry_engine.alerting.channels.webhook import WebhookSender
from home_sentry_engine.contract.notifications import DeliveryReason, MailSecurity
from home_sentry_engine.resilience.outbound import ForbiddenAddress, dial, why_refused
from tests.engine.security.test_s08_outbound import FORBIDDEN, led_to
from tests.engine.unit.alerting.samples import MESSAGE, NOW
from tests.fakes.targets import hook_server

OWN = (
    *("127.0.0.1", "127.1", "127.255.255.254", "2130706433", "0x7f000001", "0x7f.1", "017700000001", "0177.0.0.1"),
    *("::1", "::ffff:127.0.0.1", "::ffff:7f00:1", "64:ff9b::7f00:1", "2002:7f00:1::1"),
    *("10.0.0.5", "172.16.3.4", "192.168.1.20", "3232235796", "0xc0a80114", "100.64.0.1", "198.18.0.1"),
    *("fd00::1", "fd12:3456:789a::1", "fc00::1", "::ffff:192.168.1.20", "64:ff9b::c0a8:114"),
)
PUBLIC = ("8.8.8.8", "134744072", "2001:4860:4860::8888", "example.org")
MAIL = MailTarget(
    host="mail.example",
    port=587,
    security=MailSecurity.STARTTLS,
    sender="house@example.org",
    recipients=("ann@example.org",),
)


def url_of(host):
    return f"http://[{host}]:8080/x" if ":" in host else f"http://{host}:8080/x"


def webhook(*, private):
    return WebhookSender(private=private, now=lambda: NOW, timeout_s=60.0)


@pytest.fixture
async def unconnected(monkeypatch):
    """Fail when a connection is only begun."""

    def never(*_args, **_more):
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", never)


@pytest.mark.parametrize("host", OWN)
def test_own_addresses_in_every_spelling(host):
    assert why_refused(host, private=False)
    assert why_refused(host, private=True) is None


@pytest.mark.parametrize("host", FORBIDDEN)
@pytest.mark.parametrize("private", [False, True])
def test_what_no_owner_can_allow(host, private):
    assert why_refused(host, private=private)


@pytest.mark.parametrize("host", PUBLIC)
def test_public_addresses_are_fine(host):
    assert why_refused(host, private=False) is None


@pytest.mark.parametrize("host", [*OWN, *(one for one in FORBIDDEN if "%" not in one and "[" not in one)])
async def test_no_spelling_gets_through_a_webhook(host, unconnected):
    with pytest.raises(SendFailed) as failed:
        await webhook(private=False).send(WebhookTarget(url=url_of(host)), MESSAGE)
    assert (failed.value.reason, failed.value.again) == (DeliveryReason.FORBIDDEN_TARGET, False)


@pytest.mark.parametrize("host", [*OWN, *(one for one in FORBIDDEN if "%" not in one and "[" not in one)])
async def test_nor_through_a_mail(host, unconnected):
    with pytest.raises(SendFailed) as failed:
        await MailSender(private=False, timeout_s=60.0).send(replace(MAIL, host=host), MESSAGE)
    assert (failed.value.reason, failed.value.again) == (DeliveryReason.FORBIDDEN_TARGET, False)


@pytest.mark.parametrize("host", ["169.254.169.254", "2852039166", "::ffff:169.254.169.254", "100.100.100.200"])
async def test_an_owner_cannot_allow_the_metadata_of_a_cloud(host, unconnected):
    with pytest.raises(SendFailed, match="never asked"):
        await webhook(private=True).send(WebhookTarget(url=url_of(host)), MESSAGE)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "192.168.1.20", "fd00::1", "169.254.169.254"])
async def test_a_name_that_leads_there_is_not_followed(address, monkeypatch, unconnected):
    led_to(monkeypatch, address)
    with pytest.raises(SendFailed) as failed:
        await webhook(private=False).send(WebhookTarget(url="https://rebind.example/x"), MESSAGE)
    assert failed.value.reason is DeliveryReason.FORBIDDEN_TARGET
    with pytest.raises(ForbiddenAddress, match="never asked"):
        await dial("rebind.example", 587, private=False)


async def test_a_name_that_changes_its_mind_is_checked_at_each_try(monkeypatch):
    async with hook_server() as server:
        port = server.url.split(":")[2].split("/")[0]
        asked = led_to(monkeypatch, "127.0.0.1", "169.254.169.254")
        target = WebhookTarget(url=f"http://rebind.example:{port}/x")
        await webhook(private=True).send(target, MESSAGE)
        with pytest.raises(SendFailed) as failed:
            await webhook(private=True).send(target, MESSAGE)
    assert failed.value.reason is DeliveryReason.FORBIDDEN_TARGET
    # the address that was checked is the one that was connected to: each name was asked for once a try
    assert (len(server.posts), asked) == (1, ["rebind.example", "rebind.example"])
