"""Whereabouts: who was where, said again once persons were told apart by what they look like."""

from collections.abc import Callable, Sequence
from typing import Protocol

from home_sentry_engine.context.tracks import Subject
from home_sentry_engine.context.visits import routes_leg, stays_in, subjects_leg, zones_leg
from home_sentry_engine.context.zones import ZoneMap
from home_sentry_engine.domain.messages import Absent

from .ports import Store
from .subject_views import CloseLeg, SceneViews

_NOBODY = Absent(reason="persons were told apart by their boxes alone")


class _Say(Protocol):
    def __call__(self, zones: ZoneMap, subjects: Sequence[Subject], /) -> object:
        """Give a leg of the scene."""
        ...


def whereabouts(store: Store, *, counted: float) -> tuple[CloseLeg, ...]:
    """Make the legs ``subjects``, ``zones`` and ``routes`` as they are after the comparison; absent without one."""

    def leg(name: str, say: _Say, useful: Callable[[ZoneMap], bool]) -> CloseLeg:
        async def look(views: SceneViews) -> object | Absent:
            subjects = views.compared
            if subjects is None:
                return _NOBODY
            camera_id = views.scene.batch.camera_id
            zones = ZoneMap(await store.read(lambda tx: tx.places.zones(camera_id)))
            return say(zones, subjects) if useful(zones) else Absent(reason="no zones are drawn for this camera")

        return CloseLeg(name=name, look=look)

    def drawn(zones: ZoneMap) -> bool:
        return bool(zones.zones)

    return (
        leg("subjects", lambda _, subjects: subjects_leg(subjects, counted=counted), lambda _: True),
        leg("zones", lambda zones, subjects: zones_leg(stays_in(zones, subjects)), drawn),
        leg("routes", lambda zones, subjects: routes_leg(stays_in(zones, subjects), subjects), drawn),
    )
