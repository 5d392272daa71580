"""The reasons of a rule score: each names its points, its sentence and what it rests on."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from home_sentry_engine.contract import Factor, ObjectGroup
from home_sentry_engine.domain.labels import group_of

from .away import away_of
from .facts import Facts
from .legs import FULL_TRUST, PUBLIC_ZONES, RESIDENT_ROLES, Known, Match, ZoneVisit
from .paths import PathPoints, doors_of, gaps_of, ways_of
from .stances import StancePoints, elsewhere_of, stances_of
from .words import counted, duration, listed


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """What each finding is worth; the anchors of the scenario set hold for these values."""

    person: int = 24
    more_persons: tuple[int, ...] = (0, 3, 5)
    unsure_person: int = -4
    vehicle: int = 10
    vehicle_beside_person: int = 1
    known_vehicle: int = -6
    unknown_vehicle: int = 6
    pet: int = 4
    wild_animal: int = 18
    animal_beside_person: int = -2
    package: int = 4
    other: int = 4
    night: int = 8
    night_vehicle: int = 4
    stays: tuple[tuple[float, int], ...] = ((240.0, 28), (90.0, 22), (45.0, 12), (20.0, 2))
    vehicle_stays: tuple[tuple[float, int], ...] = ((180.0, 6), (60.0, 3))
    towards: int = 3
    away: int = -2
    private_zone: int = 4
    public_zone: int = -4
    loitering: int = 8
    unusual: int = 8
    rather_unusual: int = 4
    usual: int = -3
    resident: int = -16
    trusted_entity: int = -10
    untrusted_entity: int = 0
    trusted_visitor: int = -8
    not_recognised: int = 3
    courier: int = -8
    armed: tuple[tuple[str, int], ...] = (
        ("armed_night", 5),
        ("armed_away", 8),
        ("armed_vacation", 8),
        ("triggered", 14),
    )
    inside_armed_away: int = 62
    nobody_home: int = 3
    weapon: int = 62
    forced_entry: int = 68
    trying_handles: int = 50
    climbing: int = 34
    looking_in: int = 22
    hiding: int = 14
    running: int = 3
    violence: int = 26
    covered_face: int = 14
    tamper: int = 36
    vehicle_damage: int = 18
    paths: PathPoints = field(default_factory=PathPoints)
    stances: StancePoints = field(default_factory=StancePoints)


BEHAVIOUR: Final[tuple[tuple[str, str], ...]] = (
    ("forced_entry", "somebody forces a way in"),
    ("trying_handles", "somebody tries handles or doors"),
    ("climbing", "somebody climbs"),
    ("looking_in", "somebody looks into windows"),
    ("hiding", "somebody hides"),
    ("running", "somebody runs"),
)
VIOLENCE_FROM: Final = 0.8
COURIER_STAY_S: Final = 60.0
TRUSTED: Final = "trusted"
UNTRUSTED: Final = "untrusted"
_TOLD_APART: Final = {
    "person": ObjectGroup.PERSON,
    "vehicle": ObjectGroup.VEHICLE,
    "animal": ObjectGroup.ANIMAL,
}

type Source = Callable[[Facts, Known, Points], Iterator[Factor]]


def factors_of(facts: Facts, known: Known, points: Points) -> tuple[Factor, ...]:
    """List all reasons in a fixed order."""
    return tuple(factor for source in _SOURCES for factor in source(facts, known, points))


def all_known(facts: Facts, known: Known) -> bool:
    """Tell whether every person seen is a fully trusted resident."""
    return bool(facts.persons) and len(_residents(known)) >= facts.persons and not _strangers(known)


def adverse(known: Known) -> bool:
    """Tell whether anything was found that nobody should explain away."""
    behaviour = any(
        known.behaves(kind) for kind in ("forced_entry", "trying_handles", "climbing", "looking_in", "hiding")
    )
    violent = (known.violence or 0.0) >= VIOLENCE_FROM
    covered = (known.covered_face or 0.0) >= 0.5
    return behaviour or violent or covered or known.tamper is not None or bool(known.weapon_looks())


def brings_delivery(facts: Facts, known: Known) -> bool:
    """Tell whether the visit looks like a delivery: one or two persons by day with a parcel or in service clothes."""
    evidence = known.courier or known.behaves("carrying_package")
    return evidence and not facts.night and 0 < facts.persons <= 2 and not adverse(known)


def _residents(known: Known) -> tuple[Match, ...]:
    return tuple(
        match
        for match in known.persons or ()
        if match.outcome == "match" and match.trust == FULL_TRUST and match.role in RESIDENT_ROLES
    )


def _strangers(known: Known) -> bool:
    return any(match.outcome == "no_match" for match in known.persons or ())


def _objects(facts: Facts, _known: Known, points: Points) -> Iterator[Factor]:
    beside = facts.persons > 0
    if beside:
        yield _seen(facts, ObjectGroup.PERSON, points.person)
    if facts.many(ObjectGroup.VEHICLE):
        yield _seen(facts, ObjectGroup.VEHICLE, points.vehicle_beside_person if beside else points.vehicle)
    if facts.many(ObjectGroup.ANIMAL):
        alone = points.pet if facts.pet_only else _animal(facts, points)
        yield _seen(facts, ObjectGroup.ANIMAL, points.animal_beside_person if beside else alone)
    for group, value in ((ObjectGroup.PACKAGE, points.package), (ObjectGroup.OTHER, points.other)):
        if facts.many(group):
            yield _seen(facts, group, 0 if beside else value)
    if not facts.counts:
        yield Factor(id="empty", points=0, text="no object was detected")


def _animal(facts: Facts, points: Points) -> int:
    return points.wild_animal if any(label == "bear" for label, _ in facts.counts) else points.pet


def _seen(facts: Facts, group: ObjectGroup, value: int) -> Factor:
    what = listed([counted(label, count) for label, count in facts.counts if group_of(label) is group])
    return Factor(id=group.value, points=value, text=f"{what} seen", evidence=facts.evidence[group])


def _persons(facts: Facts, known: Known, points: Points) -> Iterator[Factor]:
    count = facts.persons
    if not count:
        return
    evidence = facts.evidence[ObjectGroup.PERSON]
    if count > 1 and not all_known(facts, known):
        value = points.more_persons[min(count, len(points.more_persons)) - 1]
        yield Factor(id="count", points=value, text=f"{count} people at once", evidence=evidence)
    confidence = facts.confidence[ObjectGroup.PERSON]
    if confidence < 0.55:
        text = f"the person is uncertain ({confidence:.0%})"
        yield Factor(id="confidence", points=points.unsure_person, text=text, evidence=evidence[:1])


def _identity(facts: Facts, known: Known, points: Points) -> Iterator[Factor]:
    residents = _residents(known)
    evidence = tuple(f"household:{match.name}" for match in residents)
    if all_known(facts, known):
        names = listed([match.name for match in residents])
        yield Factor(id="resident", points=points.resident, text=f"known: {names}", evidence=evidence)
    elif facts.persons and known.persons:
        visitors = [match for match in known.persons if match.outcome == "match"]
        if _strangers(known):
            yield Factor(
                id="stranger",
                points=points.not_recognised,
                text="somebody is not recognised",
                evidence=("household:persons",),
            )
        elif visitors:
            names = listed([match.name for match in visitors])
            shown = tuple(f"household:{match.name}" for match in visitors)
            yield Factor(id="visitor", points=points.trusted_visitor, text=f"probably {names}", evidence=shown)
    yield from away_of(known)
    if brings_delivery(facts, known) and not all_known(facts, known):
        evidence = ("leg:behaviour",) if known.behaves("carrying_package") else ("leg:attributes",)
        yield Factor(id="delivery", points=points.courier, text="it looks like a delivery", evidence=evidence)
    if facts.many(ObjectGroup.VEHICLE) and not facts.persons:
        yield from _vehicle_identity(known, points)


def _vehicle_identity(known: Known, points: Points) -> Iterator[Factor]:
    matched = [match for match in known.vehicles or () if match.outcome == "match"]
    if matched:
        names = listed([match.name for match in matched])
        shown = tuple(f"household:{match.name}" for match in matched)
        yield Factor(id="known_vehicle", points=points.known_vehicle, text=f"known vehicle: {names}", evidence=shown)
    elif any(match.outcome == "no_match" for match in known.vehicles or ()):
        evidence = ("household:vehicles",)
        yield Factor(
            id="unknown_vehicle", points=points.unknown_vehicle, text="the vehicle is not known", evidence=evidence
        )


def trusted_only(facts: Facts, known: Known) -> bool:
    """Tell whether everything that can be told apart was marked as trusted, or is a fully trusted resident."""
    told = [one for one in known.returning if one.trust == TRUSTED]
    wanted = Counter({kind: facts.many(group) for kind, group in _TOLD_APART.items() if facts.many(group)})
    have = Counter(one.kind for one in told)
    have["person"] = max(have["person"], len(_residents(known)))
    have["vehicle"] = max(have["vehicle"], sum(match.outcome == "match" for match in known.vehicles or ()))
    untrusted = any(one.trust == UNTRUSTED for one in known.returning)
    return bool(told) and not untrusted and not _strangers(known) and all(have[k] >= n for k, n in wanted.items())


def _entities(facts: Facts, known: Known, points: Points) -> Iterator[Factor]:
    if not facts.counts:
        return
    for trust, value, words in (
        (TRUSTED, points.trusted_entity, "probably somebody trusted"),
        (UNTRUSTED, points.untrusted_entity, "probably somebody who is not trusted"),
    ):
        found = [one for one in known.returning if one.trust == trust]
        if found:
            names = listed([one.name for one in found if one.name])
            best = max(one.similarity for one in found)
            text = f"{words}{f': {names}' if names else ''} (similarity {best:.2f})"
            yield Factor(
                id=f"{trust}_entity", points=value, text=text, evidence=tuple(f"entity:{one.id}" for one in found)
            )


def _time(facts: Facts, known: Known, points: Points) -> Iterator[Factor]:
    if not facts.night or all_known(facts, known):
        return
    clock = f"{facts.local_time:%H:%M}"
    evidence = (f"time:{clock}",)
    if facts.persons:
        yield Factor(id="night", points=points.night, text=f"it is night ({clock})", evidence=evidence)
    elif facts.many(ObjectGroup.VEHICLE):
        yield Factor(id="night", points=points.night_vehicle, text=f"it is night ({clock})", evidence=evidence)


def stay_s(facts: Facts, known: Known) -> float:
    """Give how long persons, else vehicles, have been there, with earlier batches of the visit."""
    group = ObjectGroup.PERSON if facts.persons else ObjectGroup.VEHICLE
    measured = facts.stay_s.get(group, 0.0)
    return measured + known.earlier_s if group in facts.stay_s else 0.0


def _stay(facts: Facts, known: Known, points: Points) -> Iterator[Factor]:
    seconds = stay_s(facts, known)
    if all_known(facts, known) or (brings_delivery(facts, known) and seconds < COURIER_STAY_S):
        return
    group = ObjectGroup.PERSON if facts.persons else ObjectGroup.VEHICLE
    steps = points.stays if facts.persons else points.vehicle_stays
    value = next((worth for least, worth in steps if seconds >= least), None)
    if value is not None:
        yield Factor(id="stay", points=value, text=f"stays {duration(seconds)}", evidence=facts.evidence[group][:2])


def _movement(facts: Facts, known: Known, points: Points) -> Iterator[Factor]:
    if facts.approach is None or all_known(facts, known) or brings_delivery(facts, known):
        return
    if facts.approach.towards:
        yield Factor(id="approach", points=points.towards, text="comes closer", evidence=facts.approach.evidence)
    else:
        yield Factor(id="approach", points=points.away, text="goes away", evidence=facts.approach.evidence)


def _place(facts: Facts, known: Known, points: Points) -> Iterator[Factor]:
    visited = [zone for zone in known.zones or () if "person" in zone.labels]
    private = [zone for zone in visited if zone.private]
    if not facts.persons or all_known(facts, known):
        return
    if private:
        yield _zone("private_zone", points.private_zone, "in", private)
    elif visited and all(zone.kind in PUBLIC_ZONES for zone in visited):
        yield _zone("public_zone", points.public_zone, "only on public ground:", visited)
    if loitered := [zone for zone in visited if zone.loitering]:
        yield _zone("loitering", points.loitering, "longer than allowed in", loitered)


def _zone(factor_id: str, value: int, words: str, zones: list[ZoneVisit]) -> Factor:
    names = listed([zone.name for zone in zones])
    return Factor(
        id=factor_id, points=value, text=f"{words} {names}", evidence=tuple(f"zone:{zone.name}" for zone in zones)
    )


def _habit(facts: Facts, known: Known, points: Points) -> Iterator[Factor]:
    tail = known.baseline_tail
    if tail is None or not facts.counts or facts.pet_only or all_known(facts, known):
        return
    evidence = (f"baseline:{tail:.4f}",)
    if tail < 0.01:
        yield Factor(
            id="baseline", points=points.unusual, text="very unusual for this camera and hour", evidence=evidence
        )
    elif tail < 0.05:
        yield Factor(
            id="baseline", points=points.rather_unusual, text="unusual for this camera and hour", evidence=evidence
        )
    elif tail > 0.2:
        yield Factor(id="baseline", points=points.usual, text="usual for this camera and hour", evidence=evidence)


def _home(facts: Facts, known: Known, points: Points) -> Iterator[Factor]:
    for fact in known.facts:
        yield Factor(id=f"household_{fact.id}", points=fact.points, text=fact.text, evidence=(f"household:{fact.id}",))
    if not facts.persons:
        return
    if known.inside and known.armed_away:
        evidence = (f"state:arm_mode={known.arm_mode}",)
        text = "a person is inside while the home is armed away"
        yield Factor(id="inside_armed_away", points=points.inside_armed_away, text=text, evidence=evidence)
    elif not all_known(facts, known):
        value = dict(points.armed).get(known.arm_mode or "", 0)
        if value:
            text = f"the alarm is {known.arm_mode}".replace("_", " ")
            yield Factor(id="arm_mode", points=value, text=text, evidence=(f"state:arm_mode={known.arm_mode}",))
        elif known.anyone_home is False:
            yield Factor(
                id="nobody_home", points=points.nobody_home, text="nobody is home", evidence=("state:presence",)
            )


def _ways(facts: Facts, known: Known, points: Points) -> Iterator[Factor]:
    if facts.persons and not all_known(facts, known):
        if not brings_delivery(facts, known):
            yield from ways_of(known, points.paths)
            yield from stances_of(facts, known, points.stances)
            yield from elsewhere_of(known, points.stances)
        yield from doors_of(known, points.paths)
    yield from gaps_of(known)


def _behaviour(facts: Facts, known: Known, points: Points) -> Iterator[Factor]:
    if not facts.persons:
        return
    for kind, text in BEHAVIOUR:
        if known.behaves(kind):
            value: int = getattr(points, kind)
            yield Factor(id=kind, points=value, text=text, evidence=(f"behaviour:{kind}",))


def _threats(facts: Facts, known: Known, points: Points) -> Iterator[Factor]:
    looks = sorted(known.weapon_looks())
    if looks:
        evidence = tuple(f"look:{source}" for source in looks)
        if len(looks) > 1:
            yield Factor(id="weapon", points=points.weapon, text="two looks agree on a weapon", evidence=evidence)
        else:
            yield Factor(id="weapon_unconfirmed", points=0, text="one look suspects a weapon", evidence=evidence)
    if known.violence is not None and known.violence >= VIOLENCE_FROM and facts.persons > 1:
        text = f"it looks violent ({known.violence:.0%})"
        yield Factor(id="violence", points=points.violence, text=text, evidence=("leg:violence",))
    if known.covered_face is not None and known.covered_face >= 0.5 and facts.persons:
        yield Factor(
            id="covered_face", points=points.covered_face, text="a face is covered", evidence=("leg:covered_face",)
        )
    broken = sorted(known.breakage())
    if len(broken) > 1 or (broken and facts.night):
        text = f"a vehicle is damaged ({listed(broken)})"
        yield Factor(id="vehicle_damage", points=points.vehicle_damage, text=text, evidence=("leg:damage",))
    if known.tamper:
        text = f"the camera was tampered with ({known.tamper.replace('_', ' ')})"
        yield Factor(id="tamper", points=points.tamper, text=text, evidence=("leg:tamper",))


_SOURCES: Final[tuple[Source, ...]] = (
    _objects,
    _persons,
    _identity,
    _entities,
    _time,
    _stay,
    _movement,
    _place,
    _habit,
    _home,
    _ways,
    _behaviour,
    _threats,
)
