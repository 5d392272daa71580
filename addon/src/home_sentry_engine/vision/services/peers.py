"""Another engine's models in the place of this engine's own, card by card: it says which of them it has."""

from collections.abc import Callable, Iterable, Mapping, Sequence
import logging
import threading
import time
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from home_sentry_engine.domain.box import Box, InvalidBoundingBoxError
from home_sentry_engine.domain.errors import StageError
from home_sentry_engine.vision.models import Adapter
from home_sentry_engine.vision.session import Cancel
from home_sentry_engine.vision.tasks.embeddings import Embedder, Embedding, unit
from home_sentry_engine.vision.tasks.faces import Face, FaceFinder
from home_sentry_engine.vision.tasks.pictures import Frame, RgbFrame
from home_sentry_engine.vision.tasks.plates import Plate, PlateFinder, Quad
from home_sentry_engine.vision.tasks.text import TextLine, TextReader, TextRegion

from .answers import number_in, numbers_in, text_in
from .enrichment import EnrichmentClient, EnrichmentUnavailableError
from .transport import ServiceLacks

_LOGGER = logging.getLogger(__name__)
_ASK_AGAIN_S: Final = 300.0
_TROUBLED_S: Final = 30.0
_LOADED: Final = "loaded"
_ABLE: Final = frozenset({"ready", _LOADED})


