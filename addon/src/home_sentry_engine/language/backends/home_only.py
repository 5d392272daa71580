"""Connections that stay within the home network: what is shown of a home leaves it only where its owner says so."""

import ipaddress
import socket
from typing import override

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from home_sentry_engine.resilience.outbound import ForbiddenAddress, GuardedResolver


def is_abroad(host: str) -> bool:
    """Tell whether a literal address lies in the public internet; False for a name, which has to be resolved."""
    try:
        return ipaddress.ip_address(host.strip("[]").partition("%")[0]).is_global
    except ValueError:
        return False


class HomeResolver(AbstractResolver):
    """Resolves names to addresses of the home alone; raises ``ForbiddenAddress`` where there is none."""

    def __init__(self) -> None:
        """Take what leaves out addresses that are never asked."""
        self._inner = GuardedResolver()

    @override
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Give the addresses at home."""
        found = await self._inner.resolve(host, port, family)
        near = [result for result in found if not is_abroad(result["host"])]
        if found and not near:
            raise ForbiddenAddress(abroad(host))
        return near

    @override
    async def close(self) -> None:
        """Close the resolver beneath."""
        await self._inner.close()


def home_connector(limit: int = 4) -> aiohttp.TCPConnector:
    """Give a connector that resolves through ``HomeResolver``; literal addresses are for ``is_abroad``."""
    return aiohttp.TCPConnector(resolver=HomeResolver(), limit=limit)


def abroad(host: str) -> str:
    """Say why an address is not asked."""
    return f"{host} lies outside the home network, where nothing is sent unless the settings allow it"
