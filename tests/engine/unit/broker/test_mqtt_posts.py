"""What an MQTT broker is told, and what it is not."""

from dataclasses import replace
from datetime import timedelta
import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
import pytest

from home_sentry_engine.broker.mqtt.discovery import Discovery
from home_sentry_engine.broker.mqtt.posts import Topics, camera_risk, camera_state, happened, segment
from home_sentry_engine.broker.mqtt.standing import Standing
from home_sentry_engine.contract import (
    VERSION,
    CameraChanged,
    CameraRemoved,
    CamerasSilent,
    EventChange,
    EventCreated,
    EventUpdated,
    Factor,
    Identity,
    SceneChange,
    SceneChanged,
    SceneChangeKind,
    Snapshot,
)
from tests.fakes.api import FakeEngine
from tests.fakes.clock import START
from tests.fakes.records import camera, event

GOLDEN = Path(__file__).parents[3] / "contract/golden/mqtt/posts.json"
TOPICS = Topics("home_sentry")
DISCOVERY = Discovery(TOPICS, instance_id="abc", name="Home")


def snapshot(cursor: int = 0, **fields) -> Snapshot:
    home = FakeEngine()
    return Snapshot(cursor=cursor, info=home.info_now, status=home.status_now, **fields)


def by_topic(posts):
    return {post.topic: json.loads(post.payload) if post.payload else None for post in posts}


def standing(cursor: int = 0, discovery: Discovery | None = None, **fields) -> Standing:
    made = Standing(TOPICS, discovery, snapshot(cursor, **fields))
    made.opening()
    return made


def test_an_event_is_news_and_the_cameras_risk():
    posts = standing().posts(1, EventCreated(seq=1, event=event(score=70)))
    news, risk = posts
    assert (news.topic, news.retained) == ("home_sentry/cameras/front_door/event", False)
    assert (risk.topic, risk.retained) == ("home_sentry/cameras/front_door/risk", True)
    told = json.loads(news.payload)
    assert (told["seq"], told["event_type"], told["risk_score"]) == (1, "started", 70)
    assert json.loads(risk.payload)["present"] == ["person"]


@pytest.mark.parametrize(("transition_at", "told"), [(2, "escalated"), (1, "revised")])
def test_an_update_is_named_by_its_own_transition(transition_at, told):
    first = event()
    changed = replace(first.transitions[0], revision=transition_at, change=EventChange.ESCALATED)
    message = EventUpdated(seq=2, event=replace(first, revision=2, transitions=(changed,)))
    (post,) = happened(TOPICS, message)
    assert json.loads(post.payload)["event_type"] == told


def test_nothing_of_persons_notes_or_reasons_leaves_the_house():
    secret = replace(
        event(),
        notes="PLANTED note",
        reasoning="PLANTED reasoning",
        analysis_detail="http://PLANTED:8080",
        factors=(Factor(id="resident", points=-20, text="PLANTED name", evidence=("PLANTED",)),),
        identities=(Identity(kind="person", finding="match", name="PLANTED"),),
    )
    posts = standing().posts(1, EventUpdated(seq=1, event=secret))
    assert posts
    assert b"PLANTED" not in b"".join(post.payload for post in posts)


def test_a_later_word_on_an_older_event_leaves_the_risk_alone():
    told = standing(events=(event("new", at=START + timedelta(minutes=5)),))
    posts = told.posts(1, EventUpdated(seq=1, event=event("old", score=90)))
    assert [post.retained for post in posts] == [False]


def test_the_snapshot_is_retained_whole():
    old, new = event("old"), event("new", at=START + timedelta(minutes=5), score=55)
    told = by_topic(Standing(TOPICS, None, snapshot(cameras=(camera(),), events=(new, old))).opening())
    assert told["home_sentry/cameras/front_door/risk"]["event_id"] == "new"
    assert told["home_sentry/cameras/front_door/state"]["status"] == "online"
    assert told["home_sentry/status"]["mode"] == "normal"
    assert told["home_sentry/silent"] == {"cameras": [], "since": None}
    assert not any(topic.startswith("homeassistant/") for topic in told)


