"""What is answered to who has no token: that somebody is there, readiness, and the page within Home Assistant."""

import pytest

from home_sentry_engine.api.ports import Readiness
from home_sentry_engine.contract import Mode


@pytest.mark.parametrize(("path", "word"), [("/", "ok"), ("/health", "alive")])
async def test_who_is_there_says_so(stranger, path, word):
    async with stranger.get(path) as response:
        assert (response.status, await response.text()) == (200, word)


async def test_readiness_in_one_word(engine, stranger):
    for readiness, status, word in (
        (Readiness(ready=True, mode=Mode.NORMAL), 200, "ready"),
        (Readiness(ready=True, mode=Mode.DEGRADED), 200, "degraded"),
        (Readiness(ready=False, mode=Mode.OFFLINE), 503, "not_ready"),
    ):
        engine.ready = readiness
        async with stranger.get("/ready") as response:
            assert (response.status, await response.text()) == (status, word)


@pytest.mark.parametrize(
    ("readiness", "languages", "said"),
    [
        (Readiness(ready=True, mode=Mode.NORMAL), "en-GB,en;q=0.9", "The engine is ready."),
        (Readiness(ready=True, mode=Mode.DEGRADED), "", "The engine works with limits."),
        (
            Readiness(ready=False, mode=Mode.OFFLINE),
            "de-DE,de;q=0.9,en;q=0.8",
            "Die Engine kann gerade nicht arbeiten.",
        ),
    ],
)
async def test_home_assistant_shows_a_page_that_leads_to_the_integration(engine, stranger, readiness, languages, said):
    engine.ready = readiness
    headers = {"X-Ingress-Path": '/api/hassio_ingress/"><script>', "Accept-Language": languages}
    async with stranger.get("/", headers=headers) as response:
        page = await response.text()
        assert (response.status, response.content_type) == (200, "text/html")
        # shown within Home Assistant's own pages, and can do nothing but lead there
        assert response.headers["X-Frame-Options"] == "SAMEORIGIN"
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'self'" in policy
        assert "allow-scripts" not in policy
        assert response.headers["Cache-Control"] == "no-store"
    assert f"<p>{said}</p>" in page
    assert 'href="/config/integrations/integration/home_sentry" target="_top"' in page
    assert "script" not in page
    async with stranger.get("/") as response:
        assert response.headers["X-Frame-Options"] == "DENY"
