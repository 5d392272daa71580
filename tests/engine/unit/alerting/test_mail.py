"""Mails, sent to a real mail server."""

from dataclasses import replace
from functools import partial
import ssl

import pytest

from home_sentry_engine.alerting.channels.errors import SendFailed
from home_sentry_engine.alerting.channels.mail import MailSender, letter_of
from home_sentry_engine.alerting.channels.targets import MailTarget
from home_sentry_engine.alerting.message import alert_message
from home_sentry_engine.contract.notifications import DeliveryReason, MailSecurity
from tests.engine.unit.alerting.samples import ALERT, MESSAGE, NOW
from tests.fakes.certificates import self_signed
from tests.fakes.deadlines import Deadlines
from tests.fakes.targets import mail_server

PICTURE = b"\xff\xd8\xff\xe0 a picture \xff\xd9"
NOBODY = MailTarget(
    host="127.0.0.1",
    port=1,
    security=MailSecurity.STARTTLS,
    sender="house@example.org",
    recipients=("ann@example.org", "ben@example.org"),
)


@pytest.fixture
def certificate(tmp_path):
    context, _ = self_signed(tmp_path, "mail")
    return context, lambda: ssl.create_default_context(cafile=tmp_path / "mail.pem")


def at(server, security=MailSecurity.STARTTLS, **changes):
    return replace(NOBODY, port=server.port, security=security, **changes)


def body_of(mail, kind):
    body = mail.get_body((kind,))
    assert body is not None
    return body.get_content()


async def failure(target, *, tls=ssl.create_default_context, **changes):
    with pytest.raises(SendFailed) as failed:
        await MailSender(**({"private": True, "tls": tls} | changes)).send(target, MESSAGE)
    return failed.value


@pytest.mark.parametrize("security", [MailSecurity.STARTTLS, MailSecurity.TLS])
async def test_a_mail_arrives_encrypted_as_text_and_page_with_its_picture(security, certificate):
    context, trust = certificate
    async with mail_server(context, from_the_start=security is MailSecurity.TLS) as server:
        server.passwords = {"house": "pass word"}
        target = at(server, security, username="house", password="pass word")
        await MailSender(private=True, tls=trust).send(target, replace(MESSAGE, picture=PICTURE))
    (mail,) = server.mails
    assert server.recipients == [["ann@example.org", "ben@example.org"]]
    assert mail["Subject"] == "[Home Sentry] High: Front door"
    assert mail["Message-ID"] == "<d1@home-sentry.invalid>"
    text = body_of(mail, "plain")
    page = body_of(mail, "html")
    for part in (text, page):
        assert "A person lingers at the front door. (judged by rules alone)" in part
        assert "Somebody at the door" in part
    pictures = [part for part in mail.walk() if part.get_content_type() == "image/jpeg"]
    assert [part.get_content() for part in pictures] == [PICTURE]
    assert 'src="cid:picture"' in page


async def test_without_a_picture_it_goes_as_text(certificate):
    context, trust = certificate
    async with mail_server(context) as server:
        await MailSender(private=True, tls=trust).send(at(server), MESSAGE)
    (mail,) = server.mails
    assert [part.get_content_type() for part in mail.walk()] == ["multipart/alternative", "text/plain", "text/html"]
    assert "cid:" not in body_of(mail, "html")


async def test_a_wrong_password_is_not_tried_again(certificate):
    context, trust = certificate
    async with mail_server(context) as server:
        server.passwords = {"house": "right"}
        failed = await failure(at(server, username="house", password="wrong words"), tls=trust)
    assert (failed.reason, failed.again, server.mails) == (DeliveryReason.LOGIN_FAILED, False, [])
    assert "wrong words" not in str(failed)


@pytest.mark.parametrize(
    ("said", "reason", "again"),
    [
        ("550 not here", DeliveryReason.REJECTED, False),
        ("451 later", DeliveryReason.THROTTLED, True),
        ("471 busy", DeliveryReason.REJECTED, True),
    ],
)
async def test_what_the_answers_mean(said, reason, again, certificate):
    context, trust = certificate
    async with mail_server(context) as server:
        server.refuse = said
        failed = await failure(at(server), tls=trust)
    assert (failed.reason, failed.again) == (reason, again)
    assert said[:3] in failed.detail


async def test_nothing_is_sent_without_encryption():
    async with mail_server(None) as server:
        failed = await failure(at(server))
    assert (failed.reason, failed.again, server.mails) == (DeliveryReason.UNTRUSTED, False, [])


@pytest.mark.parametrize("security", [MailSecurity.STARTTLS, MailSecurity.TLS])
async def test_nothing_is_sent_to_a_server_that_nobody_trusts(security, certificate):
    context, _ = certificate
    async with mail_server(context, from_the_start=security is MailSecurity.TLS) as server:
        failed = await failure(at(server, security))
    assert (failed.reason, failed.again, server.mails) == (DeliveryReason.UNTRUSTED, False, [])


async def test_a_server_that_has_the_mail_and_does_not_answer_is_not_given_it_twice(certificate, monkeypatch):
    context, trust = certificate
    deadlines = Deadlines(monkeypatch)
    async with mail_server(context) as server:
        server.stands_still = partial(deadlines.end, 3600.0)
        failed = await failure(at(server), tls=trust, timeout_s=3600.0)
    assert (failed.reason, failed.again) == (DeliveryReason.NO_ANSWER, False)


async def test_nobody_listens():
    failed = await failure(NOBODY)
    assert (failed.reason, failed.again) == (DeliveryReason.UNREACHABLE, True)


async def test_addresses_of_the_network_are_for_the_owner_to_allow(certificate):
    context, trust = certificate
    async with mail_server(context) as server:
        failed = await failure(at(server), tls=trust, private=False)
    assert (failed.reason, failed.again, server.mails) == (DeliveryReason.FORBIDDEN_TARGET, False, [])


def test_texts_of_people_and_models_stay_text():
    alert = replace(
        ALERT,
        rule_name="<script>alert(1)</script>",
        camera_name="Door\r\nBcc: x@evil.example",
        summary='<img src=x onerror="x()"> see https://evil.example/login or [here](http://evil.example) {{ 7 * 7 }}',
    )
    mail = letter_of(NOBODY, alert_message("d1", alert, engine="<b>Home</b>", now=NOW, picture=None))
    page = body_of(mail, "html")
    for sign in ("<script", "<img", "<b>", "{{", "https://", "http://", "evil.example"):
        assert sign not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert mail["Bcc"] is None
    assert mail["Subject"] == "[Home Sentry] High: Door Bcc: x (at) evil .example"
    assert "https://" not in body_of(mail, "plain")
