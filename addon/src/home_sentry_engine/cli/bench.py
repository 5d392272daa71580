"""``home-sentry bench``: figures of this machine, each against a limit measured in the same run."""

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
import os
from pathlib import Path
from typing import Any, Final, Protocol

from home_sentry_engine.domain.clock import SystemClock
from home_sentry_engine.operations.bench.detect import bench_detect
from home_sentry_engine.operations.bench.detectors import bench_detectors
from home_sentry_engine.operations.bench.enrich import bench_enrich
from home_sentry_engine.operations.bench.identity import bench_identity
from home_sentry_engine.operations.bench.intake import bench_intake
from home_sentry_engine.operations.bench.labelled import NoLabels
from home_sentry_engine.operations.bench.latency import bench_latency
from home_sentry_engine.operations.bench.machine import MachineFacts, machine_facts
from home_sentry_engine.operations.bench.quality import bench_quality
from home_sentry_engine.operations.bench.similarity import bench_similarity
from home_sentry_engine.operations.bench.video import bench_video

from .bench_storage import add_benches, count_up_to
from .display import print_json, print_table, quiet
from .options import add_json, add_models_folder, add_places, settings_of

MEDIA: Final = "HOME_SENTRY_TEST_MEDIA"
# more looks than are compared one by one
_BEYOND: Final = 120_000


class Result(Protocol):
    """What every benchmark gives."""

    @property
    def passed(self) -> bool:
        """Whether its target is met."""
        ...

    def document(self) -> dict[str, Any]:
        """Give it as JSON values."""
        ...

    def rows(self) -> list[tuple[str, str, str]]:
        """Give it as a table: what, figure, judgement."""
        ...


def add_parser(commands: Any) -> None:
    """Add the command with its benchmarks."""
    parser = commands.add_parser("bench", help="measure this machine")
    benches = parser.add_subparsers(dest="bench", required=True, metavar="BENCH")
    for name, measure, rounds, text in (
        ("detect", _detect, 5, "pictures per second of the engine over those of bare ONNX Runtime"),
        ("detectors", _detectors, 15, "every detector that is here on every provider, INT8 variants beside float32"),
        ("enrich", _enrich, 15, "time of each model on demand over its bare graphs, and the memory that it takes"),
        ("intake", _intake, 15, "processor time around the models over that of a naive chain, and files missed"),
        (
            "quality",
            _quality,
            1,
            "how right the models are on labelled pictures (--pictures, or HOME_SENTRY_TEST_MEDIA), beside scripts",
        ),
        ("similarity", _similarity, 50, "time of the picture comparison against scikit-image, and how far they differ"),
        ("identity", _identity, 20, "time of the ten nearest of many vectors over the bare matrix product"),
        ("video", _video, 3, "frames per second of key frames over bare PyAV, and who is seen against fixed steps"),
        ("latency", _latency, 13, "from a closed file to its event on the WebSocket, model time apart"),
    ):
        bench = benches.add_parser(name, help=text, description=text)
        add_places(bench)
        add_models_folder(bench)
        bench.add_argument(
            "--rounds", type=count_up_to(10_000), default=rounds, metavar="N", help=f"rounds (default: {rounds})"
        )
        bench.add_argument("--pictures", type=Path, nargs="+", default=[], metavar="PATH", help="instead of drawn ones")
        add_json(bench)
        bench.set_defaults(run=run, measure=measure)
    add_benches(benches, run)


def run(arguments: argparse.Namespace) -> int:
    """Measure and print; 1 if it could not be measured, 0 whether or not the target is met."""
    measure: Callable[[argparse.Namespace], Awaitable[Result]] = arguments.measure
    began, machine = datetime.now(UTC), machine_facts()
    with quiet():
        result = asyncio.run(_awaited(measure(arguments)))
    if arguments.json:
        print_json({"at": began, "machine": machine, **result.document()})
    else:
        print_table(("WHAT", "FIGURE", "RATIO"), result.rows())
        print(f"\ntarget {'met' if result.passed else 'NOT met'}; {_described(machine)}")
    return 0


async def _awaited(work: Awaitable[Result]) -> Result:
    return await work


async def _detect(arguments: argparse.Namespace) -> Result:
    settings = settings_of(arguments)
    return await bench_detect(
        settings.detect, settings.models, SystemClock(), pictures=arguments.pictures, rounds=arguments.rounds
    )


async def _detectors(arguments: argparse.Namespace) -> Result:
    media = arguments.pictures[0] if arguments.pictures else None
    return await bench_detectors(settings_of(arguments).models, media=media, rounds=arguments.rounds)


async def _enrich(arguments: argparse.Namespace) -> Result:
    return await bench_enrich(settings_of(arguments).models, SystemClock(), rounds=arguments.rounds)


async def _intake(arguments: argparse.Namespace) -> Result:
    pictures = [file for place in arguments.pictures for file in _files(place)]
    return await bench_intake(pictures=pictures, rounds=arguments.rounds)


async def _latency(arguments: argparse.Namespace) -> Result:
    return await bench_latency(settings_of(arguments), pictures=arguments.pictures, rounds=arguments.rounds)


def _files(place: Path) -> list[Path]:
    return sorted(file for file in place.rglob("*") if file.is_file()) if place.is_dir() else [place]


async def _similarity(arguments: argparse.Namespace) -> Result:
    return await asyncio.to_thread(bench_similarity, rounds=arguments.rounds)


async def _identity(arguments: argparse.Namespace) -> Result:
    return await asyncio.to_thread(bench_identity, rounds=arguments.rounds, beyond=_BEYOND)


async def _quality(arguments: argparse.Namespace) -> Result:
    places = _given_or_test_media(arguments)
    if not places:
        raise NoLabels(f"which labelled pictures? Name their folder with --pictures or {MEDIA}")
    return await bench_quality(settings_of(arguments).models, SystemClock(), media=places[0])


def _given_or_test_media(arguments: argparse.Namespace) -> list[Path]:
    given: list[Path] = arguments.pictures
    named = os.environ.get(MEDIA)
    return given or ([Path(named)] if named else [])


def _described(machine: MachineFacts) -> str:
    runtime = next(
        (f"{name} {version}" for name, version in machine.versions.items() if "onnx" in name), "no ONNX Runtime"
    )
    return (
        f"{machine.processor}, {machine.cores} cores, load {machine.load_1min} at the start, "
        f"Python {machine.python}, {runtime}, Home Sentry {machine.engine}"
    )


async def _video(arguments: argparse.Namespace) -> Result:
    settings = settings_of(arguments)
    return await bench_video(
        settings.detect,
        settings.models,
        SystemClock(),
        places=_given_or_test_media(arguments),
        rounds=arguments.rounds,
    )
