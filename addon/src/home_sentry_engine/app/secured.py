"""How the API is protected on its way: by a certificate, by lying on this machine alone, or not at all."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
import logging
from pathlib import Path
import socket
import ssl
from typing import Final

from home_sentry_engine.api.addresses import is_loopback, reachable_addresses
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.operations.certificate import (
    Certificate,
    Keeper,
    UnusableCertificate,
    grouped,
    own_certificate,
    provided_certificate,
)
from home_sentry_engine.settings import ApiSettings

_LOGGER = logging.getLogger(__name__)
_LOOK_S: Final = 6 * 3600.0
_LONGEST_NAME: Final = 63


@dataclass(frozen=True, slots=True, kw_only=True)
class Secured:
    """What guards the way to the API; ``keeper`` is None for plain HTTP, ``insecure`` where others can listen in."""

    keeper: Keeper | None
    insecure: bool
    clock: Clock

    @property
    def context(self) -> ssl.SSLContext | None:
        """The context of the server, None for plain HTTP."""
        return self.keeper.context if self.keeper is not None else None

    @property
    def certificate(self) -> Certificate | None:
        """The certificate that callers are shown now."""
        return self.keeper.certificate if self.keeper is not None else None

    async def run(self) -> None:
        """Renew, and follow the owner's files, until cancelled; what cannot be read is told and the old one stays."""
        if self.keeper is None:
            await asyncio.Event().wait()
            return
        while True:
            await self.clock.sleep(_LOOK_S)
            try:
                changed = await asyncio.to_thread(self.keeper.review)
            except UnusableCertificate as err:
                _LOGGER.warning("The certificate of the API stays as it is: %s", err)
                continue
            if changed:
                _LOGGER.warning("The API has a new certificate: %s", grouped(self.keeper.certificate.fingerprint))


def secure(settings: ApiSettings, data: Path, clock: Clock) -> Secured:
    """Open what the settings ask for; raises ``UnusableCertificate``. Blocks for a moment."""
    if not settings.with_tls(loopback=is_loopback(settings.host)):
        wide = not is_loopback(settings.host)
        return Secured(keeper=None, insecure=wide and not settings.app_network, clock=clock)
    chain, key = settings.tls_certificate, settings.tls_key

    def read() -> Certificate:
        if chain is not None and key is not None:
            return provided_certificate(chain, key)
        return own_certificate(data, _names(settings.host), clock.now())

    keeper = Keeper(read, settings.tls_client_ca)
    _LOGGER.info("The certificate of the API has the fingerprint %s", grouped(keeper.certificate.fingerprint))
    return Secured(keeper=keeper, insecure=False, clock=clock)


def _names(host: str) -> Sequence[str]:
    own = socket.gethostname()
    named = [own] if own and len(own) <= _LONGEST_NAME else []
    return list(dict.fromkeys(["localhost", *named, *reachable_addresses(host, loopback=True)]))
