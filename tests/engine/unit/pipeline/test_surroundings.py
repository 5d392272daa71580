"""Ways through zones and the home's own states, through the whole pipeline."""

from dataclasses import replace
from datetime import timedelta

import pytest

from home_sentry_engine.app import learning as learning_room
from home_sentry_engine.app.home import StoredHome
from home_sentry_engine.app.learning import StoredLearning
from home_sentry_engine.app.places import StoredPlaces
from home_sentry_engine.contract import (
    BaselineLimits,
    HomeFact,
    HomeFactKind,
    HomeReport,
    LearningState,
    Zone,
    ZoneAnchor,
    ZoneType,
)
from home_sentry_engine.domain.box import Box
from home_sentry_engine.domain.messages import Absent, RuleVerdict, Scene
from home_sentry_engine.domain.risk import ScoreRange
from home_sentry_engine.language.sections import lines_of
from tests.fakes.household import household

PERSON = ("person", 0.8)
SIDEWALK = Zone(
    id="walk", name="Sidewalk", type=ZoneType.SIDEWALK, points=((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))
)
PORCH = Zone(
    id="porch",
    name="Porch",
    type=ZoneType.ENTRY_POINT,
    points=((0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0)),
    # from bottom to top: its right side is the porch
    line=((0.5, 1.0), (0.5, 0.0)),
)


@pytest.fixture
async def home(tmp_path):
    async with household(tmp_path) as made:
        made.mind.answer = 40
        yield made


async def draw(home, *zones: Zone) -> None:
    await home.deliver()
    await home.work()
    await home.database.write(lambda conn: home.tables.zones.replace(conn, "door", zones))


async def walk(home, *lefts: int, seconds: float = 2.0):
    """Let one person of 120 x 300 pixels stand at these places, one picture each; gives the scene that was judged."""
    for left in lefts:
        media_id = await home.deliver(PERSON)
        assert media_id is not None
        home.eyes.boxes[media_id] = (Box(x=left, y=100, width=120, height=300),)
        await home.work(assess=False)
        home.clock.tick(seconds)
    await home.pass_time(60)
    return home.mind.asked[-1]


async def factors(home):
    return {factor.id: factor for factor in (await home.events())[-1].factors}


async def test_who_comes_from_the_sidewalk_onto_the_porch(home):
    await draw(home, SIDEWALK, PORCH)
    scene = await walk(home, 40, 120, 200, 280, 360, 420)
    found = await factors(home)
    assert found["sequence"].text == "walked Sidewalk then Porch"
    assert found["sequence"].evidence == ("route:Sidewalk>Porch",)
    assert found["arrived"].evidence == ("zone:Porch",)
    assert found["crossed_in"].points > 0
    porch = next(one for one in scene.legs["zones"] if one["name"] == "Porch")
    assert (porch["entered"], porch["crossed"], porch["dwell_s"]) == (True, ["in"], 4.0)
    approach = porch["approach"]
    assert approach["approaching"]
    assert approach["direction_deg"] == pytest.approx(90, abs=1)
    assert approach["speed"] > 0
    assert approach["eta_s"] > 0
    assert approach["distance"] > 0
    assert scene.legs["routes"] == [{"subject": 1, "label": "person", "zones": ["Sidewalk", "Porch"]}]


async def test_who_goes_leaves_and_crosses_outwards(home):
    await draw(home, SIDEWALK, PORCH)
    await walk(home, 420, 360, 280, 200, 120, 40)
    found = await factors(home)
    assert {"left", "crossed_out"} <= found.keys()
    assert not {"sequence", "arrived", "crossed_in"} & found.keys()
    assert found["left"].points < 0


async def test_one_picture_has_neither_way_nor_dwell(home):
    await draw(home, SIDEWALK, PORCH)
    scene = await walk(home, 420)
    (porch,) = scene.legs["zones"]
    assert not {"dwell_s", "approach", "crossed", "entered", "left"} & porch.keys()
    assert not {"sequence", "arrived", "loitering"} & (await factors(home)).keys()


@pytest.mark.parametrize(
    ("anchor", "zone", "inside"),
    [
        (ZoneAnchor.BOTTOM_CENTRE, ((0.0, 0.7), (1.0, 0.7), (1.0, 1.0), (0.0, 1.0)), True),
        (ZoneAnchor.BOTTOM_CENTRE, ((0.0, 0.0), (1.0, 0.0), (1.0, 0.6), (0.0, 0.6)), False),
        (ZoneAnchor.CENTRE, ((0.0, 0.0), (1.0, 0.0), (1.0, 0.6), (0.0, 0.6)), True),
        (ZoneAnchor.CENTRE, ((0.0, 0.7), (1.0, 0.7), (1.0, 1.0), (0.0, 1.0)), False),
        (ZoneAnchor.OVERLAP, ((0.0, 0.0), (1.0, 0.0), (1.0, 0.25), (0.0, 0.25)), True),
        (ZoneAnchor.OVERLAP, ((0.0, 0.9), (1.0, 0.9), (1.0, 1.0), (0.0, 1.0)), False),
    ],
)
async def test_where_an_object_stands_can_be_chosen(home, anchor, zone, inside):
    await draw(home, replace(PORCH, anchor=anchor, points=zone, line=()))
    scene = await walk(home, 100)
    assert bool(scene.legs["zones"]) is inside


