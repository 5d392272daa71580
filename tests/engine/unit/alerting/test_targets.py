"""Where channels lead to."""

import pytest

from home_sentry_engine.alerting.channels.targets import InvalidTarget, MailTarget, check, missing, named, target_of
from home_sentry_engine.contract.notifications import ChannelKind, MailSecurity

MAIL = {"host": "mail.example.org", "sender": "house@example.org", "recipients": ["ann@example.org", "ben@example.org"]}


@pytest.mark.parametrize(
    "url",
    [
        *("gopher://127.0.0.1/", "file:///etc/passwd", "ftp://example.org/", "//example.org/x", "example.org", ""),
        *(
            "http://",
            "http://exa mple.org/",
            "http://example.org\\@evil.example/",
            "http://example.org:0/",
            "https://[::1",
        ),
        *("http://example.org/\r\nHost: x", "http://ex\u00e4mple.org/", "javascript:alert(1)", "data:text/html,x"),
    ],
)
def test_only_web_addresses_take_webhooks(url):
    with pytest.raises(InvalidTarget) as refused:
        check(ChannelKind.WEBHOOK, {"url": url})
    assert refused.value.field == "url"
    assert "evil" not in str(refused.value)


@pytest.mark.parametrize(
    ("kind", "given", "field"),
    [
        (ChannelKind.WEBHOOK, {"signing_key": "short"}, "signing_key"),
        (ChannelKind.WEBHOOK, {"host": "mail.example.org"}, "host"),
        (ChannelKind.EMAIL, {"url": "https://example.org/"}, "url"),
        (ChannelKind.EMAIL, {"host": "mail example"}, "host"),
        (ChannelKind.EMAIL, {"sender": "house@example.org\r\nBcc: x@evil.example"}, "sender"),
        (ChannelKind.EMAIL, {"recipients": ["ann@example.org", "nobody"]}, "recipients"),
        (ChannelKind.EMAIL, {"password": "a\nb"}, "password"),
    ],
)
def test_what_is_refused(kind, given, field):
    with pytest.raises(InvalidTarget) as refused:
        check(kind, given)
    assert refused.value.field == field


def test_what_is_fine():
    check(ChannelKind.WEBHOOK, {"url": "https://hooks.example.org/services/T0/B0?x=1", "signing_key": "k" * 16})
    check(ChannelKind.EMAIL, {**MAIL, "port": 2525, "username": None})


def test_a_channel_tells_what_it_lacks():
    assert missing(ChannelKind.WEBHOOK, {}) == ("url",)
    assert missing(ChannelKind.EMAIL, {"host": "mail.example.org"}) == ("sender", "recipients")
    assert missing(ChannelKind.EMAIL, {**MAIL, "username": "house"}) == ("password",)
    assert target_of(ChannelKind.EMAIL, {}) is None


def test_a_target_is_named_without_its_secrets():
    hook = target_of(ChannelKind.WEBHOOK, {"url": "https://u:p@hooks.example.org:8443/services/T0/B0?token=x"})
    assert named(hook) == "https://hooks.example.org:8443/…"
    assert "services" not in repr(hook)
    mail = target_of(ChannelKind.EMAIL, {**MAIL, "username": "house", "password": "secret words"})
    assert named(mail) == "a…@example.org and 1 more by mail.example.org:587"
    assert "secret words" not in repr(mail)
    assert named(None) is None


@pytest.mark.parametrize(("security", "port"), [(None, 587), ("starttls", 587), ("tls", 465)])
def test_the_port_follows_from_the_encryption(security, port):
    target = target_of(ChannelKind.EMAIL, {**MAIL, "security": security})
    assert isinstance(target, MailTarget)
    assert (target.port, target.security) == (port, MailSecurity(security or "starttls"))
