"""Enrolment: somebody is learned from a detection, by looks or, after the opt-in and with consent, by the face."""

from dataclasses import dataclass
from datetime import timedelta

from home_sentry_engine.api.household_ports import Enrolment
from home_sentry_engine.contract import Detection, ObjectGroup
from home_sentry_engine.contract.errors import Forbidden, NotFound, Unprocessable
from home_sentry_engine.domain.box import Box
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.embedded import Embedded
from home_sentry_engine.domain.errors import Unavailable
from home_sentry_engine.domain.household import Enrolled, Sample, SampleSource
from home_sentry_engine.domain.messages import Media
from home_sentry_engine.pipeline.closely import WholePictures
from home_sentry_engine.pipeline.identity_ports import Appearances, FaceReader
from home_sentry_engine.settings import IdentitySettings
from home_sentry_engine.storage.database import Connection, Database

from .tables import Tables


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What decodes and compares; None where nobody does."""

    pictures: WholePictures
    appearances: Appearances | None = None
    faces: FaceReader | None = None


class Enroller:
    """Looks at one detection and keeps the sample."""

    def __init__(
        self, database: Database, tables: Tables, sight: Sight, clock: Clock, settings: IdentitySettings
    ) -> None:
        """Take the rows, what looks, time, and the opt-in with its retention."""
        self._database = database
        self._tables = tables
        self._sight = sight
        self._clock = clock
        self._settings = settings

    async def enrol(self, wish: Enrolment) -> Enrolled:
        """Keep a sample; raises ``NotFound``, ``Forbidden``, ``Unprocessable`` or a ``StageError``."""
        if wish.face:
            self._allow(wish)
        detection, media = await self._found(wish)
        pixels = await self._sight.pictures.whole(media, detection.offset_s)
        box = Box(x=detection.box.x, y=detection.box.y, width=detection.box.width, height=detection.box.height)
        look = await (self._face(pixels, box) if wish.face else self._appearance(detection, pixels, box))
        now = self._clock.steady()
        expires_at = now + timedelta(days=self._settings.face_retention_days) if wish.face else None
        source = SampleSource.FACE if wish.face else SampleSource.APPEARANCE
        sample = Sample(
            owner_id=wish.owner_id,
            model_id=look.model_id,
            vector=look.vector,
            negative=wish.negative,
            source=source,
            expires_at=expires_at,
        )

        def keep(conn: Connection) -> int:
            if self._tables.household.kind_of(conn, wish.owner_id) is None:
                raise NotFound("there is no such member or vehicle")
            return self._tables.household.enrol(conn, sample, at=now, detection_id=detection.id)

        sample_id = await self._database.write(keep)
        return Enrolled(
            id=sample_id,
            owner_id=wish.owner_id,
            model_id=look.model_id,
            source=source,
            negative=wish.negative,
            at=now,
            detection_id=detection.id,
            expires_at=expires_at,
        )

    def _allow(self, wish: Enrolment) -> None:
        if not self._settings.faces:
            raise Forbidden("faces are not allowed here: the setting 'faces' is off", details={"setting": "faces"})
        if not wish.consent:
            raise Forbidden("a face needs the consent of the person: send 'consent'", details={"field": "consent"})

    async def _found(self, wish: Enrolment) -> tuple[Detection, Media]:
        def work(conn: Connection) -> tuple[Detection, Media]:
            kind = self._tables.household.kind_of(conn, wish.owner_id)
            if kind is None:
                raise NotFound("there is no such member or vehicle")
            detection = self._tables.detections.get(conn, wish.detection_id)
            stored = self._tables.media.get(conn, detection.media_id) if detection is not None else None
            if detection is None or stored is None:
                raise NotFound("there is no such detection")
            if detection.group is not ObjectGroup(kind) or (wish.face and kind != "person"):
                wanted = "person" if wish.face else kind
                raise Unprocessable(f"the detection shows a {detection.group.value}, not a {wanted}")
            return detection, stored.media

        return await self._database.read(work)

    async def _appearance(self, detection: Detection, pixels: object, box: Box) -> Embedded:
        if self._sight.appearances is None:
            raise Unavailable("looks are not compared: the setting 'reid' is off", code="off")
        return await self._sight.appearances.embed(detection.group.value, [(pixels, box)])

    async def _face(self, pixels: object, box: Box) -> Embedded:
        if self._sight.faces is None:
            raise Unavailable("no model compares faces", code="off")
        faces = await self._sight.faces.faces([(pixels, box)])
        if not faces:
            raise Unprocessable("the detection does not show exactly one face")
        return faces[0]