async def test_loitering_counts_only_when_the_time_is_exceeded(home):
    await draw(home, replace(PORCH, loitering_s=9.0))
    await walk(home, 420, 420, 420, 420)
    assert "loitering" not in await factors(home)
    home.clock.tick(300)
    await walk(home, 420, 420, 420, 420, 420, 420, 420)
    assert "loitering" in await factors(home)


def fact(kind: HomeFactKind, entity_id: str, state: str | None, changed_at=None, **details) -> HomeFact:
    return HomeFact(kind=kind, entity_id=entity_id, name=entity_id, state=state, changed_at=changed_at, details=details)


ALARM = fact(HomeFactKind.ALARM, "alarm_control_panel.home", "armed_away")
ANNA = fact(HomeFactKind.PRESENCE, "person.anna", "not_home")
DOOR = fact(HomeFactKind.CONTACT, "binary_sensor.back_door", "on")
WEATHER = fact(HomeFactKind.WEATHER, "weather.home", "rainy", temperature=7.0)
SUN = fact(HomeFactKind.SUN, "sun.sun", "below_horizon")


async def say(home, *facts: HomeFact, **more) -> None:
    await StoredHome(home.database, home.tables.home, home.clock).take(HomeReport(facts=facts, **more))


def prompt_of(scene: Scene) -> str:
    rule = RuleVerdict(score=10, factors=(), allowed=ScoreRange(), summary="")
    return "\n".join(line.text for line in lines_of(scene, rule))


async def test_what_the_home_says_enters_score_and_prompt(home):
    await say(home, ALARM, ANNA, DOOR, WEATHER, SUN)
    scene = await walk(home, 100, 100)
    found = await factors(home)
    assert found["arm_mode"].evidence == ("state:arm_mode=armed_away",)
    assert found["open_contact"].text == "open while the alarm is on: binary_sensor.back_door"
    assert "home_unknown" not in found
    text = prompt_of(scene)
    assert 'alarm mode: "armed_away"' in text
    assert '"home": false' in text
    assert "doors and windows" in text
    assert '"source": "Home Assistant, weather.home"' in text
    assert "below_horizon" in text


async def test_what_is_not_available_gives_no_points_and_says_so(home):
    await say(home, replace(ALARM, state=None), replace(ANNA, state=None), replace(DOOR, state=None), WEATHER)
    scene = await walk(home, 100, 100)
    found = await factors(home)
    assert not {"arm_mode", "nobody_home", "open_contact"} & found.keys()
    assert found["home_unknown"].points == 0
    assert "alarm_control_panel.home is not available" in found["home_unknown"].text
    assert scene.legs["presence"] == Absent(reason="person.anna is not available")
    assert "alarm mode" in prompt_of(scene).partition("not performed")[2]


async def test_one_who_is_home_is_enough_and_a_gap_is_no_absence(home):
    ben = fact(HomeFactKind.PRESENCE, "person.ben", None)
    await say(home, ANNA, ben)
    assert (await walk(home, 100)).legs["presence"] == Absent(reason="person.ben is not available")
    home.clock.tick(300)
    await say(home, ANNA, replace(ben, state="home"), fact(HomeFactKind.PRESENCE, "zone.home", "1"))
    assert (await walk(home, 100)).legs["presence"] == {"home": True, "people": 2}


async def test_a_silent_home_assistant_is_not_believed(home):
    await say(home, ALARM)
    home.clock.tick(3600)
    scene = await walk(home, 100)
    assert scene.legs["arm_mode"] == Absent(reason="Home Assistant is silent")
    assert "arm_mode" not in await factors(home)


async def test_a_state_that_came_after_the_visit_does_not_count_for_it(home):
    for left in (100, 110):
        await home.deliver(PERSON)
        await home.work(assess=False)
        home.clock.tick(left / 10)
    home.clock.tick(100)
    await say(home, replace(ALARM, changed_at=home.clock.steady()))
    await home.pass_time(10)
    scene = home.mind.asked[-1]
    assert scene.legs["arm_mode"] == Absent(reason="alarm_control_panel.home changed after the visit")


