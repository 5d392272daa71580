"""Alerts, and keys that exactly one of many takes."""

import asyncio
from dataclasses import replace

import pytest
import sqlalchemy as sa

from home_sentry_engine.alerting.evaluation import told_of
from home_sentry_engine.contract import Alert, AlertRule, AlertSchedule, AlertStatus, AnalysisState, PathMove, RiskLevel
from home_sentry_engine.storage.alerts_schema import alert_rules
from home_sentry_engine.storage.errors import InvalidCursor
from home_sentry_engine.storage.repositories.alert_rules import AlertRules
from home_sentry_engine.storage.repositories.events import Events
from home_sentry_engine.storage.repositories.raised import AlertQuery, Alerts
from tests.engine.unit.storage.samples import at, event, with_media

RAISED, RULES, EVENTS = Alerts(), AlertRules(), Events()
COOLDOWN_S = 300
HIGH, CRITICAL, MEDIUM = RiskLevel.HIGH, RiskLevel.CRITICAL, RiskLevel.MEDIUM


def alert(number: int = 1, **changes) -> Alert:
    whole = Alert(
        id=f"a{number}",
        rule_id="mine",
        rule_name="Mine",
        event_id="e1",
        camera_id="yard",
        camera_name="Yard",
        revision=1,
        severity=HIGH,
        level=HIGH,
        score=70,
        state=AnalysisState.RULES,
        rule_only=True,
        summary="A person",
        media_id="m1",
        object_types=("person",),
        zone_ids=("porch",),
        status=AlertStatus.PENDING,
        channels=("hook",),
        dedup_key="yard:mine:person",
        made_at=at(0),
        metadata={"reason": "timeout"},
    )
    return replace(whole, **changes)


def taken(conn, one, seconds=0.0):
    return RAISED.claim(conn, one, now=at(seconds), cooldown_s=COOLDOWN_S)


async def with_events(database, *ids):
    def work(conn):
        with_media(conn, "m1")
        for event_id in ids:
            EVENTS.insert(conn, event(event_id))

    await database.write(work)


async def test_of_twenty_at_once_one_takes_the_key(database):
    def work(number):
        return database.write(lambda conn: taken(conn, alert(number)))

    found = await asyncio.gather(*(work(number) for number in range(20)))
    assert sorted(found) == [False] * 19 + [True]


async def test_of_twenty_at_once_one_is_the_alert_of_its_event_rule_and_level(database):
    await with_events(database, "e1")

    def work(_number):
        return database.write(lambda conn: RAISED.add(conn, alert(), cooldown_s=COOLDOWN_S))

    assert sum(await asyncio.gather(*(work(number) for number in range(20)))) == 1
    assert await database.read(lambda conn: RAISED.get(conn, "a1")) == alert()


async def test_a_key_is_free_again_when_its_time_is_over_and_not_before(database):
    def work(conn):
        return [taken(conn, alert(number), seconds) for number, seconds in enumerate((0, 299.9, 300, 300, 600))]

    assert await database.write(work) == [True, False, True, False, True]


async def test_a_higher_level_breaks_through_and_a_lower_one_waits(database):
    def work(conn):
        levels = (HIGH, MEDIUM, CRITICAL, CRITICAL, HIGH, MEDIUM)
        return [taken(conn, alert(number, level=level), number) for number, level in enumerate(levels)]

    assert await database.write(work) == [True, False, True, False, False, False]


async def test_the_cooldown_begins_with_the_delivery(database):
    await with_events(database, "e1")

    def work(conn):
        assert taken(conn, alert(1))
        RAISED.add(conn, alert(1), cooldown_s=COOLDOWN_S)
        done = RAISED.delivered(conn, "a1", at(200))
        again = RAISED.delivered(conn, "a1", at(250)), RAISED.delivered(conn, "nobody", at(250))
        return done, again, taken(conn, alert(2), 400), taken(conn, alert(2), 500)

    done, again, early, late = await database.write(work)
    assert done == alert(1, status=AlertStatus.DELIVERED, delivered_at=at(200))
    assert again == (None, None)
    assert (early, late) == (False, True)


async def test_what_could_not_be_delivered_keeps_nobody_else_silent(database):
    await with_events(database, "e1")

    def work(conn):
        assert taken(conn, alert(1))
        RAISED.add(conn, alert(1), cooldown_s=COOLDOWN_S)
        return RAISED.release(conn, "a1", at(10)), taken(conn, alert(2), 10), RAISED.release(conn, "a1", at(11))

    assert await database.write(work) == (True, True, False)


async def test_a_delivered_alert_keeps_its_key(database):
    await with_events(database, "e1")

    def work(conn):
        taken(conn, alert(1))
        RAISED.add(conn, alert(1), cooldown_s=COOLDOWN_S)
        RAISED.delivered(conn, "a1", at(5))
        return RAISED.release(conn, "a1", at(10)), taken(conn, alert(2), 10)

    assert await database.write(work) == (False, False)


