"""Benchmark ``enrich``: each model on demand through the engine against its bare graphs, and what memory it takes.

The engine's side is the whole way: gate, thread, picture to tensor, graphs, tensor to answer. The bare side runs the
same graphs with the tensors that the engine made, recorded beforehand. Both run in turn in one process; processor time
is compared, which neighbours on a busy machine hardly change. Models of cut-outs get a small picture.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
import time
from typing import Any, Final

from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.errors import HomeSentryError, StageError
from home_sentry_engine.settings import DetectSettings, ModelSettings
from home_sentry_engine.vision.adapters import adapter_of
from home_sentry_engine.vision.catalog import Card, Task, load_catalogue
from home_sentry_engine.vision.eyes import draw_canary
from home_sentry_engine.vision.models import Adapter, ModelRules
from home_sentry_engine.vision.needs import threads_for
from home_sentry_engine.vision.session import Cancel, Session, TensorInfo, choose_provider, open_session
from home_sentry_engine.vision.store import LocalModel
from home_sentry_engine.vision.tasks.graph import Array, Loaded
from home_sentry_engine.vision.tasks.pictures import RgbFrame
from home_sentry_engine.vision.zoo import Zoo

from .weighing import Weight, weigh

OVER_MS: Final = 10.0
OVER_SHARE: Final = 0.03
_WARM_UP: Final = 2
_WHOLE, _CUT_OUT = (640, 480), (160, 320)
_OF_CUT_OUTS: Final = frozenset({Task.REIDENTIFY, Task.POSE, Task.CLASSIFY, Task.FACE_EMBEDDING})


class NothingToMeasure(HomeSentryError, LookupError):
    """No model on demand is here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrichedModel:
    """One model: least times of the rounds in ms of processor time, ``wall_ms`` on the clock; memory in bytes.

    ``ratio`` is bare over engine, None where it has no graph.
    """

    model_id: str
    licence: str
    wall_ms: float
    engine_ms: float
    bare_ms: float | None
    ratio: float | None
    file_bytes: int
    loaded_bytes: int
    used_bytes: int

    @property
    def light(self) -> bool:
        """Whether the engine adds at most 10 ms or 3 % to the graphs."""
        return self.bare_ms is None or self.engine_ms - self.bare_ms <= max(OVER_MS, OVER_SHARE * self.bare_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrichBench:
    """Result for every model that is here; ``left_out`` tells why others are not in it."""

    rounds: int
    models: tuple[EnrichedModel, ...]
    left_out: Mapping[str, str]
    most_over_ms: float = OVER_MS

    @property
    def passed(self) -> bool:
        """Whether no adapter adds more to its graphs than it may."""
        return all(one.light for one in self.models)

    def document(self) -> dict[str, Any]:
        """Give the result as JSON values."""
        return {"bench": "enrich", **asdict(self), "passed": self.passed}

    def rows(self) -> list[tuple[str, str, str]]:
        """Give the table: what, ms and memory, ratio."""
        rows = []
        for one in self.models:
            bare = "no graph" if one.bare_ms is None else f"bare {one.bare_ms:.1f} ms"
            memory = f"{one.loaded_bytes / 1e6:.0f} MB loaded, {one.used_bytes / 1e6:.0f} MB used"
            figure = f"{one.wall_ms:.1f} ms; processor {one.engine_ms:.1f} ms, {bare}; {memory}"
            rows.append((one.model_id, figure, "" if one.ratio is None else f"{one.ratio:.2f}"))
        return rows


async def bench_enrich(models: ModelSettings, clock: Clock, *, rounds: int) -> EnrichBench:
    """Measure every model on demand whose files are here or in a mirror; nothing is fetched.

    Raises ``NothingToMeasure`` where there is none.
    """
    cards = [card for card in load_catalogue(models.folder) if adapter_of(card) is not None]
    found: list[EnrichedModel] = []
    left_out: dict[str, str] = {}
    rules = ModelRules(switched_on=frozenset(card.id for card in cards), provider="cpu")
    async with Zoo(DetectSettings(provider="cpu"), models, clock, rules=rules) as zoo:
        for card in cards:
            try:
                model = await zoo.store.find(card)
                if model is None:
                    left_out[card.id] = "its files are not here"
                    continue
                found.append(await _measured(zoo, model, rounds))
            except StageError as err:
                left_out[card.id] = err.reason
    if not found:
        raise NothingToMeasure("no model on demand is here: fetch some, or name a mirror")
    return EnrichBench(rounds=rounds, models=tuple(found), left_out=left_out)


async def _measured(zoo: Zoo, model: LocalModel, rounds: int) -> EnrichedModel:
    card = model.card
    frame = RgbFrame.of(draw_canary(*(_CUT_OUT if card.task in _OF_CUT_OUTS else _WHOLE)))
    kind = adapter_of(card)
    assert kind is not None
    recorded = _recorded(kind, model, frame)
    wall: list[float] = []
    engine: list[float] = []
    plain: list[float] = []

    def work(adapter: Adapter, _cancel: Cancel) -> None:
        adapter.canary(frame)

    for number in range(rounds + _WARM_UP):
        began, clock = time.process_time(), time.perf_counter()
        await zoo.models.use(card.id, kind, work)
        between, later = time.process_time(), time.perf_counter()
        for session, feeds in recorded:
            session.run(feeds)
        if number >= _WARM_UP:
            wall.append((later - clock) * 1000)
            engine.append((between - began) * 1000)
            plain.append((time.process_time() - between) * 1000)
    zoo.models.unload(card.id)
    weight = await weigh(model) if card.files else Weight(process_bytes=0, loaded_bytes=0, used_bytes=0)
    return EnrichedModel(
        model_id=card.id,
        licence=card.licence,
        wall_ms=min(wall),
        engine_ms=min(engine),
        bare_ms=min(plain) if recorded else None,
        ratio=min(plain) / min(engine) if recorded else None,
        file_bytes=model.size_bytes,
        loaded_bytes=weight.loaded_bytes,
        used_bytes=weight.used_bytes,
    )


class _Recorder:
    """A graph that notes what it is run with."""

    def __init__(self, session: Session, notes: list[tuple[Session, dict[str, Array]]]) -> None:
        self._session = session
        self._notes = notes
        self.inputs: Sequence[TensorInfo] = session.inputs
        self.outputs: Sequence[TensorInfo] = session.outputs
        self.metadata = session.metadata

    def run(self, feeds: Mapping[str, Array], cancel: Cancel | None = None) -> list[Array]:
        """Note and compute."""
        self._notes.append((self._session, dict(feeds)))
        return self._session.run(feeds, cancel)


def _recorded(kind: type[Adapter], model: LocalModel, frame: RgbFrame) -> list[tuple[Session, dict[str, Array]]]:
    """Run an adapter once over bare sessions and give every call of a graph that it made."""
    card: Card = model.card
    notes: list[tuple[Session, dict[str, Array]]] = []
    choice = choose_provider("cpu", ("cpu",))
    threads = threads_for(card, choice, model.size_bytes)
    paths = {file.role: model.paths[file.name] for file in card.files}
    graphs = {
        role: _Recorder(open_session(path, choice=choice, threads=threads), notes)
        for role, path in paths.items()
        if path.suffix == ".onnx"
    }
    adapter = kind(Loaded(card=card, graphs=graphs, paths=paths))
    notes.clear()
    adapter.canary(frame)
    return notes
