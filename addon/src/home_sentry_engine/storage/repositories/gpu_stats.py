"""Means of each graphics card for each minute, kept for a day."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy import Connection

from home_sentry_engine.contract import GpuPoint
from home_sentry_engine.storage.operations_schema import gpu_stats
from home_sentry_engine.storage.rows import insert_into

KEPT: Final = timedelta(hours=24)


class GpuStats:
    """Rows of several engines stand beside each other by the name of their node."""

    def save(self, conn: Connection, node: str, points: Sequence[GpuPoint]) -> None:
        """Keep the means of minutes that are over; one that is there already is replaced."""
        for point in points:
            means = {
                "readings": point.readings,
                "utilization_percent": point.utilization_percent,
                "memory_used_bytes": point.memory_used_bytes,
                "temperature_c": point.temperature_c,
                "power_w": point.power_w,
            }
            statement = insert_into(conn, gpu_stats).values(node=node, gpu=point.index, at=point.at, **means)
            conn.execute(statement.on_conflict_do_update(index_elements=["node", "gpu", "at"], set_=means))

    def since(self, conn: Connection, node: str, at: datetime) -> tuple[GpuPoint, ...]:
        """Give the means of one engine's cards from a time on, oldest first."""
        wanted = sa.select(gpu_stats).where(gpu_stats.c.node == node, gpu_stats.c.at >= at)
        rows = conn.execute(wanted.order_by(gpu_stats.c.at, gpu_stats.c.gpu))
        return tuple(
            GpuPoint(
                at=row.at,
                index=row.gpu,
                readings=row.readings,
                utilization_percent=row.utilization_percent,
                memory_used_bytes=row.memory_used_bytes,
                temperature_c=row.temperature_c,
                power_w=row.power_w,
            )
            for row in rows
        )

    def prune(self, conn: Connection, now: datetime) -> int:
        """Delete what is older than a day; gives how many rows."""
        return conn.execute(gpu_stats.delete().where(gpu_stats.c.at < now - KEPT)).rowcount
