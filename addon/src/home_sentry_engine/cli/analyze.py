"""``home-sentry analyze``: pictures, clips or folders through the real pipeline, in a scratch data folder."""

import argparse
import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
import json
from pathlib import Path
import sys
import tempfile
from typing import Any

from home_sentry_engine.app.engine import Engine
from home_sentry_engine.app.health import detector_component
from home_sentry_engine.contract import ComponentState, Event, MediaKind, to_plain
from home_sentry_engine.contract import Detection as DetectionRecord
from home_sentry_engine.domain.errors import HomeSentryError
from home_sentry_engine.domain.filetypes import kind_of_name
from home_sentry_engine.domain.identity import camera_id_of
from home_sentry_engine.domain.jobs import ASSESS, DETECT
from home_sentry_engine.domain.messages import Arrival
from home_sentry_engine.ingest import intake
from home_sentry_engine.settings import Settings
from home_sentry_engine.storage.query import MAX_LIMIT, EventQuery

from .common import run_until_signal, settings_of, start_logging

_POLL_S = 0.02


@dataclass(slots=True, kw_only=True)
class _Input:
    path: Path
    media_id: str | None = None
    sha256: str | None = None
    kind: MediaKind | None = None
    error: str | None = None


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "analyze",
        help="look at pictures, clips or folders now",
        description="Send pictures through the real pipeline in a data folder of their own, and print what was found.",
    )
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="picture, clip or folder")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--camera", default="Analyze", metavar="NAME", help="camera that the files count for")
    parser.add_argument("--at", metavar="TIME", help="capture time, ISO 8601, instead of the files' own")
    parser.add_argument("--models", type=Path, metavar="DIR", help="folder with model files")
    parser.add_argument("--detector", metavar="ID", help="detector to use (see `home-sentry models list`)")
    parser.add_argument("--min-confidence", type=float, metavar="X", help="ignore objects below, 0.01 to 1")
    parser.add_argument("--no-llm", action="store_true", help="judge by rules alone")
    parser.add_argument("--data", type=Path, metavar="DIR", help="keep the data in this folder")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Analyse; 0 unless every input failed."""
    at = _time(arguments.at)
    camera_id_of(arguments.camera)
    inputs = [_Input(path=path) for path in _files(arguments.paths)]
    if not inputs:
        print("home-sentry analyze: no picture or clip in these folders", file=sys.stderr)
        return 1
    with _data_folder(arguments.data) as data:
        arguments.data = data
        settings = settings_of(arguments, _overrides(arguments))
        start_logging(settings)
        document: dict[str, Any] = {}

        async def work() -> int:
            document.update(await _analyze(settings, inputs, arguments.camera, at))
            return 0

        run_until_signal(work)
    if arguments.json:
        print(json.dumps(document, indent=2))
    else:
        for line in table_of(document):
            print(line)
    failed = sum(1 for entry in document.get("media", ()) if entry["error"] is not None)
    return 1 if failed == len(inputs) or not document else 0


def _overrides(arguments: argparse.Namespace) -> dict[str, Any]:
    return {
        "roles": ["ingest", "detect", "assess"],
        "log_level": "error",
        "log_format": "text",
        "models": str(arguments.models.absolute()) if arguments.models else None,
        "detector": arguments.detector,
        "detection_confidence": arguments.min_confidence,
        "llm": False if arguments.no_llm else None,
        "assessor": "text" if arguments.no_llm else None,
    }


def _time(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError as err:
        raise BadOption(f"--at: {text!r} is not a time such as 2026-11-20T22:15:00+01:00") from err
    return at.astimezone(UTC)


class BadOption(HomeSentryError, ValueError):
    """An option of the command line cannot be used; the message names it."""


class NothingLooks(HomeSentryError, RuntimeError):
    """There is no detector; the message says why."""


@contextmanager
def _data_folder(kept: Path | None) -> Iterator[Path]:
    with ExitStack() as stack:
        yield kept or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="home-sentry-")))


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(file for file in path.rglob("*") if file.is_file() and kind_of_name(file) is not None)
        else:
            yield path


async def _analyze(settings: Settings, inputs: list[_Input], camera: str, at: datetime | None) -> dict[str, Any]:
    async with Engine(settings, watch_folder=False) as engine:
        running = asyncio.create_task(engine.run())
        try:
            for one in inputs:
                await _offer(engine, one, camera, at)
            await _drain(engine, DETECT, trouble=lambda: _blind(engine))
            for batch in await engine.database.read(engine.tables.batches.all_open):
                await engine.pipeline.timers.force_close(batch.batch_id)
            await _drain(engine, ASSESS)
            return await _document(engine, inputs)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def _offer(engine: Engine, one: _Input, camera: str, at: datetime | None) -> None:
    if not one.path.exists():
        one.error = "there is no such file or folder"
        return
    kind = kind_of_name(one.path)
    if kind is None:
        one.error = "not a picture or clip by its name (jpg, jpeg, png, webp, mp4, mkv, avi, mov)"
        return
    one.kind = kind
    try:
        data = one.path.read_bytes()
    except OSError as err:
        one.error = f"cannot be read: {err.strerror}"
        return
    modified = datetime.fromtimestamp(one.path.stat().st_mtime, UTC)
    arrival = Arrival(
        camera_id=camera_id_of(camera),
        camera_name=camera,
        kind=kind,
        seen_at=datetime.now(UTC),
        data=data,
        captured_at=at or modified,
        origin="upload",
    )
    match await engine.intake.take(arrival):
        case intake.Accepted(media=media):
            one.media_id, one.sha256 = media.media_id, media.sha256
        case intake.Duplicate(sha256=digest):
            one.sha256, one.error = digest, "the same content as an earlier input"
        case intake.Refused(rejected=rejected):
            one.error = str(rejected)


async def _drain(engine: Engine, queue: str, *, trouble: Callable[[], str | None] = lambda: None) -> None:
    while True:
        depth = await engine.tables.queue.depth(queue)
        if not depth.pending + depth.processing + depth.delayed:
            return
        reason = trouble()
        if reason is not None:
            raise NothingLooks(reason)
        await asyncio.sleep(_POLL_S)


def _blind(engine: Engine) -> str | None:
    """Say why no detector looks, once it is known; an engine that serves would wait for one."""
    status = engine.zoo.detector.describe()
    return f"no detector: {status.reason}" if status.state is ComponentState.UNHEALTHY else None


async def _document(engine: Engine, inputs: list[_Input]) -> dict[str, Any]:
    looked = [(one, await _detections(engine, one)) for one in inputs]
    shown = {row.event_id for _, rows in looked for row in rows}
    query = EventQuery(limit=MAX_LIMIT)
    events = (await engine.database.read(lambda conn: engine.tables.events.page(conn, query))).items
    detector = to_plain(detector_component(engine.zoo.detector.describe()))
    return {
        "detector": detector,
        "media": [await _media_entry(engine, one, rows) for one, rows in looked],
        # a data folder that is kept holds those of earlier runs as well
        "events": [await _event_entry(engine, event) for event in reversed(events) if event.event_id in shown],
    }


async def _detections(engine: Engine, one: _Input) -> tuple[DetectionRecord, ...]:
    media_id = one.media_id
    if media_id is None:
        return ()
    return await engine.database.read(lambda conn: engine.tables.detections.of_media(conn, media_id))


async def _event_entry(engine: Engine, event: Event) -> dict[str, Any]:
    """Give an event with what models found in its pictures; None where nobody looked closely."""
    found = await engine.database.read(lambda conn: engine.tables.enrichments.of(conn, event.event_id))
    entry: dict[str, Any] = to_plain(event)
    return entry | {"enrichment": to_plain(found) if found is not None else None}


async def _media_entry(engine: Engine, one: _Input, rows: tuple[DetectionRecord, ...]) -> dict[str, Any]:
    media_id = one.media_id
    stored = await engine.database.read(lambda conn: engine.tables.media.get(conn, media_id)) if media_id else None
    frames = 0
    if stored is not None and media_id is not None:
        frames = await engine.database.read(lambda conn: engine.tables.detections.frames_of(conn, media_id))
        one.error = one.error or stored.error
    return {
        "path": str(one.path),
        "sha256": one.sha256,
        "kind": one.kind.value if one.kind else None,
        "width": stored.media.width if stored else None,
        "height": stored.media.height if stored else None,
        "frames": frames,
        "detections": [_detection_entry(row) for row in rows],
        "error": one.error,
    }


def _detection_entry(row: DetectionRecord) -> dict[str, Any]:
    entry = {"label": row.label, "confidence": round(row.confidence, 4), "box": to_plain(row.box)}
    return entry if row.offset_s is None else entry | {"offset_s": row.offset_s}


def table_of(document: dict[str, Any]) -> Iterator[str]:
    """Give the lines of the table for people, of the document for programs."""
    for entry in document.get("media", ()):
        size = f"  {entry['width']}x{entry['height']}" if entry["width"] else ""
        yield f"{entry['path']}{size}"
        if entry["error"]:
            yield f"    failed: {entry['error']}"
        elif not entry["detections"]:
            yield "    nothing of interest"
        for found in entry["detections"]:
            box, offset = found["box"], found.get("offset_s")
            when = f"  at {offset:.1f} s" if offset is not None else ""
            place = f"{box['x']},{box['y']} {box['width']}x{box['height']}"
            yield f"    {found['label']:<12} {found['confidence']:.2f}  {place}{when}"
    for event in document.get("events", ()):
        state = event["analysis_state"] + (f" ({event['analysis_reason']})" if event["analysis_reason"] else "")
        yield f"event  {event['risk_score']:>3} {event['risk_level']:<8} {state}: {event['summary']}"
        for factor in event["factors"]:
            yield f"    {factor['points']:+4d}  {factor['text']}"
        for found in (event["enrichment"] or {}).get("findings", ()):
            yield f"    {found['about']:<14} {_told(found['value'])} ({found['model_id']})"
    detector = document.get("detector")
    if detector is not None and detector["state"] == ComponentState.DEGRADED:
        yield f"detector  {detector['reason']}"


def _told(value: dict[str, Any]) -> str:
    known = {name.replace("_", " "): one for name, one in value.items() if one is not None and one != []}
    return ", ".join(f"{name} {_word(one)}" for name, one in known.items())


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " and ".join(map(_word, value)) if isinstance(value, list) else str(value)
