"""Filters of boxes by camera, class and daypart: how sure, how large, of what shape."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Final

from home_sentry_engine.domain.detection import Detection

from .sieve import Screen

ANY: Final = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxFilter:
    """What a box of one class must be; None asks nothing.

    Areas are in percent of the picture, aspects are width over height. ``confidence_night`` replaces ``confidence``
    between 22 and 6 o'clock, ``confidence_day`` in the hours between.
    """

    confidence: float | None = None
    confidence_day: float | None = None
    confidence_night: float | None = None
    min_area: float | None = None
    max_area: float | None = None
    min_aspect: float | None = None
    max_aspect: float | None = None

    def least(self, *, night: bool) -> float | None:
        """Give the threshold at this time of the day."""
        own = self.confidence_night if night else self.confidence_day
        return self.confidence if own is None else own

    def objection(self, detection: Detection, image: tuple[int, int]) -> str | None:
        """Give the reason for which a box is left out: ``area`` or ``aspect``."""
        share = 100.0 * detection.box.area / (image[0] * image[1])
        aspect = detection.box.width / detection.box.height
        if not _between(share, self.min_area, self.max_area):
            return "area"
        return None if _between(aspect, self.min_aspect, self.max_aspect) else "aspect"


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxFilters:
    """Filters by camera, then class; ``*`` stands for any of either, and what is more exact wins key by key.

    The order is: this camera and class, this camera and any class, any camera and this class, any of both; last
    ``cameras`` and ``confidence``, the thresholds of a whole camera and of all.
    """

    confidence: float = 0.5
    cameras: Mapping[str, float] = field(default_factory=dict)
    rules: Mapping[str, Mapping[str, BoxFilter]] = field(default_factory=dict)

    def threshold(self, camera_id: str, label: str, *, night: bool) -> float:
        """Give the lowest confidence at which a class counts."""
        by_camera, anywhere = self._of(camera_id, label), self._of(ANY, label)
        own = [found for one in by_camera if (found := one.least(night=night)) is not None]
        if own or camera_id in self.cameras:
            return own[0] if own else self.cameras[camera_id]
        common = [found for one in anywhere if (found := one.least(night=night)) is not None]
        return common[0] if common else self.confidence

    def lowest(self, camera_id: str, *, night: bool) -> float:
        """Give the lowest threshold of any class, at which a detector has to look."""
        labels = {label for camera in (camera_id, ANY) for label in self.rules.get(camera, {})} | {ANY}
        return min(self.threshold(camera_id, label, night=night) for label in labels)

    def screen(self, camera_id: str, *, night: bool) -> Screen:
        """Object to boxes that are not sure enough (``confidence``), too small, too large or misshapen."""

        def screen(detection: Detection, image: tuple[int, int]) -> str | None:
            if detection.confidence < self.threshold(camera_id, detection.label, night=night):
                return "confidence"
            rules = (*self._of(camera_id, detection.label), *self._of(ANY, detection.label))
            return _joined(rules).objection(detection, image)

        return screen

    def _of(self, camera_id: str, label: str) -> tuple[BoxFilter, ...]:
        of_camera = self.rules.get(camera_id, {})
        return tuple(of_camera[name] for name in dict.fromkeys((label, ANY)) if name in of_camera)


def _joined(rules: Iterable[BoxFilter]) -> BoxFilter:
    """Take each bound from the first filter that has it."""
    joined = BoxFilter()
    for one in rules:
        missing = {name: value for name, value in asdict(one).items() if getattr(joined, name) is None}
        joined = replace(joined, **missing)
    return joined


def _between(value: float, low: float | None, high: float | None) -> bool:
    return (low is None or value >= low) and (high is None or value <= high)
