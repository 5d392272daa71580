"""Who watched when: the times in which an engine or a camera did not, from what both noted of themselves."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from home_sentry_engine.contract import BlindPeriod, BlindReason, Camera, CameraStatus
from home_sentry_engine.storage.repositories.watching import Ability, CameraState, Spell

GRACE: Final = timedelta(seconds=90)
"""A shorter pause of an engine is no gap: it notes itself every half a minute, and files wait for it."""

_ENGINE: Final = (
    (Ability.RUN, BlindReason.NOT_RUNNING),
    (Ability.TAKE, BlindReason.INTAKE_PAUSED),
    (Ability.LOOK, BlindReason.NOT_LOOKING),
)
_CAMERA: Final = {
    CameraStatus.OFFLINE: BlindReason.OFFLINE,
    CameraStatus.BLIND: BlindReason.BLIND,
    CameraStatus.DEGRADED: BlindReason.DEGRADED,
    CameraStatus.ERROR: BlindReason.ERROR,
    CameraStatus.UNKNOWN: BlindReason.NOT_KNOWN,
}


class Span(NamedTuple):
    """A time from ``since`` to before ``until``."""

    since: datetime
    until: datetime


def blind_periods(
    span: Span, cameras: Sequence[Camera], spells: Iterable[Spell], states: Iterable[CameraState]
) -> tuple[BlindPeriod, ...]:
    """Give the times within a span in which nobody watched, in order.

    ``states`` has the one that held at the beginning for each camera, where that is known, and every later one.
    """
    noted, held = list(spells), list(states)
    found = [*_of_engine(span, noted)]
    for camera in cameras:
        found += _of_camera(span, camera, [state for state in held if state.camera_id == camera.id])
    return tuple(sorted(found, key=lambda one: (one.since, one.camera_id or "")))


def _of_engine(span: Span, spells: Sequence[Spell]) -> Iterator[BlindPeriod]:
    known: list[Span] = []
    for ability, reason in _ENGINE:
        able = [Span(one.began_at, one.until_at) for one in spells if one.ability is ability]
        # what is said already is not said again with a lesser reason
        gaps = _gaps(span, [*able, *known])
        known += gaps
        for gap in gaps:
            yield BlindPeriod(since=gap.since, until=gap.until, reason=reason)


def _gaps(span: Span, covered: Iterable[Span]) -> list[Span]:
    gaps, at = [], span.since
    for one in sorted(covered):
        if one.since - at >= GRACE:
            gaps.append(Span(at, min(one.since, span.until)))
        at = max(at, one.until)
        if at >= span.until:
            break
    if span.until - at >= GRACE:
        gaps.append(Span(at, span.until))
    return [gap for gap in gaps if gap.until > gap.since]


def _of_camera(span: Span, camera: Camera, states: Sequence[CameraState]) -> Iterator[BlindPeriod]:
    began = max(span.since, camera.created_at)
    told = [(state.at, state.status, state.reason) for state in states]
    if not told or told[0][0] > began:
        told.insert(0, (began, CameraStatus.UNKNOWN, None))
    ends = [at for at, _, _ in told[1:]]
    for (at, status, detail), end in zip(told, [*ends, span.until], strict=True):
        since, until = max(at, began), min(end, span.until)
        reason = _CAMERA.get(status)
        shortest = GRACE if reason is BlindReason.NOT_KNOWN else timedelta()
        if reason is not None and until - since > shortest:
            yield BlindPeriod(
                camera_id=camera.id,
                camera_name=camera.name,
                since=since,
                until=until,
                reason=reason,
                detail=detail,
            )
