"""One engine with models answers for another one without: real engines, real models, a real socket."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from difflib import SequenceMatcher
from pathlib import Path
import shutil

import numpy as np
import pytest

from home_sentry_engine.media.picture import decode
from home_sentry_engine.vision.models import NotSwitchedOn
from home_sentry_engine.vision.services import EnrichmentClient, served
from home_sentry_engine.vision.services.peers import warm_up
from home_sentry_engine.vision.session import AcceleratorGate, Runner
from home_sentry_engine.vision.tasks.classify import Classifier
from home_sentry_engine.vision.tasks.embeddings import Embedder
from home_sentry_engine.vision.tasks.faces import FaceFinder
from home_sentry_engine.vision.tasks.pictures import RgbFrame
from home_sentry_engine.vision.tasks.plates import PlateFinder
from home_sentry_engine.vision.tasks.pose import PoseFinder
from home_sentry_engine.vision.tasks.text import TextReader

from .test_engine import drop, events_of, running, settings_in, until

DETECTOR = "deimv2_hgnetv2_atto_coco.onnx"


class NoModels:
    """An engine's own models where there are none."""

    async def use(self, model_id, kind, work, *, priority=0, timeout_s=None):
        raise NotSwitchedOn(f"{model_id} is not here", code="off")


def token_of(folder: Path) -> str:
    return (folder / "token").read_text().strip()


def frame_of(path: Path) -> RgbFrame:
    return RgbFrame.of(decode(path.read_bytes()).pixels)


@pytest.fixture
async def able(tmp_path, model_mirror):
    """An engine with every small model; cameras write nothing there."""
    settings = settings_in(tmp_path / "able", model_mirror, detector="deimv2-atto", offline=True)
    async with running(settings) as engine:
        yield engine


async def test_real_models_answer_over_a_socket_as_they_do_at_home(tmp_path, able, test_media):
    person = frame_of(test_media / "images/misc/darknet_person.jpg")
    plate = frame_of(test_media / "images/plates/lpd_sample_1.jpg")
    asked = (
        ("yunet", FaceFinder, lambda model, cancel: model.find(person, confidence=0.6)),
        ("lpd-yunet", PlateFinder, lambda model, cancel: model.find(plate)),
        ("pp-ocr", TextReader, lambda model, cancel: model.read(plate)),
        ("osnet-x0-25", Embedder, lambda model, cancel: model.embed(person)),
    )
    wanted = served.Services(enrichment_url=able.url, enrichment_token=token_of(tmp_path / "able"))
    with ThreadPoolExecutor(2) as threads:
        there = served.ServedModels(NoModels(), wanted, lambda: Runner(threads, AcceleratorGate(2), timeout_s=60))
        far = [await there.use(card, kind, _without_confidence(work)) for card, kind, work in asked]
        near = [await able.zoo.models.use(card, kind, _without_confidence(work)) for card, kind, work in asked]
        posture = await there.use(served.POSE, PoseFinder, lambda model, cancel: model.find(person))
        own = await able.zoo.models.use(posture.model_id, PoseFinder, lambda model, cancel: model.find(person))
        # what is off there is off, with its reason, and no finding
        with pytest.raises(NotSwitchedOn, match="is off"):
            await there.use(served.VEHICLE, Classifier, lambda model, cancel: model.rank(person))
    (faces, plates, texts, vector), (own_faces, own_plates, own_texts, own_vector) = far, near
    assert [one.box.x for one in faces] == pytest.approx([one.box.x for one in own_faces], abs=8)
    assert len(plates) == len(own_plates) >= 1
    assert np.allclose(plates[0].corners, own_plates[0].corners, atol=8)
    # the picture went as JPEG: a letter at its edge may come out otherwise
    said, own_said = (" ".join(one.line.text for one in found) for found in (texts, own_texts))
    assert SequenceMatcher(None, said, own_said).ratio() > 0.9
    assert vector.model_id == own_vector.model_id == "osnet-x0-25"
    assert vector.similarity(own_vector) > 0.97
    assert posture.model_id.startswith("movenet")
    for one, other in zip(posture.points, own.points, strict=True):
        if other.confidence > 0.5:
            assert (one.x, one.y) == pytest.approx((other.x, other.y), abs=20)


