"""A refused file from the folder to the list over HTTP."""

from home_sentry_engine.app.catalogue import StoredCatalogue
from home_sentry_engine.domain.errors import Rejected, RejectReason
from tests.fakes.api import FakeEngine, serving, speaking
from tests.fakes.household import household


async def test_who_asks_learns_which_file_was_refused_and_why(tmp_path):
    async with household(tmp_path) as home:
        _, arrival = home.arrival_from("Door", "door", "snap")
        await home.ledger.reject(arrival, Rejected(RejectReason.TRUNCATED, "the end is missing"), sha256="ab")
        engine = FakeEngine(home.clock)
        engine.catalogue = StoredCatalogue(home.database, home.tables)
        async with (
            serving(engine) as server,
            speaking(server) as client,
            client.get("/api/v1/media/rejections", params={"camera": "door"}) as response,
        ):
            (one,) = (await response.json())["items"]
    assert (one["name"], one["reason"], one["detail"]) == ("snap.jpg", "truncated", "the end is missing")
    assert one["at"] == home.clock.steady().isoformat()
