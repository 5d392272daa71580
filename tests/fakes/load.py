"""The load of a machine for tests of the API."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

from home_sentry_engine.contract import (
    AlertLevel,
    Gpu,
    GpuHistory,
    GpuPoint,
    GpuState,
    HostLoad,
    Latency,
    LatencyHistory,
    LatencyPoint,
    LoadAlert,
    Performance,
)
from tests.fakes.clock import START

type Pause = Callable[[], Awaitable[None]]

CARD = Gpu(index=0, name="NVIDIA L4", at=START, utilization_percent=40.0, memory_used_bytes=2**32)
HOT = LoadAlert(metric="gpu_temperature_c", level=AlertLevel.WARNING, value=80.0, limit=75.0, since=START)


class FakeLoad:
    """Figures that a test may change."""

    def __init__(self, pause: Pause) -> None:
        self._pause = pause
        self.performance = Performance(
            at=START,
            gpu=GpuState(source="nvml", items=(CARD,)),
            host=HostLoad(cpu_percent=12.5),
            latencies=(Latency(hop="total", count=1, p50_ms=1.0, p95_ms=1.0, p99_ms=1.0),),
        )

    def heat(self, *alerts: LoadAlert) -> None:
        self.performance = replace(self.performance, alerts=alerts)

    async def now(self) -> Performance:
        await self._pause()
        return self.performance

    async def gpu(self) -> GpuState:
        await self._pause()
        return self.performance.gpu

    async def gpu_history(self, minutes: int) -> GpuHistory:
        await self._pause()
        points = (GpuPoint(at=START + timedelta(minutes=n), index=0, readings=1) for n in range(minutes))
        return GpuHistory(items=tuple(points))

    async def latency_history(self) -> LatencyHistory:
        await self._pause()
        return LatencyHistory(items=(LatencyPoint(at=START, hop="total", count=1, p50_ms=1.0, p95_ms=1.0, p99_ms=1.0),))
