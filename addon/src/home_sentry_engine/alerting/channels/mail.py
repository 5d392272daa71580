"""Sends a message by mail: always encrypted, as text and as HTML that shows what it says and runs nothing."""

import asyncio
from collections.abc import Callable
from email.utils import format_datetime
from html import escape
import socket
import ssl
from typing import TYPE_CHECKING, Final

from home_sentry_engine.alerting.message import Message
from home_sentry_engine.contract.notifications import DeliveryReason, MailSecurity
from home_sentry_engine.domain.lazy import lazy
from home_sentry_engine.resilience.outbound import ForbiddenAddress, dial

from .errors import SendFailed
from .targets import MailTarget

if TYPE_CHECKING:
    from email import headerregistry, policy
    from email import message as messages

    import aiosmtplib
else:
    # together more than a megabyte, which a home without mail does not need
    headerregistry, messages, policy = lazy("email.headerregistry"), lazy("email.message"), lazy("email.policy")
    aiosmtplib = lazy("aiosmtplib")

TIMEOUT_S: Final = 30.0
_PICTURE: Final = "picture"
_LASTING: Final = 500


class MailSender:
    """Sends to public addresses, and to those of this machine and its network where ``private`` allows it."""

    def __init__(
        self,
        *,
        private: bool,
        timeout_s: float = TIMEOUT_S,
        tls: Callable[[], ssl.SSLContext] = ssl.create_default_context,
    ) -> None:
        """Take what is allowed, how long it may take in all, and whom to trust."""
        self._private = private
        self._timeout_s = timeout_s
        self._tls = tls

    async def send(self, target: MailTarget, message: Message) -> None:
        """Return when the server took the message for all recipients; raises ``SendFailed``."""
        letter = letter_of(target, message).as_bytes(policy=policy.SMTP)
        stage = _Stage()
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._deliver(target, letter, stage)
        except TimeoutError as err:
            if stage.handed_over:
                detail = "no answer in time; the server may have taken the message, which is not sent twice"
                raise SendFailed(DeliveryReason.NO_ANSWER, detail) from err
            detail = f"no answer within {self._timeout_s:g} s"
            raise SendFailed(DeliveryReason.UNREACHABLE, detail, again=True) from err
        except (aiosmtplib.SMTPException, OSError, ValueError) as err:
            raise _failure(err) from err

    async def _deliver(self, target: MailTarget, letter: bytes, stage: _Stage) -> None:
        link = await dial(target.host, target.port, private=self._private)
        client = aiosmtplib.SMTP(
            hostname=target.host,
            sock=link,
            timeout=self._timeout_s,
            use_tls=target.security is MailSecurity.TLS,
            start_tls=False,
            tls_context=self._tls(),
            local_hostname="localhost",
        )
        try:
            await client.connect()
            if target.security is MailSecurity.STARTTLS:
                await client.starttls()
            if target.username is not None and target.password is not None:
                await client.login(target.username, target.password)
            await client.mail(target.sender)
            for recipient in target.recipients:
                await client.rcpt(recipient)
            stage.handed_over = True
            await client.data(letter)
        finally:
            # an orderly end would wait for the server, which has all that it needs
            if isinstance(client.transport, asyncio.WriteTransport):
                client.transport.abort()
            client.close()
            _shut(link)


class _Stage:
    """Whether the server may have the message already."""

    def __init__(self) -> None:
        self.handed_over = False


def letter_of(target: MailTarget, message: Message) -> messages.EmailMessage:
    """Write the mail of a message."""
    letter = messages.EmailMessage(policy=policy.SMTP)
    letter["Subject"] = f"[Home Sentry] {message.title}"
    letter["From"] = headerregistry.Address(display_name="Home Sentry", addr_spec=target.sender)
    letter["To"] = tuple(headerregistry.Address(addr_spec=one) for one in target.recipients)
    letter["Date"] = format_datetime(message.at)
    letter["Message-ID"] = f"<{message.id}@home-sentry.invalid>"
    letter["Auto-Submitted"] = "auto-generated"
    lines = [message.title, "", message.text, "", *(f"{name}: {value}" for name, value in _facts(message))]
    letter.set_content("\n".join(lines) + "\n")
    letter.add_alternative(_page(message), subtype="html")
    if message.picture is not None:
        page = letter.get_payload(1)
        if isinstance(page, messages.EmailMessage):
            page.add_related(
                message.picture, maintype="image", subtype="jpeg", cid=f"<{_PICTURE}>", filename=f"{_PICTURE}.jpg"
            )
    return letter


def _page(message: Message) -> str:
    rows = "".join(
        f"<tr><th align=left>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in _facts(message)
    )
    picture = f'<p><img src="cid:{_PICTURE}" alt="" style="max-width:100%"></p>' if message.picture is not None else ""
    return (
        "<!doctype html><html><head><meta charset=utf-8></head><body>"
        f"<h2>{escape(message.title)}</h2><p>{escape(message.text)}</p>{picture}<table>{rows}</table>"
        "</body></html>"
    )


def _facts(message: Message) -> tuple[tuple[str, str], ...]:
    said = message.alert or {}
    named = (("Camera", "camera"), ("Time", "made_at"), ("Score", "score"), ("Rule", "rule"), ("Event", "event_id"))
    facts = tuple((label, str(said[key])) for label, key in named if said.get(key) is not None)
    return (*facts, ("Engine", message.engine))


def _shut(link: socket.socket) -> None:
    # the transport owns it once the connection stands; before that nobody does
    if link.fileno() >= 0:
        link.close()


def _failure(err: BaseException) -> SendFailed:
    if isinstance(err, ForbiddenAddress):
        return SendFailed(DeliveryReason.FORBIDDEN_TARGET, str(err))
    if isinstance(err, aiosmtplib.SMTPAuthenticationError):
        lasting = err.code >= _LASTING
        return SendFailed(DeliveryReason.LOGIN_FAILED, f"it answered {err.code} to the login", again=not lasting)
    if isinstance(err, aiosmtplib.SMTPResponseException):
        again = err.code < _LASTING
        reason = DeliveryReason.THROTTLED if err.code in {421, 450, 451, 452} else DeliveryReason.REJECTED
        return SendFailed(reason, f"it answered {err.code}", again=again)
    if _caused_by(err, ssl.SSLError):
        return SendFailed(DeliveryReason.UNTRUSTED, "its certificate is not trusted")
    if isinstance(err, aiosmtplib.SMTPServerDisconnected | aiosmtplib.SMTPConnectError | aiosmtplib.SMTPTimeoutError):
        return SendFailed(DeliveryReason.UNREACHABLE, "it ended the connection", again=True)
    if isinstance(err, aiosmtplib.SMTPException):
        return SendFailed(DeliveryReason.UNTRUSTED, "it does not offer encryption or a way to log in")
    why = err.strerror if isinstance(err, OSError) and err.strerror else type(err).__name__
    return SendFailed(DeliveryReason.UNREACHABLE, f"no connection: {why}", again=True)


def _caused_by(err: BaseException | None, kind: type[BaseException]) -> bool:
    while err is not None:
        if isinstance(err, kind):
            return True
        err = err.__cause__ or err.__context__
    return False
