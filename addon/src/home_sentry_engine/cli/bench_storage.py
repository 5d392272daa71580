"""The benchmarks of storage, queue, search, broadcast and the idle engine."""

import argparse
from collections.abc import Awaitable, Callable
from typing import Any

from home_sentry_engine.operations.bench.fanout import FanoutBench, bench_fanout
from home_sentry_engine.operations.bench.memory import MemoryBench, bench_memory
from home_sentry_engine.operations.bench.queue import QueueBench, bench_queue
from home_sentry_engine.operations.bench.search import SearchBench, bench_search
from home_sentry_engine.operations.bench.store import StoreBench, bench_store

from .bench_fanout import served_feed
from .options import add_json, add_models_folder, add_places, settings_of

type Run = Callable[[argparse.Namespace], int]


def add_benches(benches: Any, run: Run) -> None:
    """Add the commands; ``run`` measures by ``arguments.measure`` and prints."""
    queue = _added(benches, run, "queue", _queue, 5, "jobs per second of each queue over those of the bare driver")
    _add_number(queue, "--jobs", 4000, 100_000, "jobs of one round")
    queue.add_argument("--postgres", metavar="URL", help="measure the queue in this PostgreSQL too")
    queue.add_argument("--redis", metavar="URL", help="measure the dispatch in this Redis too")
    store = _added(
        benches, run, "store", _store, 5, "new events per second over those of bare SQLite and of SQLAlchemy"
    )
    _add_number(store, "--events", 2000, 100_000, "events of one round")
    search = _added(benches, run, "search", _search, 40, "time of a page of matches with its total among many events")
    _add_number(search, "--events", 100_000, 10_000_000, "events to search")
    memory = _added(benches, run, "memory", _memory, 1, "memory and processor time of an engine that has nothing to do")
    add_models_folder(memory)
    _add_number(memory, "--seconds", 20, 3600, "seconds to look at each engine")
    fanout = _added(benches, run, "fanout", _fanout, 5, "messages to WebSocket clients over those of a bare loop")
    _add_number(fanout, "--clients", 1000, 1900, "WebSocket clients")
    _add_number(fanout, "--messages", 40, 10_000, "messages of one round")


def count_up_to(most: int) -> Callable[[str], int]:
    """Give what reads a number of 1 to ``most`` from the command line."""

    def read(text: str) -> int:
        number = int(text)
        if not 1 <= number <= most:
            raise argparse.ArgumentTypeError(f"must be 1 to {most}")
        return number

    return read


def _added(
    benches: Any, run: Run, name: str, measure: Callable[[argparse.Namespace], Awaitable[Any]], rounds: int, text: str
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = benches.add_parser(name, help=text, description=text)
    add_places(parser)
    _add_number(parser, "--rounds", rounds, 10_000, "rounds")
    add_json(parser)
    parser.set_defaults(run=run, measure=measure)
    return parser


def _add_number(parser: argparse.ArgumentParser, name: str, default: int, most: int, text: str) -> None:
    parser.add_argument(
        name, type=count_up_to(most), default=default, metavar="N", help=f"{text} (default: {default:,})"
    )


async def _queue(arguments: argparse.Namespace) -> QueueBench:
    return await bench_queue(
        rounds=arguments.rounds, jobs=arguments.jobs, postgres=arguments.postgres, redis=arguments.redis
    )


async def _store(arguments: argparse.Namespace) -> StoreBench:
    return await bench_store(rounds=arguments.rounds, events=arguments.events)


async def _search(arguments: argparse.Namespace) -> SearchBench:
    return await bench_search(rounds=arguments.rounds, events=arguments.events)


async def _memory(arguments: argparse.Namespace) -> MemoryBench:
    return await bench_memory(settings_of(arguments), seconds=arguments.seconds)


async def _fanout(arguments: argparse.Namespace) -> FanoutBench:
    return await bench_fanout(
        served_feed(), rounds=arguments.rounds, clients=arguments.clients, messages=arguments.messages
    )
