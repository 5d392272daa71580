"""Where channels lead to: checked when they are set up, shown without what is secret, refused when incomplete."""

from collections.abc import Mapping
from dataclasses import dataclass, field
import re
from typing import Any, Final
from urllib.parse import urlsplit

from home_sentry_engine.contract.notifications import ChannelKind, MailSecurity
from home_sentry_engine.domain.errors import HomeSentryError

SECRET_KEYS: Final = frozenset({"url", "signing_key", "username", "password"})
KEYS: Final[Mapping[ChannelKind, frozenset[str]]] = {
    ChannelKind.WEBHOOK: frozenset({"url", "signing_key"}),
    ChannelKind.EMAIL: frozenset({"host", "port", "security", "username", "password", "sender", "recipients"}),
}
_NEEDED: Final[Mapping[ChannelKind, tuple[str, ...]]] = {
    ChannelKind.WEBHOOK: ("url",),
    ChannelKind.EMAIL: ("host", "sender", "recipients"),
}
_PORTS: Final = {MailSecurity.STARTTLS: 587, MailSecurity.TLS: 465}
_ADDRESS: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_HOST: Final = re.compile(r"[A-Za-z0-9:](?:[A-Za-z0-9.:_-]{0,251}[A-Za-z0-9])?")

type Given = Mapping[str, Any]


class InvalidTarget(HomeSentryError, ValueError):
    """What was given leads nowhere; ``field`` names which part."""

    def __init__(self, field_name: str, expected: str) -> None:
        """Say what the part must be; what was given is not repeated."""
        super().__init__(f"'{field_name}' must be {expected}")
        self.field = field_name


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookTarget:
    """An address that takes POSTs; with ``signing_key`` each is signed."""

    url: str = field(repr=False)
    signing_key: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class MailTarget:
    """A mail server, who writes and to whom; without ``username`` nobody logs in."""

    host: str
    port: int
    security: MailSecurity
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    sender: str
    recipients: tuple[str, ...]


type Target = WebhookTarget | MailTarget


def check(kind: ChannelKind, given: Given) -> None:
    """Raise ``InvalidTarget`` for a part that does not belong to the kind or has no meaning; None is no part."""
    for name, value in given.items():
        if value is None:
            continue
        if name not in KEYS[kind]:
            raise InvalidTarget(name, f"left out: it does not belong to a channel of kind {kind}")
        _CHECKS.get(name, _fine)(name, value)


def missing(kind: ChannelKind, given: Given) -> tuple[str, ...]:
    """Name what has to be given before anything can be sent."""
    lacking = [name for name in _NEEDED[kind] if not given.get(name)]
    if kind is ChannelKind.EMAIL and given.get("username") and not given.get("password"):
        lacking.append("password")
    return tuple(lacking)


def target_of(kind: ChannelKind, given: Given) -> Target | None:
    """Give where a channel leads to, None while something is missing."""
    if missing(kind, given):
        return None
    if kind is ChannelKind.WEBHOOK:
        return WebhookTarget(url=given["url"], signing_key=given.get("signing_key"))
    security = MailSecurity(given.get("security") or MailSecurity.STARTTLS)
    return MailTarget(
        host=given["host"],
        port=given.get("port") or _PORTS[security],
        security=security,
        username=given.get("username"),
        password=given.get("password"),
        sender=given["sender"],
        recipients=tuple(given["recipients"]),
    )


def named(target: Target | None) -> str | None:
    """Name a target without what is secret: often the path of a webhook is its password."""
    if target is None:
        return None
    if isinstance(target, WebhookTarget):
        parts = urlsplit(target.url)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        port = f":{parts.port}" if parts.port else ""
        return f"{parts.scheme}://{host}{port}/…"
    first, *others = target.recipients
    more = f" and {len(others)} more" if others else ""
    return f"{_veiled(first)}{more} by {target.host}:{target.port}"


def _veiled(address: str) -> str:
    name, _, domain = address.rpartition("@")
    return f"{name[:1]}…@{domain}"


def _web_address(name: str, value: Any) -> None:
    wanted = "an address that begins with http:// or https://"
    if not value.isascii() or any(one <= " " or one in "\\\x7f" for one in value):
        raise InvalidTarget(name, wanted)
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError as err:
        raise InvalidTarget(name, wanted) from err
    if parts.scheme.lower() not in {"http", "https"} or not parts.hostname or port == 0:
        raise InvalidTarget(name, wanted)


def _host_name(name: str, value: Any) -> None:
    if not _HOST.fullmatch(value):
        raise InvalidTarget(name, "the name or address of a mail server")


def _mail_address(name: str, value: Any) -> None:
    if not _ADDRESS.fullmatch(value):
        raise InvalidTarget(name, "a mail address")


def _mail_addresses(name: str, value: Any) -> None:
    for one in value:
        _mail_address(name, one)


def _key(name: str, value: Any) -> None:
    if len(value) < 16:
        raise InvalidTarget(name, "at least 16 characters")


def _sayable(name: str, value: Any) -> None:
    if not value.isprintable():
        raise InvalidTarget(name, "text without control characters")


def _fine(_name: str, _value: Any) -> None:
    return


_CHECKS: Final = {
    "url": _web_address,
    "signing_key": _key,
    "host": _host_name,
    "username": _sayable,
    "password": _sayable,
    "sender": _mail_address,
    "recipients": _mail_addresses,
}
