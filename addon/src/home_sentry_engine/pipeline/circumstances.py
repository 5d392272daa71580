"""Circumstances of a visit: what is known around its pictures, from the rows at once and from legs that take time."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
import logging
from typing import Final
from zoneinfo import ZoneInfo

from home_sentry_engine.context.association import AssociationRules, associate
from home_sentry_engine.context.baseline import (
    ANYTHING,
    Past,
    Usual,
    baseline_leg,
    judge,
    rules_of,
    slot_of,
)
from home_sentry_engine.context.crosscamera import WINDOW_S, cross_camera_leg
from home_sentry_engine.context.gather import Gather, Leg
from home_sentry_engine.context.home import home_legs
from home_sentry_engine.context.inertia import inertia_screen
from home_sentry_engine.context.recognised import facts_now, still_holds, with_facts
from home_sentry_engine.context.scene import ChangeKind, tamper_leg
from home_sentry_engine.context.sieve import sift, zone_screen
from home_sentry_engine.context.statics import RestingThings, StaticRules
from home_sentry_engine.context.tracks import Subject
from home_sentry_engine.context.trust import quality_leg, worst
from home_sentry_engine.context.visits import routes_leg, stays_in, subjects_leg, zones_leg
from home_sentry_engine.context.zones import ZoneMap
from home_sentry_engine.contract import ObjectGroup
from home_sentry_engine.domain.detection import FrameDetections
from home_sentry_engine.domain.errors import StageError
from home_sentry_engine.domain.messages import Absent, Batch, Media, Scene, sightings_of
from home_sentry_engine.domain.resting import Shown, ViewNews

from .closely import CloseGather
from .place_ports import Views
from .ports import Store, Tx

type Conclude = Callable[[Scene], Awaitable[Scene]]

_LOGGER = logging.getLogger(__name__)

_TAMPERED_S: Final = 600.0
_ELSEWHERE_MOST: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextRules:
    """Limits of everything that judges circumstances, apart from those of habits, which may change at any time."""

    statics: StaticRules = field(default_factory=StaticRules)
    association: AssociationRules = field(default_factory=AssociationRules)


class Circumstances:
    """Knows the surroundings of pictures: in a transaction what the rows say, outside what legs find out."""

    def __init__(
        self,
        zone: ZoneInfo,
        *,
        rules: ContextRules | None = None,
        gather: Gather | None = None,
        views: Views | None = None,
        closely: CloseGather | None = None,
        conclude: Conclude | None = None,
    ) -> None:
        """Take the time zone, the limits, the legs that take time, what watches views, and what looks at pixels.

        ``conclude`` adds what follows from all legs together.
        """
        self._zone = zone
        self._rules = rules or ContextRules()
        self._gather = gather or Gather(())
        self._views = views
        self._closely = closely
        self._conclude = conclude

    def zone(self, tx: Tx) -> ZoneInfo:
        """Give the home's time zone: what Home Assistant says, else that of the settings."""
        return tx.places.zone(self._zone)

    @property
    def association(self) -> AssociationRules:
        """When two looks may be one subject."""
        return self._rules.association

    async def watch_view(self, media: Media, picture: object) -> ViewNews | None:
        """Compare a picture with what its camera usually shows; None where nobody watches."""
        if self._views is None:
            return None
        try:
            return await self._views.look(media, picture)
        except StageError as err:
            _LOGGER.warning("A view could not be compared: %s", err.reason, extra={"camera_id": media.camera_id})
            return None

    async def around(self, scene: Scene) -> Scene:
        """Add what the slow legs find without a look at pixels, for a verdict that is only tried."""
        return await self._gather(scene)

    async def enrich(self, scene: Scene) -> Scene:
        """Add what the slow legs find; each gives a value or ``Absent`` within its deadline."""
        around = await self._gather(scene)
        seen = around if self._closely is None else await self._closely(around)
        return seen if self._conclude is None else await self._conclude(seen)

    def sift(
        self, tx: Tx, media: Media, frames: tuple[FrameDetections, ...], shown: Shown | None = None
    ) -> tuple[FrameDetections, ...]:
        """Leave out what does not make a visit: ignored places, places that do not count, things that rest there.

        ``shown`` is what the first of the frames shows, None where nobody compared.
        """
        zones = ZoneMap(tx.places.zones(media.camera_id))
        known = tx.places.resting(media.camera_id)
        things = RestingThings(known, self._rules.statics)
        placed = self._placed(zones, media, frames) if zones.zones else frames
        screen = things.look(placed, media.captured_at, shown)
        if things.things != known:
            tx.places.rest(media.camera_id, things.things)
        return sift(placed, [screen])

    def _placed(self, zones: ZoneMap, media: Media, frames: tuple[FrameDetections, ...]) -> tuple[FrameDetections, ...]:
        seen = sightings_of(frames, media.media_id, media.camera_id, media.captured_at)
        lasting = inertia_screen(zones, seen, self._rules.association)
        return sift(frames, [zone_screen(zones)] if lasting is None else [zone_screen(zones), lasting])

    def note(self, tx: Tx, camera_id: str, at: datetime, labels: Sequence[str] = ()) -> None:
        """Count appearances of classes at a moment; without any, note that the camera was watched."""
        slot = slot_of(at, self.zone(tx))
        tx.places.watch(camera_id, slot.day)
        if labels:
            tx.places.count(camera_id, labels, day=slot.day, hour=slot.hour)

    def legs(self, tx: Tx, batch: Batch) -> dict[str, object | Absent]:
        """Give the legs that follow from the rows of a visit."""
        subjects = associate(batch.sightings, rules=self._rules.association)
        legs: dict[str, object | Absent] = dict(tx.enrichments.legs(batch.event_id))
        legs["subjects"] = subjects_leg(subjects, counted=self._rules.association.counted)
        zones = ZoneMap(tx.places.zones(batch.camera_id))
        if zones.zones:
            stays = stays_in(zones, subjects)
            legs["zones"] = zones_leg(stays)
            legs["routes"] = routes_leg(stays, subjects)
        else:
            legs["zones"] = legs["routes"] = Absent(reason="no zones are drawn for this camera")
        legs["baseline"] = baseline_leg(self._usual(tx, batch))
        measured = worst([one.quality for one in batch.sightings if one.quality is not None])
        if measured is not None:
            legs["quality"] = quality_leg(measured)
        household = _household(tx, batch, subjects)
        if household is not None:
            legs["household"] = household
        legs |= home_legs(tx.places.home(), last_at=batch.last_at, now=tx.now)
        strange = tx.places.anomaly(batch.camera_id)
        unseen = Absent(reason="no image model knows this view yet")
        legs["deviation"] = unseen if strange is None else {"anomaly": round(strange, 2)}
        tampered = self._tampered(tx, batch)
        if tampered is not None:
            legs["tamper"] = tampered
        return legs

    def _usual(self, tx: Tx, batch: Batch) -> list[Usual]:
        started = min(sighting.at for sighting in batch.sightings)
        zone = self.zone(tx)
        slot = slot_of(started, zone)
        labels = sorted({one.label for sighting in batch.sightings for one in sighting.detections})
        rules = rules_of(tx.places.limits())
        since = tx.places.since(batch.camera_id)
        first = slot.day - timedelta(days=rules.window_days)
        counts = tx.places.counts(batch.camera_id, [*labels, ANYTHING], hour=slot.hour, first=first)
        return [
            judge(label, Past(counts=by_day, since=since), slot, by_day.get(slot.day, 0), zone=zone, rules=rules)
            for label, by_day in counts.items()
        ]

    def _tampered(self, tx: Tx, batch: Batch) -> dict[str, object] | None:
        kinds = tx.places.view_changes(batch.camera_id, since=batch.opened_at - timedelta(seconds=_TAMPERED_S))
        legs = [leg for kind in kinds if (leg := tamper_leg(ChangeKind(kind))) is not None]
        return legs[0] if legs else None


