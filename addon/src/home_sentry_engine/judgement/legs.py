"""What the legs of a scene say: a missing, absent or malformed part is unknown, never a negative finding.

Shapes of ``Scene.legs`` that are read here, all JSON values::

    zones       [{"name", "type", "labels": [...], "private": bool?, "inside": bool?, "dwell_s"?, "loitering"?,
                  "entered"?: bool, "left"?: bool, "crossed"?: ["in" | "out", ...]}]
    routes      [{"label", "zones": names in the order in which they were entered}]
    camera      {"inside": bool}
    visit       {"dwell_s": seconds that earlier batches of the same visit add}
    baseline    {"state": "ready" | "learning", "tail": upper-tail probability of this activity 0..1}
    household   {"persons": [match], "vehicles": [match], "facts": [{"id", "text", "points", "expires_at"?}]}
                match = {"name", "outcome": "match" | "no_match" | ..., "role"?, "trust"?}
    identity    {"subjects": [{"kind", "similarity", "entity"?: {"id", "trust", "visits", "name"?}}]}
    arm_mode    "disarmed" | "armed_home" | "armed_night" | "armed_away" | "armed_vacation" | "triggered"
    presence    {"home": bool}
    contacts    [{"name", "state": "open" | "closed" | ...}]
    home_gaps   [why something that the owner chose is not known]
    threats     [{"label", "confidence", "source"}]        one entry per look; sources tell independent looks apart
    behaviour   [{"kind", "confidence", "source"}]
    attributes  {"courier": bool?, "service_worker": bool?}
    covered_face, violence   {"confidence"}
    damage      [{"damage", "confidence"}]
    pets        [{"species", "household_pet"?: true where a model or the detector is sure of it}]
    pose        [{"posture", "confidence", "repeated"?: alerts that more than one picture shows}]
    cross_camera  [{"camera", "label", "seconds"}]        seconds apart, negative before the visit
    tamper      {"kind"}
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from home_sentry_engine.domain.messages import Absent, Scene

PRIVATE_ZONES: Final = frozenset({"entry_point", "yard", "private"})
PUBLIC_ZONES: Final = frozenset({"sidewalk", "street", "public"})
BREAKAGE: Final = frozenset({"glass shatter", "lamp broken"})
WEAPONS: Final = frozenset({"knife", "gun", "weapon", "rifle", "pistol", "machete", "axe"})
FULL_TRUST: Final = "full"
RESIDENT_ROLES: Final = frozenset({"resident", "family"})

_MAX_TEXT: Final = 64
_MAX_RECORDS: Final = 200
_EVEN: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneVisit:
    """A zone of the camera in which objects stood."""

    name: str
    kind: str
    labels: frozenset[str]
    private: bool
    inside: bool
    loitering: bool
    entered: bool = False
    left: bool = False
    crossed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One finding of one source with its confidence 0..1."""

    kind: str
    confidence: float
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A person or vehicle compared with the household."""

    name: str
    outcome: str
    role: str
    trust: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Returning:
    """A subject that probably came before, and what a person said about it."""

    id: str
    kind: str
    name: str
    trust: str
    similarity: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """Something that another camera saw ``seconds`` apart from the visit."""

    camera: str
    label: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HouseholdFact:
    """Something the owner told, with signed points."""

    id: str
    text: str
    points: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Everything around the pictures that is known; None means that nobody looked."""

    zones: tuple[ZoneVisit, ...] | None
    inside: bool | None
    earlier_s: float
    baseline_tail: float | None
    persons: tuple[Match, ...] | None
    vehicles: tuple[Match, ...] | None
    facts: tuple[HouseholdFact, ...]
    returning: tuple[Returning, ...]
    arm_mode: str | None
    anyone_home: bool | None
    threats: tuple[Look, ...]
    behaviour: tuple[Look, ...]
    courier: bool
    covered_face: float | None
    violence: float | None
    tamper: str | None
    routes: tuple[tuple[str, tuple[str, ...]], ...] = ()
    open_contacts: tuple[str, ...] = ()
    home_gaps: tuple[str, ...] = ()
    damage: tuple[Look, ...] = ()
    stances: frozenset[str] = frozenset()
    elsewhere: tuple[Elsewhere, ...] = ()
    household_pet: bool = False

    @property
    def armed_away(self) -> bool:
        """Tell whether the home is guarded as empty."""
        return self.arm_mode in {"armed_away", "armed_vacation", "triggered"}

    def weapon_looks(self) -> frozenset[str]:
        """Give the sources that saw a weapon with at least even confidence, and those less sure that these agree with.

        A finder of things by name reports from far below even confidence: what it suspects counts once it is confirmed.
        """
        seen = [look for look in self.threats if look.kind in WEAPONS]
        sure = {look.kind for look in seen if look.confidence >= 0.5}
        return frozenset(look.source for look in seen if look.kind in sure)

    def breakage(self) -> frozenset[str]:
        """Give the damage of vehicles that somebody does who wants to get in, with at least even confidence."""
        return frozenset(look.kind for look in self.damage if look.kind in BREAKAGE and look.confidence >= 0.5)

    def behaves(self, kind: str) -> bool:
        """Tell whether a behaviour was seen with at least even confidence."""
        return any(look.kind == kind and look.confidence >= 0.5 for look in self.behaviour)


