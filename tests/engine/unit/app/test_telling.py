"""Alerts reach the channels that want them, once, or it is known why not."""

from dataclasses import replace
from datetime import timedelta
import json

import pytest

from home_sentry_engine.alerting.channels.errors import SendFailed
from home_sentry_engine.alerting.channels.keychain import FILE
from home_sentry_engine.api.notification_ports import ChannelDraft
from home_sentry_engine.api.ports import Picture
from home_sentry_engine.contract import AlertSchedule, AlertStatus, ChannelFilters, RiskLevel
from home_sentry_engine.contract.errors import Conflict, Unprocessable
from home_sentry_engine.contract.notifications import ChannelKind, DeliveryGate, DeliveryReason, DeliveryState
from home_sentry_engine.resilience.breaker import BreakerState
from home_sentry_engine.storage.repositories.deliveries import DeliveryQuery
from tests.fakes.household import household
from tests.fakes.telling import URL, Voice

DOWN = SendFailed(DeliveryReason.UNREACHABLE, "no connection: refused", again=True)
MAIL = {"host": "mail.example.org", "sender": "house@example.org", "recipients": ["ann@example.org"]}
DONE = (DeliveryState.DELIVERED, DeliveryReason.DELIVERED)


@pytest.fixture
async def home(tmp_path):
    async with household(tmp_path) as opened:
        yield opened


@pytest.fixture
def voice(home) -> Voice:
    return Voice(home)


async def state_of(voice):
    return [(one.state, one.reason) for one in await voice.deliveries()]


async def test_an_alert_reaches_every_channel_once_and_is_marked_delivered(voice, home):
    first, second = await voice.webhook("Phone"), await voice.webhook("Log")
    event = await voice.alarm(await voice.visit())
    assert {one.state for one in await voice.deliveries()} == {DeliveryState.PENDING}
    await voice.work()
    sent = voice.post.sent
    assert [message.payload["alert"]["event_id"] for _, message in sent] == [event.event_id] * 2
    assert {target.url for target, _ in sent} == {URL}
    deliveries = await voice.deliveries(event_id=event.event_id)
    assert {one.channel_id for one in deliveries} == {first.id, second.id}
    assert all((one.state, one.reason) == DONE and one.attempts == 1 for one in deliveries)
    assert all(gate.passed for one in deliveries for gate in one.gates)
    (alert,) = await home.database.read(lambda conn: home.tables.alerting.raised.of_event(conn, event.event_id))
    assert (alert.status, alert.delivered_at) == (AlertStatus.DELIVERED, home.clock.steady())
    assert (await home.announced()).count("alert_updated") == 1
    # the same alert again, and the same level again: nothing more
    await home.database.write(lambda conn: home.tables.alerting.sink.raised(conn, alert, event, home.clock.steady()))
    await voice.alarm(event)
    await voice.work()
    assert len(voice.post.sent) == 2
    assert len(await voice.deliveries()) == 2


async def test_a_higher_level_of_the_same_event_is_told_again(voice):
    await voice.webhook()
    event = await voice.alarm(await voice.visit())
    await voice.work()
    await voice.alarm(event, RiskLevel.CRITICAL)
    await voice.work()
    assert [message.level for _, message in voice.post.sent] == [RiskLevel.HIGH, RiskLevel.CRITICAL]


async def test_a_second_rule_at_the_same_level_is_not_told_twice(voice, home):
    await voice.webhook()
    event = await voice.alarm(await voice.visit())
    (alert,) = await home.database.read(lambda conn: home.tables.alerting.raised.of_event(conn, event.event_id))
    other = replace(alert, id="other", rule_id="other")
    await home.database.write(lambda conn: home.tables.alerting.sink.raised(conn, other, event, home.clock.steady()))
    await voice.work()
    assert len(voice.post.sent) == 1
    (held,) = await voice.deliveries(alert_id="other")
    assert held.reason is DeliveryReason.TOLD_BEFORE


