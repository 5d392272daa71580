"""File events that did not come are tried again; polling that is set stays."""

import asyncio

from watchdog.events import DirMovedEvent

from home_sentry_engine.ingest import folder, watcher
from tests.fakes import pictures
from tests.fakes.intake import house


async def test_native_events_are_tried_again_where_none_came_in_time(tmp_path, monkeypatch):
    (tmp_path / "cameras" / "yard").mkdir(parents=True)
    monkeypatch.setattr(folder, "_NATIVE_AGAIN_S", 0.5)
    with monkeypatch.context() as busy:
        busy.setattr(watcher, "_NATIVE", [DirMovedEvent])
        busy.setattr(watcher, "_PROBE_S", 0.2)
        async with house(tmp_path, polling_interval_s=0.1) as home:
            await home.until(lambda: home.source.status().polling)
            busy.undo()
            await home.until(lambda: home.source._watch is not None and not home.source._watch.mode.polling)
            (home.root / "yard" / "a.jpg").write_bytes(pictures.jpeg(160, 120))
            await home.until(lambda: len(home.books.accepted) == 1)


async def test_polling_that_is_set_stays(tmp_path, monkeypatch):
    monkeypatch.setattr(folder, "_NATIVE_AGAIN_S", 0.0)
    async with house(tmp_path, polling=True, polling_interval_s=0.1) as home:
        await home.until(lambda: home.source._watch is not None)
        watch = home.source._watch
        await asyncio.sleep(1.5)
        assert home.source._watch is watch
