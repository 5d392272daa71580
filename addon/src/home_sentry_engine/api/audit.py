"""What callers did, kept; a store that does not answer is logged and stops nobody."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
import logging
from typing import Final

from home_sentry_engine.domain.errors import HomeSentryError
from home_sentry_engine.storage.repositories.audit import Deed

from .caller import INSTALLATION, Caller
from .limits import Limit, Windows
from .ports import AuditLog

_LOGGER = logging.getLogger(__name__)
_LONGEST_TARGET: Final = 128
_LONGEST_USER: Final = 64
_PATIENCE_S: Final = 5.0
# a row for each try would let anybody fill the table
_STRAYS: Final = Limit(per_minute=1)


class Auditor:
    """Writes deeds of the API; nothing of a token ever gets in."""

    def __init__(self, log: AuditLog, monotonic: Callable[[], float]) -> None:
        """Take where deeds are kept, and a clock of seconds that never goes back."""
        self._log = log
        self._strays = Windows(_STRAYS, monotonic)

    async def done(
        self,
        action: str,
        target: str | None,
        *,
        caller: Caller,
        failure: str | None = None,
        request_id: str | None = None,
        user: str | None = None,
    ) -> None:
        """Keep that a caller did something, or tried; ``user`` is whom a holder of the installation's token named."""
        deed = Deed(
            actor=f"user {user[:_LONGEST_USER]}" if user and caller.id == INSTALLATION else caller.actor,
            action=action,
            target=target[:_LONGEST_TARGET] if target else None,
            outcome=failure or "done",
            address=caller.address,
            request_id=request_id,
            details=None if caller.id == INSTALLATION else {"key_id": caller.id},
        )
        await self._note(deed)

    async def refused(self, address: str, request_id: str | None) -> None:
        """Keep that somebody came with a wrong token."""
        deed = Deed(actor="stranger", action="token.refused", outcome="unauthorized", address=address)
        await self._note(replace(deed, request_id=request_id))

    async def strayed(self, address: str, caller: Caller | None, failure: str, request_id: str | None) -> None:
        """Keep that a path tried to leave the API; once in a minute for each address."""
        if self._strays.take(address):
            return
        actor = "stranger" if caller is None else caller.actor
        deed = Deed(actor=actor, action="path.refused", outcome=failure, address=address)
        await self._note(replace(deed, request_id=request_id))

    async def _note(self, deed: Deed) -> None:
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await self._log.note(deed)
        except (HomeSentryError, OSError) as err:
            _LOGGER.warning("A deed was not kept: %s", err, extra={"action": deed.action})
