"""Reasons that lie in ways and doors: arriving, leaving, crossing, orders of zones, what stands open or is unknown."""

from collections.abc import Iterator
from dataclasses import dataclass

from home_sentry_engine.contract import Factor

from .legs import PUBLIC_ZONES, Known, ZoneVisit
from .words import listed

_PERSON = "person"


@dataclass(frozen=True, slots=True, kw_only=True)
class PathPoints:
    """What ways and doors are worth."""

    arrived: int = 2
    left: int = -2
    crossed_in: int = 3
    crossed_out: int = -2
    sequence: int = 3
    open_contact: int = 8


def ways_of(known: Known, points: PathPoints) -> Iterator[Factor]:
    """Tell of persons that came onto private ground or left it, over which line, and by which way."""
    private = [zone for zone in known.zones or () if zone.private and _PERSON in zone.labels]
    if came := [zone for zone in private if zone.entered]:
        yield _zones("arrived", points.arrived, "came into", came)
    if gone := [zone for zone in private if zone.left]:
        yield _zones("left", points.left, "left", gone)
    crossed = [zone for zone in known.zones or () if _PERSON in zone.labels and zone.crossed]
    if inwards := [zone for zone in crossed if zone.crossed[-1] == "in"]:
        yield _zones("crossed_in", points.crossed_in, "went in over the line of", inwards)
    if outwards := [zone for zone in crossed if zone.crossed[-1] == "out"]:
        yield _zones("crossed_out", points.crossed_out, "went out over the line of", outwards)
    for route in _routes_to_private(known):
        names = " then ".join(route)
        evidence = (f"route:{'>'.join(route)}",)
        yield Factor(id="sequence", points=points.sequence, text=f"walked {names}", evidence=evidence)


def doors_of(known: Known, points: PathPoints) -> Iterator[Factor]:
    """Tell of what stands open while it should not."""
    if not known.open_contacts or not (known.armed_away or known.anyone_home is False):
        return
    names = listed(list(known.open_contacts))
    state = "the alarm is on" if known.armed_away else "nobody is home"
    evidence = tuple(f"state:contact={name}" for name in known.open_contacts)
    text = f"open while {state}: {names}"
    yield Factor(id="open_contact", points=points.open_contact, text=text, evidence=evidence)


def gaps_of(known: Known) -> Iterator[Factor]:
    """Say what the owner wanted to be weighed and what cannot be known; that changes no score."""
    if known.home_gaps:
        text = f"not known: {'; '.join(known.home_gaps)}"
        yield Factor(id="home_unknown", points=0, text=text, evidence=("state:home",))


def _routes_to_private(known: Known) -> Iterator[tuple[str, ...]]:
    kinds = {zone.name: zone for zone in known.zones or ()}
    told = set()
    for label, names in known.routes:
        zones = [kinds[name] for name in names if name in kinds]
        if label != _PERSON or len(zones) < 2 or zones[0].kind not in PUBLIC_ZONES or not zones[-1].private:
            continue
        route = tuple(zone.name for zone in zones)
        if route not in told:
            told.add(route)
            yield route


def _zones(factor_id: str, points: int, words: str, zones: list[ZoneVisit]) -> Factor:
    names = listed([zone.name for zone in zones])
    evidence = tuple(f"zone:{zone.name}" for zone in zones)
    return Factor(id=factor_id, points=points, text=f"{words} {names}", evidence=evidence)
