"""Rules of the owner, the alerts that they raise, and what people do with both, over a real database."""

from dataclasses import replace
from datetime import timedelta

import pytest

from home_sentry_engine.api.rule_ports import Trial
from home_sentry_engine.api.triage_ports import Review
from home_sentry_engine.app.alerting import mark_delivered, release
from home_sentry_engine.app.rules import StoredAlerts, StoredRules
from home_sentry_engine.app.triage import TriageDesk
from home_sentry_engine.contract import (
    Alert,
    AlertCondition,
    AlertDecision,
    AlertRule,
    AlertSchedule,
    AlertStatus,
    AnalysisState,
    Event,
    PathMove,
    RiskLevel,
    Zone,
    ZoneType,
    decode,
)
from home_sentry_engine.contract.errors import Conflict, NotFound, Unprocessable
from home_sentry_engine.domain.box import Box
from home_sentry_engine.storage.repositories.raised import AlertQuery
from tests.fakes.household import Household, household

HIGH, CRITICAL = RiskLevel.HIGH, RiskLevel.CRITICAL
LEFT = Zone(id="walk", name="Walk", type=ZoneType.SIDEWALK, points=((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)))
RIGHT = Zone(
    id="porch", name="Porch", type=ZoneType.ENTRY_POINT, points=((0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0))
)


class Sink:
    """Notes what it was told."""

    def __init__(self) -> None:
        self.raised_alerts: list[Alert] = []
        self.revisions: list[tuple[tuple[str, ...], int]] = []

    def raised(self, conn, alert, event, now):
        assert alert.event_id == event.event_id
        self.raised_alerts.append(alert)

    def revised(self, conn, alerts, event, now):
        self.revisions.append((tuple(one.id for one in alerts), event.revision))


@pytest.fixture
async def home(tmp_path):
    async with household(tmp_path) as opened:
        yield opened


@pytest.fixture
def sink(home) -> Sink:
    told = Sink()
    object.__setattr__(home.tables, "alerting", replace(home.tables.alerting, sink=told))
    return told


@pytest.fixture
def rules(home) -> StoredRules:
    return StoredRules(home.database, home.tables, home.clock, lambda: None)


@pytest.fixture
def alerts(home) -> StoredAlerts:
    return StoredAlerts(home.database, home.tables, home.clock, home._announced)


async def visit(home: Household, *shown, camera: str = "door") -> Event:
    """Let somebody come to a camera that has learned."""
    await home.deliver(*(shown or (("person", 0.9),)), camera=camera)
    before = home.clock.steady() - timedelta(seconds=1)
    await home.database.write(lambda conn: home.tables.cameras.learn_until(conn, camera, before))
    await home.work()
    return (await home.events())[-1]


async def graded(home: Household, event: Event, level: RiskLevel, **changes) -> Event:
    changed = replace(event, revision=event.revision + 1, risk_level=level, **changes)
    await home.store.write(lambda tx: tx.events.save(changed))
    return changed


async def zones(home: Household, *drawn: Zone, camera: str = "door") -> None:
    await home.database.write(lambda conn: home.tables.zones.replace(conn, camera, drawn))


async def evaluations(home: Household, event: Event):
    return await home.database.read(lambda conn: home.tables.alerts.of(conn, event.event_id))


async def listed(alerts: StoredAlerts, **filters) -> tuple[Alert, ...]:
    return (await alerts.page(AlertQuery(**filters))).items


def rule(rule_id: str = "mine", **conditions) -> AlertRule:
    return AlertRule(id=rule_id, name=rule_id.title(), **conditions)


async def test_without_rules_of_the_owner_the_builtin_one_raises_an_alert_that_is_announced(home, alerts, sink):
    event = await visit(home)
    before = await home.announced()
    event = await graded(home, event, HIGH, risk_score=70)
    (alert,) = await listed(alerts)
    assert (alert.rule_id, alert.event_id, alert.revision) == ("builtin", event.event_id, event.revision)
    assert (alert.severity, alert.level, alert.score, alert.status) == (HIGH, HIGH, 70, AlertStatus.PENDING)
    assert alert.dedup_key == "door:builtin:person"
    last = (await evaluations(home, event))[-1]
    assert last.decision is AlertDecision.DUE
    assert [(one.rule_id, one.alert_id) for one in last.rules] == [("builtin", alert.id)]
    assert (await home.announced())[len(before) :] == ["alert_created"]
    assert sink.raised_alerts == [alert]
    await graded(home, event, HIGH)
    assert sink.revisions == [((alert.id,), event.revision + 1)]
    assert len(await listed(alerts)) == 1


async def test_the_builtin_rule_can_be_switched_off_and_not_deleted(home, rules, alerts):
    (builtin,) = await rules.all()
    assert builtin.builtin
    assert builtin.enabled
    off = await rules.patch("builtin", {"enabled": False})
    assert not off.enabled
    await graded(home, await visit(home), CRITICAL)
    assert await listed(alerts) == ()
    event = (await home.events())[-1]
    assert (await evaluations(home, event))[-1].decision is AlertDecision.RULE_OFF
    with pytest.raises(Conflict):
        await rules.delete("builtin")
    with pytest.raises(Conflict):
        await rules.put(rule("builtin"))
    with pytest.raises(Unprocessable):
        await rules.patch("builtin", {"risk_threshold": 3})
    assert [one.enabled for one in await rules.all()] == [False]


