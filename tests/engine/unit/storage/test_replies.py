"""Replies that are kept, and means of graphics cards, in both kinds of database."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from home_sentry_engine.contract import GpuPoint
from home_sentry_engine.storage.repositories.gpu_stats import GpuStats
from home_sentry_engine.storage.repositories.replies import KEPT, Replies
from tests.fakes.clock import START

REPLIES = Replies()
STATS = GpuStats()
SOON = timedelta(minutes=2)


async def test_a_key_is_claimed_once_and_then_gives_the_first_answer(database):
    def claim(key="k", print_="f", at=START):
        return database.write(lambda conn: REPLIES.claim(conn, key, print_, now=at, within=SOON))

    assert await claim() is None
    pending = await claim(print_="other")
    assert (pending.fingerprint, pending.status, pending.body) == ("f", None, None)
    await database.write(lambda conn: REPLIES.keep(conn, "k", status=202, body=b"{}", now=START))
    kept = await claim(at=START + KEPT - SOON)
    assert (kept.fingerprint, kept.status, kept.body) == ("f", 202, b"{}")
    await database.write(lambda conn: REPLIES.release(conn, "k"))
    assert await claim() is not None, "an answer is not released"
    assert await claim(at=START + KEPT) is None, "after a day the key is free again"


async def test_a_failed_or_forgotten_claim_comes_free(database):
    def claim(at=START):
        return database.write(lambda conn: REPLIES.claim(conn, "k", "f", now=at, within=SOON))

    assert await claim() is None
    await database.write(lambda conn: REPLIES.release(conn, "k"))
    assert await claim() is None
    assert await claim(START + SOON / 2) is not None
    assert await claim(START + SOON) is None
    assert await database.write(lambda conn: REPLIES.prune(conn, START + 3 * SOON)) == 1
    assert await database.write(lambda conn: REPLIES.prune(conn, START + 3 * SOON)) == 0


async def test_means_of_cards_are_kept_for_a_day(database):
    def point(minute, index=0, **fields):
        return GpuPoint(at=START + timedelta(minutes=minute), index=index, readings=12, **fields)

    points = [point(0, utilization_percent=40.0, memory_used_bytes=2**40), point(0, 1), point(1, temperature_c=60.5)]
    await database.write(lambda conn: STATS.save(conn, "here", points))
    await database.write(lambda conn: STATS.save(conn, "here", [point(1, temperature_c=61.0)]))
    await database.write(lambda conn: STATS.save(conn, "there", points))
    found = await database.read(lambda conn: STATS.since(conn, "here", START))
    assert found == (points[0], points[1], point(1, temperature_c=61.0))
    later = START + timedelta(hours=24, seconds=30)
    assert await database.write(lambda conn: STATS.prune(conn, later)) == 4
    assert await database.read(lambda conn: STATS.since(conn, "here", START)) == (point(1, temperature_c=61.0),)


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO components (id, enabled, state, failures, restarts) VALUES ('x', true, 'sleepy', 0, 0)",
        "INSERT INTO gpu_stats (node, gpu, at, readings, utilization_percent) VALUES ('n', 0, {at}, 1, 101)",
        "INSERT INTO gpu_stats (node, gpu, at, readings) VALUES ('n', 0, {at}, 0)",
        "INSERT INTO replies (key, fingerprint, at, expires_at, status) VALUES ('k', 'f', {at}, {at}, 7)",
    ],
)
async def test_what_cannot_be_is_refused_by_the_database(database, statement):
    at = "0" if database.url.get_backend_name() == "sqlite" else "now()"
    with pytest.raises(sa.exc.IntegrityError):
        await database.write(lambda conn: conn.execute(sa.text(statement.format(at=at))))
