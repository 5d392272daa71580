"""What happens once both programs run: they are connected, pictures arrive, events are shown and checked."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
import re
from typing import Any, Final

from .console import Console
from .dashboard import keep_dashboard
from .engine import Engine
from .expectations import BASIC_DETECTOR, Outcome, Watch, report
from .feeding import drop, feed_forever, feed_once
from .home_assistant import PASSWORD, USER, Home
from .mirroring import faults
from .patience import until
from .samples import CAMERAS, Sample
from .table import EventTable

_RUNNING_S: Final = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """Who takes part; ``home`` is None without Home Assistant, ``cameras`` is the folder of the camera folders."""

    console: Console
    engine: Engine
    home: Home | None
    samples: tuple[Sample, ...]
    cameras: Path


async def play(cast: Cast, *, once: bool) -> int:
    """Connect the two and show pictures once or until somebody stops it; gives the exit status."""
    began = datetime.now(UTC)
    await cast.engine.enter(cast.console.note)
    info = await cast.engine.info()
    _introduce(cast.console, info)
    if cast.home is not None:
        await _set_up(cast.console, cast.home, cast.engine)
    for line in _addresses(cast):
        cast.console.line(line)
    return await (_once(cast, info, began) if once else _forever(cast, info))


async def _set_up(console: Console, home: Home, engine: Engine) -> None:
    await home.enter(console.note)

    async def is_running() -> bool | None:
        return True if await home.is_running() else None

    await until(is_running, what="Home Assistant completes its start", deadline_s=_RUNNING_S, say=console.note)
    console.step("Setting up the integration through its config flow")
    await home.connect_engine(engine.url, engine.token)


async def _forever(cast: Cast, info: Mapping[str, Any]) -> int:
    cast.console.step("Pictures arrive; Ctrl-C stops everything")
    table = EventTable(cast.console)
    async with asyncio.TaskGroup() as group:
        group.create_task(cast.engine.follow(table.tell))
        group.create_task(feed_forever(cast.cameras, cast.samples, cast.console))
        if cast.home is not None:
            group.create_task(keep_dashboard(cast.home, info["instance_id"], _camera_names()))
    raise AssertionError("pictures never end")


async def _once(cast: Cast, info: Mapping[str, Any], began: datetime) -> int:
    cast.console.step(f"{len(cast.samples)} pictures arrive, each once")
    table, watch = EventTable(cast.console), Watch(cast.engine)
    outcomes: list[Outcome] = []

    def tell(event: dict[str, Any]) -> None:
        table.tell(event)
        watch.tell(event)

    async def bring(sample: Sample) -> None:
        content = sample.copy(f"demo picture of {began.isoformat()}")
        drop(cast.cameras, sample, content)
        cast.console.note(f"{sample.camera} uploads {sample.name}{sample.suffix}")
        outcomes.append(await watch.outcome(sample, content))

    helpers = [asyncio.create_task(cast.engine.follow(tell))]
    if cast.home is not None:
        helpers.append(asyncio.create_task(keep_dashboard(cast.home, info["instance_id"], _camera_names())))
    try:
        await feed_once(cast.samples, bring)
        table.print()
        lines, good = report(sorted(outcomes, key=lambda one: cast.samples.index(one.sample)), info["detector"])
        cast.console.line()
        for line in lines:
            cast.console.line(line)
        if cast.home is not None:
            good = await _compare(cast.console, cast.home, info, table.events, began) and good
    finally:
        for helper in helpers:
            helper.cancel()
        await asyncio.gather(*helpers, return_exceptions=True)
    cast.console.step("All as expected" if good else "Not as expected")
    return 0 if good else 1


async def _compare(
    console: Console, home: Home, info: Mapping[str, Any], events: list[dict[str, Any]], began: datetime
) -> bool:
    found = await faults(home, info["instance_id"], events, began)
    for fault in found:
        console.line(f"FAIL  Home Assistant: {fault}")
    if not found:
        console.line(f"ok    Home Assistant shows all {len(events)} events")
    return not found


def _introduce(console: Console, info: Mapping[str, Any]) -> None:
    console.note(f"engine {info['version']}, detector: {info['detector'] or 'none yet'} on {info['provider'] or '?'}")
    console.note(f"language model: {info['llm'] or 'none: the rules alone judge'}")
    if info["detector"] == BASIC_DETECTOR:
        console.note("No model file could be had, so the detector inside OpenCV looks at the pictures. It knows people")
        console.note("and cats and misses many; less is expected of it, and the report says of what.")


def _addresses(cast: Cast) -> list[str]:
    lines = ["", f"  Engine           {cast.engine.url}/api/v1/ (bearer token: {cast.cameras.parent / 'token'})"]
    if cast.home is not None:
        lines.append(f"  Home Assistant   {cast.home.url}   login: {USER} / {PASSWORD}")
    return [*lines, f"  Camera folders   {cast.cameras}", ""]


def _camera_names() -> dict[str, str]:
    return {re.sub(r"[^a-z0-9]+", "_", name.lower()): name for name in CAMERAS}
