"""What every room of an engine stands on: data folder, certificate, database, links to other engines, figures."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass
import os
import sys
import threading
from threading import Event

from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.operations.health import HealthBoard
from home_sentry_engine.pipeline.relay import Relay
from home_sentry_engine.settings import Settings
from home_sentry_engine.storage.database import Database
from home_sentry_engine.telemetry.metrics import Registry

from .database import SoundDatabase
from .feed import OutboxReader
from .links import Links, Names, node_of, open_links
from .lock import DataFolder
from .measuring import Instruments, Measuring
from .neighbours import Neighbours
from .parts import Surroundings, make_tables
from .secured import Secured, secure
from .shared_clock import SharedClock
from .tables import Tables
from .transactions import Transactions
from .wellbeing import Wellbeing


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """The open ground; ``stack`` closes it, and what others open on it. ``secured`` is there with the role ``api``."""

    settings: Settings
    around: Surroundings
    stack: AsyncExitStack
    board: HealthBoard
    metrics: Registry
    secured: Secured | None
    instance_id: str
    node: str
    database: Database
    tables: Tables
    store: Transactions
    links: Links
    relay: Relay
    wellbeing: Wellbeing
    measuring: Measuring

    @property
    def clock(self) -> Clock:
        """The time that all engines on the database share."""
        return self.around.clock

    def closing(self) -> Callable[[], bool]:
        """Give what tells threads whether the ground is being closed."""
        closed = Event()
        self.stack.callback(closed.set)
        return closed.is_set

    def threads(self, count: int, name: str, *, niceness: int = 0) -> ThreadPoolExecutor:
        """Give threads that end with the ground; others go before those of a higher ``niceness``, on Linux."""
        pool = ThreadPoolExecutor(count, thread_name_prefix=name, initializer=_give_way, initargs=(niceness,))
        self.stack.callback(pool.shutdown, wait=False, cancel_futures=True)
        return pool


def _give_way(niceness: int) -> None:
    if niceness and sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)


async def open_ground(
    stack: AsyncExitStack,
    settings: Settings,
    around: Surroundings,
    clock: SharedClock,
    board: HealthBoard,
    metrics: Registry,
) -> Ground:
    """Open the ground on ``stack``.

    Raises ``DataFolderError``, the errors of ``storage.errors`` and ``InsecureBinding``.
    """
    stack.enter_context(DataFolder(settings.data))
    await asyncio.to_thread(settings.media_root.mkdir, parents=True, exist_ok=True)
    secured = None
    if "api" in settings.roles:
        secured = await asyncio.to_thread(secure, settings.api, settings.data, clock)
    sound = await stack.enter_async_context(SoundDatabase(settings, clock, around.ids))
    database = sound.database
    board.report(sound.component())
    node = await asyncio.to_thread(node_of, settings.data, around.ids)
    names = Names(installation=sound.instance_id, node=node)
    links = await stack.enter_async_context(open_links(settings, database, clock, names, board.report))
    tables = make_tables(settings, clock, links.queue)
    await database.write(lambda conn: tables.batches.recover(conn, clock.steady()))
    relay = Relay(OutboxReader(database, tables), poll_s=links.poll_s)
    links.follow(relay.nudge)
    wellbeing = Wellbeing(settings, sound, tables, board, clock, node)
    if links.bus is not None:
        neighbours = Neighbours(node=node, roles=settings.roles, board=board, clock=clock, bus=links.bus)
        links.jobs |= neighbours.jobs()
        wellbeing.registry.remote |= neighbours.remote
    board.report(await asyncio.to_thread(wellbeing.guard.check))
    instruments = Instruments(
        database=database, tables=tables, board=board, metrics=metrics, clock=clock, node=node,
        parts=wellbeing.registry.parts, redis=links.redis_load,
    )  # fmt: skip
    return Ground(
        settings=settings,
        around=around,
        stack=stack,
        board=board,
        metrics=metrics,
        secured=secured,
        instance_id=sound.instance_id,
        node=node,
        database=database,
        tables=tables,
        store=Transactions(database, tables, clock, links.announce),
        links=links,
        relay=relay,
        wellbeing=wellbeing,
        measuring=Measuring(settings, instruments),
    )
