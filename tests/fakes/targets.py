"""Real servers that take what channels send: a web server and a mail server."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
import ssl
from typing import Any

from aiohttp import web
from aiosmtpd.smtp import SMTP, AuthResult


async def _held(stands_still: Callable[[], object] | None) -> None:
    """Where something is to be told that all has come and no answer will, tell it and never answer."""
    if stands_still is not None:
        stands_still()
        await asyncio.Event().wait()


@dataclass(frozen=True)
class Post:
    """One request as it came."""

    headers: dict[str, str]
    body: bytes


@dataclass
class HookServer:
    """A web server on this machine; ``answers`` are statuses in turn, the last one for good."""

    url: str = ""
    posts: list[Post] = field(default_factory=list)
    answers: list[int] = field(default_factory=lambda: [200])
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    stands_still: Callable[[], object] | None = None

    @property
    def accepted(self) -> list[str]:
        """Ids of what it answered with success or was still busy with."""
        return [post.headers["Idempotency-Key"] for post in self.posts]

    async def take(self, request: web.Request) -> web.Response:
        """Note the request and answer."""
        self.posts.append(Post(headers=dict(request.headers), body=await request.read()))
        await _held(self.stands_still)
        await asyncio.sleep(self.delay_s)
        status = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return web.Response(status=status, headers=self.headers)


@asynccontextmanager
async def hook_server(port: int = 0, tls: ssl.SSLContext | None = None) -> AsyncIterator[HookServer]:
    """Open a web server on 127.0.0.1."""
    server = HookServer()
    app = web.Application()
    app.router.add_post("/{tail:.*}", server.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, ssl_context=tls).start()
    scheme = "https" if tls else "http"
    server.url = f"{scheme}://127.0.0.1:{runner.addresses[0][1]}/hook/very-secret-path"
    try:
        yield server
    finally:
        await runner.cleanup()


@dataclass
class MailServer:
    """A mail server on this machine that asks for encryption, and for a password where ``passwords`` has some."""

    port: int = 0
    passwords: dict[str, str] = field(default_factory=dict)
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    refuse: str | None = None
    stands_still: Callable[[], object] | None = None

    async def handle_DATA(  # noqa: N802 the library calls it by this name
        self, _server: Any, _session: Any, envelope: Any
    ) -> str:
        """Take a mail."""
        await _held(self.stands_still)
        if self.refuse is not None:
            return self.refuse
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        self.recipients.append(envelope.rcpt_tos)
        return "250 taken"

    def check(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        """Compare a password."""
        known = self.passwords.get(data.login.decode())
        return AuthResult(success=known == data.password.decode(), handled=False)


@asynccontextmanager
async def mail_server(tls: ssl.SSLContext | None, *, from_the_start: bool = False) -> AsyncIterator[MailServer]:
    """Open a mail server on 127.0.0.1 that offers STARTTLS, or speaks TLS from the start; without ``tls`` neither."""
    taken = MailServer()

    def protocol() -> SMTP:
        return SMTP(
            taken,
            hostname="mail.test",
            tls_context=None if from_the_start else tls,
            require_starttls=tls is not None and not from_the_start,
            authenticator=taken.check,
            auth_require_tls=not from_the_start,
            loop=asyncio.get_running_loop(),
        )

    server = await asyncio.get_running_loop().create_server(
        protocol, "127.0.0.1", 0, ssl=tls if from_the_start else None
    )
    taken.port = server.sockets[0].getsockname()[1]
    try:
        yield taken
    finally:
        server.close()
        server.close_clients()
        await server.wait_closed()
