"""Clips over HTTP: whole or in ranges, made from what there is, with a reason where there is nothing."""

import pytest

from home_sentry_engine.domain.errors import Transient, Unavailable
from tests.fakes.clips import BODY

CLIP = "/api/v1/events/e1/clip.mp4"


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (CLIP, "video/mp4"),
        ("/api/v1/events/e1/clip.gif", "image/gif"),
        ("/api/v1/cameras/front_door/timelapse.mp4", "video/mp4"),
    ],
)
async def test_a_clip_has_a_type_a_tag_and_ranges(client, path, kind):
    async with client.get(path) as response:
        assert (response.status, response.content_type) == (200, kind)
        assert response.headers["Accept-Ranges"] == "bytes"
        assert response.headers["Cache-Control"] == "private, no-cache"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert await response.read() == BODY
        tag = response.headers["ETag"]
    async with client.get(path, headers={"If-None-Match": tag}) as response:
        assert (response.status, await response.read()) == (304, b"")
    async with client.head(path) as response:
        assert (response.status, response.content_length) == (200, len(BODY))


@pytest.mark.parametrize(
    ("wanted", "told", "got"),
    [
        ("bytes=0-0", "bytes 0-0/2048", BODY[:1]),
        ("bytes=100-199", "bytes 100-199/2048", BODY[100:200]),
        ("bytes=2000-", "bytes 2000-2047/2048", BODY[2000:]),
        ("bytes=-48", "bytes 2000-2047/2048", BODY[2000:]),
        ("bytes=2000-999999", "bytes 2000-2047/2048", BODY[2000:]),
    ],
)
async def test_a_player_may_ask_for_a_part(client, wanted, told, got):
    async with client.get(CLIP, headers={"Range": wanted}) as response:
        assert (response.status, response.headers["Content-Range"]) == (206, told)
        assert await response.read() == got


@pytest.mark.parametrize("wanted", ["bytes=2048-", "bytes=99999999999-", "items=1", "bytes=0-,0-", "bytes=5-2"])
async def test_a_part_that_is_not_there_is_refused_in_the_documented_shape(client, wanted):
    async with client.get(CLIP, headers={"Range": wanted}) as response:
        body = await response.json(content_type="application/problem+json")
        assert (response.status, body["code"]) == (416, "range_not_satisfiable")


async def test_margins_and_days_are_checked(engine, client):
    async with client.get(CLIP, params={"before_s": "0", "after_s": "300"}) as response:
        assert response.status == 200
    assert engine.clips.asked == [("e1", "mp4", 0.0, 300.0)]
    for bad in ({"before_s": "301"}, {"after_s": "-1"}, {"before_s": "x"}, {"speed": "2"}):
        async with client.get(CLIP, params=bad) as response:
            assert response.status == 400
    for day in ("2026-13-01", "today", "2026-02-30"):
        async with client.get("/api/v1/cameras/front_door/timelapse.mp4", params={"day": day}) as response:
            assert response.status == 400


async def test_what_cannot_be_made_is_told_with_its_reason(engine, client):
    async with client.get("/api/v1/events/nobody/clip.mp4") as response:
        assert response.status == 404
    async with client.get("/api/v1/events/..%2f..%2fetc%2fpasswd/clip.mp4") as response:
        assert response.status == 404
    engine.clips.bare.add("e1")
    async with client.get(CLIP) as response:
        assert (response.status, (await response.json(content_type=None))["detail"]) == (409, "nothing is kept")
    engine.clips.bare.clear()
    for failure in (Unavailable("busy", code="busy", retry_after_s=30.0), Transient("slow", code="too_slow")):
        engine.failure = failure
        async with client.get(CLIP) as response:
            assert (response.status, (await response.json(content_type=None))["detail"]) == (503, failure.reason)


async def test_a_clip_that_went_meanwhile_is_not_found(engine, client):
    engine.clips.lost = True
    async with client.get(CLIP) as response:
        assert response.status == 404
