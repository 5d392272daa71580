"""Which vision-language model looks here, opened for as long as the engine runs."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol

import psutil

from home_sentry_engine.contract import AnalysisReason, Component, ComponentState
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.messages import ModelFailure
from home_sentry_engine.settings import LanguageSettings, VisionSettings

from .allowance import Allowance
from .backends.http import JsonClient
from .backends.local import LocalModel
from .backends.openai import OpenAICompatible
from .errors import ModelMissing, ModelTooLarge
from .health import Report
from .opening import OnProcess, needed_bytes
from .process import ModelProcess, ProcessState, worker_command
from .seeing import SeeingModel

COMPONENT: Final = "vlm"
USUAL: Final = "qwen3-vl-2b"

_CHECK_S: Final = 60.0
_STATES: Final = {
    AnalysisReason.MODEL_MISSING: ComponentState.DEGRADED,
    AnalysisReason.OUT_OF_MEMORY: ComponentState.FAILED,
    AnalysisReason.UNREACHABLE: ComponentState.UNHEALTHY,
    AnalysisReason.BREAKER_OPEN: ComponentState.UNHEALTHY,
}
_FIXES: Final = {
    AnalysisReason.MODEL_MISSING: f"run `home-sentry models get {USUAL}`, or set vlm_url",
    AnalysisReason.OUT_OF_MEMORY: "choose a smaller model or a smaller vlm_context_tokens, or set llm to false",
    AnalysisReason.UNREACHABLE: "check that the model's server runs and that vlm_url is right",
    AnalysisReason.TIMEOUT: "choose a smaller model, fewer vlm_stills, or raise vlm_timeout_seconds",
    AnalysisReason.CONTEXT_OVERFLOW: "raise vlm_context_tokens, or lower vlm_stills or vlm_picture_pixels",
    AnalysisReason.BAD_OUTPUT: "choose another model: this one does not keep to the answer's form",
    AnalysisReason.GATED: "raise vlm_daily_tokens or vlm_daily_cost, or wait until tomorrow",
}
_BLIND_FIX: Final = "start the server with its projector (--mmproj), or choose a model that sees pictures"


class SightFiles(Protocol):
    """Where verified model files lie."""

    async def sight(self, card_id: str) -> tuple[Path, Path] | None:
        """Give weights and projector of a card, None if they are not here."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """Files to load; ``name`` is shown with verdicts."""

    name: str
    weights: Path
    projector: Path


async def choose_sight(settings: VisionSettings, files: SightFiles, *, free_bytes: Callable[[], int]) -> Sight:
    """Find the files of the settings; raises ``ModelMissing`` or ``ModelTooLarge``."""
    if settings.projector is not None:
        weights = Path(settings.model)
        found = Sight(name=weights.name, weights=weights, projector=settings.projector)
        missing = next((one for one in (weights, settings.projector) if not one.is_file()), None)
        if missing is not None:
            raise ModelMissing(f"there is no file {missing.name}")
    else:
        card_id = USUAL if settings.model == "auto" else settings.model
        pair = await files.sight(card_id)
        if pair is None:
            raise ModelMissing(f"no model '{card_id}' with its projector is in the model folder")
        found = Sight(name=card_id, weights=pair[0], projector=pair[1])
    needed = needed_bytes(found.weights) + found.projector.stat().st_size
    if needed > free_bytes():
        raise ModelTooLarge(f"{found.name} needs {needed // 2**20} MB, free are {free_bytes() // 2**20} MB")
    return found


class SightWatch:
    """Wakes the model at the start, and again after trouble and when its last proof that it works is old."""

    def __init__(self, model: SeeingModel, clock: Clock) -> None:
        """Take the model, which reports by itself."""
        self._model = model
        self._clock = clock

    async def run(self) -> None:
        """Keep watch until cancelled."""
        while True:
            if self._model.last_failure is not None or self._model.stale:
                await self._model.wake()
            await self._clock.sleep(_CHECK_S)


def _unheard(_state: ProcessState, _reason: str | None) -> None:
    return


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What opening needs beside settings: files, time, who hears of the component and of a child process."""

    files: SightFiles
    clock: Clock
    report: Report
    on_process: OnProcess = _unheard
    free_bytes: Callable[[], int] = lambda: psutil.virtual_memory().available
    allowance: Allowance | None = None


