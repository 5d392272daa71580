"""The load of the machine: graphics cards, everything at once, and how long pictures take."""

from typing import Final

from aiohttp import web

from home_sentry_engine.api.fields import Field, Kind
from home_sentry_engine.api.load_ports import Load
from home_sentry_engine.api.routing import Answer, Call, Respond, Route
from home_sentry_engine.contract import GpuHistory, GpuState, LatencyHistory, Performance

from .replies import json_reply

_MINUTES: Final = Field(
    name="minutes", kind=Kind.WHOLE, low=1, high=1440, default=60, text="How far back; beyond 60 as means of minutes"
)


class LoadRoutes:
    """Reads figures of the machine."""

    def __init__(self, load: Load) -> None:
        """Take the port."""
        self._load = load

    def routes(self) -> tuple[Route, ...]:
        """Declare the operations."""
        return (
            _read("gpu", "get_gpu", "The newest reading of each graphics card", self._gpu, GpuState),
            _read(
                "gpu/history", "get_gpu_history", "Graphics cards over time", self._gpu_history, GpuHistory, _MINUTES
            ),
            _read("performance", "get_performance", "Everything about the load", self._now, Performance),
            _read(
                "latency/history",
                "get_latency_history",
                "How long each hop of a picture took, by minute",
                self._latency,
                LatencyHistory,
            ),
        )

    async def _gpu(self, _call: Call) -> web.Response:
        return json_reply(await self._load.gpu())

    async def _gpu_history(self, call: Call) -> web.Response:
        return json_reply(await self._load.gpu_history(call.query["minutes"]))

    async def _now(self, _call: Call) -> web.Response:
        return json_reply(await self._load.now())

    async def _latency(self, _call: Call) -> web.Response:
        return json_reply(await self._load.latency_history())


def _read(path: str, name: str, text: str, respond: Respond, shape: type, *query: Field) -> Route:
    return Route(
        method="GET",
        path=f"/api/v1/system/{path}",
        name=name,
        text=text,
        respond=respond,
        answer=Answer(shape=shape),
        query=query,
    )
