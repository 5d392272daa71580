"""The port of the API, and other machines."""

import asyncio
from datetime import UTC, datetime, timedelta
import errno
from pathlib import Path
import socket
from urllib.parse import urlsplit

from home_sentry_engine.operations.certificate import (
    Certificate,
    UnusableCertificate,
    grouped,
    known_certificate,
    provided_certificate,
    server_context,
)
from home_sentry_engine.operations.data_folder import is_held, noted_port
from home_sentry_engine.settings import ApiSettings, Settings

from .findings import Finding, fail, ok, warn

_SOON = timedelta(days=14)
_CONNECT_S = 5.0
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


async def look(settings: Settings) -> tuple[Finding, ...]:
    """Look whether the API can listen, and with which certificate."""
    runs_on = await asyncio.to_thread(noted_port, settings.data)
    listens = await asyncio.to_thread(port, settings.api, engine_runs=is_held(settings.data), runs_on=runs_on)
    return listens, await asyncio.to_thread(certificate, settings.api, settings.data)


def certificate(settings: ApiSettings, data: Path) -> Finding:
    """Judge what protects the way to the API; the fingerprint is what Home Assistant shows when it asks."""
    if not settings.with_tls(loopback=settings.host in _LOOPBACK):
        if settings.host in _LOOPBACK or settings.app_network:
            return ok("tls", "plain HTTP: only this machine or Home Assistant's own apps reach it")
        fix = "set tls: auto and allow_insecure: false; Home Assistant then asks for the certificate's fingerprint once"
        return warn("tls", "plain HTTP: others on the network can read pictures and the token", fix)
    try:
        if settings.tls_certificate is not None and settings.tls_key is not None:
            found: Certificate | None = provided_certificate(settings.tls_certificate, settings.tls_key)
        else:
            found = known_certificate(data)
        if found is None:
            return ok("tls", "the engine makes its certificate at the first start")
        server_context(found, settings.tls_client_ca)
    except UnusableCertificate as err:
        return fail("tls", str(err), "correct tls_certificate, tls_key and tls_client_ca, or remove them")
    until = f"until {found.expires_at:%Y-%m-%d}"
    if not found.own and found.expires_at - datetime.now(UTC) < _SOON:
        return warn("tls", f"the certificate ends on {found.expires_at:%Y-%m-%d}", "renew it: its files are read again")
    return ok("tls", f"SHA-256 {grouped(found.fingerprint)}, {until}", fingerprint=found.fingerprint)


def port(settings: ApiSettings, *, engine_runs: bool, runs_on: int | None = None) -> Finding:
    """Judge address and port of the API; ``runs_on`` is where the engine that runs listens, which may be elsewhere."""
    place = f"{settings.host}:{settings.port}"
    loopback = settings.host in _LOOPBACK
    plain = not settings.with_tls(loopback=loopback)
    if plain and not (loopback or settings.allow_insecure or settings.app_network):
        fix = "set tls: auto, or allow_insecure: true where the network is yours, or host: 127.0.0.1"
        return fail("port", f"{place} is open to other machines without encryption, which the engine refuses", fix)
    if engine_runs and runs_on is not None:
        return ok("port", f"an engine runs on this data folder and listens on port {runs_on}")
    if settings.port == 0:
        return ok("port", "a free port is chosen at the start")
    number = _bind_error(settings)
    if number is None:
        return ok("port", f"{place} is free")
    if number == errno.EADDRINUSE:
        if engine_runs:
            return ok("port", f"{place} is in use, and an engine runs on this data folder")
        return fail("port", f"{place} is in use by another program", "stop that program, or choose another --port")
    if number == errno.EACCES:
        return fail("port", f"{place} needs root rights", "choose a port above 1023 with --port")
    return fail("port", f"{place}: {errno.errorcode.get(number, number)}", "set host to an address of this machine")


async def reachable(url: str, *, default_port: int) -> str | None:
    """Connect to the machine of an address; gives what is wrong, None if it answers."""
    parts = urlsplit(url)
    host, number = parts.hostname or "localhost", parts.port or default_port
    try:
        async with asyncio.timeout(_CONNECT_S):
            _, writer = await asyncio.open_connection(host, number)
    except TimeoutError:
        return f"{host}:{number} does not answer within {_CONNECT_S:.0f} s"
    except OSError as err:
        return f"{host}:{number}: {err.strerror or err}"
    writer.close()
    return None


def _bind_error(settings: ApiSettings) -> int | None:
    try:
        found = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        with socket.socket(family, kind, protocol) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
    except OSError as err:
        return err.errno or errno.EADDRNOTAVAIL
    return None