async def test_what_is_not_known_of_guests_and_visitors_is_said(home):
    guests = fact(HomeFactKind.GUESTS, "input_boolean.guests", None)
    calendar = fact(HomeFactKind.VISITORS, "calendar.visitors", "off")
    await say(home, guests, calendar)
    scene = await walk(home, 100)
    assert scene.legs["home_gaps"] == ["guest mode: input_boolean.guests is not available"]
    assert "home_unknown" in await factors(home)
    home.clock.tick(300)
    await say(home, replace(guests, state="on"), calendar)
    assert "home_gaps" not in (await walk(home, 100)).legs
    home.clock.tick(3600)
    assert (await walk(home, 100)).legs["home_gaps"] == [
        "expected visitors: Home Assistant is silent",
        "guest mode: Home Assistant is silent",
    ]


async def test_nobody_said_anything(home):
    scene = await walk(home, 100)
    assert scene.legs["arm_mode"] == Absent(reason="Home Assistant said nothing about the home")
    await say(home, WEATHER)
    home.clock.tick(300)
    assert (await walk(home, 100)).legs["arm_mode"] == Absent(reason="no entity was chosen for it")


async def test_the_hours_of_the_home_are_those_of_home_assistant(home):
    await say(home, time_zone="Asia/Tokyo")
    scene = await walk(home, 100)
    assert scene.local_time.hour == 21
    counts = await home.database.read(
        lambda conn: home.tables.activity.all(conn, "door", first=(home.clock.now() - timedelta(days=2)).date())
    )
    assert {hour for _label, hour in counts} == {21}


async def test_the_limits_of_habits_change_at_run_time(home):
    learning = StoredLearning(home.database, home.tables, home.clock, home.settings.time_zone, lambda: None)
    assert await learning.limits() == BaselineLimits()
    for _ in range(6):
        scene = await walk(home, 100)
        home.clock.tick(24 * 3600 - 62)
    assert scene.legs["baseline"]["state"] == "learning"
    await learning.set_limits(BaselineLimits(window_days=20, min_days=3, threshold_std=1.0))
    scene = await walk(home, 100)
    assert scene.legs["baseline"]["state"] == "ready"
    places = StoredPlaces(home.database, home.tables, home.clock, home.settings.time_zone)
    shown = await places.baseline("door")
    assert shown is not None
    assert (shown.window_days, shown.min_days) == (20, 3)


async def test_a_new_camera_learns_for_a_week_and_proposes_what_it_saw(home):
    learning = StoredLearning(home.database, home.tables, home.clock, home.settings.time_zone, lambda: None)
    for day in range(8):
        for left in (400, 410, 420):
            home.mind.answer = 75 if day == 2 else 20
            await walk(home, left)
            home.clock.tick(600)
        home.clock.tick(24 * 3600 - 3 * 662)
        report = await learning.learned("door")
        assert report is not None
        assert report.state is (LearningState.LEARNING if day < 6 else LearningState.DONE)
    assert report is not None
    assert report.pictures >= 21
    assert [event.score for event in report.would_alert] == [75, 75, 75]
    (zone,) = report.zones
    assert zone.id == "proposed_people"
    assert all(0.68 < x < 0.82 for x, _ in zone.points)
    assert report.busy_hours == (12,)
    assert 3 in report.quiet_hours
    assert report.confidence == pytest.approx(0.8)
    assert await learning.learned("nowhere") is None


async def test_a_busy_week_is_sampled_as_a_whole(home, monkeypatch):
    monkeypatch.setattr(learning_room, "_SAMPLED_MOST", 30)
    learning = StoredLearning(home.database, home.tables, home.clock, home.settings.time_zone, lambda: None)
    home.mind.answer = 20
    for left, looks in ((100, 16), (100, 16), (400, 8)):
        await walk(home, *[left] * looks)
        home.clock.tick(600)
    report = await learning.learned("door")
    assert report is not None
    (zone,) = report.zones
    # what came last is a fifth of the week: a look at the newest alone would draw the zone around it too
    assert max(x for x, _ in zone.points) < 0.4


async def test_a_learning_week_can_be_ended(home):
    learning = StoredLearning(home.database, home.tables, home.clock, home.settings.time_zone, lambda: None)
    await walk(home, 100)
    ended = await learning.finish("door")
    assert ended is not None
    assert ended.learning_until == home.clock.steady()
    assert (await home.announced())[-1] == "camera_changed"
    assert await learning.finish("door") == ended
    assert await learning.finish("nowhere") is None
    report = await learning.learned("door")
    assert report is not None
    assert (report.state, report.zones, report.confidence) == (LearningState.DONE, (), None)
