"""A server whose kind is found out by asking it."""

from collections.abc import Sequence

from home_sentry_engine.language.errors import BadOutput, ModelUnreachable

from .base import Backend, Completion, Message, Occupancy, Question
from .http import JsonClient
from .llama_server import LlamaServer
from .openai import OpenAICompatible

_PROBE_TIMEOUT_S = 15.0


class RemoteModel:
    """Backend that uses the llama.cpp API where the server has it, else the OpenAI API.

    ``client`` leads to the address as given; an address that ends in ``/v1`` names the OpenAI API itself.
    """

    def __init__(self, client: JsonClient, *, api: str, model: str | None, window_tokens: int) -> None:
        """Take ``api`` as ``auto``, ``llama.cpp`` or ``openai``."""
        self._client = client
        self._model = model
        self._window = window_tokens
        self._found: Backend | None = self._made(api) if api != "auto" else None

    @property
    def model_id(self) -> str:
        """Name of the model, the host while nothing else is known."""
        return self._found.model_id if self._found is not None else self._model or self._client.host

    async def window(self) -> int:
        """Give the server's window."""
        return await (await self._backend()).window()

    async def count(self, messages: Sequence[Message]) -> int:
        """Count, or estimate from above where the server cannot."""
        return await (await self._backend()).count(messages)

    async def complete(self, question: Question) -> Completion:
        """Ask."""
        return await (await self._backend()).complete(question)

    async def occupancy(self) -> Occupancy | None:
        """Ask a llama.cpp server how busy it is; None for others, and before the first question."""
        return await self._found.occupancy() if isinstance(self._found, LlamaServer) else None

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _backend(self) -> Backend:
        if self._found is None:
            self._found = self._made(await self._probed())
        return self._found

    async def _probed(self) -> str:
        if self._client.path.endswith("/v1"):
            return "openai"
        try:
            props = await self._client.get("/props", timeout_s=_PROBE_TIMEOUT_S)
        except BadOutput:
            return "openai"
        except ModelUnreachable as err:
            if err.status is None or err.status >= 500:
                raise
            return "openai"
        return "llama.cpp" if "default_generation_settings" in props else "openai"

    def _made(self, api: str) -> Backend:
        if api == "llama.cpp":
            return LlamaServer(self._client, model=self._model, window_tokens=self._window)
        prefix = "" if self._client.path.endswith("/v1") else "/v1"
        return OpenAICompatible(self._client, model=self._model or "default", window_tokens=self._window, prefix=prefix)
