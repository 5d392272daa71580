"""On a machine in a hurry an event takes its time; only a test that says so gives up native events soon."""

import pytest

from home_sentry_engine.ingest import watcher


@pytest.fixture(autouse=True)
def patient_probe(monkeypatch):
    monkeypatch.setattr(watcher, "_PROBE_S", 60.0)
