"""Zones of a camera: what is a valid one, and which of them an object stands in."""

from collections.abc import Iterable
import re
from typing import Final

from home_sentry_engine.contract import Zone, ZoneAnchor, ZoneType
from home_sentry_engine.domain.box import Box
from home_sentry_engine.domain.errors import HomeSentryError

from .geometry import Point, contains, is_simple, signed_area, touches_box

FEWEST_POINTS: Final = 3
MOST_POINTS: Final = 64
MOST_ZONES: Final = 32
EVERY_CLASS: Final = "*"
_SMALLEST_AREA: Final = 1e-6
_COLOUR: Final = re.compile(r"#[0-9A-Fa-f]{6}")
_MAX_NAME: Final = 64


class InvalidZone(HomeSentryError, ValueError):
    """The zone cannot be used; the text names the zone and what is wrong with it."""


def checked_zones(zones: Iterable[Zone]) -> tuple[Zone, ...]:
    """Give the zones of one camera as they are; raises ``InvalidZone``."""
    found = tuple(zones)
    if len(found) > MOST_ZONES:
        raise InvalidZone(f"a camera has at most {MOST_ZONES} zones")
    for name, values in (("id", [zone.id for zone in found]), ("name", [zone.name.casefold() for zone in found])):
        if len(set(values)) != len(values):
            raise InvalidZone(f"two zones have the same {name}")
    for zone in found:
        _check(zone)
    return found


def clean_name(name: str) -> str:
    """Give a zone's name without control characters, in one line, at most 64 characters."""
    plain = "".join(character if character.isprintable() else " " for character in name)
    return " ".join(plain.split())[:_MAX_NAME].rstrip()


class ZoneMap:
    """The enabled zones of one camera; the highest priority comes first, then the name."""

    def __init__(self, zones: Iterable[Zone]) -> None:
        """Take valid zones; disabled ones never match."""
        enabled = [zone for zone in zones if zone.enabled]
        self.zones: Final = tuple(sorted(enabled, key=lambda zone: (-zone.priority, zone.name)))
        self._required = {
            label: [zone for zone in self.zones if label in zone.required_for]
            for label in {label for zone in self.zones for label in zone.required_for}
        }

    def at(self, box: Box, image: tuple[int, int]) -> tuple[Zone, ...]:
        """Give the zones in which an object stands; ``image`` is the picture's true (width, height)."""
        return tuple(zone for zone in self.zones if stands_in(zone, box, image))

    def best(self, box: Box, image: tuple[int, int]) -> Zone | None:
        """Give the zone of the highest priority in which an object stands."""
        return next(iter(self.at(box, image)), None)

    def ignored(self, box: Box, image: tuple[int, int]) -> bool:
        """Tell whether the zone of the highest priority says that nobody wants to know of this object."""
        best = self.best(box, image)
        return best is not None and best.type is ZoneType.IGNORE

    def required_for(self, label: str) -> tuple[Zone, ...]:
        """Give the zones of which objects of this class have to stand in one, none where they may stand anywhere."""
        return (*self._required.get(label, ()), *self._required.get(EVERY_CLASS, ()))

    def outside_required(self, label: str, box: Box, image: tuple[int, int]) -> bool:
        """Tell whether objects of this class have to stand in certain zones and this one does not."""
        required = self.required_for(label)
        return bool(required) and not any(stands_in(zone, box, image) for zone in required)


def stands_in(zone: Zone, box: Box, image: tuple[int, int]) -> bool:
    """Tell whether the point of an object that the zone asks for lies inside, or any part of it overlaps."""
    if zone.anchor is ZoneAnchor.OVERLAP:
        return touches_box(zone.points, box.normalised(image))
    return contains(zone.points, anchor_of(zone.anchor, box, image))


def anchor_of(anchor: ZoneAnchor, box: Box, image: tuple[int, int]) -> Point:
    """Give the point at which an object is said to be, as fractions of the picture."""
    if anchor is ZoneAnchor.CENTRE:
        x, y, width, height = box.normalised(image)
        return x + width / 2, y + height / 2
    return box.bottom_centre(image)


def _check(zone: Zone) -> None:
    name = clean_name(zone.name)
    if not name or zone.name != name:
        raise InvalidZone("a zone needs a name of 1 to 64 plain characters")
    if zone.type is ZoneType.UNKNOWN or zone.anchor is ZoneAnchor.UNKNOWN:
        raise InvalidZone(f"zone {name}: its type or anchor is not known")
    if not _COLOUR.fullmatch(zone.colour):
        raise InvalidZone(f"zone {name}: the colour must look like #3B82F6")
    for label, value, low, high in (
        ("priority", zone.priority, 0, 100),
        ("inertia", zone.inertia, 1, 100),
        ("loitering time", zone.loitering_s if zone.loitering_s is not None else 1.0, 1.0, 86_400.0),
    ):
        if not low <= value <= high:
            raise InvalidZone(f"zone {name}: the {label} must be {low:g} to {high:g}")
    check_shape(f"zone {name}", zone.points)
    if zone.line and (len(zone.line) != 2 or zone.line[0] == zone.line[1] or not all(map(_within, zone.line))):
        raise InvalidZone(f"zone {name}: a line has two different ends inside the picture")


def check_shape(what: str, points: tuple[Point, ...]) -> None:
    """Raise ``InvalidZone``, which begins with ``what``, for what is no simple outline inside the picture."""
    if not FEWEST_POINTS <= len(points) <= MOST_POINTS:
        raise InvalidZone(f"{what}: a shape has {FEWEST_POINTS} to {MOST_POINTS} points")
    if not all(map(_within, points)):
        raise InvalidZone(f"{what}: every point lies between 0 and 1")
    if not is_simple(points):
        raise InvalidZone(f"{what}: the outline crosses itself")
    if abs(signed_area(points)) < _SMALLEST_AREA:
        raise InvalidZone(f"{what}: the shape has no area")


def _within(point: Point) -> bool:
    return all(0.0 <= value <= 1.0 for value in point)
