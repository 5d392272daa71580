"""The leg ``known_faces``: faces of a visit's persons beside those of members who agreed to it."""

import asyncio
from collections.abc import Sequence

from home_sentry_engine.context.faces import FaceFinding, FaceRules, name_faces
from home_sentry_engine.context.household import Gallery
from home_sentry_engine.contract import ObjectGroup
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.errors import StageError, Unavailable
from home_sentry_engine.domain.household import Member, SampleSource
from home_sentry_engine.domain.messages import Absent

from .identity_ports import FaceReader
from .ports import Store
from .subject_views import CloseLeg, SceneViews, SubjectView


class KnownFaces:
    """Only there after the opt-in; what is seen of strangers is compared and forgotten, never stored."""

    def __init__(self, store: Store, reader: FaceReader, clock: Clock, rules: FaceRules | None = None) -> None:
        """Take the rows, what reads faces, time and the limits."""
        self._store = store
        self._reader = reader
        self._clock = clock
        self._rules = rules or FaceRules()

    def leg(self) -> CloseLeg:
        """Give the close leg."""
        return CloseLeg(name="known_faces", look=self.look, deadline_s=30.0)

    async def look(self, views: SceneViews) -> object | Absent:
        """Compare; raises ``Unavailable`` when no face could be read."""
        persons = [seen for seen in views.subjects.values() if seen and seen[0].subject.group is ObjectGroup.PERSON]
        if not persons:
            return Absent(reason="there is no person to compare")
        home = await self._store.read(lambda tx: tx.identity.household(self._clock.steady()))
        samples = [sample for sample in home.samples if sample.source is SampleSource.FACE]
        if not samples:
            return Absent(reason="nobody's face is enrolled")
        gallery = Gallery[Member](home.members, samples)
        found = await asyncio.gather(*(self._named(seen, gallery) for seen in persons))
        told = [one for one in found if isinstance(one, FaceFinding)]
        if not told:
            raise Unavailable(next(one for one in found if isinstance(one, str)), code="faces")
        return [one.document() for one in told]

    async def _named(self, seen: Sequence[SubjectView], gallery: Gallery[Member]) -> FaceFinding | str:
        looks = [(view.picture, view.look.detection.box) for view in seen]
        try:
            faces = await self._reader.faces(looks)
        except StageError as err:
            return err.reason
        return name_faces(seen[0].subject.number, faces, gallery, self._rules)