async def test_the_cooldown_begins_with_the_delivery_and_a_higher_level_breaks_through(home, alerts):
    async def next_visit(level: RiskLevel) -> AlertDecision:
        await home.pass_time(120)
        event = await graded(home, await visit(home), level)
        return (await evaluations(home, event))[-1].decision

    await graded(home, await visit(home), HIGH)
    (first,) = await listed(alerts)
    now = home.clock.steady()
    delivered = await home.database.write(lambda conn: mark_delivered(conn, home.tables, first.id, now))
    assert delivered.status is AlertStatus.DELIVERED
    assert await home.database.write(lambda conn: mark_delivered(conn, home.tables, first.id, now)) is None
    assert await next_visit(HIGH) is AlertDecision.IN_COOLDOWN
    assert await next_visit(CRITICAL) is AlertDecision.DUE
    assert await next_visit(HIGH) is AlertDecision.IN_COOLDOWN
    await home.pass_time(240)
    assert await next_visit(HIGH) is AlertDecision.DUE
    (newest, *_rest) = await listed(alerts)
    assert await home.database.write(lambda conn: release(conn, home.tables, newest.id, home.clock.steady()))
    assert await next_visit(HIGH) is AlertDecision.DUE


async def test_another_object_or_place_is_another_key(home, rules, alerts):
    await rules.create(rule(risk_threshold=0))
    await visit(home)
    await home.pass_time(120)
    await visit(home, ("dog", 0.9))
    await home.pass_time(120)
    await visit(home, camera="yard")
    await home.pass_time(120)
    await visit(home)
    assert {one.dedup_key for one in await listed(alerts, rule_id="mine")} == {
        "door:mine:person",
        "door:mine:dog",
        "yard:mine:person",
    }


async def test_zones_and_ways_are_real_conditions(home, rules, alerts):
    await home.database.write(
        lambda conn: home.tables.cameras.ensure(
            conn, camera_id="door", name="Door", folder="door", now=home.clock.steady()
        )
    )
    await zones(home, LEFT, RIGHT)
    await rules.create(rule("porch", zone_ids=("porch",), min_confidence=0.5))
    await rules.create(rule("arrive", moves=(PathMove.ARRIVE,)))
    await rules.create(rule("way", zone_sequence=("walk", "porch"), object_types=("person",)))
    await rules.create(rule("back", zone_sequence=("porch", "walk")))

    async def stand(x: int) -> Event:
        media_id = await home.deliver(("person", 0.9))
        home.eyes.boxes[media_id] = [Box(x=x, y=100, width=120, height=240)]
        learned = home.clock.steady() - timedelta(seconds=1)
        await home.database.write(lambda conn: home.tables.cameras.learn_until(conn, "door", learned))
        await home.work()
        return (await home.events())[-1]

    event = await stand(150)
    said = {one.rule_id: one.condition for one in (await evaluations(home, event))[-1].rules}
    assert said == {
        "builtin": AlertCondition.LEVELS,
        "porch": AlertCondition.ZONE_IDS,
        "arrive": AlertCondition.MOVES,
        "way": AlertCondition.ZONE_SEQUENCE,
        "back": AlertCondition.ZONE_SEQUENCE,
    }
    assert await listed(alerts) == ()
    for x in (200, 260, 320):
        home.clock.tick(1.0)
        await stand(x)
    found = {one.rule_id: one.zone_ids for one in await listed(alerts)}
    assert found == {"porch": ("porch",), "arrive": (), "way": ("walk", "porch")}


async def test_a_rule_breaks_with_its_zone_never_matches_and_heals_with_it(home, rules, alerts):
    await visit(home)
    await zones(home, LEFT, RIGHT)
    await rules.create(rule(zone_ids=("porch",)))
    await zones(home, LEFT)
    assert (await rules.one("mine")).broken == "there is no zone porch"
    await home.pass_time(300)
    event = await visit(home)
    said = {one.rule_id: one.decision for one in (await evaluations(home, event))[-1].rules}
    assert said["mine"] is AlertDecision.RULE_BROKEN
    assert await listed(alerts) == ()
    # what was broken before may be switched off without being mended
    assert not (await rules.patch("mine", {"enabled": False})).enabled
    with pytest.raises(Unprocessable, match="no zone roof"):
        await rules.patch("mine", {"zone_ids": ("roof",)})
    await zones(home, LEFT, RIGHT)
    assert (await rules.one("mine")).broken is None


@pytest.mark.parametrize(
    "conditions",
    [
        {"zone_ids": ("roof",)},
        {"camera_ids": ("attic",)},
        {"schedule": AlertSchedule(timezone="Mars/Olympus")},
        {"dedup_key": "{secret}"},
        {"zone_sequence": ("walk",)},
        {"cooldown_s": -1},
    ],
)
async def test_a_rule_that_cannot_hold_is_not_taken(home, rules, conditions):
    with pytest.raises(Unprocessable):
        await rules.create(rule(**conditions))
    with pytest.raises(Unprocessable):
        await rules.put(rule(**conditions))
    assert [one.id for one in await rules.all()] == ["builtin"]


