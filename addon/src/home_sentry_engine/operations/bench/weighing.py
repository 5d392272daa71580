"""Memory of one model, weighed in a process of its own: what its sessions take, and what a first use adds."""

import asyncio
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import psutil

from home_sentry_engine.vision.adapters import adapter_of
from home_sentry_engine.vision.catalog import Card
from home_sentry_engine.vision.eyes import GraphEye, draw_canary, warm_up
from home_sentry_engine.vision.needs import threads_for
from home_sentry_engine.vision.session import Session, available_providers, choose_provider, load_library, open_session
from home_sentry_engine.vision.store import LocalModel
from home_sentry_engine.vision.tasks.graph import Loaded
from home_sentry_engine.vision.tasks.pictures import RgbFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """Resident memory in bytes: of the process with the libraries alone, more once loaded, more once used."""

    process_bytes: int
    loaded_bytes: int
    used_bytes: int


async def weigh(model: LocalModel) -> Weight:
    """Load and use a model in a fresh process; raises what loading raises."""
    paths = {file.role: str(model.paths[file.name]) for file in model.card.files}
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return await asyncio.get_running_loop().run_in_executor(process, _weigh, model.card, paths)


def _weigh(card: Card, paths: Mapping[str, str]) -> Weight:
    choice = choose_provider("cpu", available_providers())
    frame = RgbFrame.of(draw_canary())
    load_library()
    before = _resident()
    sessions: dict[str, Session] = {}
    size = sum(Path(path).stat().st_size for path in paths.values())
    for role, path in paths.items():
        if path.endswith(".onnx"):
            sessions[role] = open_session(Path(path), choice=choice, threads=threads_for(card, choice, size))
    loaded = _resident()
    kind = adapter_of(card)
    if kind is None:
        warm_up(GraphEye(card, sessions["main"]), runs=1, batch=1)
    else:
        files = {role: Path(path) for role, path in paths.items()}
        kind(Loaded(card=card, graphs=sessions, paths=files)).canary(frame)
    return Weight(process_bytes=before, loaded_bytes=loaded - before, used_bytes=_resident() - before)


def _resident() -> int:
    return int(psutil.Process().memory_info().rss)
