"""Health: components report their state, the engine's mode and what it can do follow from them."""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

from home_sentry_engine.contract import Component, ComponentState, Mode
from home_sentry_engine.domain.clock import Clock

_WORKS: Final = frozenset({ComponentState.HEALTHY, ComponentState.DISABLED})
_SERVES: Final = frozenset({ComponentState.HEALTHY, ComponentState.DEGRADED})
_DOWN: Final = frozenset({ComponentState.UNHEALTHY, ComponentState.FAILED})
_HISTORY: Final = 100

# without one of these pictures wait: the eyes, the ways in, the room for files, who hands out the work
_ESSENTIAL: Final = frozenset({"detector", "ingest", "disk", "detect_workers", "redis"})

# nothing that the engine does needs them: they are told of, and the mode stays
_ASIDE: Final = frozenset({"mqtt"})

# what the engine offers, and what each of it needs
_NEEDS: Final = {
    "intake": ("database", "disk", "ingest"),
    "detection": ("database", "redis", "detector", "detect_workers"),
    "events": ("database", "redis", "detector", "detect_workers", "timers"),
    "language": ("database", "llm", "assess_workers"),
    "announcements": ("database", "api"),
    "notifications": ("database", "notify_workers"),
    "history": ("database",),
}
FEATURES: Final = tuple(_NEEDS)

type Listener = Callable[[Component], None]


class HealthBoard:
    """Keeps the newest state of each component, in the order of their first report, and its last 100 changes."""

    def __init__(self, clock: Clock) -> None:
        """Take the clock that stamps changes."""
        self._clock = clock
        self._components: dict[str, Component] = {}
        self._listeners: list[Listener] = []
        self._changes: deque[Component] = deque(maxlen=_HISTORY)
        self._history: dict[str, deque[Component]] = {}

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
            self._changes.append(self._components[component.id])
            kept = self._history.setdefault(component.id, deque(maxlen=_HISTORY))
            kept.append(self._components[component.id])
            for listener in tuple(self._listeners):
                listener(self._components[component.id])

    def forget(self, component_id: str) -> None:
        """Show a component no more; its changes stay in the history of all."""
        self._components.pop(component_id, None)
        self._history.pop(component_id, None)

    def components(self) -> tuple[Component, ...]:
        """Give all components."""
        return tuple(self._components.values())

    def get(self, component_id: str) -> Component | None:
        """Give one component, None before its first report."""
        return self._components.get(component_id)

    def state(self, component_id: str) -> ComponentState:
        """Give one component's state, unknown before its first report."""
        component = self._components.get(component_id)
        return component.state if component is not None else ComponentState.UNKNOWN

    def changes(self) -> tuple[Component, ...]:
        """Give the last 100 changes of all components, oldest first."""
        return tuple(self._changes)

    def history(self, component_id: str) -> tuple[Component, ...]:
        """Give the last 100 changes of one component, oldest first; empty before its first report."""
        return tuple(self._history.get(component_id, ()))


def mode_of(components: Iterable[Component]) -> tuple[Mode, tuple[str, ...]]:
    """Derive the mode and its causes.

    Database down: offline. Detector, intake, disk or detection workers down or switched off: minimal (pictures wait,
    nothing new is announced). Anything else that does not work: degraded, which includes rule scores only because the
    language model is down. An MQTT broker that is away changes nothing.
    """
    known = {component.id: component for component in components if component.id not in _ASIDE}
    broken = {name: one for name, one in known.items() if one.state not in _WORKS}
    broken |= {name: known[name] for name in _ESSENTIAL & known.keys() if known[name].state is ComponentState.DISABLED}
    causes = tuple(f"{one.id}: {one.reason or one.state}" for one in broken.values())
    if "database" in broken and broken["database"].state in _DOWN:
        return Mode.OFFLINE, causes
    if any(broken[name].state not in _SERVES for name in broken.keys() & _ESSENTIAL):
        return Mode.MINIMAL, causes
    return (Mode.DEGRADED if broken else Mode.NORMAL), causes


def features_of(components: Iterable[Component]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Tell what works now and what does not; a part that this engine does not have is not missed."""
    states = {component.id: component.state for component in components}
    works = tuple(name for name, needs in _NEEDS.items() if all(_serves(need, states) for need in needs))
    return works, tuple(name for name in FEATURES if name not in works)


def _serves(name: str, states: dict[str, ComponentState]) -> bool:
    if name == "llm":
        # a model that is missing or answers badly is degraded, and then rules judge alone
        return states.get(name) is ComponentState.HEALTHY
    return name not in states or states[name] in _SERVES
