"""What callers did, kept; a store that does not answer is logged and stops nobody."""

import asyncio
from dataclasses import replace
import logging
from typing import Final

from home_sentry_engine.domain.errors import HomeSentryError
from home_sentry_engine.storage.repositories.audit import Deed

from .caller import INSTALLATION, Caller
from .ports import AuditLog

_LOGGER = logging.getLogger(__name__)
_LONGEST_TARGET: Final = 128
_LONGEST_USER: Final = 64
_PATIENCE_S: Final = 5.0


class Auditor:
    """Writes deeds of the API; nothing of a token ever gets in."""

    def __init__(self, log: AuditLog) -> None:
        """Take where deeds are kept."""
        self._log = log

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

    async def _note(self, deed: Deed) -> None:
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await self._log.note(deed)
        except (HomeSentryError, OSError) as err:
            _LOGGER.warning("A deed was not kept: %s", err, extra={"action": deed.action})
