"""JSON over HTTP to the two programs that the demo starts."""

from collections.abc import Mapping
import json
from typing import Any, Final

from aiohttp import ClientError, ClientSession, ClientTimeout

from .errors import DemoError

_TIMEOUT: Final = ClientTimeout(total=60)


class Silent(DemoError, ConnectionError):
    """Nobody answered."""


class Refusal(DemoError):
    """The answer was an error; ``status`` is its HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Web:
    """One address with one bearer token."""

    def __init__(self, session: ClientSession, url: str, token: str | None = None) -> None:
        self._session = session
        self.url = url
        self.token = token

    async def get(self, path: str, **query: str | int) -> Any:
        """Ask for a JSON document; raises ``Silent`` or ``Refusal``."""
        return json.loads(await self._ask("GET", path, params=query))

    async def get_text(self, path: str) -> str:
        """Ask for a text; raises as ``get`` does."""
        return await self._ask("GET", path)

    async def post(self, path: str, document: Mapping[str, Any]) -> Any:
        """Send a JSON document and give the answer; raises as ``get`` does."""
        return json.loads(await self._ask("POST", path, json=document))

    async def post_form(self, path: str, fields: Mapping[str, str]) -> Any:
        """Send form fields and give the answer; raises as ``get`` does."""
        return json.loads(await self._ask("POST", path, data=fields))

    async def _ask(self, method: str, path: str, **what: Any) -> str:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        try:
            async with self._session.request(
                method, f"{self.url}{path}", headers=headers, timeout=_TIMEOUT, **what
            ) as response:
                said = await response.text()
        except (ClientError, OSError, TimeoutError) as err:
            raise Silent(f"{method} {self.url}{path}: {str(err) or type(err).__name__}") from err
        if not response.ok:
            raise Refusal(response.status, f"{method} {path} was answered {response.status}: {said[:400]}")
        return said
