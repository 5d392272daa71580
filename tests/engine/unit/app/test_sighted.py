"""The whole engine with a vision-language model at an address: what it is shown, and what becomes of its word."""

from datetime import date
from pathlib import Path

import aiohttp
import numpy as np
from PIL import Image
import pytest

from home_sentry_engine.app.sighted import DailyTokens
from home_sentry_engine.contract import AnalysisState, ComponentState, VisualVerdict
from home_sentry_engine.storage.repositories.assessments import Assessments
from tests.engine.unit.app.test_engine import drop, events_of, running, settings_in, until
from tests.fakes.masked import SECRET, leaks
from tests.fakes.seeing import seeing_server, seen

LEFT = [[0.0, 0.0], [0.25, 0.0], [0.25, 1.0], [0.0, 1.0]]


@pytest.fixture
async def server():
    async with seeing_server() as made:
        yield made


def sighted(folder: Path, mirror: Path, server, **overrides):
    wanted = {
        "assessor": "vision",
        "vlm_url": server.url,
        "vlm_remote_model": "eyes",
        "vlm_picture_pixels": 320,
        "enrichment": False,
    }
    return settings_in(folder, mirror, **{**wanted, **overrides})


async def judged(engine):
    async def finished():
        waiting = AnalysisState.PROVISIONAL
        return [one for one in await events_of(engine) if one.ended_at and one.analysis_state is not waiting]

    (event,) = await until(finished)
    return event


async def component(engine, state):
    async def there():
        found = engine.board.get("vlm")
        return found if found is not None and found.state is state else None

    return await until(there)


async def told_of(engine, event, folder: Path):
    headers = {"Authorization": f"Bearer {(folder / 'token').read_text().strip()}"}
    async with (
        aiohttp.ClientSession(engine.url, headers=headers) as session,
        session.get(f"/api/v1/events/{event.event_id}") as answer,
    ):
        return await answer.json()


async def masked(engine, token: str) -> None:
    async with aiohttp.ClientSession(engine.url, headers={"Authorization": f"Bearer {token}"}) as session:
        async with session.post("/api/v1/cameras", json={"name": "Front Door"}) as answer:
            assert answer.status in {200, 201}, await answer.text()
        masks = {"masks": [{"name": "neighbour", "points": LEFT}]}
        async with session.put("/api/v1/cameras/front_door/masks", json=masks) as answer:
            assert answer.status == 200, await answer.text()


def with_a_secret(source: Path, target: Path) -> Path:
    pixels = np.array(Image.open(source).convert("RGB"))
    pixels[:, : pixels.shape[1] // 5] = SECRET
    assert leaks(pixels)
    Image.fromarray(pixels).save(target, quality=95)
    return target


async def test_a_person_whom_the_model_does_not_see_stays_low(tmp_path, model_mirror, test_media, server):
    server.reply = lambda _body, _pictures: seen(
        verdict="rejected", risk_score=50, confidence=90, summary="A coat hangs at the door."
    )
    async with running(sighted(tmp_path, model_mirror, server)) as engine:
        await component(engine, ComponentState.HEALTHY)
        await masked(engine, (tmp_path / "token").read_text().strip())
        planted = with_a_secret(test_media / "images/misc/darknet_person.jpg", tmp_path / "planted.jpg")
        drop(planted, tmp_path / "cameras" / "Front Door")
        event = await judged(engine)
        assert (event.analysis_state, event.visual_verdict) == (AnalysisState.VLM, VisualVerdict.REJECTED)
        assert (event.risk_score, event.ceiling, event.llm_score) == (29, 29, 50)
        assert event.summary == "A coat hangs at the door."
        assert [one.evidence for one in event.factors if one.id == "vision"] == [(f"media:{event.media_id}",)]
        kept = await engine.database.read(lambda conn: Assessments().of_event(conn, event.event_id))
        assert {one.visual_verdict for one in kept} == {VisualVerdict.REJECTED}
        assert (await told_of(engine, event, tmp_path))["visual_verdict"] == "rejected"
    assert all(1 <= len(pictures) <= 4 for pictures in server.scenes)
    assert all(max(one.shape) == 320 for pictures in server.scenes for one in pictures)
    assert not any(leaks(one) for pictures in server.scenes for one in pictures)


async def test_a_model_of_text_alone_is_unhealthy(tmp_path, model_mirror, server):
    server.projector = False
    async with running(sighted(tmp_path, model_mirror, server)) as engine:
        told = await component(engine, ComponentState.UNHEALTHY)
        assert "projector" in (told.reason or "")
        assert "--mmproj" in (told.fix or "")
        server.projector = True
        await engine.wellbeing.registry.restart("vlm")
        await component(engine, ComponentState.HEALTHY)
    assert server.scenes == []


@pytest.mark.full
async def test_pictures_are_described_by_the_model_that_sees(tmp_path, model_mirror, test_media, server):
    def reply(body, _pictures):
        properties = body["response_format"]["json_schema"]["schema"]["properties"]
        if "found" in properties:
            return {"found": [{"text": "gate", "box": [100, 100, 300, 600]}, {"text": "moon", "box": [5, 5, 5, 5]}]}
        return {"text": "A man stands beside a dog."} if "text" in properties else seen()

    server.reply = reply
    wanted = {"assessor": "text", "vision_tasks_by": "vlm", "vision_tasks": "detailed_caption,od", "enrichment": True}
    async with running(sighted(tmp_path, model_mirror, server, **wanted)) as engine:
        drop(test_media / "images/misc/darknet_person.jpg", tmp_path / "cameras" / "Front Door")
        event = await judged(engine)
        assert event.analysis_state is AnalysisState.RULES
        found = (await told_of(engine, event, tmp_path))["enrichment"]["findings"]
    told = {one["about"]: one for one in found if one["model_id"] == "eyes"}
    assert told["caption"]["value"] == {"scene_description": "A person stands beside a dog."}
    assert told["od"]["value"]["label"] == "gate"


async def test_the_tokens_of_a_day_are_kept(tmp_path, model_mirror, server):
    caps = {"vlm_daily_tokens": 5000, "vlm_token_price": 2.5, "vlm_daily_cost": 0.0025}
    async with running(sighted(tmp_path, model_mirror, server, vlm_cloud=True, **caps)) as engine:
        told = await component(engine, ComponentState.HEALTHY)
        assert (told.details["tokens_today"], told.details["tokens_allowed"]) == (1920, 1000)
        assert (told.details["cost_today"], told.details["cost_allowed"]) == (0.0048, 0.0025)
        kept = await DailyTokens(engine.database).read()
        assert kept is not None
        assert (isinstance(kept[0], date), kept[1]) == (True, 1920)
