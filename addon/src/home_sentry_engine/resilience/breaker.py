"""Circuit breaker: after repeated failures callers are refused at once until the other side had time to recover."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
import math

from home_sentry_engine.domain.errors import Unavailable

type Monotonic = Callable[[], float]


class BreakerState(StrEnum):
    """Closed lets calls through, open refuses them, half-open lets a few probe."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class BreakerOpen(Unavailable):
    """The call was refused without a try; ``retry_after_s`` says when a probe is let through."""

    def __init__(self, name: str, retry_after_s: float) -> None:
        """Name the breaker and the rest of its pause."""
        super().__init__(
            f"{name} failed repeatedly and is left alone for {math.ceil(retry_after_s)} s",
            code="breaker_open",
            retry_after_s=retry_after_s,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerPolicy:
    """When to open, for how long, how many probes at a time, how many successes close it again.

    Errors of the ``excluded`` types are the caller's own fault and count neither way.
    """

    failures: int = 5
    open_s: float = 30.0
    half_open_calls: int = 3
    successes: int = 2
    excluded: tuple[type[BaseException], ...] = ()


class Breaker:
    """One breaker for one dependency; use ``with breaker.call():`` around the work, awaits included."""

    def __init__(
        self,
        name: str,
        *,
        monotonic: Monotonic,
        policy: BreakerPolicy | None = None,
        on_change: Callable[[BreakerState], None] | None = None,
    ) -> None:
        """Start closed; ``on_change`` hears every new state."""
        self.name = name
        self._monotonic = monotonic
        self._policy = policy or BreakerPolicy()
        self._on_change = on_change
        self._state = BreakerState.CLOSED
        self._failures = 0
        self._successes = 0
        self._probes = 0
        self._opened_at = 0.0

    @property
    def state(self) -> BreakerState:
        """State as the next caller will find it."""
        if self._state is BreakerState.OPEN and self.retry_after_s <= 0:
            return BreakerState.HALF_OPEN
        return self._state

    @property
    def retry_after_s(self) -> float:
        """Seconds until a probe is let through, 0 if one may come now."""
        if self._state is not BreakerState.OPEN:
            return 0.0
        return max(0.0, self._opened_at + self._policy.open_s - self._monotonic())

    @contextmanager
    def call(self) -> Iterator[None]:
        """Guard one call; raises ``BreakerOpen`` without entering while open or while enough probes are under way."""
        probe = self._admit()
        try:
            yield
        except Exception as err:
            if not isinstance(err, self._policy.excluded):
                self._failed()
            raise
        else:
            self._succeeded()
        finally:
            if probe:
                self._probes = max(0, self._probes - 1)

    def reset(self) -> None:
        """Close and forget all failures."""
        self._failures = 0
        self._become(BreakerState.CLOSED)

    def _admit(self) -> bool:
        if self._state is BreakerState.OPEN:
            if self.retry_after_s > 0:
                raise BreakerOpen(self.name, self.retry_after_s)
            self._successes = self._probes = 0
            self._become(BreakerState.HALF_OPEN)
        if self._state is BreakerState.CLOSED:
            return False
        if self._probes >= self._policy.half_open_calls:
            raise BreakerOpen(self.name, 1.0)
        self._probes += 1
        return True

    def _failed(self) -> None:
        self._failures += 1
        if self._state is BreakerState.HALF_OPEN or self._failures >= self._policy.failures:
            self._opened_at = self._monotonic()
            self._become(BreakerState.OPEN)

    def _succeeded(self) -> None:
        if self._state is BreakerState.CLOSED:
            self._failures = 0
            return
        self._successes += 1
        if self._state is BreakerState.HALF_OPEN and self._successes >= self._policy.successes:
            self.reset()

    def _become(self, state: BreakerState) -> None:
        if state is self._state:
            return
        self._state = state
        if self._on_change is not None:
            self._on_change(state)


class Breakers:
    """The breakers of an engine by what they guard, so that they can be shown and closed together.

    Each is looked up when it is needed: its owner may begin anew with another one, or have none at the moment.
    """

    def __init__(self) -> None:
        """Begin without any."""
        self._finders: dict[str, Callable[[], Breaker | None]] = {}

    def add(self, name: str, find: Callable[[], Breaker | None]) -> None:
        """Show the breaker that ``find`` gives under a name."""
        self._finders[name] = find

    def forget(self, name: str) -> None:
        """Show a breaker no more; nothing happens where none has that name."""
        self._finders.pop(name, None)

    def states(self) -> dict[str, BreakerState]:
        """Give the state of every breaker that there is now."""
        return {name: breaker.state for name, find in self._finders.items() if (breaker := find()) is not None}

    def reset(self, *names: str) -> None:
        """Close those of these names, or all of them where none is given."""
        for name in names or tuple(self._finders):
            find = self._finders.get(name)
            if find is not None and (breaker := find()) is not None:
                breaker.reset()
