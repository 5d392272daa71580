"""Files of the engine, brought through Home Assistant to who is logged in or has a signed link."""

from collections.abc import Mapping
from http import HTTPStatus

from aiohttp import web
from homeassistant.config_entries import ConfigEntryState
from homeassistant.helpers.http import KEY_HASS, HomeAssistantView

from .client import ClientError, NoPicture
from .const import DOMAIN
from .coordinator import HomeSentryCoordinator


class EngineFileView(HomeAssistantView):
    """A view that answers with a file of the engine: 404 where there is none, 503 while the engine is away."""

    requires_auth = True
    caching = "private, no-cache"

    async def send(
        self,
        request: web.Request,
        entry_id: str,
        parts: tuple[str, ...],
        *,
        query: Mapping[str, str] | None = None,
        wanted: Mapping[str, str] | None = None,
    ) -> web.StreamResponse:
        """Pass the file on as it comes, with ``query`` and the headers ``wanted`` handed to the engine."""
        entry = request.app[KEY_HASS].config_entries.async_get_entry(entry_id)
        if entry is None or entry.domain != DOMAIN or entry.state is not ConfigEntryState.LOADED:
            return web.Response(status=HTTPStatus.NOT_FOUND)
        coordinator: HomeSentryCoordinator = entry.runtime_data
        response: web.StreamResponse | None = None
        try:
            async with coordinator.engine.clip(*parts, query=query or {}, wanted=wanted or {}) as file:
                response = web.StreamResponse(status=file.status, headers=file.headers)
                response.headers["Cache-Control"] = self.caching
                await response.prepare(request)
                async for chunk in file.chunks:
                    await response.write(chunk)
        except ClientError as err:
            if response is not None:
                # the connection ends before its time: who reads it sees that something is missing
                raise
            gone = isinstance(err, NoPicture)
            return web.Response(status=HTTPStatus.NOT_FOUND if gone else HTTPStatus.SERVICE_UNAVAILABLE)
        return response
