"""Recognition: each subject of a visit is compared with earlier visits; who comes again becomes an entity."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from home_sentry_engine.context.acquaintance import Acquaintance, Compared, claims, identity_leg
from home_sentry_engine.context.identity import ProbableMatch, Question
from home_sentry_engine.context.index import unit_rows
from home_sentry_engine.context.tracks import Look
from home_sentry_engine.contract import ObjectGroup
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.errors import StageError, Unavailable
from home_sentry_engine.domain.household import Appearance, Entity, Trace
from home_sentry_engine.domain.identity import IdSource
from home_sentry_engine.domain.messages import Absent, Scene

from .identity_ports import Appearances, Vector
from .ports import Store, Tx
from .subject_views import CloseLeg, SceneViews, SubjectView
from .trace_memory import TraceMemory

KINDS: Final = {
    ObjectGroup.PERSON: "person",
    ObjectGroup.VEHICLE: "vehicle",
    ObjectGroup.ANIMAL: "animal",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RecognitionRules:
    """Limits: ``ttl_s`` how long a look is remembered, ``crops`` pictures per subject, sides in pixels of a crop."""

    ttl_s: float = 24 * 3600.0
    crops: int = 3
    subjects: int = 10
    least_width: int = 12
    least_height: int = 32
    deadline_s: float = 30.0


class Recognition:
    """Gives the leg ``identity`` and remembers the looks; ``appearances`` None means that nobody compares."""

    def __init__(
        self,
        store: Store,
        memory: TraceMemory,
        appearances: Appearances,
        clock: Clock,
        ids: IdSource,
        rules: RecognitionRules | None = None,
    ) -> None:
        """Take the rows, the remembered looks, what makes vectors, time, new ids and the limits."""
        self._store = store
        self._memory = memory
        self._appearances = appearances
        self._clock = clock
        self._ids = ids
        self._rules = rules or RecognitionRules()

    def leg(self) -> CloseLeg:
        """Give the close leg."""
        return CloseLeg(name="identity", look=self.look, deadline_s=self._rules.deadline_s)

    async def look(self, views: SceneViews) -> object | Absent:
        """Compare persons, vehicles and animals; raises ``Unavailable`` when the memory cannot be read."""
        wanted = [
            (number, seen) for number, seen in sorted(views.subjects.items()) if seen and seen[0].subject.group in KINDS
        ]
        if not wanted:
            return Absent(reason=_nobody(views))
        most = self._rules.subjects
        looked = await asyncio.gather(*(self._embedded(seen) for _, seen in wanted[:most]))
        looked += [_left_out(seen) for _, seen in wanted[most:]]
        if all(one.embedded is None for one in looked):
            reasons = dict.fromkeys(one.unavailable or "" for one in looked)
            return Absent(reason="; ".join(reasons))
        now = self._clock.steady()
        await self._memory.follow(now)
        compared = await self._compared(looked, views.scene, now)
        found, traces = await self._store.write(lambda tx: self._remember(tx, compared, views.scene, now))
        await self._memory.remember(traces)
        names = await self._store.read(lambda tx: {camera.id: camera.name for camera in tx.cameras.all()})
        return identity_leg(found, names)

    async def _embedded(self, seen: tuple[SubjectView, ...]) -> Compared:
        subject, first = seen[0].subject, seen[0].look
        plain = Compared(subject=subject, kind=KINDS[subject.group], look=first)
        fitting = [view for view in seen if self._is_large(view.look)]
        if not fitting:
            return replace(plain, unavailable="too small in the picture to compare")
        looks = [(view.picture, view.look.detection.box) for view in fitting[: self._rules.crops]]
        try:
            embedded = await self._appearances.embed(plain.kind, looks)
        except StageError as err:
            return replace(plain, unavailable=err.reason)
        return replace(plain, look=fitting[0].look, embedded=embedded)

    def _is_large(self, look: Look) -> bool:
        box = look.detection.box
        return box.width >= self._rules.least_width and box.height >= self._rules.least_height

    async def _compared(self, looked: Sequence[Compared], scene: Scene, now: datetime) -> list[Compared]:
        asked = [one for one in looked if one.embedded is not None]
        questions = [_question(one, scene, now) for one in asked]
        answers = await self._memory.probable(questions)
        keys = {(one.kind, one.embedded.model_id) for one in asked if one.embedded is not None}

        def known(tx: Tx) -> tuple[Mapping[int, Trace], dict[tuple[str, str], list[tuple[str, Vector]]]]:
            ids = [match.trace.id for matches in answers for match in matches]
            return tx.identity.traces(ids), {key: list(tx.identity.entity_vectors(*key, now)) for key in keys}

        traces, vectors = await self._store.read(known)
        by_number = {
            one.subject.number: replace(
                one,
                matches=tuple(_renewed(match, traces) for match in matches if match.trace.id in traces),
                resembles=_resembles(one, vectors),
            )
            for one, matches in zip(asked, answers, strict=True)
        }
        return [by_number.get(one.subject.number, one) for one in looked]

    def _remember(
        self, tx: Tx, compared: Sequence[Compared], scene: Scene, now: datetime
    ) -> tuple[list[Acquaintance], list[tuple[Trace, Vector]]]:
        claimed = claims(compared)
        found, traces = [], []
        for one in compared:
            if one.embedded is None:
                found.append(Acquaintance(compared=one))
                continue
            entity = self._entity(tx, one, claimed.get(one.subject.number), scene)
            trace = tx.identity.remember(self._trace(one, scene, now, entity), one.embedded.vector)
            if entity is not None:
                expires_at = now + timedelta(seconds=self._rules.ttl_s)
                if trace.entity_id != entity.id:
                    tx.identity.assign([trace.id], entity.id)
                tx.identity.blend(entity.id, one.embedded.model_id, one.embedded.vector, expires_at=expires_at)
            traces.append((trace, one.embedded.vector))
            found.append(Acquaintance(compared=one, entity=entity))
        return found, traces

    def _entity(
        self, tx: Tx, one: Compared, claim: tuple[str | None, ProbableMatch | None] | None, scene: Scene
    ) -> Entity | None:
        if claim is None:
            return None
        entity_id, match = claim
        if entity_id is None and match is not None:
            entity_id = self._begin(tx, one, match)
        if entity_id is None or tx.identity.entity(entity_id) is None:
            return None
        return tx.identity.appear(
            Appearance(
                entity_id=entity_id,
                camera_id=scene.batch.camera_id,
                event_id=scene.batch.event_id,
                at=one.look.at,
                detection_id=one.look.detection_id,
                media_id=one.look.media_id or None,
                similarity=one.similarity,
            )
        )

    def _begin(self, tx: Tx, one: Compared, match: ProbableMatch) -> str | None:
        """Make an entity of an earlier look that belonged to nobody yet."""
        earlier = tx.identity.traces([match.trace.id]).get(match.trace.id)
        if earlier is None or earlier.event_id is None:
            return None
        if earlier.entity_id is not None:
            return earlier.entity_id
        at, camera_id = earlier.at, earlier.camera_id
        entity = Entity(id=self._ids(), kind=one.kind, first_at=at, last_at=at, last_camera_id=camera_id)
        tx.identity.make_entity(replace(entity, model_id=earlier.model_id))
        media_id = earlier.attributes.get("media_id")
        tx.identity.appear(
            Appearance(
                entity_id=entity.id,
                camera_id=camera_id,
                event_id=earlier.event_id,
                at=at,
                detection_id=earlier.detection_id,
                media_id=media_id if isinstance(media_id, str) else None,
            )
        )
        tx.identity.assign([earlier.id], entity.id)
        return entity.id

    def _trace(self, one: Compared, scene: Scene, now: datetime, entity: Entity | None) -> Trace:
        detection = one.look.detection
        return Trace(
            id=0,
            model_id=one.embedded.model_id if one.embedded is not None else "",
            kind=one.kind,
            camera_id=scene.batch.camera_id,
            at=one.look.at,
            expires_at=now + timedelta(seconds=self._rules.ttl_s),
            detection_id=one.look.detection_id,
            event_id=scene.batch.event_id,
            entity_id=entity.id if entity is not None else None,
            attributes={
                "label": detection.label,
                "confidence": round(detection.confidence, 3),
                "media_id": one.look.media_id,
            },
        )


def _left_out(seen: Sequence[SubjectView]) -> Compared:
    subject = seen[0].subject
    reason = "more subjects at once than are compared"
    return Compared(subject=subject, kind=KINDS[subject.group], look=seen[0].look, unavailable=reason)


def _question(one: Compared, scene: Scene, now: datetime) -> Question:
    if one.embedded is None:
        raise Unavailable(one.unavailable or "nothing to compare")
    own = frozenset(look.detection_id for look in one.subject.looks if look.detection_id is not None)
    return Question(
        model_id=one.embedded.model_id,
        kind=one.kind,
        vector=one.embedded.vector,
        at=now,
        threshold=one.embedded.same_above,
        visit=scene.batch.event_id,
        besides=own,
        seen_at=one.look.at,
    )


def _renewed(match: ProbableMatch, traces: Mapping[int, Trace]) -> ProbableMatch:
    return replace(match, trace=traces[match.trace.id])


def _resembles(
    one: Compared, vectors: Mapping[tuple[str, str], Sequence[tuple[str, Vector]]]
) -> tuple[tuple[str, float], ...]:
    if one.embedded is None:
        return ()
    known = vectors.get((one.kind, one.embedded.model_id), ())
    fitting = [(entity_id, vector) for entity_id, vector in known if len(vector) == len(one.embedded.vector)]
    if not fitting:
        return ()
    cosines = unit_rows(np.stack([vector for _, vector in fitting])) @ one.embedded.vector
    ranked = sorted(zip((entity_id for entity_id, _ in fitting), map(float, cosines), strict=True), key=lambda p: -p[1])
    return tuple((entity_id, min(1.0, cosine)) for entity_id, cosine in ranked if cosine >= one.embedded.same_above)


def _nobody(views: SceneViews) -> str:
    if views.unreadable and not any(views.subjects.values()):
        return "no picture could be read: " + "; ".join(dict.fromkeys(views.unreadable.values()))
    return "there is nobody to compare"
