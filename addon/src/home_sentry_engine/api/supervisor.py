"""The Supervisor that runs this app: hands address and token to Home Assistant, and begins the app anew."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
import logging
from typing import Final

import aiohttp

from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.errors import HomeSentryError, Permanent, Transient

_LOGGER = logging.getLogger(__name__)
SERVICE: Final = "home_sentry"
URL: Final = "http://supervisor"
_TIMEOUT_S: Final = 10.0
_RESTART_S: Final = 60.0
_PAUSES_S: Final = (2.0, 5.0, 15.0, 30.0, 60.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscoveryMessage:
    """What Home Assistant needs to set itself up against this engine.

    ``nonce`` differs at each start: the Supervisor pushes a message again only when something in it changed.
    """

    host: str
    port: int
    token: str
    instance_id: str
    version: str
    nonce: str

    def body(self) -> dict[str, object]:
        """Give the body of the request."""
        config: dict[str, object] = {
            "host": self.host,
            "port": self.port,
            "token": self.token,
            "instance_id": self.instance_id,
            "version": self.version,
            "nonce": self.nonce,
        }
        return {"service": SERVICE, "config": config}


class SupervisorDiscovery:
    """What this app asks of its Supervisor; the only connection that the API room opens by itself."""

    def __init__(self, session: aiohttp.ClientSession, token: str, clock: Clock, url: str = URL) -> None:
        """``token`` is the Supervisor's own (``SUPERVISOR_TOKEN``)."""
        self._session = session
        self._headers: Mapping[str, str] = {"Authorization": f"Bearer {token}"}
        self._clock = clock
        self._url = url

    async def announce(self, message: DiscoveryMessage) -> str:
        """Post until it is taken and give its uuid.

        Raises ``Permanent`` when the app's configuration does not list the service, ``Transient`` after six tries.
        """
        for pause_s in (*_PAUSES_S, None):
            try:
                return await self._post(message)
            except Transient as err:
                if pause_s is None:
                    raise
                _LOGGER.info("The Supervisor did not take the discovery message: %s", err.reason)
            await self._clock.sleep(pause_s)
        raise AssertionError("the last try returns or raises")

    async def restart_app(self) -> None:
        """Have this app restarted; raises ``Permanent`` where the Supervisor refuses, ``Transient`` without an answer.

        The Supervisor answers only after the restart, so this engine ends while it waits.
        """
        await self._call("POST", "/addons/self/restart", None, limit_s=_RESTART_S)

    async def _post(self, message: DiscoveryMessage) -> str:
        answer = await self._call("POST", "/discovery", message.body())
        data = answer.get("data")
        uuid = data.get("uuid") if isinstance(data, dict) else None
        if not isinstance(uuid, str):
            raise Transient("the Supervisor's answer has no uuid", code="bad_answer")
        return uuid

    async def _call(
        self, method: str, path: str, body: Mapping[str, object] | None, *, limit_s: float = _TIMEOUT_S
    ) -> Mapping[str, object]:
        try:
            async with (
                asyncio.timeout(limit_s),
                self._session.request(
                    method, self._url + path, json=body, headers=self._headers, allow_redirects=False
                ) as response,
            ):
                if response.status in {400, 401, 403}:
                    raise Permanent(f"the Supervisor refused with {response.status}", code="refused")
                if response.status >= 300:
                    raise Transient(f"the Supervisor answered {response.status}", code="bad_answer")
                answer = await response.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, ValueError) as err:
            if isinstance(err, HomeSentryError):
                raise
            raise Transient(f"the Supervisor cannot be reached: {type(err).__name__}", code="unreachable") from err
        return answer if isinstance(answer, dict) else {}
