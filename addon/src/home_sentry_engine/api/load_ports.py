"""What the API asks of the engine about the load of the machine; ``app`` implements it."""

from typing import Protocol

from home_sentry_engine.contract import GpuHistory, GpuState, LatencyHistory, Performance


class Load(Protocol):
    """Figures of the machine; what is not known is None."""

    async def now(self) -> Performance:
        """Give everything at this moment."""
        ...

    async def gpu(self) -> GpuState:
        """Give the newest reading of each graphics card."""
        ...

    async def gpu_history(self, minutes: int) -> GpuHistory:
        """Give readings of the last hour, or means of each minute for a longer time."""
        ...

    async def latency_history(self) -> LatencyHistory:
        """Give how long the hops took in each minute of the last hour."""
        ...