async def test_a_rule_names_its_channels(voice, home):
    await voice.webhook("Phone")
    log = await voice.webhook("Log")
    event = await voice.visit()
    alert_of = home.tables.alerting.raised.of_event
    await voice.alarm(event)
    (alert,) = await home.database.read(lambda conn: alert_of(conn, event.event_id))
    named = replace(alert, id="named", event_id=event.event_id, severity=RiskLevel.CRITICAL, channels=(log.id,))
    await home.database.write(lambda conn: home.tables.alerting.sink.raised(conn, named, event, home.clock.steady()))
    assert {one.channel_id for one in await voice.deliveries(alert_id="named")} == {log.id}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"enabled": False}, DeliveryReason.CHANNEL_OFF),
        ({"filters": ChannelFilters(level=RiskLevel.CRITICAL)}, DeliveryReason.BELOW_LEVEL),
        ({"filters": ChannelFilters(cameras=("garden",))}, DeliveryReason.OTHER_CAMERA),
        ({"filters": ChannelFilters(quiet_hours=(AlertSchedule(),))}, DeliveryReason.QUIET_HOURS),
    ],
)
async def test_what_a_channel_does_not_tell_is_kept_with_each_gate(voice, changes, reason):
    await voice.webhook(**changes)
    await voice.alarm(await voice.visit())
    await voice.work()
    assert voice.post.tries == 0
    (one,) = await voice.deliveries()
    assert (one.state, one.reason, one.attempts) == (DeliveryState.SKIPPED, reason, 0)
    assert [gate.gate for gate in one.gates] == [gate for gate in DeliveryGate if gate is not DeliveryGate.UNKNOWN]
    assert [gate.reason for gate in one.gates if not gate.passed] == [reason]


async def test_a_picture_that_came_late_is_no_news(voice):
    await voice.webhook()
    await voice.alarm(await voice.visit(late_s=16 * 60))
    assert await state_of(voice) == [(DeliveryState.SKIPPED, DeliveryReason.STALE)]


async def test_of_one_camera_six_an_hour_are_told_and_a_higher_level_passes(voice, home):
    await voice.webhook()
    for _ in range(7):
        event = await voice.alarm(await voice.visit())
        await home.pass_time(400)
    assert [one.reason for one in await voice.deliveries()].count(DeliveryReason.WAITING) == 6
    assert (await voice.deliveries())[-1].reason is DeliveryReason.RATE_CAPPED
    await voice.alarm(event, RiskLevel.CRITICAL)
    assert (await voice.deliveries())[-1].reason is DeliveryReason.WAITING
    other = await voice.alarm(await voice.visit("garden"))
    assert (await voice.deliveries(event_id=other.event_id))[-1].reason is DeliveryReason.WAITING


async def test_three_tries_then_the_component_names_the_target_until_one_gets_through(voice, home):
    channel = await voice.webhook()
    voice.post.broken = DOWN
    event = await voice.alarm(await voice.visit())
    await voice.work()
    (one,) = await voice.deliveries()
    assert (one.state, one.reason, one.attempts) == (DeliveryState.PENDING, DeliveryReason.UNREACHABLE, 1)
    assert one.next_try_at == home.clock.steady() + timedelta(seconds=5)
    await voice.health.look()
    assert voice.board.get(f"notify:{channel.id}").state == "healthy"
    await voice.pass_time(40)
    (one,) = await voice.deliveries()
    assert (one.state, one.attempts, voice.post.tries) == (DeliveryState.FAILED, 3, 3)
    await voice.health.look()
    ill = voice.board.get(f"notify:{channel.id}")
    assert (ill.state, ill.fix is not None) == ("unhealthy", True)
    assert "Phone (https://hooks.example.org/…): no connection: refused" in ill.reason
    # nobody was told: the next event is not held back by the cooldown of this one
    voice.post.broken = None
    again = await voice.alarm(await voice.visit())
    assert again.event_id != event.event_id
    await voice.pass_time(70)
    assert (await voice.deliveries())[-1].state is DeliveryState.DELIVERED
    await voice.health.look()
    assert voice.board.get(f"notify:{channel.id}").state == "healthy"
    assert (await voice.desk.channel(channel.id)).failing_since is None


async def test_the_target_says_when_to_come_again(voice, home):
    await voice.webhook()
    voice.post.failures = [SendFailed(DeliveryReason.THROTTLED, "429", again=True, retry_after_s=120)]
    await voice.alarm(await voice.visit())
    await voice.work()
    assert (await voice.deliveries())[0].next_try_at == home.clock.steady() + timedelta(seconds=120)
    await voice.pass_time(115)
    assert voice.post.tries == 1
    await voice.pass_time(10)
    assert (voice.post.tries, await state_of(voice)) == (2, [DONE])


async def test_one_that_would_come_too_late_is_given_up_at_once(voice):
    await voice.webhook()
    voice.post.failures = [SendFailed(DeliveryReason.THROTTLED, "429", again=True, retry_after_s=3600)]
    await voice.alarm(await voice.visit())
    await voice.work()
    assert await state_of(voice) == [(DeliveryState.FAILED, DeliveryReason.THROTTLED)]


