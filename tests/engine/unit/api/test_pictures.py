"""Pictures: only by id, with tags and caches."""

import io

from aiohttp.test_utils import make_mocked_request
from PIL import Image
import pytest

from home_sentry_engine.api.pictures import PictureShelf
from home_sentry_engine.api.ports import Picture
from home_sentry_engine.api.routing import Call
from home_sentry_engine.contract.errors import NotFound
from home_sentry_engine.domain.errors import Rejected, RejectReason
from tests.fakes.clock import FakeClock
from tests.fakes.records import jpeg


@pytest.mark.parametrize(
    ("path", "reads"),
    [
        ("media/m1/picture.jpg", 1),
        ("media/m1/thumbnail.jpg", 1),
        ("events/e1/thumbnail.jpg", 1),
        ("events/e1/snapshot.jpg", 1),
        ("detections/1/picture.jpg", 1),
        ("detections/1/thumbnail.jpg", 1),
        ("cameras/front_door/latest.jpg", 3),
    ],
)
async def test_pictures_have_a_tag_and_are_read_once(engine, client, path, reads):
    async with client.get(f"/api/v1/{path}") as response:
        assert response.status == 200
        assert response.content_type == "image/jpeg"
        assert "private" in response.headers["Cache-Control"]
        tag = response.headers["ETag"]
        body = await response.read()
    assert Image.open(io.BytesIO(body)).size == (64, 48)
    for header in (tag, f'"other", W/{tag}'):
        async with client.get(f"/api/v1/{path}", headers={"If-None-Match": header}) as response:
            assert (response.status, await response.read()) == (304, b"")
            assert response.headers["ETag"] == tag
    assert engine.picture_reads == reads


async def test_a_picture_of_an_event_may_be_kept_an_hour_the_latest_not_at_all(client):
    async with client.get("/api/v1/events/e1/snapshot.jpg") as response:
        assert response.headers["Cache-Control"] == "private, max-age=3600"
    async with client.get("/api/v1/cameras/front_door/latest.jpg") as response:
        assert response.headers["Cache-Control"] == "private, no-cache"


@pytest.mark.parametrize(
    "value", ["bytes=0-0", "bytes=0-,0-,0-", "bytes=-1", "bytes=999999999-", "items=1", "bytes=" + "0-1," * 900]
)
async def test_ranges_are_not_spoken(client, value):
    async with client.get("/api/v1/media/m1/picture.jpg", headers={"Range": value}) as response:
        assert response.status == 200
        assert response.headers["Accept-Ranges"] == "none"
        assert len(await response.read()) == int(response.headers["Content-Length"])


async def test_a_damaged_file_is_told_as_such(engine, client):
    engine.failure = Rejected(RejectReason.TRUNCATED, "the picture ends in the middle")
    async with client.get("/api/v1/media/m1/picture.jpg") as response:
        assert response.status == 422


def _call() -> Call:
    return Call(request=make_mocked_request("GET", "/"), request_id="r", path={}, query={}, caller=None)


def _loads(count: list[str], name: str, size: int):
    async def load() -> Picture:
        count.append(name)
        return Picture(body=jpeg(), content_type="image/jpeg", etag=name * size)

    return load


async def test_the_shelf_forgets_after_an_hour_and_beyond_its_budget():
    clock = FakeClock()
    one = len(jpeg())
    shelf = PictureShelf(clock.monotonic, budget_bytes=one * 10)
    loaded: list[str] = []
    for name in "abcdefghij":
        await shelf.answer(_call(), name, _loads(loaded, name, 1))
    await shelf.answer(_call(), "a", _loads(loaded, "a", 1))
    assert loaded == list("abcdefghij")
    await shelf.answer(_call(), "k", _loads(loaded, "k", 1))
    # "a" was asked for a moment ago, "b" was not
    await shelf.answer(_call(), "a", _loads(loaded, "a", 1))
    await shelf.answer(_call(), "b", _loads(loaded, "b", 1))
    assert loaded == [*"abcdefghijk", "b"]
    clock.tick(3600)
    await shelf.answer(_call(), "b", _loads(loaded, "b", 1))
    assert loaded[-2:] == ["b", "b"]


async def test_what_is_missing_is_not_remembered():
    shelf = PictureShelf(FakeClock().monotonic)
    found: list[Picture | None] = [None, Picture(body=jpeg(), content_type="image/jpeg", etag="x")]

    async def load() -> Picture | None:
        return found.pop(0)

    with pytest.raises(NotFound):
        await shelf.answer(_call(), "a", load)
    assert (await shelf.answer(_call(), "a", load)).status == 200
