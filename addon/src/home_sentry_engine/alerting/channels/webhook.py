"""Sends a message to a web address: JSON by POST, signed on wish, no redirect followed."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
import hashlib
import hmac
import ssl
from typing import Final

import aiohttp
import orjson
from yarl import URL

from home_sentry_engine.alerting.message import Message
from home_sentry_engine.contract import VERSION
from home_sentry_engine.contract.notifications import DeliveryReason
from home_sentry_engine.resilience.outbound import ForbiddenAddress, guarded_connector, refuse_literal

from .errors import SendFailed
from .targets import WebhookTarget

TIMEOUT_S: Final = 30.0
SIGNATURE_HEADER: Final = "X-Home-Sentry-Signature"
TIMESTAMP_HEADER: Final = "X-Home-Sentry-Timestamp"
# a further try may help: too early, in conflict with a try before, too many
_AGAIN: Final = frozenset({408, 409, 423, 425, 429})
_TOO_MANY: Final = frozenset({429, 503})


def signature(key: str, timestamp: int, body: bytes) -> str:
    """Sign a body as it is sent at a time in seconds since 1970: ``v1=`` and the HMAC-SHA256 of ``{timestamp}.{body}``.

    Who checks it refuses what is older than five minutes.
    """
    signed = f"{timestamp}.".encode() + body
    return "v1=" + hmac.new(key.encode(), signed, hashlib.sha256).hexdigest()


class WebhookSender:
    """Sends to public addresses, and to those of this machine and its network where ``private`` allows it."""

    def __init__(
        self,
        *,
        private: bool,
        now: Callable[[], datetime],
        timeout_s: float = TIMEOUT_S,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Take what is allowed, the clock, how long an answer may take, and whom to trust (the system's, if None)."""
        self._private = private
        self._now = now
        self._timeout_s = timeout_s
        self._tls = tls

    async def send(self, target: WebhookTarget, message: Message) -> None:
        """Return when the target took the message; raises ``SendFailed``."""
        body = orjson.dumps(message.payload)
        told = _Told()
        timeout = aiohttp.ClientTimeout(total=None)
        session = aiohttp.ClientSession(
            connector=guarded_connector(private=self._private),
            trust_env=False,
            timeout=timeout,
            trace_configs=[told.traced()],
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        async with session:
            try:
                async with asyncio.timeout(self._timeout_s):
                    await self._post(session, target, message.id, body)
            except SendFailed:
                raise
            except TimeoutError as err:
                raise self._late(told) from err
            except (aiohttp.ClientError, OSError, ValueError) as err:
                raise _failure(err) from err

    async def _post(self, session: aiohttp.ClientSession, target: WebhookTarget, key: str, body: bytes) -> None:
        url = URL(target.url)
        refuse_literal(url.host or "", private=self._private)
        at = int(self._now().timestamp())
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"HomeSentry/{VERSION}",
            "Idempotency-Key": key,
            TIMESTAMP_HEADER: str(at),
        }
        if target.signing_key is not None:
            headers[SIGNATURE_HEADER] = signature(target.signing_key, at, body)
        secured = self._tls if self._tls is not None else True
        async with session.post(url, data=body, headers=headers, allow_redirects=False, ssl=secured) as response:
            # the answer's body is nobody's business, and may have no end
            self._judge(response)
            response.close()

    def _judge(self, response: aiohttp.ClientResponse) -> None:
        status = response.status
        if 200 <= status < 300:
            return
        said = f"it answered {status}"
        if 300 <= status < 400:
            raise SendFailed(DeliveryReason.REDIRECTED, f"{said}: redirects are not followed")
        if status == 504:
            # who stands before the target gave up waiting; the target may have it
            raise SendFailed(DeliveryReason.NO_ANSWER, said)
        reason = DeliveryReason.THROTTLED if status in _TOO_MANY else DeliveryReason.REJECTED
        again = status in _AGAIN or status >= 500
        wait_s = wait_of(response.headers.get("Retry-After"), self._now())
        raise SendFailed(reason, said, again=again, retry_after_s=wait_s)

    def _late(self, told: _Told) -> SendFailed:
        if told.sent:
            detail = f"no answer within {self._timeout_s:g} s; it may have taken the message, which is not sent twice"
            return SendFailed(DeliveryReason.NO_ANSWER, detail)
        detail = f"no connection within {self._timeout_s:g} s"
        return SendFailed(DeliveryReason.UNREACHABLE, detail, again=True)


def wait_of(header: str | None, now: datetime) -> float | None:
    """Read ``Retry-After``, seconds or a date; None for what is neither."""
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdecimal():
        return float(text[:9])
    try:
        at = parsedate_to_datetime(text)
    except ValueError, IndexError, OverflowError:
        return None
    aware = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return max(0.0, (aware - now).total_seconds())


class _Told:
    """Whether the message was on its way already when something failed."""

    def __init__(self) -> None:
        self.sent = False

    def traced(self) -> aiohttp.TraceConfig:
        config = aiohttp.TraceConfig()

        async def note(*_: object) -> None:
            self.sent = True

        config.on_request_headers_sent.append(note)
        return config


def _failure(err: BaseException) -> SendFailed:
    inner = err.os_error if isinstance(err, aiohttp.ClientConnectorError) else err
    if isinstance(inner, ForbiddenAddress):
        return SendFailed(DeliveryReason.FORBIDDEN_TARGET, str(inner))
    if isinstance(err, aiohttp.ClientSSLError | ssl.SSLError):
        return SendFailed(DeliveryReason.UNTRUSTED, "its certificate is not trusted")
    if isinstance(err, aiohttp.InvalidURL):
        return SendFailed(DeliveryReason.NOT_SET_UP, "its address is not valid")
    why = inner.strerror if isinstance(inner, OSError) and inner.strerror else type(err).__name__
    return SendFailed(DeliveryReason.UNREACHABLE, f"no connection: {why}", again=True)