def _household(tx: Tx, batch: Batch, subjects: Sequence[Subject]) -> object | None:
    """Give what the last assessment of the visit recognised, as far as it still covers everybody, and the facts."""
    groups = [subject.group for subject in subjects]
    leg = still_holds(
        tx.identity.recognised(batch.event_id),
        persons=groups.count(ObjectGroup.PERSON),
        vehicles=groups.count(ObjectGroup.VEHICLE),
    )
    facts = facts_now(tx.identity.facts(tx.now), batch.last_at)
    return with_facts(leg, facts) if leg is not None or facts else None


def cross_camera(store: Store, *, window_s: float = WINDOW_S) -> Leg:
    """Make the leg that looks at the other cameras around the time of a visit."""

    async def look(scene: Scene) -> object:
        times = [sighting.at for sighting in scene.batch.sightings]
        first, last = min(times), max(times)
        around = timedelta(seconds=window_s)
        seen = await store.read(
            lambda tx: tx.places.elsewhere(
                scene.batch.camera_id, since=first - around, until=last + around, most=_ELSEWHERE_MOST
            )
        )
        return cross_camera_leg(seen, first_at=first, last_at=last, window_s=window_s)

    return Leg(name="cross_camera", look=look)


def absent(name: str, reason: str) -> Leg:
    """Make a leg that says why nobody looks."""

    async def look(_scene: Scene) -> Absent:
        return Absent(reason=reason)

    return Leg(name=name, look=look)
