"""Which language model judges here: chosen, kept warm, reported."""

import asyncio
from collections.abc import Callable
import logging
from pathlib import Path
from typing import Final, Self

import psutil

from home_sentry_engine.contract import AnalysisReason, Component, ComponentState
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.messages import ModelFailure, ModelVerdict, RuleVerdict, Scene
from home_sentry_engine.language.assessor import Assessor, LanguageAssessor
from home_sentry_engine.language.backends.base import Backend
from home_sentry_engine.language.backends.disabled import Disabled
from home_sentry_engine.language.backends.http import JsonClient
from home_sentry_engine.language.backends.llama_process import LlamaCppProcess
from home_sentry_engine.language.backends.llama_server import LlamaServer
from home_sentry_engine.language.backends.openai import OpenAICompatible
from home_sentry_engine.language.errors import LanguageError
from home_sentry_engine.language.process import ModelProcess, ProcessState, worker_command
from home_sentry_engine.settings import LanguageSettings
from home_sentry_engine.vision.catalog import Card, Catalogue, Task, UnknownModel
from home_sentry_engine.vision.store import ModelStore

_LOGGER = logging.getLogger(__name__)
_PROBE_S: Final = 60.0
_HEADROOM: Final = 1.2
_STATES: Final = {
    ProcessState.STOPPED: ComponentState.STARTING,
    ProcessState.STARTING: ComponentState.STARTING,
    ProcessState.READY: ComponentState.HEALTHY,
    ProcessState.BUSY: ComponentState.HEALTHY,
    ProcessState.CRASHED: ComponentState.DEGRADED,
    ProcessState.FAILED: ComponentState.UNHEALTHY,
}

_AWAY: Final = frozenset(
    {
        AnalysisReason.UNREACHABLE,
        AnalysisReason.BREAKER_OPEN,
        AnalysisReason.OUT_OF_MEMORY,
        AnalysisReason.MODEL_MISSING,
    }
)

type Report = Callable[[Component], None]


class LanguageModel:
    """The engine's ``Assessor``: an async context manager whose ``run`` keeps the model warm and its state known."""

    def __init__(
        self,
        settings: LanguageSettings,
        *,
        store: ModelStore,
        catalogue: Catalogue,
        clock: Clock,
        report: Report,
    ) -> None:
        """Take the settings, where model files are, and who hears of the component ``llm``."""
        self._settings = settings
        self._store = store
        self._catalogue = catalogue
        self._clock = clock
        self._report = report
        self._backend: Backend | None = None
        self._assessor: Assessor = Disabled()

    @property
    def model_id(self) -> str | None:
        """Name of the model, None while there is none."""
        return self._backend.model_id if self._backend is not None else None

    async def __aenter__(self) -> Self:
        """Choose the model; nothing is loaded yet."""
        if not self._settings.enabled:
            self._tell(ComponentState.DISABLED, "switched off in the settings")
            return self
        if self._settings.url is not None:
            self._use(self._remote(self._settings.url))
            return self
        path, problem = await self._find()
        if path is None:
            self._missing(problem)
        else:
            self._use(self._local(path))
        return self

    async def __aexit__(self, *_: object) -> None:
        """End the model's process or connection."""
        if self._backend is not None:
            await self._backend.aclose()

    async def assess(self, scene: Scene, rule: RuleVerdict) -> ModelVerdict | ModelFailure:
        """Ask the model, or say why there is none."""
        return await self._assessor.assess(scene, rule)

    async def run(self) -> None:
        """Load the model, then ask it once a minute whether it is there."""
        if self._backend is None:
            await asyncio.Event().wait()
            return
        while True:
            try:
                window = await self._backend.window()
            except LanguageError as err:
                self._tell(ComponentState.UNHEALTHY, str(err), fix="see `home-sentry doctor`")
            else:
                self._tell(ComponentState.HEALTHY, None, window=window)
            await self._clock.sleep(_PROBE_S)

    def _use(self, backend: Backend) -> None:
        self._backend = backend
        self._assessor = LanguageAssessor(
            backend, settings=self._settings, clock=self._clock, on_outcome=self._on_outcome
        )
        self._tell(ComponentState.STARTING, "loading the language model")

    def _missing(self, problem: str) -> None:
        self._assessor = Disabled(AnalysisReason.MODEL_MISSING, problem)
        self._tell(
            ComponentState.DEGRADED,
            problem,
            fix="run `home-sentry models get nemotron-3-nano-4b`, set llm_url, or set llm to false",
        )

    def _remote(self, url: str) -> Backend:
        settings = self._settings
        client = JsonClient(url, api_key=settings.api_key, connect_timeout_s=settings.connect_timeout_s)
        if settings.api == "openai":
            return OpenAICompatible(
                client, model=settings.remote_model or "default", window_tokens=settings.context_tokens
            )
        return LlamaServer(client, model=settings.remote_model, window_tokens=settings.context_tokens)

    def _local(self, path: Path) -> Backend:
        settings = self._settings
        command = worker_command(
            path, context=settings.context_tokens, gpu_layers=settings.gpu_layers, threads=settings.threads
        )
        process = ModelProcess(command, clock=self._clock, on_change=self._on_process)
        return LlamaCppProcess(process, model_id=path.stem)

    def _on_outcome(self, failure: ModelFailure | None) -> None:
        if failure is None:
            self._tell(ComponentState.HEALTHY, None)
        elif failure.reason in _AWAY:
            self._tell(ComponentState.UNHEALTHY, failure.detail, fix="see `home-sentry doctor`")
        else:
            self._tell(ComponentState.DEGRADED, failure.detail)

    def _on_process(self, state: ProcessState, reason: str | None) -> None:
        self._tell(_STATES[state], reason)

    async def _find(self) -> tuple[Path | None, str]:
        wanted = self._settings.model
        if wanted.endswith(".gguf"):
            path = Path(wanted)
            there = await asyncio.to_thread(path.is_file)
            return (path, "") if there else (None, f"the model file {path.name} does not exist")
        try:
            cards = self._candidates() if wanted == "auto" else (self._catalogue.get(wanted),)
        except UnknownModel as err:
            return None, str(err)
        for card in cards:
            model = await self._store.find(card)
            if model is not None:
                return model.main, ""
        return (
            None,
            f"no file of a language model is here ({cards[0].name} is wanted)" if cards else "no memory for any",
        )

    def _candidates(self) -> tuple[Card, ...]:
        free = psutil.virtual_memory().available
        cards = [
            card
            for card in self._catalogue.of_task(Task.LANGUAGE)
            if not card.quirks.get("test_only") and (card.memory_bytes or 0) * _HEADROOM <= free
        ]
        return tuple(sorted(cards, key=lambda card: (not card.default_on, -(card.memory_bytes or 0))))

    def _tell(
        self, state: ComponentState, reason: str | None, *, fix: str | None = None, window: int | None = None
    ) -> None:
        details: dict[str, str | int | float | bool | None] = {"model": self.model_id}
        if window is not None:
            details["context_tokens"] = window
        self._report(Component(id="llm", state=state, reason=reason, fix=fix, details=details))