def test_what_the_snapshot_knew_is_news_only():
    told = standing(cursor=10, cameras=(camera(),))
    assert not told.posts(9, CameraChanged(seq=9, camera=camera()))
    assert [post.retained for post in told.posts(9, EventCreated(seq=9, event=event()))] == [False]
    assert told.posts(11, CameraChanged(seq=11, camera=camera()))


def test_a_camera_that_is_gone_is_cleared_even_if_that_was_missed():
    told = standing(cursor=10, discovery=DISCOVERY)
    posts = told.posts(9, CameraRemoved(seq=9, camera_id="shed"))
    assert {post.topic for post in posts} == {
        "homeassistant/device/home_sentry_abc_shed/config",
        "home_sentry/cameras/shed/state",
        "home_sentry/cameras/shed/risk",
    }
    assert all(post.retained and not post.payload for post in posts)
    # made again under the same name: the snapshot has it
    assert not standing(cursor=10, cameras=(camera("shed"),)).posts(9, CameraRemoved(seq=9, camera_id="shed"))


def test_a_camera_is_described_when_it_is_new_or_renamed():
    told = standing(discovery=DISCOVERY)
    kinds = [
        len(told.posts(seq, CameraChanged(seq=seq, camera=camera(name=name))))
        for seq, name in enumerate(("Door", "Door", "Gate"), start=1)
    ]
    assert kinds == [2, 1, 2]


@pytest.mark.parametrize(
    ("kind", "acknowledged", "tampered"),
    [
        (SceneChangeKind.VIEW_BLOCKED, None, True),
        (SceneChangeKind.VIEW_BLOCKED, START, False),
        (SceneChangeKind.UNKNOWN, None, False),
    ],
)
def test_tampering(kind, acknowledged, tampered):
    change = SceneChange(id=1, camera_id="front_door", kind=kind, at=START, acknowledged_at=acknowledged)
    assert json.loads(camera_state(TOPICS, replace(camera(), scene_change=change)).payload)["tampered"] is tampered
    (post,) = happened(TOPICS, SceneChanged(seq=4, change=change))
    assert json.loads(post.payload)["kind"] == kind


def test_cameras_that_are_silent_together_are_retained():
    (post,) = standing().posts(1, CamerasSilent(seq=1, camera_ids=("a", "b"), since=START))
    assert post.retained
    assert json.loads(post.payload) == {"cameras": ["a", "b"], "since": "2026-11-20T12:00:00+00:00"}


def test_nobody_is_present_after_the_end():
    over = replace(event(), ended_at=START + timedelta(minutes=1))
    assert json.loads(camera_risk(TOPICS, over).payload)["present"] == []


def test_the_status_is_told_when_it_changes():
    told = standing()
    assert not told.status(FakeEngine().status_now)
    assert len(told.status(replace(FakeEngine().status_now, missing=("language",)))) == 1


@given(st.text(min_size=1))
def test_no_camera_id_can_leave_its_level(text):
    assert not set("+#/$\0 ") & set(segment(text))
    assert TOPICS.event(text).count("/") == 3


def golden(posts):
    """Posts as they lie in the golden file: JSON inside of JSON is unfolded, and any release is as good."""
    return [
        {
            "topic": post.topic,
            "retained": post.retained,
            "payload": json.loads(post.payload.replace(VERSION.encode(), b"0.0.0")) if post.payload else None,
        }
        for post in posts
    ]


def test_home_assistant_is_tested_with_what_is_really_told():
    told = Standing(TOPICS, DISCOVERY, snapshot(cameras=(camera(),)))
    over = replace(event(score=40, revision=2), ended_at=START + timedelta(minutes=1))
    posts = {
        "opening": told.opening(),
        "started": told.posts(1, EventCreated(seq=1, event=event(score=70))),
        "ended": told.posts(2, EventUpdated(seq=2, event=over)),
        "removed": told.posts(3, CameraRemoved(seq=3, camera_id="front_door")),
    }
    assert {name: golden(some) for name, some in posts.items()} == json.loads(GOLDEN.read_text(encoding="utf-8"))
