"""The zoo: gets the right detector to work on this machine, keeps it working, and never stops the engine for it."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import replace
import logging
from typing import Final, Self

from home_sentry_engine.contract import ComponentState
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.errors import StageError, Unavailable
from home_sentry_engine.resilience.backoff import Backoff
from home_sentry_engine.settings import DetectSettings, ModelSettings

from .builtin import MODEL_ID as BUILTIN_ID
from .builtin import NOTICE
from .catalog import Card, Catalogue, Task, UnknownModel, load_catalogue
from .detector import Detector, DetectorStatus, Eye
from .eyes import BuiltinEye, GraphEye, warm_up
from .models import ModelRules, Models
from .needs import ON_CPU, provider_for, threads_for
from .remote import SLACK_S, RemoteEye
from .session import (
    AcceleratorGate,
    InferenceFailed,
    InferenceTimeout,
    OutOfMemory,
    ProviderChoice,
    Rank,
    Runner,
    Session,
    SessionFailed,
    SessionPool,
    SessionSpec,
    available_providers,
    choose_provider,
    has_accelerator,
)
from .store import LocalModel, ModelStore, Progress, Switches
from .words import CLASSES_FIX, unknown_words

_LOGGER = logging.getLogger(__name__)
_AUTO: Final = "auto"
_AUTO_GPU: Final = "rtdetrv2-r18"
_AUTO_ANYWHERE: Final = ("deimv2-femto", "deimv2-atto")
_WARM_UP_RUNS: Final = 3
_SWEEP_S: Final = 30.0
_RETREAT_S: Final = 300.0
_PROGRESS_S: Final = 0.5
_RETRY: Final = Backoff(base_s=30.0, factor=2.0, cap_s=900.0, jitter=0.1)
_FIX: Final = "let the engine reach the internet once, or put the model file into the model folder or a mirror"
_GPU_FIX: Final = "look after the driver and the memory of the GPU, which `home-sentry doctor` shows; it is tried again"

type OnStatus = Callable[[DetectorStatus], None]


class Zoo:
    """Models of this engine: an async context manager whose ``run`` fetches, loads, retries and tidies up.

    ``detector`` may be used at once; until something can look it raises ``Unavailable``, so that work waits. ``models``
    are all others, each loaded when it is needed.
    """

    def __init__(
        self,
        detect: DetectSettings,
        models: ModelSettings,
        clock: Clock,
        *,
        catalogue: Catalogue | None = None,
        on_status: OnStatus | None = None,
        rules: ModelRules | None = None,
    ) -> None:
        """Take the settings; ``on_status`` hears every change of the detector, also progress of a download.

        ``rules`` say what all models together may take, and which are allowed beside those that are on by default.
        """
        self._settings = detect
        self._strange: str | None = None
        self._clock = clock
        self._on_status = on_status
        self.catalogue = catalogue or load_catalogue(models.folder)
        self.store = ModelStore(models)
        self._executor = ThreadPoolExecutor(max_workers=detect.concurrency + 1, thread_name_prefix="vision")
        self.gate = AcceleratorGate(detect.concurrency)
        rules = rules or ModelRules(provider=detect.provider)
        self.switches = rules.switches or Switches(models.folder)
        self.rules = rules = replace(rules, switches=self.switches)
        self._engines = models.folder / "engines"
        self.pool = SessionPool(self._executor, clock, room=rules.room, idle_s=rules.idle_s)
        slack_s = SLACK_S if detect.url is not None else 0.0
        runner = Runner(self._executor, self.gate, timeout_s=detect.timeout_s + slack_s)
        self.detector = Detector(detect, runner, clock)
        self.models = Models(self.catalogue, self.store, self.pool, runner, clock, rules)
        self.detector.rescue, self.detector.history = self, self.models.history
        self._leases = AsyncExitStack()
        self._home_at: float | None = None
        self._preparing = asyncio.Lock()
        self._settled = False
        self._progress_told = 0.0

    async def __aenter__(self) -> Self:
        """Enter; nothing is loaded yet."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Let go of all sessions and threads."""
        self.detector.equip(None, self._plain(ComponentState.DISABLED, "the engine is stopping"))
        await self._leases.aclose()
        self.pool.clear()
        self._executor.shutdown(wait=False, cancel_futures=True)

    async def run(self) -> None:
        """Prepare the detector, trying again while it is not the wanted one, then unload what idles."""
        failures = 0
        while True:
            if self._settled:
                failures = 0
                await self._clock.sleep(_SWEEP_S)
                self.pool.unload_idle()
                await self._come_home()
                continue
            try:
                await self.prepare()
            except StageError as err:
                _LOGGER.warning("no detector yet: %s", err.reason)
            if not self._settled:
                failures += 1
                await self._clock.sleep(_RETRY.delay_s(failures))

    async def prepare(self) -> DetectorStatus:
        """Try once to get the wanted detector to look; for ``auto`` the next best one serves meanwhile.

        Raises ``StageError`` when nothing can look; the detector's state then says why.
        """
        async with self._preparing:
            if not self._settled:
                await self._prepare()
        return self.detector.describe()

    def candidates(self, choice: ProviderChoice) -> tuple[Card, ...]:
        """Give what would be tried on such a machine, best first; raises ``UnknownModel``."""
        wanted = self._settings.detector
        if wanted == _AUTO:
            first = (_AUTO_GPU,) if has_accelerator(choice.wanted) else ()
            return tuple(self.catalogue.get(model_id) for model_id in (*first, *_AUTO_ANYWHERE, BUILTIN_ID))
        card = self.catalogue.get(wanted) if wanted in self.catalogue else None
        if card is None or card.task is not Task.DETECT:
            why = f"{wanted} is no detector but does {card.task}" if card else f"no model is called {wanted!r}"
            known = ", ".join(one.id for one in self.catalogue.of_task(Task.DETECT))
            raise UnknownModel(f"{why}; known: {known}")
        return (card,)

    async def renew(self) -> None:
        """Let go of the detector, so that ``run`` prepares it anew; work waits meanwhile."""
        async with self._preparing:
            self._settled = False
            self._show(None, self._plain(ComponentState.STARTING, "it begins anew"))
            await self._leases.aclose()
            self._leases = AsyncExitStack()

    def make_room(self) -> None:
        """Unload every model that nobody uses at this moment."""
        self.pool.relieve()

    async def retreat(self, why: str) -> Eye | None:
        """Let a detector on the processor look for five minutes, because the device has no memory left or fails.

        Gives its eye, or None where nothing on the processor can look either.
        """
        async with self._preparing:
            if self._home_at is not None:
                return self.detector.eye
            if self.detector.describe().provider in {None, "cpu"}:
                return None
            choice = ProviderChoice(wanted=("cpu",), reason=why)
            used = self.catalogue.get(self.detector.model_id)
            small = [self.catalogue.get(one) for one in _AUTO_ANYWHERE] if self._settings.detector == _AUTO else []
            for card in (*small, used):
                try:
                    await self._load(card, choice, fetch=False, troubles=[why], aside=True)
                except StageError as err:
                    _LOGGER.warning("detector %s: %s", card.id, err.reason, extra={"model_id": card.id})
                else:
                    self._home_at = self._clock.monotonic() + _RETREAT_S
                    return self.detector.eye
        return None

    async def _come_home(self) -> None:
        if self._home_at is not None and self._clock.monotonic() >= self._home_at:
            self._home_at = None
            await self.renew()

    async def _use_remote(self, url: str) -> None:
        """Let a server look; raises ``Unavailable`` while it is not well."""
        eye = RemoteEye(url, token=self._settings.token)
        try:
            await asyncio.get_running_loop().run_in_executor(self._executor, eye.check)
        except Unavailable as err:
            eye.close()
            self._fail(err.reason, "start the detector that `detector_url` names, or remove the setting")
            raise
        self._leases.callback(eye.close)
        self._show(eye, eye.status)
        self._settled = True

    async def _prepare(self) -> None:
        if self._settings.url is not None:
            await self._use_remote(self._settings.url)
            return
        available = await asyncio.get_running_loop().run_in_executor(self._executor, available_providers)
        choice = replace(choose_provider(self._settings.provider, available), cache=self._engines)
        try:
            cards = self.candidates(choice)
        except UnknownModel as err:
            self._fail(str(err), "choose a detector that `home-sentry models list` shows")
            raise Unavailable(str(err), code="unknown_model") from err
        troubles: list[str] = []
        for number, card in enumerate(cards):
            try:
                await self._try_card(card, choice, fetch=number == 0, troubles=troubles)
            except StageError as err:
                _LOGGER.warning("detector %s: %s", card.id, err.reason, extra={"model_id": card.id})
                troubles.append(f"{card.name}: {err.reason}")
            else:
                self._settled = number == 0
                return
        if self.detector.input_side is not None:
            return
        self._fail("; ".join(troubles), _FIX)
        raise Unavailable("; ".join(troubles), code="no_detector")

    async def _try_card(self, card: Card, choice: ProviderChoice, *, fetch: bool, troubles: list[str]) -> None:
        if card.id == self.detector.model_id and self.detector.input_side is not None:
            return
        if card.id == BUILTIN_ID:
            await self._use_builtin(card, troubles)
            return
        wanted = provider_for(card, choice)
        try:
            await self._load(card, wanted, fetch=fetch, troubles=troubles)
        except (SessionFailed, OutOfMemory, InferenceFailed, InferenceTimeout) as err:
            left = wanted.without(set(wanted.wanted) - {"cpu"}, err.reason)
            if left is wanted or self._rather_smaller(card):
                raise
            await self._load(card, left, fetch=False, troubles=[*troubles, err.reason], aside=True)
            self._home_at = self._clock.monotonic() + _RETREAT_S

    def _rather_smaller(self, card: Card) -> bool:
        return card.id == _AUTO_GPU and self._settings.detector == _AUTO

    async def _load(
        self, card: Card, choice: ProviderChoice, *, fetch: bool, troubles: list[str], aside: bool = False
    ) -> None:
        self._starting(card, "looking for its file")
        model = await self._files(card, fetch=fetch)
        self._starting(card, "loading")
        lease = AsyncExitStack()
        threads = self._settings.threads or threads_for(card, choice, model.size_bytes)
        aside = aside or (self.detector.input_side is not None and card.id == self.detector.model_id)
        spec = SessionSpec(
            key=f"{card.id}/{ON_CPU}" if aside else card.id, path=model.main, choice=choice, threads=threads,
            need_bytes=card.memory_bytes or model.size_bytes, priority=Rank.CRITICAL,
        )  # fmt: skip
        session = await lease.enter_async_context(self.pool.lease(spec))
        try:
            lost = session.provider == "cpu" and has_accelerator(choice.wanted)
            if lost and self._rather_smaller(card):
                raise Unavailable(f"the GPU cannot be used: {session.provider_reason}", code="no_gpu")
            found = [*troubles, session.provider_reason] if lost else troubles
            await self._use(model, session, found, fix=_GPU_FIX if lost or aside else _FIX)
        except BaseException:
            await lease.aclose()
            raise
        await self._leases.aclose()
        self._leases = lease

    async def _files(self, card: Card, *, fetch: bool) -> LocalModel:
        if fetch:
            return await self.store.fetch(card, on_progress=lambda progress: self._progress(card, progress))
        model = await self.store.find(card)
        if model is None:
            raise Unavailable("its file is not here", code="missing")
        return model

    async def _use(self, model: LocalModel, session: Session, troubles: list[str], *, fix: str) -> None:
        card, asked = model.card, self._settings.provider
        eye = GraphEye(card, session)
        batch = self._settings.batch_frames
        await asyncio.get_running_loop().run_in_executor(
            self._executor, lambda: warm_up(eye, runs=_WARM_UP_RUNS, batch=batch)
        )
        self.models.history.touch(card.id)
        shortfall = [f"not the first choice: {trouble}" for trouble in troubles]
        if asked not in {_AUTO, session.provider}:
            shortfall.append(session.provider_reason)
        strange = unknown_words(self._settings, card.labels)
        if strange is not None:
            shortfall.append(strange)
            if strange != self._strange:
                _LOGGER.warning("%s: %s", card.name, strange)
        self._strange = strange
        status = DetectorStatus(
            model_id=card.id,
            name=card.name,
            state=ComponentState.DEGRADED if shortfall else ComponentState.HEALTHY,
            reason="; ".join(shortfall) or None,
            fix=fix if troubles else CLASSES_FIX if strange else None,
            provider=session.provider,
            provider_reason=session.provider_reason,
            contract=card.contract,
            licence=card.licence,
            origin=model.origin,
        )
        self._show(eye, status)

    async def _use_builtin(self, card: Card, troubles: list[str]) -> None:
        eye = await asyncio.get_running_loop().run_in_executor(self._executor, BuiltinEye)
        asked_for = self._settings.detector == card.id
        status = DetectorStatus(
            model_id=card.id,
            name=card.name,
            state=ComponentState.HEALTHY if asked_for else ComponentState.DEGRADED,
            reason="; ".join((NOTICE, *troubles)),
            fix=None if asked_for else _FIX,
            provider="cpu",
            provider_reason="OpenCV runs on the processor",
            contract=card.contract,
            licence=card.licence,
            origin="package",
            basic=True,
        )
        self._show(eye, status)

    def _plain(self, state: ComponentState, reason: str, fix: str | None = None) -> DetectorStatus:
        return DetectorStatus(
            model_id=self._settings.detector, name=self._settings.detector, state=state, reason=reason, fix=fix
        )

    def _fail(self, reason: str, fix: str) -> None:
        status = self._plain(ComponentState.UNHEALTHY, reason, fix)
        self._show(None, status)

    def _starting(self, card: Card, what: str) -> None:
        if self.detector.input_side is not None:
            return
        status = DetectorStatus(
            model_id=card.id, name=card.name, state=ComponentState.STARTING, reason=what, licence=card.licence
        )
        self._show(None, status)

    def _progress(self, card: Card, progress: Progress) -> None:
        now = self._clock.monotonic()
        if progress.done_bytes != progress.total_bytes and now - self._progress_told < _PROGRESS_S:
            return
        self._progress_told = now
        done = progress.done_bytes / 1e6
        total = f" of {progress.total_bytes / 1e6:.1f}" if progress.total_bytes else ""
        self._starting(card, f"fetching {progress.file} from its {progress.origin}: {done:.1f}{total} MB")

    def _show(self, eye: Eye | None, status: DetectorStatus) -> None:
        self.detector.equip(eye, status)
        if self._on_status is not None:
            self._on_status(status)
