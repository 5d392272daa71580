"""How Home Assistant finds this engine: on the home network, and through the Supervisor."""

import asyncio
import logging
from pathlib import Path
import socket

import aiohttp

from home_sentry_engine.api.announce import Announcement
from home_sentry_engine.api.supervisor import DiscoveryMessage, SupervisorDiscovery
from home_sentry_engine.api.tokens import TOKEN_FILE
from home_sentry_engine.contract import Info
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.errors import StageError
from home_sentry_engine.settings import ApiSettings

_LOGGER = logging.getLogger(__name__)


class Discovery:
    """Announces while it runs; trouble with it is logged and never stops the engine."""

    def __init__(
        self, settings: ApiSettings, *, port: int, data: Path, supervisor_token: str | None, clock: Clock
    ) -> None:
        """Take where the API listens, where its token lies, and the Supervisor's token inside an app."""
        self._settings = settings
        self._port = port
        self._data = data
        self._supervisor_token = supervisor_token
        self._clock = clock

    async def run(self, info: Info) -> None:
        """Announce until cancelled."""
        if self._supervisor_token is not None:
            await self._tell_supervisor(info, self._supervisor_token)
        if not self._settings.zeroconf or self._supervisor_token is not None:
            await asyncio.Event().wait()
        async with Announcement(info, host=self._settings.host, port=self._port):
            await asyncio.Event().wait()

    async def _tell_supervisor(self, info: Info, supervisor_token: str) -> None:
        token_file = self._data / TOKEN_FILE
        try:
            token = (await asyncio.to_thread(token_file.read_text, encoding="ascii")).strip()
        except OSError:
            _LOGGER.warning("The token was removed from the data folder: Home Assistant has to be told by hand")
            return
        message = DiscoveryMessage(
            host=socket.gethostname(),
            port=self._port,
            token=token,
            instance_id=info.instance_id,
            version=info.version,
            nonce=info.started_at.isoformat(),
        )
        async with aiohttp.ClientSession() as session:
            try:
                await SupervisorDiscovery(session, supervisor_token, self._clock).announce(message)
            except StageError as err:
                _LOGGER.warning("Home Assistant was not told of this engine: %s", err.reason)