def known_of(scene: Scene) -> Known:
    """Read all legs of a scene; never raises for their content."""
    household = _record(_leg(scene, "household"))
    attributes = _record(_leg(scene, "attributes"))
    zones = _zones(_leg(scene, "zones"))
    return Known(
        zones=zones,
        inside=_inside(scene, zones),
        earlier_s=_number(_record(_leg(scene, "visit")).get("dwell_s"), 0.0, 86_400.0) or 0.0,
        baseline_tail=_tail(_record(_leg(scene, "baseline"))),
        persons=_matches(household.get("persons")),
        vehicles=_matches(household.get("vehicles")),
        facts=tuple(_facts(household.get("facts"), scene.batch.last_at)),
        returning=tuple(_returning(_record(_leg(scene, "identity")).get("subjects"))),
        arm_mode=_text(_leg(scene, "arm_mode")) or None,
        anyone_home=_flag(_record(_leg(scene, "presence")).get("home")),
        threats=_looks(_leg(scene, "threats"), "label"),
        behaviour=_looks(_leg(scene, "behaviour"), "kind"),
        courier=any(attributes.get(key) is True for key in ("courier", "service_worker")),
        covered_face=_number(_record(_leg(scene, "covered_face")).get("confidence"), 0.0, 1.0),
        violence=_number(_record(_leg(scene, "violence")).get("confidence"), 0.0, 1.0),
        tamper=_text(_record(_leg(scene, "tamper")).get("kind")) or None,
        routes=tuple((_text(one.get("label")), _texts(one.get("zones"))) for one in _records(_leg(scene, "routes"))),
        open_contacts=tuple(
            _text(one.get("name")) for one in _records(_leg(scene, "contacts")) if one.get("state") == "open"
        ),
        home_gaps=_texts(_leg(scene, "home_gaps"), longest=160),
        damage=_looks(_leg(scene, "damage"), "damage"),
        stances=frozenset(_stances(_leg(scene, "pose"))),
        elsewhere=tuple(_elsewhere(_leg(scene, "cross_camera"))),
        household_pet=any(row.get("household_pet") is True for row in _records(_leg(scene, "pets"))),
    )


def _leg(scene: Scene, name: str) -> object:
    value = scene.legs.get(name)
    return None if isinstance(value, Absent) else value


