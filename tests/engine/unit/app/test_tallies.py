"""What an engine did, as metrics."""

from types import SimpleNamespace

from home_sentry_engine.app.enriching import enrichment_part, watch_services
from home_sentry_engine.app.tallies import Tallies
from home_sentry_engine.contract import Component, ComponentState, DatabaseLoad, Part, RiskLevel
from home_sentry_engine.ingest.intake import Accepted, Duplicate, Refused
from home_sentry_engine.resilience.breaker import Breaker, Breakers, BreakerState
from home_sentry_engine.telemetry.metrics import Registry
from home_sentry_engine.vision.services import ServedModels, Services
from tests.fakes.clock import FakeClock


def shown(metrics: Registry, name: str) -> set[str]:
    return {line.removeprefix("home_sentry_") for line in metrics.render().splitlines() if f"sentry_{name}" in line}


def outcome(kind):
    return kind.__new__(kind)


def test_files_by_outcome_begin_at_zero_and_only_grow():
    metrics = Registry()
    tallies = Tallies(metrics)
    assert 'files_total{outcome="quarantined"} 0' in shown(metrics, "files_total")
    for kind in (Accepted, Accepted, Duplicate, Refused):
        tallies.file(outcome(kind))
    for count in (2, 2, 3):
        tallies.quarantined(count)
    assert shown(metrics, "files_total{") == {
        'files_total{outcome="accepted"} 2',
        'files_total{outcome="duplicate"} 1',
        'files_total{outcome="rejected"} 1',
        'files_total{outcome="quarantined"} 3',
    }


def test_verdicts_questions_and_the_database():
    metrics = Registry()
    tallies = Tallies(metrics)
    tallies.judged(SimpleNamespace(risk_level=RiskLevel.HIGH))  # type: ignore[arg-type]
    tallies.asked("answered", 3.0)
    tallies.asked("timeout", 60.0)
    tallies.database(DatabaseLoad(backend="sqlite", size_bytes=4096, wal_bytes=1024))
    tallies.database(None)
    text = metrics.render()
    for line in (
        'verdicts_total{level="high"} 1',
        'language_calls_total{outcome="answered"} 1',
        'language_calls_total{outcome="timeout"} 1',
        'language_seconds_sum{outcome="timeout"} 60',
        'database_bytes{kind="database"} 4096',
        'database_bytes{kind="wal"} 1024',
    ):
        assert f"home_sentry_{line}\n" in text


def test_restarts_that_were_remembered_count_and_what_cannot_restart_is_left_out():
    metrics = Registry()
    tallies = Tallies(metrics)
    timers, disk = (Component(id=one, state=ComponentState.HEALTHY) for one in ("timers", "disk"))
    for restarts in (4, 5, 5):
        tallies.parts((Part(component=timers, controllable=True, restarts=restarts), Part(component=disk)))
    assert shown(metrics, "component_restarts_total{") == {'component_restarts_total{component="timers"} 5'}


async def test_breakers_of_services_are_shown_and_a_restart_of_the_part_closes_them():
    metrics, breakers, clock = Registry(), Breakers(), FakeClock()
    services = Services(clip_url="http://127.0.0.1:9", florence_url="http://127.0.0.1:9")
    served = ServedModels(None, services, lambda: None)  # type: ignore[arg-type, return-value]
    watch_services(served, breakers)
    llm = Breaker("llm", monotonic=clock.monotonic)
    breakers.add("llm", lambda: llm)
    for breaker in (served.breakers["clip"], llm):
        for _ in range(5):
            try:
                with breaker.call():
                    raise OSError("nobody there")
            except OSError:
                pass
    tallies = Tallies(metrics)
    tallies.breakers(breakers.states())
    assert {line for line in shown(metrics, "breaker{") if line.endswith(" 1")} == {
        'breaker{component="clip",state="open"} 1',
        'breaker{component="florence",state="closed"} 1',
        'breaker{component="llm",state="open"} 1',
    }
    zoo = SimpleNamespace(models=SimpleNamespace(run=None))
    part = enrichment_part(zoo, clock, breakers)  # type: ignore[arg-type]
    assert part.renew is not None
    await part.renew()
    assert breakers.states()["clip"] is BreakerState.CLOSED
    assert breakers.states()["llm"] is BreakerState.OPEN
    tallies.breakers(breakers.states())
    assert 'breaker{component="clip",state="open"} 0' in shown(metrics, "breaker{")