@asynccontextmanager
async def open_sight(settings: VisionSettings, language: LanguageSettings, means: Means) -> AsyncIterator[SeeingModel]:
    """Give the model that the settings name, asked within the limits of ``language`` and its own window and deadline.

    Nothing is loaded yet: the first question does that, or ``SightWatch.run``.
    """
    backend = _backend(settings, language, means)

    def described(failure: ModelFailure | None, *, blind: str | None = None, starting: bool = False) -> Component:
        return sight_component(backend, failure, blind=blind, starting=starting, allowance=means.allowance)

    means.report(described(None, starting=True))
    model = SeeingModel(
        backend,
        settings=limits_of(settings, language),
        clock=means.clock,
        allowance=means.allowance,
        on_outcome=lambda failure: means.report(described(failure, blind=model.blind)),
    )
    try:
        yield model
    finally:
        await model.aclose()


def limits_of(settings: VisionSettings, language: LanguageSettings) -> LanguageSettings:
    """Give how a model that sees is asked."""
    return replace(language, timeout_s=settings.timeout_s, context_tokens=settings.context_tokens)


def sight_component(
    backend: LocalModel | OpenAICompatible,
    failure: ModelFailure | None,
    *,
    blind: str | None = None,
    starting: bool = False,
    allowance: Allowance | None = None,
) -> Component:
    """Describe the model by how its last use ended; one that does not see is unhealthy whatever else it answers."""
    details: dict[str, str | int | float | bool | None] = {"model": backend.model_id or None}
    if isinstance(backend, LocalModel) and backend.process is not None:
        details |= {"process": backend.process.state.value, "process_restarts": backend.process.restarts}
    if allowance is not None:
        # before the first question nobody has looked how much of the day is spent
        details |= {"tokens_today": None if starting else allowance.spent, "tokens_allowed": allowance.cap}
        details |= {"cost_today": None if starting else allowance.cost, "cost_allowed": allowance.most_cost}
    if starting or failure is None:
        state = ComponentState.STARTING if starting else ComponentState.HEALTHY
        return Component(id=COMPONENT, state=state, details=details)
    usual = _STATES.get(failure.reason, ComponentState.DEGRADED)
    return Component(
        id=COMPONENT,
        state=ComponentState.UNHEALTHY if blind else usual,
        reason=f"{failure.reason}: {failure.detail}",
        fix=_BLIND_FIX if blind else _FIXES.get(failure.reason),
        details=details,
    )


def _backend(settings: VisionSettings, language: LanguageSettings, means: Means) -> LocalModel | OpenAICompatible:
    if settings.url is not None:
        return remote_sight(settings, settings.url, connect_timeout_s=language.connect_timeout_s)
    projectors: dict[Path, Path] = {}

    async def find() -> tuple[str, Path]:
        found = await choose_sight(settings, means.files, free_bytes=means.free_bytes)
        projectors[found.weights] = found.projector
        return found.name, found.weights

    def start(path: Path) -> ModelProcess:
        command = worker_command(
            path,
            context=settings.context_tokens,
            gpu_layers=language.gpu_layers,
            threads=language.threads,
            projector=projectors[path],
        )
        return ModelProcess(command, clock=means.clock, on_change=means.on_process)

    return LocalModel(find, start)


def remote_sight(settings: VisionSettings, url: str, *, connect_timeout_s: float) -> OpenAICompatible:
    """Give the way to a server; llama.cpp's takes pictures at its OpenAI address alone."""
    client = JsonClient(
        url, api_key=settings.api_key, connect_timeout_s=connect_timeout_s, home_only=not settings.cloud
    )
    prefix = "" if client.path.endswith("/v1") else "/v1"
    name = settings.remote_model or "default"
    return OpenAICompatible(client, model=name, window_tokens=settings.context_tokens, prefix=prefix)
