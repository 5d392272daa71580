"""Addresses that the engine never connects to, checked on the address that is connected to and not on the name.

Forbidden are link-local addresses (a cloud's metadata service among them), the metadata addresses outside that range,
multicast, broadcast and the unspecified address. Loopback and private networks are where a household's own servers
stand: who writes such a URL into the settings allows it. Where others may name an address, ``private=False`` forbids
those too.
"""

import asyncio
import http.client
import ipaddress
import socket
import ssl
from typing import Final, override

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

type Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_METADATA: Final = frozenset(
    ipaddress.ip_address(one) for one in ("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254")
)
_CONNECT_S: Final = 10.0
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")


class ForbiddenAddress(OSError):
    """The address belongs to those that are never asked."""


def why_forbidden(host: str) -> str | None:
    """Tell what is wrong with an address; None for one that may be asked, and for a name, which has to be resolved.

    IPv4 is looked through in all its spellings and within IPv6 (mapped, 6to4, Teredo, NAT64).
    """
    address = _address(host)
    if address is None:
        return None
    for one in _within(address):
        if one.is_link_local:
            return "a link-local address"
        if one in _METADATA:
            return "the address of a metadata service"
        if one.is_multicast or one.is_unspecified or one == ipaddress.IPv4Address(0xFFFFFFFF):
            return "not the address of one machine"
    return None


def why_refused(host: str, *, private: bool) -> str | None:
    """Tell what is wrong with an address as ``why_forbidden``; without ``private`` only public ones are right."""
    reason = why_forbidden(host)
    address = _address(host)
    if reason is not None or private or address is None:
        return reason
    return next(("an address of this machine or its network" for one in _within(address) if not one.is_global), None)


class GuardedResolver(AbstractResolver):
    """Resolves names for aiohttp and leaves forbidden addresses out; raises ``ForbiddenAddress`` if none is left."""

    def __init__(self, *, private: bool = True) -> None:
        """Take the resolver of the system, and whether addresses of this machine and its network are allowed."""
        self._inner = aiohttp.ThreadedResolver()
        self._private = private

    @override
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Give the addresses that may be asked."""
        found = await self._inner.resolve(host, port, family)
        refusals = [why_refused(result["host"], private=self._private) for result in found]
        allowed = [result for result, reason in zip(found, refusals, strict=True) if reason is None]
        if found and not allowed:
            raise ForbiddenAddress(_refusal(host, refusals[0], leads=True))
        return allowed

    @override
    async def close(self) -> None:
        """Close the resolver of the system."""
        await self._inner.close()


def guarded_connector(limit: int = 4, *, private: bool = True) -> aiohttp.TCPConnector:
    """Give a connector that resolves through ``GuardedResolver``; literal addresses are for ``only_allowed``."""
    return aiohttp.TCPConnector(resolver=GuardedResolver(private=private), limit=limit)


async def only_allowed(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Middleware of aiohttp that raises ``ForbiddenAddress`` for literal addresses, also those of redirects."""
    refuse_literal(request.url.host or "", private=True)
    return await handler(request)


def refuse_literal(host: str, *, private: bool) -> None:
    """Raise ``ForbiddenAddress`` for an address that may not be asked; names are left to their resolver."""
    reason = why_refused(host, private=private)
    if reason is not None:
        raise ForbiddenAddress(_refusal(host, reason))


async def dial(host: str, port: int, *, private: bool) -> socket.socket:
    """Connect as ``connect`` does, without blocking the event loop and without a time-out of its own."""
    loop = asyncio.get_running_loop()
    refused: OSError | None = None
    for family, kind, protocol, _, address in await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        reason = why_refused(str(address[0]), private=private)
        if reason is not None:
            refused = refused or ForbiddenAddress(_refusal(host, reason, leads=True))
            continue
        link = socket.socket(family, kind, protocol)
        try:
            link.setblocking(False)
            await loop.sock_connect(link, address)
        except OSError as err:
            link.close()
            refused = err
            continue
        except BaseException:
            link.close()
            raise
        return link
    raise refused or OSError(f"{host} has no address")


def connect(host: str, port: int, timeout_s: float) -> socket.socket:
    """Connect to the first address of a host that may be asked and answers.

    Raises ``ForbiddenAddress`` where no address may be asked, else the ``OSError`` of the last try.
    """
    refused: OSError | None = None
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        reason = why_forbidden(str(address[0]))
        if reason is not None:
            refused = refused or ForbiddenAddress(_refusal(host, reason, leads=True))
            continue
        link = socket.socket(family, kind, protocol)
        try:
            link.settimeout(timeout_s)
            link.connect(address)
        except OSError as err:
            link.close()
            refused = err
            continue
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return link
    raise refused or OSError(f"{host} has no address")


def http_connection(host: str, port: int | None, *, secure: bool, timeout_s: float) -> http.client.HTTPConnection:
    """Give an HTTP connection, not yet open; connecting raises ``ForbiddenAddress`` for what is never asked."""
    kind = _SecureConnection if secure else _PlainConnection
    return kind(host, port, timeout=timeout_s)


class _PlainConnection(http.client.HTTPConnection):
    @override
    def connect(self) -> None:
        self.sock = connect(self.host, self.port, self.timeout or _CONNECT_S)


class _SecureConnection(http.client.HTTPSConnection):
    @override
    def connect(self) -> None:
        link = connect(self.host, self.port, self.timeout or _CONNECT_S)
        try:
            self.sock = ssl.create_default_context().wrap_socket(link, server_hostname=self.host)
        except BaseException:
            link.close()
            raise


def _refusal(host: str, reason: str | None, *, leads: bool = False) -> str:
    return f"{host} {'leads to' if leads else 'is'} {reason}, which is never asked"


def _address(host: str) -> Address | None:
    bare = host.strip("[]").partition("%")[0]
    try:
        return ipaddress.ip_address(bare)
    except ValueError:
        pass
    try:
        # the system's connect() also takes one number, hexadecimal, octal and short forms
        return ipaddress.IPv4Address(socket.inet_aton(bare)) if bare[:1].isdigit() else None
    except OSError, ValueError:
        return None


def _within(address: Address) -> tuple[Address, ...]:
    if isinstance(address, ipaddress.IPv4Address):
        return (address,)
    inner = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _NAT64:
        inner.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return (address, *(one for one in inner if one is not None))
