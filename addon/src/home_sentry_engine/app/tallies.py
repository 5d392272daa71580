"""Metrics of what an engine did: files, verdicts, questions to the language model, breakers, restarts, the database."""

from collections.abc import Iterable, Mapping
from typing import Final

from home_sentry_engine.contract import DatabaseLoad, Event, Part
from home_sentry_engine.ingest.intake import Accepted, Duplicate, Outcome
from home_sentry_engine.resilience.breaker import BreakerState
from home_sentry_engine.telemetry.metrics import Registry

QUARANTINED: Final = "quarantined"
_OUTCOMES: Final = ("accepted", "duplicate", "rejected", QUARANTINED)


class Tallies:
    """Counts since the start of this process; restarts of parts are those that are remembered over it."""

    def __init__(self, metrics: Registry) -> None:
        """Declare the metrics; files begin at zero, so that a rate can be taken from the first one."""
        self._files = metrics.counter("files_total", "Files by what became of them", ("outcome",))
        for outcome in _OUTCOMES:
            self._files.add(0, outcome=outcome)
        self._judged = metrics.counter("verdicts_total", "Judged visits by level of risk", ("level",))
        self._calls = metrics.counter("language_calls_total", "Questions to the language model", ("outcome",))
        self._call_seconds = metrics.histogram("language_seconds", "Time of a question with its tries", ("outcome",))
        self._breakers = metrics.gauge("breaker", "1 for the state that a breaker is in", ("component", "state"))
        self._restarts = metrics.counter("component_restarts_total", "Restarts of parts", ("component",))
        self._database = metrics.gauge("database_bytes", "Size of the database and of its log", ("kind",))

    def file(self, outcome: Outcome) -> None:
        """Count a file that came in."""
        match outcome:
            case Accepted():
                name = "accepted"
            case Duplicate():
                name = "duplicate"
            case _:
                name = "rejected"
        self._files.add(outcome=name)

    def judged(self, event: Event) -> None:
        """Count a verdict."""
        self._judged.add(level=event.risk_level.value)

    def asked(self, outcome: str, seconds: float) -> None:
        """Count a question to the language model; ``outcome`` is ``answered`` or why there was no answer."""
        self._calls.add(outcome=outcome)
        self._call_seconds.observe(seconds, outcome=outcome)

    def quarantined(self, count: int) -> None:
        """Take how many files were given up since the start."""
        self._files.add(max(0.0, count - self._files.value(outcome=QUARANTINED)), outcome=QUARANTINED)

    def breakers(self, states: Mapping[str, BreakerState]) -> None:
        """Show the state of each breaker."""
        for name, state in states.items():
            for one in BreakerState:
                self._breakers.set(float(one is state), component=name, state=one.value)

    def parts(self, parts: Iterable[Part]) -> None:
        """Show how often each part was restarted."""
        for part in parts:
            if part.controllable:
                name = part.component.id
                self._restarts.add(max(0.0, part.restarts - self._restarts.value(component=name)), component=name)

    def database(self, load: DatabaseLoad | None) -> None:
        """Show the size of the database."""
        if load is None:
            return
        for kind, size in (("database", load.size_bytes), ("wal", load.wal_bytes)):
            if size is not None:
                self._database.set(size, kind=kind)
