"""What the pipeline needs to know of who came before and who belongs to the house."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from home_sentry_engine.domain.box import Box
from home_sentry_engine.domain.embedded import Embedded
from home_sentry_engine.domain.household import (
    Appearance,
    Entity,
    HouseholdFact,
    Member,
    PlateRead,
    Sample,
    Trace,
    Vehicle,
)

type Vector = NDArray[np.float32]


class Appearances(Protocol):
    """Turns cut-outs into vectors."""

    async def embed(self, kind: str, looks: Sequence[tuple[Any, Box]]) -> Embedded:
        """Look at one subject in RGB pictures with its box in their pixels; raises ``StageError``."""
        ...


class FaceReader(Protocol):
    """Turns faces into vectors; only there after the opt-in."""

    async def faces(self, looks: Sequence[tuple[Any, Box]]) -> tuple[Embedded, ...]:
        """Give the face of one person in each picture that shows one; raises ``StageError``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HouseholdNow:
    """Everybody who belongs to the house, with samples that have not expired, and facts."""

    members: tuple[Member, ...]
    vehicles: tuple[Vehicle, ...]
    samples: tuple[Sample, ...]
    facts: tuple[HouseholdFact, ...]


class IdentityRows(Protocol):
    """Looks, entities and the household, inside one transaction."""

    def living(self, now: datetime, *, after: int) -> Sequence[tuple[Trace, Vector]]:
        """Give looks with higher ids that have not expired."""
        ...

    def remember(self, trace: Trace, vector: Vector) -> Trace:
        """Store a look, in the place of one at the same detection, and give it with its id."""
        ...

    def traces(self, ids: Sequence[int]) -> Mapping[int, Trace]:
        """Give those of these looks that are still there."""
        ...

    def looks_at(self, detections: Iterable[int]) -> Mapping[int, Sequence[tuple[Trace, Vector]]]:
        """Give the looks at detections."""
        ...

    def assign(self, trace_ids: Iterable[int], entity_id: str) -> None:
        """Say whose looks these are."""
        ...

    def entity(self, entity_id: str) -> Entity | None:
        """Give one entity."""
        ...

    def entity_vectors(self, kind: str, model_id: str, now: datetime) -> Sequence[tuple[str, Vector]]:
        """Give what entities look like."""
        ...

    def make_entity(self, entity: Entity) -> None:
        """Store a new entity."""
        ...

    def appear(self, visit: Appearance) -> Entity | None:
        """Count a visit of an entity once; gives the entity, None if it was erased."""
        ...

    def blend(self, entity_id: str, model_id: str, vector: Vector, *, expires_at: datetime) -> None:
        """Take a look into what an entity looks like."""
        ...

    def household(self, now: datetime) -> HouseholdNow:
        """Give the household."""
        ...

    def facts(self, now: datetime) -> tuple[HouseholdFact, ...]:
        """Give facts that have not expired."""
        ...

    def recognised(self, event_id: str) -> dict[str, Any] | None:
        """Give the record of a visit's last assessment."""
        ...

    def note_recognised(self, event_id: str, leg: dict[str, Any]) -> None:
        """Keep what the comparisons of an assessment gave."""
        ...

    def note_plate(self, read: PlateRead) -> None:
        """Keep a plate that was read."""
        ...
