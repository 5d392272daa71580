"""What the engine says about itself: alive, ready, identity, status, metrics, the document of this API."""

import asyncio
from collections.abc import Callable

from aiohttp import web
import orjson

from home_sentry_engine.api.narrowing import Narrowing
from home_sentry_engine.api.ports import Catalogue, Health
from home_sentry_engine.api.routing import Access, Answer, Call, Respond, Route
from home_sentry_engine.contract import Info, Status
from home_sentry_engine.telemetry.metrics import CONTENT_TYPE as METRICS_TYPE
from home_sentry_engine.telemetry.metrics import Registry

from .front_page import INGRESS, front_page
from .replies import json_reply

_PLAIN = "text/plain"
_WELL = frozenset({"ready", "degraded"})


class StateRoutes:
    """Liveness, readiness, identity, status, metrics and OpenAPI."""

    def __init__(
        self, health: Health, catalogue: Catalogue, metrics: Registry, document: Callable[[], dict[str, object]]
    ) -> None:
        """``document`` gives the OpenAPI document of the whole table."""
        self._health = health
        self._catalogue = catalogue
        self._metrics = metrics
        self._document = document
        self._encoded: bytes | None = None

    def routes(self) -> tuple[Route, ...]:
        """Declare the operations."""
        return (
            _bare("/", "root", "Says ok; to Home Assistant's ingress a page that tells readiness", self._ok),
            _bare("/health", "health", "The process is alive", self._alive),
            _bare("/ready", "ready", "Work may be sent here: ready or degraded; not_ready comes with 503", self._ready),
            _read("/metrics", "metrics", "Prometheus metrics", self._expose, Answer(content_type=_PLAIN)),
            _read("/api/v1/info", "get_info", "Identity and abilities", self._info, Answer(shape=Info)),
            _read("/api/v1/status", "get_status", "State of every component", self._status, Answer(shape=Status)),
            _read("/api/v1/openapi.json", "get_openapi", "This document", self._openapi, Answer(text="OpenAPI 3.1")),
        )

    async def _ok(self, call: Call) -> web.Response:
        if INGRESS in call.request.headers:
            return front_page(await self._word(), call.request.headers.get("Accept-Language", ""))
        return web.Response(text="ok", content_type=_PLAIN)

    async def _alive(self, _call: Call) -> web.Response:
        return web.Response(text="alive", content_type=_PLAIN)

    async def _ready(self, _call: Call) -> web.Response:
        word = await self._word()
        return web.Response(status=200 if word in _WELL else 503, text=word, content_type=_PLAIN)

    async def _word(self) -> str:
        readiness = await self._health.readiness()
        if not readiness.ready:
            return "not_ready"
        return "ready" if readiness.mode == "normal" else "degraded"

    async def _expose(self, _call: Call) -> web.Response:
        return web.Response(body=self._metrics.render().encode(), headers={"Content-Type": METRICS_TYPE})

    async def _info(self, _call: Call) -> web.Response:
        return json_reply(await self._health.info())

    async def _status(self, call: Call) -> web.Response:
        narrowing = await Narrowing.of(call.query["within"], self._catalogue)
        status = await self._health.status()
        return json_reply(status if narrowing is None else narrowing.status(status))

    async def _openapi(self, _call: Call) -> web.Response:
        if self._encoded is None:
            # describing a hundred routes takes seconds on a busy machine
            self._encoded = await asyncio.to_thread(lambda: orjson.dumps(self._document()))
        return web.Response(body=self._encoded, content_type="application/json")


def _bare(path: str, name: str, text: str, respond: Respond) -> Route:
    return Route(
        method="GET",
        path=path,
        name=name,
        text=text,
        respond=respond,
        answer=Answer(content_type=_PLAIN, text="One word"),
        limit=None,
        access=Access.OPEN,
        deadline_s=5.0,
    )


def _read(path: str, name: str, text: str, respond: Respond, answer: Answer) -> Route:
    return Route(method="GET", path=path, name=name, text=text, respond=respond, answer=answer)
