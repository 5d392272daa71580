"""Health: components report their state, the engine's mode follows from them."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from home_sentry_engine.contract import Component, ComponentState, Mode
from home_sentry_engine.domain.clock import Clock

_WORKS = frozenset({ComponentState.HEALTHY, ComponentState.DISABLED})

type Listener = Callable[[Component], None]


class HealthBoard:
    """Keeps the newest state of each component, in the order of their first report."""

    def __init__(self, clock: Clock) -> None:
        """Take the clock that stamps changes."""
        self._clock = clock
        self._components: dict[str, Component] = {}
        self._listeners: list[Listener] = []

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call ``listener`` after each change of a state or reason; gives the way to stop that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def report(self, component: Component) -> None:
        """Take a component's state; ``since`` is kept while state and reason stay the same."""
        before = self._components.get(component.id)
        same = before is not None and (before.state, before.reason) == (component.state, component.reason)
        since = before.since if same and before is not None else self._clock.now()
        self._components[component.id] = replace(component, since=since)
        if not same:
            for listener in tuple(self._listeners):
                listener(self._components[component.id])

    def components(self) -> tuple[Component, ...]:
        """Give all components."""
        return tuple(self._components.values())

    def state(self, component_id: str) -> ComponentState:
        """Give one component's state, unknown before its first report."""
        component = self._components.get(component_id)
        return component.state if component is not None else ComponentState.UNKNOWN


def mode_of(components: Iterable[Component]) -> tuple[Mode, tuple[str, ...]]:
    """Derive the mode and its causes.

    No database: offline. No detector or no intake: minimal (pictures wait, nothing is announced). Anything else that
    does not work: degraded, which includes rule scores only because the language model is down.
    """
    broken = {component.id: component for component in components if component.state not in _WORKS}
    causes = tuple(f"{one.id}: {one.reason or one.state}" for one in broken.values())
    if "database" in broken:
        return Mode.OFFLINE, causes
    if broken.keys() & {"detector", "ingest"}:
        lesser = all(broken[name].state is ComponentState.DEGRADED for name in broken.keys() & {"detector", "ingest"})
        return (Mode.DEGRADED if lesser else Mode.MINIMAL), causes
    return (Mode.DEGRADED if broken else Mode.NORMAL), causes