async def test_a_person_closes_an_alert_once(database):
    await with_events(database, "e1")

    def work(conn):
        RAISED.add(conn, alert(1), cooldown_s=COOLDOWN_S)
        closed = RAISED.close(conn, "a1", AlertStatus.ACKNOWLEDGED, by="anna", at=at(9))
        again = RAISED.close(conn, "a1", AlertStatus.DISMISSED, by="ben", at=at(10))
        late = RAISED.delivered(conn, "a1", at(11))
        return closed, again, RAISED.close(conn, "none", AlertStatus.DISMISSED, by=None, at=at(9)), late

    closed, again, missing, late = await database.write(work)
    assert closed == alert(1, status=AlertStatus.ACKNOWLEDGED, closed_at=at(9), closed_by="anna")
    assert again == closed
    assert missing is None
    assert (late.status, late.delivered_at) == (AlertStatus.ACKNOWLEDGED, at(11))


async def test_alerts_are_listed_counted_and_go_with_their_event(database):
    await with_events(database, "e1", "e2")
    made = [
        alert(1),
        alert(2, level=CRITICAL, severity=CRITICAL, made_at=at(5)),
        alert(3, event_id="e2", rule_id="other", camera_id="door", made_at=at(9)),
    ]

    def work(conn):
        for one in made:
            RAISED.add(conn, one, cooldown_s=COOLDOWN_S)
        whole = RAISED.page(conn, AlertQuery(limit=2, with_total=True))
        rest = RAISED.page(conn, AlertQuery(limit=2, cursor=whole.next_cursor))
        with pytest.raises(InvalidCursor):
            RAISED.page(conn, AlertQuery(limit=2, cursor=whole.next_cursor, camera_id="yard"))
        pages = [*whole.items, *rest.items], whole.total
        some = [
            [one.id for one in RAISED.page(conn, query).items]
            for query in (
                AlertQuery(camera_id="door"),
                AlertQuery(severity=CRITICAL),
                AlertQuery(rule_id="mine", until=at(5)),
                AlertQuery(event_id="e2", status=AlertStatus.PENDING),
                AlertQuery(within=("door", "shed")),
            )
        ]
        return pages, some, told_of(RAISED.of_event(conn, "e1")), RAISED.count(conn, "camera_id", at(5))

    (pages, total), some, told, counts = await database.write(work)
    assert (pages, total) == (made[::-1], 3)
    assert some == [["a3"], ["a2"], ["a1"], ["a3"], ["a3"]]
    assert told == {"mine": CRITICAL}
    assert counts == {"door": 1, "yard": 1}

    def forget(conn):
        conn.execute(sa.text("DELETE FROM events WHERE id = 'e1'"))
        taken(conn, alert(9))
        kept, gone = RAISED.prune(conn, at(299)), RAISED.prune(conn, at(301))
        return RAISED.of_event(conn, "e1"), [one.id for one in RAISED.of_event(conn, "e2")], kept, gone

    assert await database.write(forget) == ((), ["a3"], 0, 1)


async def test_a_rule_is_read_as_it_was_written(database):
    rule = AlertRule(
        id="mine",
        name="Mine",
        enabled=False,
        risk_threshold=60,
        levels=(HIGH, CRITICAL),
        object_types=("person",),
        camera_ids=("door",),
        zone_ids=("porch",),
        min_confidence=0.5,
        schedule=AlertSchedule(days=(0, 6), start="22:00", end="06:00", timezone="Europe/Berlin"),
        moves=(PathMove.ARRIVE,),
        zone_sequence=("walk", "porch"),
        severity=CRITICAL,
        channels=("hook",),
        cooldown_s=0,
        created_at=at(0),
        updated_at=at(0),
    )
    later = replace(rule, name="Yours", schedule=None, updated_at=at(9), created_at=at(9))

    def work(conn):
        RULES.save(conn, rule)
        first = RULES.get(conn, "mine")
        RULES.save(conn, later)
        listed = RULES.all(conn)
        return first, listed, RULES.delete(conn, "mine"), RULES.delete(conn, "mine"), RULES.get(conn, "mine")

    first, listed, gone, again, missing = await database.write(work)
    assert first == rule
    assert listed == (replace(later, created_at=at(0)),)
    assert (gone, again, missing) == (True, False, None)


@pytest.mark.parametrize("changes", [{"cooldown_s": -1}, {"risk_threshold": 101}, {"min_confidence": 1.5}])
async def test_the_database_refuses_numbers_out_of_their_range(database, changes):
    def work(conn):
        RULES.save(conn, AlertRule(id="mine", name="Mine", created_at=at(0), updated_at=at(0), **changes))

    with pytest.raises(sa.exc.IntegrityError):
        await database.write(work)


async def test_a_schedule_that_cannot_be_read_breaks_its_rule_and_no_other(database):
    def work(conn):
        for name in ("good", "bad"):
            RULES.save(conn, AlertRule(id=name, name=name, created_at=at(0), updated_at=at(0)))
        conn.execute(alert_rules.update().where(alert_rules.c.id == "bad").values(schedule={"days": "never"}))
        return {rule.id: rule.schedule for rule in RULES.all(conn)}

    found = await database.write(work)
    assert found["good"] is None
    assert found["bad"] == AlertSchedule(start="?", end="?")
