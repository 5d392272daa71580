"""The ledger of files."""

from contextlib import suppress
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
import pytest
from sqlalchemy.exc import IntegrityError

from home_sentry_engine.contract import Accounting, MediaState
from home_sentry_engine.domain.errors import RejectReason
from home_sentry_engine.domain.messages import Refusal
from home_sentry_engine.storage.query import MediaQuery
from home_sentry_engine.storage.repositories.media import MediaFiles, RejectionQuery
from tests.engine.unit.storage import samples
from tests.engine.unit.storage.samples import at

FILES = MediaFiles()


async def claim(database, seconds=0.0, media_id="m1", camera_id="yard", sha256="aa"):
    return await database.write(
        lambda conn: FILES.claim(
            conn, camera_id=camera_id, sha256=sha256, media_id=media_id, now=at(seconds), ttl_s=300
        )
    )


async def test_the_same_content_is_claimed_once_per_camera_while_the_claim_is_fresh(database):
    assert await claim(database)
    assert not await claim(database, 299.9, "m2")
    assert await claim(database, 1, camera_id="door")
    assert await claim(database, 1, sha256="bb")
    assert await claim(database, 300, "m3")
    assert not await claim(database, 301, "m4")


async def test_a_claim_from_before_the_clock_was_put_back_does_not_last(database):
    assert await claim(database, 3600)
    assert await claim(database, 0)
    assert not await claim(database, 1)


async def test_a_claim_goes_when_its_transaction_fails(database):
    def work(conn):
        FILES.claim(conn, camera_id="yard", sha256="aa", media_id="m1", now=at(0), ttl_s=300)
        raise LookupError

    with pytest.raises(LookupError):
        await database.write(work)
    assert await claim(database)


async def test_claims_are_swept_when_they_are_over(database):
    await claim(database, 1)
    await claim(database, 200, sha256="bb")
    assert await database.write(lambda conn: FILES.sweep_claims(conn, at(400))) == 1
    assert await database.write(lambda conn: FILES.sweep_claims(conn, at(500))) == 1


async def test_a_file_comes_back_as_it_was_accepted(database):
    video = samples.media("v", duration_s=12.5, width=None, height=None, mime="video/mp4", codec="hevc")

    def work(conn):
        samples.with_camera(conn)
        FILES.insert(conn, video, source_key="yard/v.mp4|5|6", origin="upload")

    await database.write(work)
    stored = await database.read(lambda conn: FILES.get(conn, "v"))
    assert stored.media == video
    assert (stored.state, stored.error, stored.source_key, stored.origin) == (
        MediaState.QUEUED,
        None,
        "yard/v.mp4|5|6",
        "upload",
    )
    assert await database.read(lambda conn: FILES.get(conn, "nothing")) is None
    with pytest.raises(IntegrityError):
        await database.write(lambda conn: FILES.insert(conn, video, source_key=None, origin="upload"))


async def test_sources_are_known_whatever_became_of_them(database):
    def work(conn):
        samples.with_camera(conn)
        FILES.insert(conn, samples.media(), source_key="accepted", origin="folder")
        FILES.count_duplicate(conn, source_key="duplicate", now=at(5))
        FILES.count_duplicate(conn)
        FILES.reject(conn, Refusal(camera_id="yard", source_key="rejected", reason="empty", detail="0 bytes", at=at(9)))

    await database.write(work)
    keys = ["accepted", "duplicate", "rejected", "new", *(f"other {n}" for n in range(1200))]
    assert await database.read(lambda conn: FILES.known_sources(conn, keys)) == {"accepted", "duplicate", "rejected"}
    assert await database.read(lambda conn: FILES.known_sources(conn, [])) == set()
    assert await database.write(lambda conn: FILES.forget_sources(conn, at(9))) == 2
    assert await database.read(lambda conn: FILES.known_sources(conn, keys)) == {"rejected"}


