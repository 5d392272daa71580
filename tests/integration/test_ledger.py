"""Each change is told once, whatever the connection does."""

from dataclasses import replace
from typing import Any

import pytest

from custom_components.home_sentry.client import DetectionNews, Ledger, Mirror, News, SecurityNews
from custom_components.home_sentry.contract import AnalysisState, EventChange, ObjectGroup, Resync
from tests.fakes.engine import FakeEngine


async def story() -> FakeEngine:
    """A visit that escalates, is revised and ends, then one that is dismissed."""
    engine = FakeEngine()
    await engine.put_camera("front_door")
    visit = await engine.start_event("front_door", score=40)
    await engine.see(visit, ObjectGroup.PERSON, ObjectGroup.OTHER)
    await engine.change_event(visit.event_id, EventChange.ESCALATED, risk_score=70)
    await engine.see(visit, ObjectGroup.PERSON, ObjectGroup.VEHICLE)
    await engine.change_event(visit.event_id, EventChange.REVISED, analysis_state=AnalysisState.LLM)
    await engine.change_event(visit.event_id, EventChange.DOWNGRADED, risk_score=20)
    await engine.change_event(visit.event_id, EventChange.ENDED)
    other = await engine.start_event("front_door", score=10)
    await engine.change_event(other.event_id, EventChange.DISMISSED)
    return engine


TOLD = ["started", "person", "escalated", "vehicle", "downgraded", "ended", "started", "dismissed"]


def words(news: tuple[News, ...] | list[News]) -> list[str]:
    return [word(item) for item in news]


def word(item: News) -> str:
    if isinstance(item, SecurityNews):
        return item.transition.change.value
    return item.group.value if isinstance(item, DetectionNews) else item.alert.severity.value


def read(ledger: Ledger, messages: list[Any]) -> list[News]:
    return [item for message in messages for item in ledger.read(message)]


async def test_each_change_once() -> None:
    engine, ledger = await story(), Ledger()
    assert words(read(ledger, engine.history)) == TOLD
    assert read(ledger, engine.history) == []
    assert ledger.cursor == engine.cursor


@pytest.mark.parametrize("cut", range(11))
async def test_across_a_restart_at_any_point(cut: int) -> None:
    engine, before = await story(), Ledger()
    told = read(before, engine.history[:cut])
    after = Ledger.from_plain(before.to_plain())
    told += read(after, [message for message in engine.history if message.seq > (after.cursor or 0)])
    assert words(told) == TOLD


@pytest.mark.parametrize("cut", range(11))
async def test_a_crash_before_the_cursor_was_saved_tells_no_change_twice(cut: int) -> None:
    """The cursor may lag behind what was told: revisions and kinds of objects still tell apart."""
    engine, ledger = await story(), Ledger()
    told = read(ledger, engine.history[:cut])
    ledger.cursor = 0
    told += read(ledger, engine.history)
    assert words(told) == TOLD


async def test_a_snapshot_tells_nothing_and_what_follows_is_new() -> None:
    engine, ledger = FakeEngine(), Ledger()
    await engine.put_camera("front_door")
    visit = await engine.start_event("front_door")
    assert ledger.read(engine._snapshot()) == ()
    await engine.see(visit, ObjectGroup.PERSON, ObjectGroup.ANIMAL)
    await engine.change_event(visit.event_id, EventChange.ENDED)
    assert words(read(ledger, engine.history)) == ["animal", "ended"]


async def test_a_snapshot_ahead_leaves_room_for_the_replay() -> None:
    engine, ledger = await story(), Ledger()
    told = read(ledger, engine.history[:4])
    assert ledger.read(engine._snapshot()) == ()
    assert ledger.cursor == 4
    assert ledger.read(replace(engine._snapshot(), resumed=True, cursor=4)) == ()
    told += read(ledger, engine.history[4:])
    assert words(told) == TOLD


async def test_what_cannot_be_replayed_is_not_invented() -> None:
    engine, ledger = await story(), Ledger()
    read(ledger, engine.history[:4])
    assert ledger.read(Resync(reason="too old")) == ()
    assert ledger.read(engine._snapshot()) == ()
    assert ledger.cursor == engine.cursor
    assert read(ledger, engine.history) == []


async def test_a_late_change_of_a_forgotten_event_tells_only_itself() -> None:
    engine, ledger = await story(), Ledger()
    ledger.read(engine._snapshot())
    late = await engine.change_event("event-1", EventChange.DISMISSED)
    assert late.revision == 6
    assert words(read(ledger, engine.history)) == ["dismissed"]


async def test_sightings_outside_of_an_event_are_told_each_time() -> None:
    engine, ledger = FakeEngine(), Ledger()
    await engine.put_camera("front_door")
    for _ in range(2):
        await engine.see(None, ObjectGroup.PACKAGE, ObjectGroup.PACKAGE)
    news = read(ledger, engine.history)
    assert words(news) == ["package", "package"]
    assert isinstance(news[0], DetectionNews)
    assert (news[0].count, news[0].best.confidence) == (2, 0.6)


async def test_the_memory_is_bounded() -> None:
    engine, ledger = FakeEngine(), Ledger()
    await engine.put_camera("front_door")
    for _ in range(300):
        await engine.start_event("front_door")
    read(ledger, engine.history)
    assert len(ledger.to_plain()["events"]) == 256
    assert "event-300" in ledger.to_plain()["events"]


async def test_the_mirror_keeps_ongoing_and_newest() -> None:
    engine, mirror = await story(), Mirror()
    newest_id = list(engine.events)[-1]
    for message in engine.history:
        mirror.apply(message)
    assert [event.event_id for event in mirror.events("front_door")] == [newest_id]
    for message in reversed(engine.history):
        mirror.apply(message)
    newest = mirror.newest("front_door")
    assert newest is not None
    assert newest.transitions[-1].change is EventChange.DISMISSED
    assert mirror.ongoing_groups("front_door") == {ObjectGroup.PERSON}


async def test_the_mirror_ignores_older_revisions() -> None:
    engine, mirror = await story(), Mirror()
    for message in engine.history:
        mirror.apply(message)
    mirror.apply(replace(engine.history[-2], seq=99))
    newest = mirror.newest("front_door")
    assert newest is not None
    assert newest.revision == 2
