"""What models found in the pictures of a visit, through the whole pipeline: judged, kept, and still known later."""

from types import MappingProxyType

import numpy as np
import pytest

from home_sentry_engine.contract import EnrichmentStatus, StepOutcome
from home_sentry_engine.domain.errors import Unavailable
from home_sentry_engine.vision.tasks.segments import Segments
from tests.fakes.household import household
from tests.fakes.models import Shelf

PERSON, URGENT = ("person", 0.8), ("person", 0.95)


class Pictures:
    """Every file is a picture of noise."""

    async def whole(self, media, offset_s):
        return np.random.default_rng(1).integers(0, 255, (480, 640, 3), np.uint8)


class Hooded:
    """Sees a scarf and a hat where a face should be."""

    def divide(self, frame, *, cancel=None):
        shares = MappingProxyType({"hat": 0.05, "scarf": 0.05, "upper clothes": 0.3})
        return Segments(classes=np.zeros((1, 1), np.uint8), labels=("background",), shares=shares)


@pytest.fixture
async def home(tmp_path):
    shelf = Shelf(segformer_b2_clothes=Hooded())
    async with household(tmp_path, senses={"pictures": Pictures(), "models": shelf}) as made:
        made.shelf = shelf
        yield made


async def enrichment(home, event):
    return await home.database.read(lambda conn: home.tables.enrichments.of(conn, event.event_id))


async def test_a_covered_face_raises_the_score_and_stays_known_when_more_is_seen(home):
    await home.deliver(URGENT)
    await home.work(assess=False)
    (event,) = await home.events()
    assert "covered_face" not in {factor.id for factor in event.factors}
    await home.work()
    (judged,) = await home.events()
    assert "covered_face" in {factor.id for factor in judged.factors}
    assert judged.rule_score > event.rule_score
    home.clock.tick(5)
    await home.deliver(PERSON)
    await home.work(assess=False)
    (grown,) = await home.events()
    assert grown.detection_count == 2
    assert "covered_face" in {factor.id for factor in grown.factors}
    assert grown.rule_score >= judged.rule_score


async def test_what_was_found_outlives_the_model_that_found_it(home):
    home.mind.answer = 40
    await home.deliver(URGENT)
    await home.work()
    (event,) = await home.events()
    assert (await enrichment(home, event)).status is EnrichmentStatus.SUCCESS
    home.shelf.cards["segformer-b2-clothes"] = Unavailable("its memory was taken")
    home.clock.tick(5)
    await home.deliver(PERSON)
    await home.pass_time(40)
    assert home.mind.asked[-1].legs["covered_face"] == {"confidence": 0.6}
    now = await enrichment(home, event)
    assert now.errors == {"clothes_segments": "its memory was taken"}
    assert now.status is EnrichmentStatus.PARTIAL
    assert "covered_face" in {factor.id for factor in (await home.events())[0].factors}


async def test_every_step_of_an_event_is_on_record(home):
    await home.deliver(PERSON)
    await home.pass_time(40)
    (event,) = await home.events()
    found = await enrichment(home, event)
    by_about = {step.about: step for step in found.steps}
    assert by_about["clothes_segments"].outcome is StepOutcome.RAN
    assert by_about["clothes_segments"].confidence == 0.6
    assert by_about["plates"].reason == "no vehicle was seen"
    assert all(step.reason for step in found.steps if step.outcome is not StepOutcome.RAN)
    assert home.shelf.asked.count("segformer-b2-clothes") == 1


async def test_with_enrichment_switched_off_nothing_is_asked(tmp_path):
    shelf = Shelf(segformer_b2_clothes=Hooded())
    senses = {"pictures": Pictures(), "models": shelf}
    async with household(tmp_path, senses=senses, enrichment=False) as home:
        home.mind.answer = 40
        await home.deliver(PERSON)
        await home.pass_time(40)
        (event,) = await home.events()
        assert await enrichment(home, event) is None
        assert "covered_face" not in home.mind.asked[-1].legs
        assert shelf.asked == []
