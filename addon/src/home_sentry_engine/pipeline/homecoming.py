"""Homecoming: after all legs, a visit's subjects are compared with the household; the leg ``household``."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
import logging
from typing import Any, Final

from home_sentry_engine.context.faces import FaceFinding, FaceOutcome
from home_sentry_engine.context.household import (
    Gallery,
    MatchOutcome,
    Recognised,
    household_leg,
    recognise_person,
    recognise_vehicle,
)
from home_sentry_engine.context.linked import away_persons, held_back
from home_sentry_engine.context.recognised import (
    NOBODY_ENROLLED,
    ReadPlate,
    facts_now,
    plate_read,
    plates_of,
    recognition_record,
    with_facts,
)
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.errors import HomeSentryError
from home_sentry_engine.domain.household import Member, SampleSource, Vehicle
from home_sentry_engine.domain.messages import Absent, Scene

from .identity_ports import HouseholdNow, Vector
from .ports import Store, Tx

_LOGGER = logging.getLogger(__name__)
_DEADLINE_S: Final = 10.0
_NOBODY_LOOKED: Final = Absent(reason="no model compares appearances")


@dataclass(frozen=True, slots=True, kw_only=True)
class HomecomingRules:
    """``plates_s`` is how long a plate that was read is kept."""

    plates_s: float = 7 * 86_400.0


class Homecoming:
    """Adds the leg ``household``; never raises, what cannot be compared is absent with its reason."""

    def __init__(self, store: Store, clock: Clock, rules: HomecomingRules | None = None) -> None:
        """Take the rows, time and the limits."""
        self._store = store
        self._clock = clock
        self._rules = rules or HomecomingRules()

    async def __call__(self, scene: Scene) -> Scene:
        """Compare by what the legs ``identity``, ``plates`` and ``known_faces`` found."""
        legs: dict[str, object | Absent] = {"identity": _NOBODY_LOOKED} | scene.legs
        try:
            async with asyncio.timeout(_DEADLINE_S):
                legs["household"] = await self._store.write(lambda tx: self._recognise(tx, scene))
        except HomeSentryError as err:
            _LOGGER.warning("The household cannot be read: %s", err, extra={"event_id": scene.batch.event_id})
            legs.setdefault("household", Absent(reason="the household cannot be read"))
        except TimeoutError:
            legs.setdefault("household", Absent(reason="the household could not be read in time"))
        return replace(scene, legs=legs)

    def _recognise(self, tx: Tx, scene: Scene) -> object | Absent:
        now = self._clock.steady()
        home = tx.identity.household(now)
        subjects, reason = _subjects(scene.legs.get("identity", _NOBODY_LOOKED))
        ids = [record["detection"] for record in subjects if isinstance(record.get("detection"), int)]
        vectors = {
            (detection, trace.model_id): vector
            for detection, looks in tx.identity.looks_at(ids).items()
            for trace, vector in looks
        }
        away = away_persons(tx.places.home(), at=scene.batch.last_at, now=now)
        persons = held_back(self._persons(scene, home, subjects, vectors), away)
        vehicles, plates = _vehicles(scene, home, subjects, vectors)
        for plate, owner in plates:
            expires_at = now + timedelta(seconds=self._rules.plates_s)
            tx.identity.note_plate(plate_read(plate, scene, expires_at, owner))
        leg: object | Absent = household_leg(persons, vehicles)
        if not leg:
            enrolled = bool(home.members or home.vehicles)
            leg = Absent(reason=(reason or "there is nobody to compare") if enrolled else NOBODY_ENROLLED)
        identity = scene.legs.get("identity", _NOBODY_LOOKED)
        tx.identity.note_recognised(scene.batch.event_id, recognition_record(identity, leg))
        return with_facts(leg, facts_now(home.facts, scene.batch.last_at))

    @staticmethod
    def _persons(
        scene: Scene,
        home: HouseholdNow,
        subjects: Sequence[Mapping[str, Any]],
        vectors: Mapping[tuple[int, str], Vector],
    ) -> list[Recognised] | None:
        if not home.members:
            return None
        looks = [sample for sample in home.samples if sample.source is SampleSource.APPEARANCE]
        gallery = Gallery[Member](home.members, looks)
        faces = _faces(scene.legs.get("known_faces"), gallery)
        found: dict[int, Recognised] = {}
        for record in subjects:
            vector = vectors.get((record.get("detection", 0), str(record.get("model"))))
            if record.get("kind") == "person" and vector is not None:
                found[record["subject"]] = recognise_person(
                    gallery, str(record["model"]), vector, local=scene.local_time, threshold=record.get("threshold")
                )
        for number, face in faces.items():
            found[number] = _by_face(face, gallery, scene, found.get(number))
        told = [one for one in found.values() if one.outcome is not MatchOutcome.NO_GALLERY]
        return told or None


def _subjects(leg: object) -> tuple[list[Mapping[str, Any]], str | None]:
    if isinstance(leg, Absent):
        return [], leg.reason
    records = leg.get("subjects", ()) if isinstance(leg, Mapping) else ()
    return [record for record in records if isinstance(record, Mapping)], None


def _vehicles(
    scene: Scene,
    home: HouseholdNow,
    subjects: Sequence[Mapping[str, Any]],
    vectors: Mapping[tuple[int, str], Vector],
) -> tuple[list[Recognised] | None, list[tuple[ReadPlate, str | None]]]:
    plates = plates_of(scene.legs.get("plates"))
    gallery = Gallery[Vehicle](home.vehicles, home.samples)
    looks = {record["subject"]: record for record in subjects if record.get("kind") == "vehicle"}
    found: list[Recognised] = []
    owners: dict[int, str | None] = {}
    numbers = [*looks, *(plate.subject for plate in plates if plate.subject is not None and plate.subject not in looks)]
    for number in numbers or ([None] if plates else []):
        mine = _plate_for(number, plates, alone=len(numbers) <= 1)
        record = looks.get(number, {}) if number is not None else {}
        vector = vectors.get((record.get("detection", 0), str(record.get("model"))))
        match = recognise_vehicle(
            gallery,
            plate=mine.text if mine is not None else None,
            look=(str(record["model"]), vector) if vector is not None else None,
            local=scene.local_time,
            threshold=record.get("threshold"),
        )
        if mine is not None:
            owners[plates.index(mine)] = match.owner.id if match.owner is not None else None
        if match.outcome is not MatchOutcome.NO_GALLERY:
            found.append(match)
    return found or None, [(plate, owners.get(index)) for index, plate in enumerate(plates)]


def _plate_for(number: int | None, plates: Sequence[ReadPlate], *, alone: bool) -> ReadPlate | None:
    mine = [plate for plate in plates if plate.subject == number or (alone and plate.subject is None)]
    return max(mine, key=lambda plate: plate.confidence, default=None)


def _faces(leg: object, gallery: Gallery[Member]) -> dict[int, FaceFinding]:
    if not isinstance(leg, list):
        return {}
    found = {}
    for record in leg:
        finding = FaceFinding.of(record) if isinstance(record, Mapping) else None
        known = finding is not None and (finding.owner_id is None or finding.owner_id in gallery.owners)
        if finding is not None and known and finding.outcome is not FaceOutcome.TOO_FEW:
            found[finding.subject] = finding
    return found


def _by_face(face: FaceFinding, gallery: Gallery[Member], scene: Scene, look: Recognised | None) -> Recognised:
    """A known face decides over clothes; faces that nobody has take the certainty out of what clothes say."""
    if face.owner_id is None:
        return _doubted(look)
    owner = gallery.owners[face.owner_id]
    outside = owner.schedule is not None and not owner.schedule.holds(scene.local_time)
    outcome = MatchOutcome.OUTSIDE_SCHEDULE if outside else MatchOutcome.MATCH
    return Recognised(outcome=outcome, owner=owner, similarity=face.similarity, by="face")


def _doubted(look: Recognised | None) -> Recognised:
    if look is None:
        return Recognised(outcome=MatchOutcome.NO_MATCH, by="face")
    return replace(look, outcome=MatchOutcome.PROBABLE) if look.outcome is MatchOutcome.MATCH else look