async def test_what_may_have_arrived_is_not_sent_again(voice):
    await voice.webhook()
    voice.post.broken = SendFailed(DeliveryReason.NO_ANSWER, "no answer within 30 s")
    await voice.alarm(await voice.visit())
    await voice.pass_time(600)
    assert (voice.post.tries, await state_of(voice)) == (1, [(DeliveryState.FAILED, DeliveryReason.NO_ANSWER)])


async def test_an_alert_that_waited_for_its_engine_is_too_old(voice, home):
    channel = await voice.webhook()
    await voice.alarm(await voice.visit())
    home.clock.tick(15 * 60 + 1)
    await voice.work()
    assert (voice.post.tries, await state_of(voice)) == (0, [(DeliveryState.FAILED, DeliveryReason.TOO_LATE)])
    # the target is not to blame
    assert (await voice.desk.channel(channel.id)).failing_since is None


async def test_a_delivery_whose_job_was_lost_is_closed(voice, home):
    await voice.webhook()
    await voice.alarm(await voice.visit())
    assert await voice.book.sweep() == 0
    home.clock.tick(3600)
    assert await voice.book.sweep() == 1
    assert await state_of(voice) == [(DeliveryState.FAILED, DeliveryReason.TOO_LATE)]
    await voice.work()
    assert voice.post.tries == 0


async def test_a_deleted_event_is_not_told(voice, home):
    await voice.webhook()
    event = await voice.alarm(await voice.visit())
    await home.database.write(lambda conn: home.tables.events.trash(conn, event.event_id, home.clock.steady()))
    await voice.work()
    assert (voice.post.tries, await state_of(voice)) == (0, [(DeliveryState.FAILED, DeliveryReason.EVENT_GONE)])


async def test_a_channel_that_is_not_set_up_reports_failure(voice):
    channel = await voice.webhook(given={})
    assert channel.missing == ("url",)
    await voice.alarm(await voice.visit())
    await voice.work()
    assert await state_of(voice) == [(DeliveryState.FAILED, DeliveryReason.NOT_SET_UP)]
    tested = await voice.desk.test(channel.id)
    assert (tested.state, tested.reason) == (DeliveryState.FAILED, DeliveryReason.NOT_SET_UP)
    await voice.health.look()
    assert "lacks url" in voice.board.get(f"notify:{channel.id}").reason


async def test_channels_that_are_gone_leave_nothing_behind(voice, home):
    for number in range(3):
        channel = await voice.webhook(name=f"Phone {number}")
        await voice.alarm(await voice.visit())
        await voice.work()
        await home.pass_time(400)
        await voice.health.look()
        assert voice.breakers.states() == {f"notify:{channel.id}": BreakerState.CLOSED}
        await voice.desk.remove(channel.id)
        await voice.health.look()
        assert voice.board.get(f"notify:{channel.id}") is None
        assert voice.breakers._finders == {}


async def test_a_slow_target_holds_up_nobody_else(voice):
    slow, fast = await voice.webhook("A"), await voice.webhook("B")
    voice.post.failures = [DOWN]
    await voice.alarm(await voice.visit())
    await voice.work()
    states = {one.channel_id: one.state for one in await voice.deliveries()}
    assert sorted(states.values()) == ["delivered", "pending"]
    assert set(states) == {slow.id, fast.id}


async def test_a_mail_carries_the_picture_of_its_event_where_there_is_one(voice):
    await voice.webhook(kind=ChannelKind.EMAIL, given=MAIL)
    voice.album.picture = Picture(body=b"jpeg", content_type="image/jpeg", etag="x")
    await voice.alarm(await voice.visit())
    await voice.work()
    voice.album.picture = None
    await voice.alarm(await voice.visit("garden"))
    await voice.work()
    assert [message.picture for _, message in voice.post.sent] == [b"jpeg", None]


async def test_rules_alone_are_named_and_silence_nobody(voice):
    await voice.webhook()
    event = await voice.visit()
    assert event.analysis_state == "rules"
    await voice.alarm(event)
    await voice.work()
    ((_, message),) = voice.post.sent
    assert message.payload["alert"]["rule_only"] is True
    assert "judged by rules alone" in message.text


