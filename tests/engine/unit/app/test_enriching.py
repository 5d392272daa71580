"""The close look inside the whole engine: asked by the pipeline, shown by the API, run under supervision."""

import aiohttp

from home_sentry_engine.contract import (
    AnalysisState,
    ComponentState,
    DetectionDetailPage,
    EnrichmentStatus,
    EventDetail,
    RegionKind,
    StepOutcome,
    decode,
)
from tests.engine.unit.app.test_engine import drop, events_of, running, settings_in, until


async def test_the_plate_of_a_car_is_in_its_event_over_http(tmp_path, model_mirror, test_media):
    async with running(settings_in(tmp_path, model_mirror, offline=True)) as engine:
        drop(test_media / "images/plates/lpd_sample_1.jpg", tmp_path / "cameras" / "Drive")

        async def judged():
            found = await events_of(engine)
            return [one for one in found if one.ended_at is not None and one.analysis_state is AnalysisState.RULES]

        (event,) = await until(judged)
        headers = {"Authorization": f"Bearer {(tmp_path / 'token').read_text().strip()}"}
        async with aiohttp.ClientSession(engine.url, headers=headers) as session:
            async with session.get(f"/api/v1/events/{event.event_id}") as response:
                shown = decode(EventDetail, await response.read()).enrichment
            async with session.get(f"/api/v1/events/{event.event_id}/detections") as response:
                page = decode(DetectionDetailPage, await response.read())
        assert shown is not None
        assert shown.status is EnrichmentStatus.SUCCESS
        assert {"lpd-yunet", "pp-ocr"} <= set(shown.successful_models)
        steps = {step.about: step for step in shown.steps}
        assert (steps["faces"].outcome, steps["faces"].reason) == (StepOutcome.SKIPPED, "no person was seen")
        regions = [region for one in page.items for region in one.regions if region.kind is RegionKind.PLATE]
        assert [region.text for region in regions] == ["E99999"]
        part = next(one for one in engine.board.components() if one.id == "enrichment")
        assert part.state is ComponentState.HEALTHY
        assert "yunet" not in engine.zoo.pool.loads


async def test_without_enrichment_no_model_but_the_detector_is_loaded(tmp_path, model_mirror, test_media):
    async with running(settings_in(tmp_path, model_mirror, enrichment=False, reid=False)) as engine:
        drop(test_media / "images/misc/darknet_person.jpg", tmp_path / "cameras" / "Door")

        async def judged():
            return [one for one in await events_of(engine) if one.ended_at is not None]

        await until(judged)
        assert set(engine.zoo.pool.loads) == {"deimv2-femto"}
        assert "enrichment" not in {one.id for one in engine.board.components()}
