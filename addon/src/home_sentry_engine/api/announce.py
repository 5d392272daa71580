"""Tells the home network where the API is (DNS service discovery); the token is never part of it."""

import asyncio
import ipaddress
import logging
from types import TracebackType
from typing import Final, Self

from zeroconf import Error as ZeroconfError
from zeroconf import IPVersion, ServiceInfo
from zeroconf.asyncio import AsyncZeroconf

from home_sentry_engine.contract import Info

from .addresses import is_loopback, reachable_addresses

_LOGGER = logging.getLogger(__name__)
SERVICE_TYPE: Final = "_home-sentry._tcp.local."
_LONGEST_NAME: Final = 40


class Announcement:
    """Announces the API while entered. A failure is kept in ``reason`` and logged; the engine works without."""

    def __init__(self, info: Info, *, host: str, port: int, force: bool = False) -> None:
        """Announce what listens on ``host`` and ``port``; an API on loopback alone is announced only with ``force``."""
        self._info = info
        self._host = host
        self._port = port
        self._force = force
        self._zeroconf: AsyncZeroconf | None = None
        self.reason: str | None = "not started"

    @property
    def announced(self) -> bool:
        """Tell whether the network knows."""
        return self.reason is None

    async def __aenter__(self) -> Self:
        """Register the service, with another name where this one is taken."""
        addresses = await asyncio.to_thread(reachable_addresses, self._host, loopback=self._force)
        if not addresses:
            self.reason = "the API listens on this machine only"
            return self
        try:
            interfaces = ["127.0.0.1"] if self._force and is_loopback(self._host) else addresses
            self._zeroconf = AsyncZeroconf(interfaces=interfaces, ip_version=_version_of(addresses))
            await self._zeroconf.async_register_service(self._service(addresses), allow_name_change=True)
        except (OSError, ZeroconfError, ValueError) as err:
            self.reason = f"cannot announce on the network: {type(err).__name__}"
            _LOGGER.warning("The API is not announced on the network: %s", err)
        else:
            self.reason = None
            _LOGGER.info("Announced as %s on %d addresses", SERVICE_TYPE, len(addresses))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the announcement back."""
        zeroconf, self._zeroconf = self._zeroconf, None
        if zeroconf is None:
            return
        self.reason = "stopped"
        try:
            await zeroconf.async_unregister_all_services()
            await zeroconf.async_close()
        except (OSError, ZeroconfError) as failure:
            _LOGGER.debug("The announcement was not taken back: %s", failure)

    def _service(self, addresses: list[str]) -> ServiceInfo:
        info = self._info
        secured = {"tls": "1", "fingerprint": info.tls_fingerprint} if info.tls_fingerprint else {}
        # the name ends at a dot for some resolvers
        name = info.name.replace(".", " ").encode()[:_LONGEST_NAME].decode(errors="ignore").strip() or "Home Sentry"
        return ServiceInfo(
            SERVICE_TYPE,
            f"{name}.{SERVICE_TYPE}",
            port=self._port,
            parsed_addresses=addresses,
            server=f"home-sentry-{info.instance_id[:12].lower()}.local.",
            properties={
                "instance_id": info.instance_id,
                "version": info.version,
                "schema": str(info.schema),
                "min_schema": str(info.min_schema),
                "path": "/api/v1",
                **secured,
            },
        )


def _version_of(addresses: list[str]) -> IPVersion:
    versions = {ipaddress.ip_address(address).version for address in addresses}
    if versions == {4}:
        return IPVersion.V4Only
    return IPVersion.V6Only if versions == {6} else IPVersion.All