async def test_secrets_are_kept_apart_and_never_given_back(voice, home):
    canaries = ("planted-canary-path", "planted-canary-key", "planted-canary-password", "planted-canary-user")
    hook = await voice.webhook(given={"url": URL, "signing_key": f"{canaries[1]}-of-16"})
    login = {"username": canaries[3], "password": canaries[2]}
    mail = await voice.webhook("Mail", kind=ChannelKind.EMAIL, given={**MAIL, **login})
    told = f"{hook} {mail} {await voice.desk.channels()} {await voice.desk.test(hook.id)}"
    file = home.settings.data / FILE
    assert file.stat().st_mode & 0o777 == 0o600
    assert set(json.loads(file.read_text())) == {hook.id, mail.id}
    rows = [path.read_bytes() for path in home.settings.data.rglob("*.db*") if path.is_file()]
    for canary in canaries:
        assert canary not in told
        assert canary in file.read_text()
        assert not any(canary.encode() in one for one in rows)
        assert any(canary in one for one in voice.learned)
    assert (hook.target, hook.signed) == ("https://hooks.example.org/…", True)
    assert await voice.desk.remove(hook.id)
    assert set(json.loads(file.read_text())) == {mail.id}


async def test_a_change_keeps_what_is_not_given(voice):
    channel = await voice.webhook(given={"url": URL, "signing_key": "k" * 20})
    changed = await voice.desk.change(channel.id, ChannelDraft(name="Other", enabled=False))
    assert (changed.name, changed.enabled, changed.signed, changed.target) == ("Other", False, True, channel.target)
    unsigned = await voice.desk.change(channel.id, ChannelDraft(given={"signing_key": ""}))
    assert (unsigned.signed, unsigned.target) == (False, channel.target)
    moved = await voice.desk.change(channel.id, ChannelDraft(given={"url": "https://example.net/x"}))
    assert moved.target == "https://example.net/…"
    assert await voice.desk.change("nobody", ChannelDraft(name="x")) is None
    assert await voice.desk.test("nobody") is None
    assert not await voice.desk.remove("nobody")


async def test_what_leads_nowhere_is_refused(voice):
    with pytest.raises(Unprocessable, match="url"):
        await voice.webhook(given={"url": "file:///etc/passwd"})
    assert (await voice.desk.channels()).items == ()


async def test_a_channel_of_another_engine_is_left_to_it(voice, home):
    channel = await voice.webhook()
    other = Voice(home, node="node-2")
    with pytest.raises(Conflict):
        await other.desk.change(channel.id, ChannelDraft(name="mine"))
    await voice.alarm(await voice.visit())
    assert await other.worker.step()
    assert (other.post.tries, (await voice.deliveries())[0].state) == (0, DeliveryState.PENDING)
    await voice.pass_time(10)
    assert voice.post.tries == 1


async def test_a_test_is_really_sent_and_ends_a_failure(voice):
    channel = await voice.webhook()
    voice.post.broken = DOWN
    failed = await voice.desk.test(channel.id)
    assert (failed.state, failed.test, failed.attempts) == (DeliveryState.FAILED, True, 1)
    assert (await voice.desk.channel(channel.id)).failure == "no connection: refused"
    voice.post.broken = None
    worked = await voice.desk.test(channel.id)
    assert (worked.state, worked.alert_id) == (DeliveryState.DELIVERED, None)
    assert (await voice.desk.channel(channel.id)).failing_since is None
    assert voice.post.sent[0][1].payload["type"] == "test"
    stats = await voice.desk.stats(None, None)
    assert (stats.alerts, stats.channels) == (0, ())


async def test_counts_and_whether_all_got_through(voice):
    await voice.webhook("A")
    await voice.webhook("B", enabled=False)
    first = await voice.alarm(await voice.visit())
    await voice.work()
    voice.post.broken = SendFailed(DeliveryReason.REJECTED, "it answered 404")
    second = await voice.alarm(await voice.visit("garden"))
    await voice.work()

    async def whole(event):
        return (await voice.desk.deliveries(DeliveryQuery(event_id=event.event_id))).all_successful

    assert (await whole(first), await whole(second)) == (True, False)
    stats = await voice.desk.stats(None, None)
    assert (stats.alerts, stats.all_successful) == (2, 1)
    assert stats.by_reason == {"delivered": 1, "rejected": 1, "channel_off": 2}
    assert [(one.delivered, one.failed, one.skipped, one.attempts) for one in stats.channels if one.attempts] == [
        (1, 1, 0, 2)
    ]


async def test_health_forgets_channels_that_are_gone(voice):
    channel = await voice.webhook(enabled=False)
    await voice.health.look()
    assert voice.board.get(f"notify:{channel.id}").state == "disabled"
    await voice.desk.remove(channel.id)
    await voice.health.look()
    assert voice.board.get(f"notify:{channel.id}") is None
