"""Whether a channel tells of an alert: one question after the other, each with its own reason for silence."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from home_sentry_engine.contract import ChannelFilters
from home_sentry_engine.contract.notifications import DeliveryGate, DeliveryReason, GateResult
from home_sentry_engine.contract.vocabulary import RiskLevel
from home_sentry_engine.domain.risk import severity

from .schedule import holds

STALE_AFTER: Final = timedelta(minutes=15)
RATE_WINDOW: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """An alert before the gates of one channel.

    ``home`` is the home's time zone. ``lag`` is how long ago its picture was taken when it came. ``told`` is the
    highest level that the channel told of this event, or is about to. ``recent`` counts what it told of this camera in
    the last hour at this level or above.
    """

    level: RiskLevel
    camera_id: str
    at: datetime
    home: ZoneInfo
    lag: timedelta = timedelta()
    told: RiskLevel | None = None
    recent: int = 0


def pass_gates(telling: Telling, filters: ChannelFilters, *, enabled: bool) -> tuple[GateResult, ...]:
    """Ask every gate in the order of ``DeliveryGate``, also those behind one that holds."""
    return tuple(
        GateResult(gate=gate, passed=passed, reason=None if passed else reason)
        for gate, reason, ask in _GATES
        for passed in (enabled if gate is DeliveryGate.ENABLED else ask(telling, filters),)
    )


def held_by(results: Sequence[GateResult]) -> DeliveryReason | None:
    """Give the reason of the first gate that holds, None where all let it pass."""
    return next((one.reason for one in results if not one.passed), None)


def _level(telling: Telling, filters: ChannelFilters) -> bool:
    return severity(telling.level) >= severity(filters.level)


def _camera(telling: Telling, filters: ChannelFilters) -> bool:
    return not filters.cameras or telling.camera_id in filters.cameras


def _age(telling: Telling, _filters: ChannelFilters) -> bool:
    return telling.lag <= STALE_AFTER


def _told(telling: Telling, _filters: ChannelFilters) -> bool:
    return telling.told is None or severity(telling.level) > severity(telling.told)


def _quiet(telling: Telling, filters: ChannelFilters) -> bool:
    breaks = filters.breaks_quiet
    if breaks is not None and severity(telling.level) >= severity(breaks):
        return True
    return not any(holds(span, telling.at, telling.home) for span in filters.quiet_hours)


def _rate(telling: Telling, filters: ChannelFilters) -> bool:
    return filters.per_hour == 0 or telling.recent < filters.per_hour


type _Ask = Callable[[Telling, ChannelFilters], bool]

_GATES: Final[tuple[tuple[DeliveryGate, DeliveryReason, _Ask], ...]] = (
    (DeliveryGate.ENABLED, DeliveryReason.CHANNEL_OFF, lambda _telling, _filters: True),
    (DeliveryGate.LEVEL, DeliveryReason.BELOW_LEVEL, _level),
    (DeliveryGate.CAMERA, DeliveryReason.OTHER_CAMERA, _camera),
    (DeliveryGate.AGE, DeliveryReason.STALE, _age),
    (DeliveryGate.TOLD, DeliveryReason.TOLD_BEFORE, _told),
    (DeliveryGate.QUIET_HOURS, DeliveryReason.QUIET_HOURS, _quiet),
    (DeliveryGate.RATE, DeliveryReason.RATE_CAPPED, _rate),
)
