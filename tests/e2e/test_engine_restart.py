"""The engine dies and comes back; Home Assistant tells the truth meanwhile."""

from scripts.demo_home.feeding import drop
from scripts.demo_home.home_assistant import Home
from scripts.demo_home.patience import until
from tests.e2e.stage import NEWS_S, EngineRun, entity_of, samples, state_of


async def test_entities_turn_unavailable_with_the_engine_and_come_back(engine_run: EngineRun, home: Home) -> None:
    engine, picture = engine_run.engine, samples()["astronaut"]
    if await home.entry_id() is None:
        await home.connect_engine(engine.url, engine.token)
    drop(engine_run.cameras, picture, picture.content)
    score = await entity_of(home, engine, "front_door_risk_score")
    summary = await entity_of(home, engine, "front_door_last_summary")
    await state_of(home, score, lambda state: state.isdecimal())
    before = await state_of(home, summary, lambda state: state not in {"unknown", "unavailable"})

    await engine_run.kill()
    await state_of(home, score, lambda state: state == "unavailable")
    await state_of(home, summary, lambda state: state == "unavailable")

    await engine_run.start()
    await state_of(home, score, lambda state: state.isdecimal())
    again = await state_of(home, summary, lambda state: state not in {"unknown", "unavailable"})
    first_id = before["attributes"]["event_id"]
    assert again["attributes"]["event_id"] == first_id

    async def ended() -> bool | None:
        return True if (await engine.event(first_id))["ended_at"] else None

    await until(ended, what="the end of the visit that the crash interrupted", deadline_s=NEWS_S)

    drop(engine_run.cameras, picture, picture.copy("after the restart"))

    async def next_event() -> str | None:
        event_id = (await home.states()).get(summary, {}).get("attributes", {}).get("event_id")
        return event_id if event_id not in {None, first_id} else None

    await until(next_event, what="the event after the restart", deadline_s=NEWS_S)
