"""Messages without a number: what changed about the parts of the engine and the load of the machine."""

from collections.abc import Iterable, Iterator
from typing import Final

from home_sentry_engine.contract import (
    AlertLevel,
    Component,
    ComponentState,
    InfrastructureAlert,
    LoadAlert,
    ServiceStatus,
    encode,
)

_FEED: Final = "feed"

type Notice = tuple[str, bytes]


class Notices:
    """Compares with what was told before and gives what is new, encoded, with its type."""

    def __init__(self) -> None:
        """Start without knowledge: the first look tells nothing."""
        self._parts: dict[str, Component] | None = None
        self._alerts: dict[str, LoadAlert] = {}
        self._feed = ComponentState.HEALTHY

    def of_parts(self, components: Iterable[Component]) -> Iterator[Notice]:
        """Tell each part whose state or reason changed."""
        before, self._parts = self._parts, {part.id: part for part in components}
        for part in self._parts.values() if before is not None else ():
            known = before.get(part.id) if before is not None else None
            if known is None or (known.state, known.reason) != (part.state, part.reason):
                yield _service(part, known.state if known is not None else None)

    def of_alerts(self, alerts: Iterable[LoadAlert]) -> Iterator[Notice]:
        """Tell each figure that went beyond another limit, and each that came back."""
        before, self._alerts = self._alerts, {alert.metric: alert for alert in alerts}
        for metric, alert in self._alerts.items():
            known = before.get(metric)
            if known is None or known.level is not alert.level:
                yield "infrastructure_alert", encode(InfrastructureAlert(alert=alert))
        for metric in before.keys() - self._alerts.keys():
            was = before[metric]
            over = LoadAlert(metric=metric, level=AlertLevel.NORMAL, value=was.value, limit=was.limit, since=was.since)
            yield "infrastructure_alert", encode(InfrastructureAlert(alert=over))

    def feed_broken(self, reason: str) -> Iterator[Notice]:
        """Tell once that news may be missing for a while; those who resume miss nothing."""
        before, self._feed = self._feed, ComponentState.DEGRADED
        if before is not self._feed:
            fix = "nothing to do unless it lasts: the engine looks again by itself"
            yield _service(Component(id=_FEED, state=self._feed, reason=reason, fix=fix), before)

    def feed_works(self) -> Iterator[Notice]:
        """Tell once that news come through again."""
        before, self._feed = self._feed, ComponentState.HEALTHY
        if before is not self._feed:
            yield _service(Component(id=_FEED, state=self._feed), before)


def _service(component: Component, previous: ComponentState | None) -> Notice:
    return "service_status", encode(ServiceStatus(component=component, previous=previous))