class PeerModels:
    """Knows which models another engine has; thread-safe, blocking.

    A service that is no engine has no list of models and is not asked for single ones.
    """

    def __init__(self, client: EnrichmentClient, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Take the client; nothing is asked yet."""
        self._client = client
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._able: frozenset[str] = frozenset()
        self._ask_at = float("-inf")

    def answers(self, kind: type[Adapter]) -> bool:
        """Tell whether models of a kind can be asked over there at all."""
        return kind in _SERVED

    def adapter(self, model_id: str, kind: type[Adapter]) -> Any | None:
        """Give what speaks with that model over there; None where this engine's own one has to do it."""
        make = _SERVED.get(kind)
        return make(self._client, model_id) if make is not None and model_id in self._known() else None

    def trouble(self) -> None:
        """Leave it alone for half a minute."""
        with self._lock:
            self._able, self._ask_at = frozenset(), self._monotonic() + _TROUBLED_S

    def _known(self) -> frozenset[str]:
        with self._lock:
            if self._monotonic() >= self._ask_at:
                self._able, wait_s = self._listed()
                self._ask_at = self._monotonic() + wait_s
            return self._able

    def _listed(self) -> tuple[frozenset[str], float]:
        try:
            states = _states(self._client)
        except StageError as err:
            _LOGGER.debug("The enrichment service lists no models: %s", err.reason)
            return frozenset(), _TROUBLED_S
        return frozenset(name for name, state in states.items() if state in _ABLE), _ASK_AGAIN_S


def warm_up(client: EnrichmentClient, wanted: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """Have a service load the first that it has of each of these models, and give those; blocking.

    One that lists no models, or does not let us, loads them when they are asked.
    """
    try:
        states = _states(client)
    except StageError as err:
        _LOGGER.debug("The enrichment service lists no models: %s", err.reason)
        return ()
    named = (next((one for one in known if states.get(one) in _ABLE), None) for known in wanted)
    loaded = []
    for name in dict.fromkeys(one for one in named if one is not None and states[one] != _LOADED):
        try:
            client.models_preload(name)
        except StageError as err:
            _LOGGER.debug("The enrichment service did not load a model: %s", err.reason, extra={"model_id": name})
        else:
            loaded.append(name)
    return tuple(loaded)


def _states(client: EnrichmentClient) -> Mapping[str, str]:
    models = client.models_status().get("models")
    rows = [one for one in models if isinstance(one, dict)] if isinstance(models, list) else []
    return {str(one.get("name")): str(one.get("status")) for one in rows}


class _Asking:
    def __init__(self, client: EnrichmentClient, model_id: str) -> None:
        self._client, self._model_id = client, model_id

    def _ask(self, kind: str, about: str, frame: Frame, **options: object) -> Mapping[str, Any]:
        told = self._client.enrich(kind, frame, None, questions=[about], model_id=self._model_id, **options)
        found = told.get("results")
        answer = found.get(about) if isinstance(found, dict) else None
        if not isinstance(answer, dict):
            raise EnrichmentUnavailableError(f"the answer leaves out {about}", code="service_nonsense")
        if answer.get("outcome") != "ran":
            reason = str(answer.get("reason") or "no reason given")[:300]
            raise ServiceLacks(f"the enrichment service: {reason}", skipped=answer.get("outcome") == "skipped")
        return answer

    @staticmethod
    def _rows(answer: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
        rows = answer.get(name)
        if not isinstance(rows, list) or not all(isinstance(one, dict) for one in rows):
            raise EnrichmentUnavailableError(f"the answer lacks the list {name}", code="service_nonsense")
        return rows


class ServedFaces(_Asking):
    """The service with the methods of ``FaceFinder``."""

    def find(self, frame: Frame, *, cancel: Cancel | None = None) -> tuple[Face, ...]:  # noqa: ARG002 - deadlines end it
        """Find faces, most confident first."""
        rows = self._rows(self._ask("person", "faces", frame), "faces")
        return tuple(
            Face(box=_box(one, frame), confidence=_share(one), landmarks=_points(one, "landmarks", frame))
            for one in rows
        )


class ServedPlates(_Asking):
    """The service with the methods of ``PlateFinder``."""

    def find(self, frame: Frame, *, cancel: Cancel | None = None) -> tuple[Plate, ...]:  # noqa: ARG002
        """Find plates, most confident first."""
        rows = self._rows(self._ask("vehicle", "plates", frame), "plates")
        return tuple(
            Plate(
                box=_box(one, frame),
                confidence=_share(one),
                corners=_quad(one, frame) if one.get("corners") is not None else None,
            )
            for one in rows
        )


class ServedText(_Asking):
    """The service with the methods of ``TextReader``."""

    def read(self, frame: Frame, *, cancel: Cancel | None = None) -> tuple[TextRegion, ...]:  # noqa: ARG002
        """Find and read all lines."""
        rows = self._rows(self._ask("vehicle", "texts", frame), "regions")
        return tuple(TextRegion(line=_line(one), corners=_quad(one, frame)) for one in rows)

    def read_line(self, pixels: NDArray[np.uint8], *, cancel: Cancel | None = None) -> TextLine:  # noqa: ARG002
        """Read one upright line that fills the RGB picture."""
        line = self._ask("vehicle", "texts", RgbFrame.of(pixels), line=True).get("line")
        if not isinstance(line, dict):
            raise EnrichmentUnavailableError("the answer lacks the line", code="service_nonsense")
        return _line(line)


class ServedEmbedder(_Asking):
    """The service with the methods of ``Embedder``; its vectors are those of the same model here."""

    def __init__(self, client: EnrichmentClient, model_id: str) -> None:
        """Take the client and the model; its own threshold comes with its first answer."""
        super().__init__(client, model_id)
        self.model_id = model_id
        self.same_above = 1.0

    def embed(self, frame: Frame, *, cancel: Cancel | None = None) -> Embedding:  # noqa: ARG002
        """Look at one cut-out."""
        answer = self._ask("person", "embedding", frame)
        self.same_above = number_in(answer, "same_above", EnrichmentUnavailableError)
        values = numbers_in(answer, "embedding", EnrichmentUnavailableError)
        return unit(np.asarray(values, np.float32), self._model_id)


_SERVED: Final[Mapping[type[Any], Callable[[EnrichmentClient, str], Any]]] = {
    FaceFinder: ServedFaces,
    PlateFinder: ServedPlates,
    TextReader: ServedText,
    Embedder: ServedEmbedder,
}


def _share(found: Mapping[str, Any]) -> float:
    return min(1.0, max(0.0, number_in(found, "confidence", EnrichmentUnavailableError)))


def _line(found: Mapping[str, Any]) -> TextLine:
    return TextLine(text=text_in(found, "text", EnrichmentUnavailableError), confidence=_share(found))


def _box(found: Mapping[str, Any], frame: Frame) -> Box:
    corners = numbers_in(found, "bbox", EnrichmentUnavailableError)
    if len(corners) != 4:
        raise EnrichmentUnavailableError("a box has not four corners", code="service_nonsense")
    across, down = _scale(frame)
    left, top, right, bottom = corners
    try:
        return Box.from_corners(
            (left * across, top * down, right * across, bottom * down), image=(frame.width, frame.height)
        )
    except InvalidBoundingBoxError as err:
        raise EnrichmentUnavailableError("a box lies outside the picture", code="service_nonsense") from err


def _points(found: Mapping[str, Any], name: str, frame: Frame) -> tuple[tuple[float, float], ...]:
    rows = found.get(name)
    if not isinstance(rows, list) or not all(isinstance(one, list) and len(one) == 2 for one in rows):
        raise EnrichmentUnavailableError(f"the answer lacks the points {name}", code="service_nonsense")
    across, down = _scale(frame)
    pairs = (numbers_in({name: one}, name, EnrichmentUnavailableError) for one in rows)
    return tuple((x * across, y * down) for x, y in pairs)


def _quad(found: Mapping[str, Any], frame: Frame) -> Quad:
    points = _points(found, "corners", frame)
    if len(points) != 4:
        raise EnrichmentUnavailableError("a line has not four corners", code="service_nonsense")
    one, two, three, four = points
    return one, two, three, four


def _scale(frame: Frame) -> tuple[float, float]:
    rows, columns = frame.pixels.shape[:2]
    return frame.width / columns, frame.height / rows
