"""What is left of answers for a key with camera limits: nothing of other cameras, everything of its own."""

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
import orjson
import pytest

from home_sentry_engine.api.narrowing import Narrowing
from home_sentry_engine.api.ports import Published
from home_sentry_engine.contract import (
    CamerasSilent,
    CameraStatus,
    Component,
    ComponentState,
    Event,
    EventPage,
    EventStats,
    EventUpdated,
    Factor,
    GpuSummary,
    Identity,
    Mode,
    QueueDepth,
    Snapshot,
    Status,
    decode,
    encode,
    to_plain,
)
from home_sentry_engine.contract.errors import NotFound
from tests.fakes.api import FakeEngine
from tests.fakes.clock import START
from tests.fakes.records import camera, event

OWN, FOREIGN = camera(), camera("secret_garden", "Secret Garden")
SIEVE = Narrowing(("front_door",), (OWN, FOREIGN))
STATUS = Status(
    mode=Mode.NORMAL,
    mode_causes=("Secret Garden is silent",),
    components=(Component(id="ingest", state=ComponentState.DEGRADED, reason="secret_garden is silent"),),
    queues=(QueueDepth(queue="detect", pending=7, processing=1, delayed=0, dead=0),),
    cameras_active=2,
    cameras_total=2,
    rejections={"corrupt": 3},
    silent_together=("secret_garden",),
    pending=7,
    gpu=GpuSummary(inference_fps=3.5),
    at=START,
)


def left(value: object) -> Any:
    return SIEVE.plain(to_plain(value))


def test_records_of_other_cameras_go():
    mine, other = event("e1"), replace(event("e2"), camera_id="secret_garden")
    found = decode(EventPage, orjson.dumps(left(EventPage(items=(mine, other)))))
    assert found.items == (mine,)


def test_a_record_of_another_camera_alone_does_not_exist():
    with pytest.raises(NotFound):
        left(replace(event(), camera_id="secret_garden"))


def test_who_was_seen_elsewhere_is_not_told():
    known = Identity(kind="person", finding="match", name="Ann")
    seen = Identity(kind="person", finding="probable same subject", camera_id="secret_garden", seen_at=START)
    assert decode(Event, orjson.dumps(left(replace(event(), identities=(known, seen))))).identities == (known,)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("A person at the door. She came from the Secret Garden. It is dark.", "A person at the door. It is dark."),
        ("Seen at secret  garden", ""),
        ("Seen at SECRET GARDEN", ""),
        ("camera secret_garden saw it; nothing else", "nothing else"),
        ("a secret gardener at the door", "a secret gardener at the door"),
        ("A person\nSecret Garden before", "A person"),
    ],
)
def test_sentences_that_name_another_camera_go(text, kept):
    assert left(replace(event(), summary=text))["summary"] == kept
    factor = Factor(id="x", points=3, text=text, evidence=(text,))
    assert left(replace(event(), factors=(factor,)))["factors"][0]["text"] == kept


def test_a_reason_that_rests_on_another_camera_goes_wholly():
    sieve = Narrowing(("front_door",), (OWN, camera("shed", "Shed")))
    own = Factor(id="person", points=20, text="a person", evidence=("person 0.9", "camera:Front Door"))
    other = Factor(id="cross_camera", points=5, text="people elsewhere too", evidence=("camera:Shed",))
    found = decode(Event, orjson.dumps(sieve.plain(to_plain(replace(event(), factors=(own, other))))))
    assert found.factors == (own,)


def test_sums_by_camera_keep_the_own_one_only():
    stats = EventStats(total=3, reviewed=0, by_camera={"front_door": 2, "secret_garden": 1}, by_day={"2026-11-20": 3})
    found = left(stats)
    assert found["by_camera"] == {"front_door": 2}
    assert found["by_day"] == {"2026-11-20": 3}


def test_a_word_of_a_vocabulary_is_no_camera_though_it_sounds_like_one():
    sieve = Narrowing(("front_door",), (OWN, camera("person", "Person"), camera("low", "Low")))
    plain = to_plain(event())
    assert sieve.plain(plain) == {**plain, "summary": ""}


def test_a_camera_of_the_same_name_is_not_hidden_by_the_other():
    sieve = Narrowing(("front_door",), (OWN, camera("front_door_2", "Front Door")))
    plain = to_plain(replace(event(), summary="A person at the Front Door"))
    assert sieve.plain(plain) == plain


def test_the_status_says_nothing_that_is_summed_over_all_cameras():
    own = Narrowing(("front_door", "shed"), (OWN, FOREIGN, replace(camera("shed"), status=CameraStatus.OFFLINE)))
    status = own.status(STATUS)
    assert (status.cameras_active, status.cameras_total) == (1, 2)
    assert status == Status(
        mode=Mode.NORMAL,
        components=(Component(id="ingest", state=ComponentState.DEGRADED),),
        cameras_active=1,
        cameras_total=2,
        at=START,
    )


def test_a_snapshot_shows_own_cameras_and_events():
    info = FakeEngine().info_now
    other = replace(event("e2"), camera_id="secret_garden")
    whole = Snapshot(cursor=3, info=info, status=STATUS, cameras=(OWN, FOREIGN), events=(event(), other))
    found = SIEVE.snapshot(whole)
    assert (found.cameras, found.events, found.status.pending) == ((OWN,), (event(),), None)


@pytest.mark.parametrize(
    ("message", "camera_id"),
    [
        (EventUpdated(seq=1, event=replace(event(), camera_id="secret_garden")), "secret_garden"),
        # something new of which nobody said whose it is
        (EventUpdated(seq=1, event=event()), None),
        (CamerasSilent(seq=1, camera_ids=("front_door", "secret_garden")), None),
    ],
)
def test_messages_of_others_or_of_all_are_not_told(message, camera_id):
    assert SIEVE.message(Published(seq=1, body=encode(message), kind=message.type, camera_id=camera_id)) is None


def test_a_message_of_an_own_camera_is_cut():
    message = EventUpdated(seq=1, event=replace(event(), summary="At the door. Before in the Secret Garden."))
    body = SIEVE.message(Published(seq=1, body=encode(message), kind=message.type, camera_id="front_door"))
    assert body is not None
    assert decode(EventUpdated, body).event.summary == "At the door."


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.text(max_size=20)
    | st.sampled_from(["front_door", "Front Door"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["camera_id", "text", "camera_ids", "by_camera", "items"]), inner, max_size=4)
    ),
    max_leaves=30,
)
SECRET = st.sampled_from(["secret_garden", "Secret Garden", "She was in the secret garden. Then she left!"])
OF_OTHERS = SECRET.map(lambda text: {"camera_id": "secret_garden", "text": text})
SPIKED = st.recursive(
    JSON | OF_OTHERS | SECRET.map(lambda text: {"camera": text}),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.fixed_dictionaries({"items": inner, "summary": SECRET.map(lambda text: f"{text} !")})
    ),
    max_leaves=20,
)


@given(JSON)
def test_what_names_no_other_camera_stays_as_it_is(value):
    assert SIEVE.plain(value) == value


@given(SPIKED)
def test_no_record_and_no_prose_of_another_camera_comes_through(value):
    try:
        found = SIEVE.body(orjson.dumps(value)).decode().casefold()
    except NotFound:
        return
    assert "secret_garden" not in found
    assert "secret garden" not in found


@given(SPIKED)
def test_what_was_cut_once_is_cut_no_further(value):
    try:
        once = SIEVE.plain(value)
    except NotFound:
        return
    assert SIEVE.plain(once) == once
