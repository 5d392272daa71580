"""Which language model judges here, opened for as long as the engine runs."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import psutil

from home_sentry_engine.contract import AnalysisReason
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.settings import LanguageSettings

from .assessor import LanguageAssessor
from .backends.base import Backend
from .backends.disabled import Disabled
from .backends.http import JsonClient
from .backends.llama_process import LlamaCppProcess
from .backends.remote import RemoteModel
from .health import Report, component
from .process import ModelProcess, worker_command

# the default family, most able first
NEMOTRON: Final = ("nemotron-3-nano-30b", "nemotron-3-nano-4b", "nemotron-mini-4b")

_OVERHEAD: Final = 1.15
_FIXED_BYTES: Final = 400 * 1024 * 1024
_CHECK_S: Final = 60.0


class ModelFiles(Protocol):
    """Where verified model files lie."""

    async def path(self, card_id: str) -> Path | None:
        """Give the GGUF file of a card, None if it is not here."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A model file to load, or why there is none."""

    path: Path | None = None
    name: str | None = None
    reason: AnalysisReason | None = None
    detail: str = ""


def needed_bytes(path: Path) -> int:
    """Estimate the memory that a GGUF file takes once loaded: the file, its buffers and a small window."""
    return int(path.stat().st_size * _OVERHEAD) + _FIXED_BYTES


async def choose(model: str, files: ModelFiles, *, free_bytes: Callable[[], int]) -> Chosen:
    """Find the model named in the settings: a path, a card, or with ``auto`` the largest Nemotron that fits."""
    if model.endswith(".gguf"):
        named = Path(model)
        if not await asyncio.to_thread(named.is_file):
            return Chosen(reason=AnalysisReason.MODEL_MISSING, detail=f"there is no file {named.name}")
        return _fitting([(named.name, named)], free_bytes())
    wanted = NEMOTRON if model == "auto" else (model,)
    found = [(card, path) for card in wanted if (path := await files.path(card)) is not None]
    if not found:
        what = "no Nemotron model" if model == "auto" else f"no model '{model}'"
        return Chosen(reason=AnalysisReason.MODEL_MISSING, detail=f"{what} is in the model folder: rules alone judge")
    return _fitting(found, free_bytes())


def _fitting(found: list[tuple[str, Path]], free: int) -> Chosen:
    for name, path in found:
        if needed_bytes(path) <= free:
            return Chosen(path=path, name=name)
    name, path = found[-1]
    detail = f"{name} needs {needed_bytes(path) // 2**20} MB, free are {free // 2**20} MB"
    return Chosen(reason=AnalysisReason.OUT_OF_MEMORY, detail=detail)


class ModelWatch:
    """Wakes the model at the start and asks it again while it is away, so that its return is noticed."""

    def __init__(self, assessor: LanguageAssessor, clock: Clock) -> None:
        """Take the assessor, which reports by itself."""
        self._assessor = assessor
        self._clock = clock

    async def run(self) -> None:
        """Keep watch until cancelled."""
        await self._assessor.wake()
        while True:
            await self._clock.sleep(_CHECK_S)
            if self._assessor.last_failure is not None:
                await self._assessor.wake()


@asynccontextmanager
async def open_assessor(
    settings: LanguageSettings,
    *,
    files: ModelFiles,
    clock: Clock,
    report: Report,
    free_bytes: Callable[[], int] = lambda: psutil.virtual_memory().available,
) -> AsyncIterator[LanguageAssessor | Disabled]:
    """Give the assessor that the settings ask for; one without a model says on every event why.

    Nothing is loaded yet: the first question does that, or ``ModelWatch.run``. ``report`` hears the component ``llm``.
    """
    if not settings.enabled:
        disabled = Disabled()
        report(component(None, disabled.failure))
        yield disabled
        return
    backend = await _backend(settings, files, clock, free_bytes)
    if isinstance(backend, Disabled):
        report(component(None, backend.failure))
        yield backend
        return
    report(component(backend.model_id, None, starting=True))
    assessor = LanguageAssessor(
        backend,
        settings=settings,
        clock=clock,
        on_outcome=lambda failure: report(component(backend.model_id, failure)),
    )
    try:
        yield assessor
    finally:
        await assessor.aclose()


async def _backend(
    settings: LanguageSettings, files: ModelFiles, clock: Clock, free_bytes: Callable[[], int]
) -> Backend | Disabled:
    if settings.url is not None:
        client = JsonClient(settings.url, api_key=settings.api_key, connect_timeout_s=settings.connect_timeout_s)
        window = settings.context_tokens
        return RemoteModel(client, api=settings.api, model=settings.remote_model, window_tokens=window)
    chosen = await choose(settings.model, files, free_bytes=free_bytes)
    if chosen.path is None or chosen.name is None:
        return Disabled(chosen.reason or AnalysisReason.MODEL_MISSING, chosen.detail)
    command = worker_command(
        chosen.path, context=settings.context_tokens, gpu_layers=settings.gpu_layers, threads=settings.threads
    )
    return LlamaCppProcess(ModelProcess(command, clock=clock), model_id=chosen.name)
