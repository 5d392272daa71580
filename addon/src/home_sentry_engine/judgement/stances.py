"""Postures that several pictures agree on, and people at other cameras: they add little, and never make a case."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from home_sentry_engine.contract import Factor

from .facts import Facts
from .legs import Known
from .words import listed

_PERSON: Final = "person"


@dataclass(frozen=True, slots=True, kw_only=True)
class StancePoints:
    """What postures are worth, and people at so many other cameras within ``apart_s`` of the visit."""

    crouching_at_night: int = 6
    lying_down: int = 4
    hands_raised: int = 8
    fighting_stance: int = 8
    elsewhere: tuple[tuple[int, int], ...] = ((3, 5), (2, 3))
    apart_s: float = 120.0


def stances_of(facts: Facts, known: Known, points: StancePoints) -> Iterator[Factor]:
    """Tell of postures seen more than once; raised hands and fists mean something only where there are two people."""
    together = facts.persons > 1
    for alert, value, text, counts in (
        ("crouching", points.crouching_at_night, "somebody crouches at night", facts.night),
        ("lying_down", points.lying_down, "somebody lies on the ground", True),
        ("hands_raised", points.hands_raised, "somebody raises the hands before another", together),
        ("fighting_stance", points.fighting_stance, "somebody stands ready to fight", together),
    ):
        if counts and alert in known.stances:
            yield Factor(id=alert, points=value, text=text, evidence=(f"pose:{alert}",))


def elsewhere_of(known: Known, points: StancePoints) -> Iterator[Factor]:
    """Tell of people at several other cameras around the same time."""
    near = {one.camera for one in known.elsewhere if one.label == _PERSON and abs(one.seconds) <= points.apart_s}
    value = next((worth for least, worth in points.elsewhere if len(near) >= least), None)
    if value is not None:
        cameras = sorted(near)
        evidence = tuple(f"camera:{name}" for name in cameras)
        text = f"people at other cameras too: {listed(cameras)}"
        yield Factor(id="cross_camera", points=value, text=text, evidence=evidence)
