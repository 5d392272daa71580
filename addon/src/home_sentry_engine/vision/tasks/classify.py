"""Classifiers: one label for a whole picture or cut-out, and what the home makes of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from home_sentry_engine.vision.session import Cancel

from .errors import MalformedOutput
from .graph import Array, Loaded, expect_labels, first, softmax
from .inputs import input_size, look
from .pictures import Frame

_IGNORED_VEHICLES: Final = frozenset({"background", "pedestrian"})
_COMMERCIAL: Final = frozenset({"articulated truck", "single unit truck", "work van"})
_VISIBILITY: Final = {
    "foggy": "poor visibility",
    "rain": "reduced visibility",
    "snow": "reduced visibility",
    "cloudy": "normal visibility",
    "clear": "good visibility",
}
_VIOLENT_ABOVE: Final = 0.5
_PERSONS_FOR_VIOLENCE: Final = 2
_TOP: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """Labels with their shares 0..1 (which sum to 1), best first, and the model that said so."""

    scores: tuple[tuple[str, float], ...]
    model_id: str

    @property
    def label(self) -> str:
        """The best label."""
        return self.scores[0][0]

    @property
    def confidence(self) -> float:
        """Share of the best label."""
        return self.scores[0][1]

    def share(self, label: str) -> float:
        """Give the share of one label, 0 for an unknown one."""
        return dict(self.scores).get(label, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """Condition and what it does to sight."""

    condition: str
    visibility: str
    confidence: float
    model_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Violence:
    """Whether people seem to fight; weak evidence that moves nothing alone."""

    is_violent: bool
    violent: float
    calm: float
    model_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pet:
    """Cat or dog; ``household`` when it is sure enough to be taken for a pet."""

    species: str
    confidence: float
    household: bool
    model_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VehicleType:
    """Type of a vehicle, whether tradespeople drive such, and the best three of those that are vehicles."""

    label: str
    confidence: float
    is_commercial: bool
    top: tuple[tuple[str, float], ...]
    model_id: str


def rank(logits: Array, labels: Sequence[str], model_id: str) -> Ranked:
    """Turn logits [C] or [1,C] into shares; raises ``MalformedOutput``."""
    values = np.asarray(logits).reshape(-1)
    if values.size != len(labels):
        raise MalformedOutput(f"{model_id} gives {values.size} classes for {len(labels)} labels", code="label_mismatch")
    shares = softmax(values)
    order = np.argsort(-shares, kind="stable")
    return Ranked(scores=tuple((labels[index], float(shares[index])) for index in order), model_id=model_id)


def weather_of(ranked: Ranked) -> Weather:
    """Read the weather from the labels cloudy, foggy, rain, snow, clear."""
    return Weather(
        condition=ranked.label,
        visibility=_VISIBILITY.get(ranked.label, "unknown visibility"),
        confidence=ranked.confidence,
        model_id=ranked.model_id,
    )


def violence_of(ranked: Ranked, *, persons: int) -> Violence | None:
    """Read violence from the labels calm and violent; None with fewer than two persons, for whom it means nothing."""
    if persons < _PERSONS_FOR_VIOLENCE:
        return None
    violent = ranked.share("violent")
    return Violence(
        is_violent=violent > _VIOLENT_ABOVE, violent=violent, calm=ranked.share("calm"), model_id=ranked.model_id
    )


def pet_of(ranked: Ranked, *, household_from: float = 0.85) -> Pet:
    """Read cat or dog; the detector's own classes may be ranked the same way."""
    return Pet(
        species=ranked.label,
        confidence=ranked.confidence,
        household=ranked.confidence >= household_from,
        model_id=ranked.model_id,
    )


def vehicle_type_of(ranked: Ranked) -> VehicleType | None:
    """Read the type, leaving out what is no vehicle; None where nothing is left."""
    kept = tuple((label, share) for label, share in ranked.scores if label not in _IGNORED_VEHICLES)
    if not kept:
        return None
    label, share = kept[0]
    return VehicleType(
        label=label, confidence=share, is_commercial=label in _COMMERCIAL, top=kept[:_TOP], model_id=ranked.model_id
    )


class Classifier:
    """Ranks the labels of a card for one picture."""

    def __init__(self, loaded: Loaded) -> None:
        """Match card and graph; raises ``UnsupportedGraph``."""
        loaded.contract("class_logits")
        self._graph, self._image, self._card = loaded.graph(), loaded.image, loaded.card
        self._size = input_size(self._graph, self._image)
        shape = self._graph.outputs[0].shape
        expect_labels(loaded, shape[-1] if shape else 0)

    def canary(self, frame: Frame) -> None:
        """Look once; raises ``StageError``."""
        self.rank(frame)

    def rank(self, frame: Frame, *, cancel: Cancel | None = None) -> Ranked:
        """Look at one picture; blocks, raises ``StageError``."""
        value = first(look(self._graph, frame, self._image, size=self._size, cancel=cancel))
        return rank(value, self._card.labels, self._card.id)
