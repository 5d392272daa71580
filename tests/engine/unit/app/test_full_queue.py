"""Pictures that come to a full queue: each is booked once, and a quiet camera is not paid with the flood of another."""

import pytest

from home_sentry_engine.broker.queue import PutOutcome
from home_sentry_engine.domain.jobs import DETECT
from home_sentry_engine.operations.dead_letters import DeadLetterDesk
from home_sentry_engine.pipeline.ports import QueueFull
from tests.fakes.household import Household, household

LIMIT = 10


async def flooded(home: Household) -> list[str | None]:
    return [await home.deliver(camera="busy") for _ in range(LIMIT)]


async def closed(home: Household) -> tuple[int, int, int]:
    """Give what is stored, queued and quarantined, which is all that was accepted."""
    account = await home.database.read(home.tables.media.accounting)
    assert account.accepted == account.stored + account.queued + account.quarantined
    return account.stored, account.queued, account.quarantined


async def test_a_quiet_cameras_picture_is_looked_at_and_the_floods_last_one_is_a_dead_letter(tmp_path):
    async with household(tmp_path, queue_limit=LIMIT) as home:
        flood = await flooded(home)
        quiet = await home.deliver(("person", 0.9), camera="calm")
        await home.deliver(camera="busy")
        assert await closed(home) == (0, LIMIT, 2)
        letters = (await home.database.read(lambda conn: home.tables.queue.dead(conn, DETECT))).items
        assert [letter.key for letter in letters] == ["busy", "busy"]
        assert letters[1].payload == {"media_id": flood[-1]}
        await home.work()
        assert await closed(home) == (LIMIT, 0, 2)
        (event,) = await home.events()
        assert (event.camera_id, event.media_id) == ("calm", quiet)
        desk = DeadLetterDesk(queue=home.tables.queue, media=home.tables.media)
        done = await home.database.write(lambda conn: desk.requeue_all(conn, DETECT))
        assert [one.result.outcome for one in done] == [PutOutcome.ACCEPTED] * 2
        await home.work()
        assert await closed(home) == (LIMIT + 2, 0, 0)


async def test_rejecting_refuses_the_flood_alone(tmp_path):
    async with household(tmp_path, queue_limit=LIMIT, queue_overflow="reject") as home:
        await flooded(home)
        with pytest.raises(QueueFull):
            await home.deliver(camera="busy")
        assert await home.deliver(camera="calm") is not None
        assert await closed(home) == (0, LIMIT, 1)
        detect = (await home.tables.queues.depths())[0]
        assert (detect.queue, detect.rejected, detect.dead_lettered) == (DETECT, 1, 1)


async def test_dropping_the_oldest_drops_it_from_the_flood(tmp_path):
    async with household(tmp_path, queue_limit=LIMIT, queue_overflow="drop_oldest") as home:
        await home.deliver(camera="calm")
        flood = (await flooded(home))[: LIMIT - 1]
        await home.deliver(camera="calm")
        assert await closed(home) == (0, LIMIT, 2)
        for media_id in flood[:2]:
            stored = await home.database.read(lambda conn, media_id=media_id: home.tables.media.get(conn, media_id))
            assert stored is not None
            assert stored.error == "dropped: the detection queue was full"
