"""Zones and habits of the API over a real database."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from home_sentry_engine.app.places import StoredPlaces
from home_sentry_engine.contract import Zone, ZoneType
from tests.fakes.household import household

PORCH = Zone(id="porch", name="Porch", type=ZoneType.ENTRY_POINT, points=((0.0, 0.0), (1.0, 0.0), (1.0, 1.0)))
PERSON = ("person", 0.8)


@pytest.fixture
async def home(tmp_path):
    async with household(tmp_path) as made:
        await made.deliver(PERSON)
        await made.work(assess=False)
        yield made


@pytest.fixture
def places(home) -> StoredPlaces:
    return StoredPlaces(home.database, home.tables, home.clock, ZoneInfo("UTC"))


async def test_zones_of_a_camera(places):
    assert await places.zones("door") == ()
    assert await places.set_zones("door", (PORCH,)) == (PORCH,)
    assert await places.zones("door") == (PORCH,)
    assert await places.zones("nowhere") is None
    assert await places.set_zones("nowhere", (PORCH,)) is None


async def test_habits_count_days_without_activity_and_can_be_forgotten(home, places):
    home.clock.tick(12 * 24 * 3600)
    found = await places.baseline("door")
    assert found is not None
    assert found.since == (home.clock.now() - timedelta(days=11)).date().isoformat()
    habits = {(habit.label, habit.weekend): habit for habit in found.habits}
    weekdays = habits["person", False]
    assert (weekdays.hour, weekdays.days, weekdays.state) == (12, 11, "ready")
    assert weekdays.mean == pytest.approx(0.0)
    forgotten = await places.reset_baseline("door")
    assert forgotten is not None
    assert forgotten.habits == ()
    assert forgotten.since == (home.clock.now() + timedelta(days=1)).date().isoformat()
    assert await places.baseline("nowhere") is None