async def test_rejections_are_counted_by_reason_and_listed(database):
    def work(conn):
        for number, reason in enumerate(("empty", "truncated", "empty")):
            refusal = Refusal(
                camera_id="not yet a camera",
                reason=reason,
                detail=f"file {number}",
                sha256="aa",
                at=at(number),
                name=f"{number}.jpg",
            )
            FILES.reject(conn, refusal)

    async def refused(**asked):
        return await database.read(lambda conn: FILES.rejected(conn, RejectionQuery(**asked)))

    await database.write(work)
    assert await database.read(FILES.rejections) == {"empty": 2, "truncated": 1}
    first = await refused(limit=2, with_total=True)
    assert [(one.reason, one.detail, one.at, one.name) for one in first.items] == [
        ("empty", "file 2", at(2), "2.jpg"),
        ("truncated", "file 1", at(1), "1.jpg"),
    ]
    assert first.total == 3
    (last,) = (await refused(limit=2, cursor=first.next_cursor)).items
    assert last.name == "0.jpg"
    assert [one.name for one in (await refused(reason=RejectReason.TRUNCATED)).items] == ["1.jpg"]
    assert [one.name for one in (await refused(since=at(1), until=at(2))).items] == ["1.jpg"]
    assert (await refused(camera_id="another")).items == ()


async def test_each_state_is_told_once(database):
    await database.write(lambda conn: samples.with_media(conn, "m1"))

    async def do(verb, *args):
        return await database.write(lambda conn: getattr(FILES, verb)(conn, "m1", *args))

    assert await do("mark_failed", "cannot be decoded")
    assert not await do("mark_failed", "again")
    stored = await database.read(lambda conn: FILES.get(conn, "m1"))
    assert (stored.state, stored.error) == (MediaState.FAILED, "cannot be decoded")
    assert await do("mark_queued")
    assert await do("mark_detected")
    assert not await do("mark_detected")
    stored = await database.read(lambda conn: FILES.get(conn, "m1"))
    assert (stored.state, stored.error) == (MediaState.DETECTED, None)
    assert not await database.write(lambda conn: FILES.mark_detected(conn, "nothing"))


async def test_the_account_closes(database):
    def work(conn):
        samples.with_media(conn, "a", "b", "c", "d")
        FILES.mark_detected(conn, "a")
        FILES.mark_failed(conn, "b", "broken")
        FILES.mark_failed(conn, "c", "broken")
        FILES.mark_queued(conn, "c")
        FILES.count_duplicate(conn)
        FILES.reject(conn, Refusal(camera_id="x", reason="empty", detail="", at=at(0)))

    await database.write(work)
    assert await database.read(FILES.accounting) == Accounting(
        seen=6, accepted=4, duplicate=1, rejected=1, stored=1, queued=2, quarantined=1
    )


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["insert", "mark_detected", "mark_failed", "mark_queued", "fail"]), st.integers(0, 5)
        ),
        max_size=30,
    )
)
async def test_the_account_closes_after_any_history(database, steps):
    async def step(name, number):
        media_id = f"m{number}"

        def work(conn):
            if name == "insert":
                samples.with_camera(conn)
                FILES.insert(conn, samples.media(media_id), source_key=None, origin="folder")
            elif name == "fail":
                FILES.mark_detected(conn, media_id)
                raise LookupError
            else:
                getattr(FILES, name)(conn, media_id, *(("why",) if name == "mark_failed" else ()))

        with suppress(LookupError, IntegrityError):
            await database.write(work)

    for name, number in steps:
        await step(name, number)
        account = await database.read(FILES.accounting)
        assert account.accepted == account.stored + account.queued + account.quarantined
        assert account.seen == account.accepted + account.duplicate + account.rejected
        assert min(account.stored, account.queued, account.quarantined) >= 0


async def test_pages_are_filtered_by_camera_state_and_time(database):
    def work(conn):
        samples.with_camera(conn)
        samples.with_camera(conn, "door")
        for number in range(10):
            camera_id = "door" if number % 2 else "yard"
            item = replace(samples.media(f"m{number}", camera_id), received_at=at(number))
            FILES.insert(conn, item, source_key=None, origin="folder")
        FILES.mark_failed(conn, "m3", "broken")

    await database.write(work)

    async def ids(**filters):
        page = await database.read(lambda conn: FILES.page(conn, MediaQuery(**filters)))
        return [stored.media.media_id for stored in page.items]

    assert await ids() == [f"m{number}" for number in range(9, -1, -1)]
    assert await ids(camera_id="door", since=at(3), until=at(7)) == ["m5", "m3"]
    assert await ids(state=MediaState.FAILED) == ["m3"]