def _record(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _records(value: object) -> Iterator[Mapping[str, object]]:
    if isinstance(value, list | tuple):
        yield from (item for item in value[:_MAX_RECORDS] if isinstance(item, Mapping))


def _text(value: object) -> str:
    return " ".join(value.split())[:_MAX_TEXT] if isinstance(value, str) else ""


def _texts(value: object, *, longest: int = _MAX_TEXT) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        return ()
    return tuple(" ".join(one.split())[:longest] for one in value[:_MAX_RECORDS] if isinstance(one, str))


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _number(value: object, low: float, high: float) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if low <= value <= high else None


def _zones(value: object) -> tuple[ZoneVisit, ...] | None:
    if not isinstance(value, list | tuple):
        return None
    return tuple(_zone(record) for record in _records(value))


def _zone(record: Mapping[str, object]) -> ZoneVisit:
    kind = _text(record.get("type"))
    labels = record.get("labels")
    private = _flag(record.get("private"))
    return ZoneVisit(
        name=_text(record.get("name")),
        kind=kind,
        labels=frozenset(_text(label) for label in labels) if isinstance(labels, list | tuple) else frozenset(),
        private=kind in PRIVATE_ZONES if private is None else private,
        inside=record.get("inside") is True,
        loitering=record.get("loitering") is True,
        entered=record.get("entered") is True,
        left=record.get("left") is True,
        crossed=_texts(record.get("crossed")),
    )


def _inside(scene: Scene, zones: tuple[ZoneVisit, ...] | None) -> bool | None:
    stated = _flag(_record(_leg(scene, "camera")).get("inside"))
    if zones and any(zone.inside and "person" in zone.labels for zone in zones):
        return True
    return stated


def _tail(record: Mapping[str, object]) -> float | None:
    return _number(record.get("tail"), 0.0, 1.0) if record.get("state") == "ready" else None


def _matches(value: object) -> tuple[Match, ...] | None:
    if not isinstance(value, list | tuple):
        return None
    return tuple(
        Match(
            name=_text(record.get("name")),
            outcome=_text(record.get("outcome")),
            role=_text(record.get("role")) or "resident",
            trust=_text(record.get("trust")) or FULL_TRUST,
        )
        for record in _records(value)
    )


def _returning(value: object) -> Iterator[Returning]:
    for record in _records(value):
        entity, similarity = _record(record.get("entity")), _number(record.get("similarity"), -1.0, 1.0)
        if entity and similarity is not None:
            yield Returning(
                id=_text(entity.get("id")),
                kind=_text(record.get("kind")),
                name=_text(entity.get("name")),
                trust=_text(entity.get("trust")),
                similarity=similarity,
            )


def _facts(value: object, at: datetime) -> Iterator[HouseholdFact]:
    for record in _records(value):
        points = _number(record.get("points"), -20, 20)
        if points is not None and not _expired(record.get("expires_at"), at):
            yield HouseholdFact(
                id=_text(record.get("id")) or "fact", text=_text(record.get("text")), points=int(points)
            )


def _stances(value: object) -> Iterator[str]:
    for record in _records(value):
        sure = _number(record.get("confidence"), 0.0, 1.0)
        if sure is not None and sure >= _EVEN:
            yield from _texts(record.get("repeated"))


def _elsewhere(value: object) -> Iterator[Elsewhere]:
    for record in _records(value):
        camera, seconds = _text(record.get("camera")), _number(record.get("seconds"), -86_400.0, 86_400.0)
        if camera and seconds is not None:
            yield Elsewhere(camera=camera, label=_text(record.get("label")), seconds=seconds)


def _expired(value: object, at: datetime) -> bool:
    if value is None:
        return False
    try:
        until = datetime.fromisoformat(str(value))
    except ValueError:
        return True
    return (until if until.tzinfo else until.replace(tzinfo=UTC)) <= at


def _looks(value: object, key: str) -> tuple[Look, ...]:
    looks = []
    for record in _records(value):
        kind, confidence = _text(record.get(key)).casefold(), _number(record.get("confidence"), 0.0, 1.0)
        if kind and confidence is not None:
            looks.append(Look(kind=kind, confidence=confidence, source=_text(record.get("source")) or "unnamed"))
    return tuple(looks)