async def test_another_engine_loads_models_before_they_are_asked(tmp_path, able):
    client = EnrichmentClient.at(able.url, token=token_of(tmp_path / "able"))

    async def states() -> dict[str, str]:
        told = await asyncio.to_thread(client.models_status)
        return {one["name"]: one["status"] for one in told["models"]}

    before = await states()
    assert (before["ultraface-320"], before["osnet-x0-25"]) == ("off", "ready")
    wanted = (("ultraface-320", "osnet-x0-25"), ("no-such-model",))
    assert await asyncio.to_thread(warm_up, client, wanted) == ("osnet-x0-25",)
    assert (await states())["osnet-x0-25"] == "loaded"
    assert await asyncio.to_thread(warm_up, client, wanted) == ()


def _without_confidence(work):
    return lambda model, cancel: work(_Plain(model), cancel)


class _Plain:
    """Calls a model with its usual confidence, which the other engine applies."""

    def __init__(self, model) -> None:
        self._model = model

    def find(self, frame, **_more):
        return self._model.find(frame)

    def __getattr__(self, name):
        return getattr(self._model, name)


@pytest.mark.full
async def test_an_engine_without_models_enriches_its_visits_by_another_one(tmp_path, able, model_mirror, test_media):
    bare = tmp_path / "mirror"
    bare.mkdir()
    shutil.copyfile(model_mirror / DETECTOR, bare / DETECTOR)
    far = settings_in(
        tmp_path / "bare", bare, detector="deimv2-atto", offline=True,
        enrichment_url=able.url, enrichment_token=token_of(tmp_path / "able"),
    )  # fmt: skip
    near = settings_in(tmp_path / "alone", model_mirror, detector="deimv2-atto", offline=True)
    picture = test_media / "images/misc/darknet_person.jpg"
    async with running(far) as one, running(near) as other:
        told = await asyncio.gather(
            _enriched(one, picture, tmp_path / "bare"), _enriched(other, picture, tmp_path / "alone")
        )
    found = dict(zip(("bare", "alone"), told, strict=True))
    steps = {name: {step.about: step for step in one.steps} for name, one in found.items()}
    for about in ("pose", "faces"):
        assert steps["bare"][about].outcome == steps["alone"][about].outcome == "ran"
        assert steps["bare"][about].model_id == steps["alone"][about].model_id
        values = [{key for one in found[name].findings if one.about == about for key in one.value} for name in found]
        assert values[0] == values[1]
    # what neither has is no finding in either
    assert steps["bare"]["clothing"].outcome == steps["alone"]["clothing"].outcome == "skipped"
    assert steps["bare"]["clothing"].reason


async def _enriched(engine, picture: Path, folder: Path):
    """What an engine has found out about the only visit to its camera."""
    drop(picture, folder / "cameras" / "Door")

    async def known():
        events = await events_of(engine)
        rows = engine.tables.enrichments
        return await engine.database.read(lambda conn: rows.of(conn, events[0].event_id)) if events else None

    return await until(known)


async def test_enrich_tells_the_outcome_of_each_question(tmp_path, able, test_media):
    client = EnrichmentClient.at(able.url, token=token_of(tmp_path / "able"))
    frame = frame_of(test_media / "images/misc/darknet_person.jpg")
    told = await asyncio.to_thread(client.enrich, "person", frame)
    results = told["results"]
    assert results["pose"]["outcome"] == "ran"
    assert {"keypoints", "posture", "alerts", "model_id", "inference_time_ms"} <= results["pose"].keys()
    assert results["clothing"]["outcome"] == "skipped"
    assert "clothing_type" not in results["clothing"]
    assert told["status"] in {"success", "partial"}
    assert results["pose"]["model_id"] in told["successful_models"]
    status = await asyncio.to_thread(client.models_status)
    rows = {one["name"]: one["status"] for one in status["models"]}
    assert rows["movenet-lightning-dequant"] in {"ready", "loaded"}
    assert rows["vitpose-plus-small"] in {"missing", "off"}