async def test_rules_are_made_changed_and_deleted(home, rules):
    made = await rules.create(rule(risk_threshold=40))
    with pytest.raises(Conflict):
        await rules.create(rule())
    home.clock.tick(5.0)
    put = await rules.put(rule(risk_threshold=50, severity=CRITICAL))
    assert (put.created_at, put.updated_at - made.updated_at) == (made.created_at, timedelta(seconds=5))
    assert (await rules.patch("mine", {"name": "Ours"})).risk_threshold == 50
    assert await rules.patch("nobody", {"name": "Ours"}) is None
    assert [one.name for one in await rules.all()] == ["High or critical risk", "Ours"]
    assert (await rules.delete("mine"), await rules.delete("mine")) == (True, False)


async def test_a_rule_is_tested_against_stored_events_without_telling_anybody(home, rules, alerts):
    person = await visit(home)
    await home.pass_time(300)
    dog = await visit(home, ("dog", 0.9), camera="yard")
    await rules.create(rule(object_types=("person",), enabled=False))
    tried = await rules.test("mine", Trial())
    assert [(one.event_id, one.matched, one.condition) for one in tried.items] == [
        (dog.event_id, False, AlertCondition.OBJECT_TYPES),
        (person.event_id, True, None),
    ]
    assert (tried.tested, tried.matched) == (2, 1)
    assert tried.items[0].detail == "it shows dog"
    one = await rules.test("mine", Trial(event_ids=(dog.event_id, dog.event_id)))
    assert (one.tested, one.matched) == (1, 0)
    assert await rules.test("nobody", Trial()) is None
    with pytest.raises(NotFound):
        await rules.test("mine", Trial(event_ids=("nobody",)))
    assert await listed(alerts) == ()


async def test_state_rules_pages_on_the_rule_score_and_says_so(home, alerts):
    event = await visit(home)
    await graded(home, event, HIGH, analysis_state=AnalysisState.RULES, risk_score=66, rule_score=66)
    (alert,) = await listed(alerts)
    assert (alert.rule_only, alert.score, alert.state) == (True, 66, AnalysisState.RULES)


async def test_what_a_person_changes_raises_nothing(home, alerts):
    event = await visit(home)
    await home.database.write(
        lambda conn: home.tables.cameras.learn_until(conn, "door", home.clock.steady() + timedelta(days=1))
    )
    event = await graded(home, event, HIGH)
    assert (await evaluations(home, event))[-1].decision is AlertDecision.LEARNING
    over = home.clock.steady() - timedelta(seconds=1)
    await home.database.write(lambda conn: home.tables.cameras.learn_until(conn, "door", over))
    desk = TriageDesk(home.database, home.tables, home.clock, home._announced)
    marked = await desk.review(event.event_id, Review(flagged=True))
    assert marked is not None
    assert (await evaluations(home, marked))[-1].decision is AlertDecision.BY_PERSON
    assert await listed(alerts) == ()


async def test_a_client_that_told_somebody_begins_the_cooldown_once(home, alerts):
    await graded(home, await visit(home), HIGH)
    (alert,) = await listed(alerts)
    home.clock.tick(60.0)
    delivered = await alerts.deliver(alert.id)
    home.clock.tick(60.0)
    assert (delivered.status, delivered.delivered_at) == (AlertStatus.DELIVERED, alert.made_at + timedelta(seconds=60))
    assert await alerts.deliver(alert.id) == delivered
    assert await alerts.deliver("nobody") is None
    await home.pass_time(220)
    held = await graded(home, await visit(home), HIGH)
    assert (await evaluations(home, held))[-1].decision is AlertDecision.IN_COOLDOWN
    rows = await home.database.read(lambda conn: home.tables.outbox.since(conn, 0))
    assert [row.kind for row in rows].count("alert_updated") == 1


async def test_people_close_alerts_once_and_everybody_hears_of_it(home, alerts):
    await graded(home, await visit(home), HIGH)
    (alert,) = await listed(alerts)
    closed = await alerts.close(alert.id, AlertStatus.ACKNOWLEDGED, "anna")
    assert (closed.status, closed.closed_by, closed.closed_at) == (
        AlertStatus.ACKNOWLEDGED,
        "anna",
        home.clock.steady(),
    )
    assert await alerts.close(alert.id, AlertStatus.DISMISSED, "ben") == closed
    assert await alerts.close("nobody", AlertStatus.DISMISSED, None) is None
    assert await alerts.one(alert.id) == closed
    rows = await home.database.read(lambda conn: home.tables.outbox.since(conn, 0))
    told = [decode(Alert, row.body).status for row in rows if row.kind == "alert_updated"]
    assert told == [AlertStatus.ACKNOWLEDGED]
    assert (await alerts.stats(home.clock.now() + timedelta(hours=1))).duplicate_ratio is None
