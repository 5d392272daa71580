"""Which language model judges here, opened for as long as the engine runs."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import psutil

from home_sentry_engine.contract import AnalysisReason, Component
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.messages import ModelFailure
from home_sentry_engine.settings import LanguageSettings

from .assessor import LanguageAssessor
from .backends.disabled import Disabled
from .backends.http import JsonClient
from .backends.local import LocalModel
from .backends.remote import RemoteModel
from .errors import ModelMissing, ModelTooLarge
from .health import Report, component
from .process import ModelProcess, ProcessState, worker_command

# the default family, most able first
NEMOTRON: Final = ("nemotron-3-nano-30b", "nemotron-3-nano-4b", "nemotron-mini-4b")

_OVERHEAD: Final = 1.15
_FIXED_BYTES: Final = 400 * 1024 * 1024
_CHECK_S: Final = 60.0

type OnProcess = Callable[[ProcessState, str | None], None]


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


def _unheard(_state: ProcessState, _reason: str | None) -> None:
    return


@asynccontextmanager
async def open_assessor(
    settings: LanguageSettings,
    *,
    files: ModelFiles,
    clock: Clock,
    report: Report,
    on_process: OnProcess = _unheard,
    free_bytes: Callable[[], int] = lambda: psutil.virtual_memory().available,
) -> AsyncIterator[LanguageAssessor | Disabled]:
    """Give the assessor that the settings ask for; while its model is missing it says on every event why.

    Nothing is loaded yet: the first question does that, or ``ModelWatch.run``. ``report`` hears the component ``llm``,
    ``on_process`` each new state of a child process.
    """
    if not settings.enabled:
        disabled = Disabled()
        report(component(None, disabled.failure))
        yield disabled
        return
    backend = _backend(settings, files, clock, free_bytes, on_process)

    def described(failure: ModelFailure | None, *, starting: bool = False) -> Component:
        process = backend.process if isinstance(backend, LocalModel) else None
        return component(backend.model_id or None, failure, starting=starting, process=process)

    report(described(None, starting=True))
    assessor = LanguageAssessor(
        backend, settings=settings, clock=clock, on_outcome=lambda failure: report(described(failure))
    )
    try:
        yield assessor
    finally:
        await assessor.aclose()


def _backend(
    settings: LanguageSettings,
    files: ModelFiles,
    clock: Clock,
    free_bytes: Callable[[], int],
    on_process: OnProcess,
) -> RemoteModel | LocalModel:
    if settings.url is not None:
        client = JsonClient(settings.url, api_key=settings.api_key, connect_timeout_s=settings.connect_timeout_s)
        window = settings.context_tokens
        return RemoteModel(client, api=settings.api, model=settings.remote_model, window_tokens=window)

    async def find() -> tuple[str, Path]:
        chosen = await choose(settings.model, files, free_bytes=free_bytes)
        if chosen.path is None or chosen.name is None:
            raise (ModelTooLarge if chosen.reason is AnalysisReason.OUT_OF_MEMORY else ModelMissing)(chosen.detail)
        return chosen.name, chosen.path

    def start(path: Path) -> ModelProcess:
        command = worker_command(
            path, context=settings.context_tokens, gpu_layers=settings.gpu_layers, threads=settings.threads
        )
        return ModelProcess(command, clock=clock, on_change=on_process)

    return LocalModel(find, start)
