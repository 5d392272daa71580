"""Clients of services elsewhere, against real HTTP servers."""

import asyncio
import base64
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
import json
from typing import Any

from aiohttp import web
import cv2
import numpy as np
import pytest

from home_sentry_engine.app.enriching import stand_ins, with_services
from home_sentry_engine.domain.box import Box
from home_sentry_engine.domain.enrichment import Outcome
from home_sentry_engine.domain.errors import Permanent
from home_sentry_engine.pipeline.enrich import cards
from home_sentry_engine.pipeline.enrich.desk import EnrichmentRules
from home_sentry_engine.pipeline.enrich.enrichment import Enrichment
from home_sentry_engine.pipeline.enrich.legs import legs_of
from home_sentry_engine.resilience.breaker import BreakerOpen, BreakerState
from home_sentry_engine.settings import EnrichmentSettings
from home_sentry_engine.vision.eyes import draw_canary
from home_sentry_engine.vision.models import NotSwitchedOn
from home_sentry_engine.vision.services import (
    CLIPClient,
    CLIPUnavailableError,
    EnrichmentClient,
    EnrichmentUnavailableError,
    FlorenceClient,
    FlorenceUnavailableError,
    Limits,
    ServedModels,
    Services,
)
from home_sentry_engine.vision.services import served as ids
from home_sentry_engine.vision.services.transport import Nerves
from home_sentry_engine.vision.session import AcceleratorGate, Runner
from home_sentry_engine.vision.tasks.action import ClipAction
from home_sentry_engine.vision.tasks.classify import Classifier
from home_sentry_engine.vision.tasks.depth import DepthGauge
from home_sentry_engine.vision.tasks.embeddings import Embedding
from home_sentry_engine.vision.tasks.florence import FlorenceTask
from home_sentry_engine.vision.tasks.florence_run import FlorenceReader
from home_sentry_engine.vision.tasks.pictures import RgbFrame
from home_sentry_engine.vision.tasks.pose import POINTS, PoseFinder
from home_sentry_engine.vision.tasks.zero_shot import ImageText
from tests.engine.unit.pipeline.views import seen, shot, views_of
from tests.fakes.clock import START

FRAME = RgbFrame.of(draw_canary(64, 48))
BOX = Box(x=1, y=2, width=30, height=40)


class Server:
    """Answers by path what a test says; a number is a status, a callable makes the answer from the question."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {"/health": {"status": "healthy"}}
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.tokens: dict[str, str | None] = {}
        self.url = ""

    async def respond(self, request: web.Request) -> web.Response:
        question = await request.json() if request.method == "POST" else {}
        self.asked.append((request.path, question))
        self.tokens[request.path] = request.headers.get("Authorization")
        answer = self.answers.get(request.path, 404)
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if callable(answer):
            answer = answer(question)
        if isinstance(answer, int):
            return web.Response(status=answer)
        return web.Response(text=answer) if isinstance(answer, str) else web.json_response(answer)


@pytest.fixture
async def server() -> AsyncGenerator[Server]:
    running = Server()
    app = web.Application(client_max_size=10**7)
    app.router.add_route("*", "/{tail:.*}", running.respond)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    running.url = f"http://127.0.0.1:{site.port}"
    yield running
    await runner.cleanup()


class Chance:
    """Sleeps that only count, and a clock that a test sets."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self.now = 0.0

    @property
    def nerves(self) -> Nerves:
        return Nerves(monotonic=lambda: self.now, sleep=self.slept.append, chance=lambda: 1.0)


@pytest.fixture
def chance() -> Chance:
    return Chance()


async def call[T](work: Callable[..., T], *args: Any, **more: Any) -> T:
    return await asyncio.to_thread(lambda: work(*args, **more))


def is_jpeg(text: str) -> bool:
    return base64.b64decode(text)[:3] == b"\xff\xd8\xff"


class TestFlorence:
    async def test_every_call(self, server, chance):
        client = FlorenceClient.at(server.url, nerves=chance.nerves)
        server.answers |= {
            "/extract": {"result": "car<loc_0><loc_0><loc_500><loc_500>"},
            "/caption": {"caption": "a car"},
            "/detailed_caption": {"caption": "a red car"},
            "/vqa": {"answer": "red"},
            "/ocr": {"text": "AB 123"},
        }
        found = await call(client.extract, FlorenceTask.OD, FRAME)
        assert [region.text for region in found.regions] == ["car"]
        assert server.asked[0][0] == "/extract"
        assert server.asked[0][1]["prompt"] == "<OD>"
        assert is_jpeg(server.asked[0][1]["image"])
        assert await call(client.caption, FRAME) == "a car"
        assert await call(client.detailed_caption, FRAME) == "a red car"
        assert await call(client.vqa, "which colour?", FRAME) == "red"
        assert server.asked[-1][1]["question"] == "which colour?"
        assert await call(client.ocr, FRAME) == "AB 123"
        assert (await call(client.health))["status"] == "healthy"

    async def test_raw_tokens_are_dropped(self, server, chance):
        client = FlorenceClient.at(server.url, nerves=chance.nerves)
        server.answers["/extract"] = {"result": "<OD>"}
        found = await call(client.extract, FlorenceTask.CAPTION, FRAME)
        assert (found.text, found.dropped) == ("", 1)


class TestTries:
    async def test_it_tries_three_times_with_growing_pauses(self, server, chance):
        client = FlorenceClient.at(server.url, nerves=chance.nerves)
        server.answers["/caption"] = [500, 503, {"caption": "a car"}]
        assert await call(client.caption, FRAME) == "a car"
        assert chance.slept == pytest.approx([1.1, 2.2])

    @pytest.mark.parametrize("answer", [500, 429, "no json", "[1]", {"caption": 5}], ids=str)
    async def test_what_makes_no_sense_is_unavailable(self, server, chance, answer):
        client = FlorenceClient.at(server.url, nerves=chance.nerves)
        server.answers["/caption"] = answer
        with pytest.raises(FlorenceUnavailableError) as caught:
            await call(client.caption, FRAME)
        assert isinstance(caught.value, ConnectionError)

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 413, 415, 422])
    async def test_a_refused_question_is_nobodys_failure(self, server, chance, status):
        client = FlorenceClient.at(server.url, nerves=chance.nerves)
        server.answers["/caption"] = status
        for _ in range(6):
            with pytest.raises(Permanent, match="refuses the question"):
                await call(client.caption, FRAME)
        assert len(server.asked) == 6
        assert client.service.breaker.state is BreakerState.CLOSED

    @pytest.mark.parametrize("status", [408, 425, 429])
    async def test_a_busy_service_is_asked_again_and_never_left_alone(self, server, chance, status):
        client = FlorenceClient.at(server.url, nerves=chance.nerves)
        server.answers["/caption"] = status
        for _ in range(6):
            with pytest.raises(FlorenceUnavailableError, match=f"HTTP {status}"):
                await call(client.caption, FRAME)
        assert len(server.asked) == 18
        assert client.service.breaker.state is BreakerState.CLOSED

    async def test_five_failures_leave_it_alone_for_a_minute(self, server, chance):
        client = CLIPClient.at(server.url, nerves=chance.nerves)
        server.answers["/embed"] = 500
        for _ in range(2):
            with pytest.raises(CLIPUnavailableError):
                await call(client.embed, FRAME)
        with pytest.raises(BreakerOpen):
            await call(client.embed, FRAME)
        assert len(server.asked) == 5
        assert (await call(client.health))["status"] == "healthy"
        chance.now += 61
        server.answers["/embed"] = {"embedding": [1.0]}
        assert await call(client.embed, FRAME) == [1.0]

    async def test_nobody_there_and_one_who_does_not_speak(self, server, chance):
        nobody = EnrichmentClient.at("http://127.0.0.1:9", nerves=chance.nerves)
        with pytest.raises(EnrichmentUnavailableError, match="does not answer"):
            await call(nobody.health)
        with pytest.raises(ValueError, match="begins with"):
            EnrichmentClient.at("ftp://x")

        async def silent(_reader, _writer) -> None:
            await asyncio.sleep(5)

        listener = await asyncio.start_server(silent, "127.0.0.1", 0)
        port = listener.sockets[0].getsockname()[1]
        slow = FlorenceClient.at(f"http://127.0.0.1:{port}", limits=Limits(read_s=0.05), nerves=chance.nerves)
        with pytest.raises(FlorenceUnavailableError, match="TimeoutError"):
            await call(slow.caption, FRAME)
        assert len(chance.slept) == 2
        listener.close()


class TestClip:
    async def test_every_call(self, server, chance):
        client = CLIPClient.at(server.url, nerves=chance.nerves)
        server.answers |= {
            "/embed": {"embedding": [3.0, 4.0]},
            "/similarity": {"similarity": 0.3},
            "/batch-similarity": {"similarities": {"a": 0.1, "b": 0.2}},
            "/classify": {"scores": {"a": 0.9, "b": 0.1}},
            "/anomaly-score": {"anomaly_score": 0.7},
        }
        assert await call(client.embed, FRAME) == [3.0, 4.0]
        assert await call(client.similarity, FRAME, "a") == 0.3
        assert await call(client.batch_similarity, FRAME, ["b", "a"]) == {"b": 0.2, "a": 0.1}
        assert await call(client.classify, FRAME, ["a", "b"]) == {"a": 0.9, "b": 0.1}
        assert await call(client.anomaly_score, FRAME, [1.0, 0.0]) == 0.7
        assert server.asked[-1][1]["baseline_embedding"] == [1.0, 0.0]
        with pytest.raises(CLIPUnavailableError, match="leaves out 1 of 2"):
            await call(client.classify, FRAME, ["a", "c"])


class TestEnrichment:
    async def test_every_call(self, server, chance):
        client = EnrichmentClient.at(server.url, nerves=chance.nerves)
        paths = (
            "/enrich", "/vehicle-classify", "/pet-classify", "/clothing-classify", "/pose-analyze", "/depth-estimate",
            "/action-classify", "/models/status", "/models/preload",
        )  # fmt: skip
        server.answers |= {path: {"path": path} for path in paths}
        answers = [
            await call(client.enrich, "person", FRAME, BOX, action=True),
            await call(client.vehicle_classify, FRAME, BOX),
            await call(client.pet_classify, FRAME),
            await call(client.clothing_classify, FRAME),
            await call(client.pose_analyze, FRAME),
            await call(client.depth_estimate, FRAME),
            await call(client.action_classify, [FRAME] * 3, ["running"]),
            await call(client.models_status),
            await call(client.models_preload, "yunet"),
        ]
        assert [one["path"] for one in answers] == list(paths)
        asked = dict(server.asked)
        assert asked["/enrich"]["bbox"] == [1, 2, 31, 42]
        assert asked["/enrich"]["options"] == {"action": True}
        assert len(asked["/action-classify"]["frames"]) == 3
        assert asked["/models/preload"] == {"model_name": "yunet"}


class Own:
    """This engine's own models, which only say that they were asked."""

    async def use(self, model_id, kind, work, *, priority=0, timeout_s=None):
        return f"own {model_id}"


@pytest.fixture
def served(server):
    with ThreadPoolExecutor(2) as executor:
        services = Services(
            florence_url=server.url, clip_url=server.url, enrichment_url=server.url, limits=Limits(pause_s=0.0)
        )
        yield ServedModels(Own(), services, lambda: Runner(executor, AcceleratorGate(2), timeout_s=60))


class TestInstead:
    async def test_the_services_answer_through_the_same_tasks(self, server, served):
        points = [{"name": name.replace(" ", "_"), "x": 1.0, "y": 2.0, "confidence": 0.5} for name in POINTS[1:]]
        plane = np.tile(np.arange(64, dtype=np.uint8), (48, 1))
        server.answers |= {
            "/extract": {"result": "a car"},
            "/embed": {"embedding": [3.0, 4.0]},
            "/classify": lambda asked: {"scores": {label: float(n == 1) for n, label in enumerate(asked["labels"])}},
            "/pose-analyze": {"keypoints": points, "posture": "standing"},
            "/pet-classify": {"pet_type": "cat", "confidence": 0.9},
            "/vehicle-classify": {"vehicle_type": "x", "all_scores": {"pickup_truck": 0.8, "car": 0.2}},
            "/clothing-classify": {
                "clothing_type": "delivery_uniform",
                "confidence": 0.7,
                "color": "brown",
                "is_service_uniform": True,
            },
            "/depth-estimate": {"depth_map_base64": base64.b64encode(cv2.imencode(".png", plane)[1]).decode()},
            "/action-classify": lambda asked: {"all_scores": dict.fromkeys(asked["labels"], 0.1)},
        }
        said = await served.use(ids.FLORENCE, FlorenceReader, lambda one, c: one.ask(FlorenceTask.CAPTION, FRAME))
        assert said.text == "a car"
        seen = await served.use(ids.CLIP, ImageText, lambda one, c: one.embed(FRAME))
        assert (seen.model_id, seen.values.tolist()) == (ids.CLIP, pytest.approx([0.6, 0.8]))
        words = {"sun": "a sunny day", "rain": "a rainy day"}
        for work in (lambda one, c: one.rank(FRAME, words), lambda one, c: one.rank_embedding(seen, words)):
            ranked = await served.use(ids.CLIP, ImageText, work)
            assert (ranked.label, ranked.model_id) == ("rain", ids.CLIP)
        pose = await served.use(ids.POSE, PoseFinder, lambda one, c: one.find(FRAME))
        assert [point.confidence for point in pose.points] == [0.0, *[0.5] * 16]
        pet = await served.use(ids.PET, Classifier, lambda one, c: one.rank(FRAME))
        assert pet.scores == (("cat", 0.9),)
        vehicle = await served.use(ids.VEHICLE, Classifier, lambda one, c: one.rank(FRAME))
        assert vehicle.scores == (("pickup truck", 0.8), ("car", 0.2))
        worn = await served.use(ids.CLOTHING, ImageText, lambda one, c: one.tell(FRAME))
        assert (worn.garment.label, worn.garment.confidence, worn.garment.model_id) == (
            "delivery uniform", 0.7, ids.CLOTHING
        )  # fmt: skip
        assert (worn.colour, worn.is_service_uniform, worn.hides_face) == ("brown", True, None)
        depth = await served.use(ids.DEPTH, DepthGauge, lambda one, c: one.measure(FRAME))
        assert depth.nearness[0, 0] < 0.1
        assert depth.nearness[0, -1] > 0.9
        act = await served.use(ids.ACTION, ClipAction, lambda one, c: one.rank([FRAME] * 3))
        assert act.confidence == 0.1

    async def test_own_models_stay_and_services_without_address_are_off(self, served):
        assert await served.use("yunet", FlorenceReader, lambda one, c: one) == "own yunet"
        with ThreadPoolExecutor(1) as executor:
            none = ServedModels(Own(), Services(), lambda: Runner(executor, AcceleratorGate(1), timeout_s=1))
            assert not none.ids
            with pytest.raises(NotSwitchedOn, match="no setting names an address"):
                await none.use(ids.CLIP, ImageText, lambda one, c: one)

    async def test_vectors_of_others_and_nonsense_are_refused(self, server, served):
        other = Embedding(model_id="x", values=np.ones(2, np.float32))
        with pytest.raises(Permanent, match="has none"):
            await served.use(ids.CLIP, ImageText, lambda one, c: one.rank_embedding(other, {"a": "b"}))
        server.answers |= {"/pose-analyze": {"keypoints": 5}, "/depth-estimate": {"depth_map_base64": "!"}}
        with pytest.raises(EnrichmentUnavailableError, match="lacks keypoints"):
            await served.use(ids.POSE, PoseFinder, lambda one, c: one.find(FRAME))
        with pytest.raises(EnrichmentUnavailableError, match="no picture"):
            await served.use(ids.DEPTH, DepthGauge, lambda one, c: one.measure(FRAME))
        server.answers["/pose-analyze"] = json.dumps({"keypoints": [{"name": POINTS[0], "x": 10**400}]})
        with pytest.raises(EnrichmentUnavailableError, match="lacks the number x"):
            await served.use(ids.POSE, PoseFinder, lambda one, c: one.find(FRAME))
        server.answers["/pose-analyze"] = "[" * 200_000
        with pytest.raises(EnrichmentUnavailableError, match="no JSON"):
            await served.use(ids.POSE, PoseFinder, lambda one, c: one.find(FRAME))

    def test_the_settings_say_who_answers(self, server):
        with ThreadPoolExecutor(1) as executor:
            own = Own()
            assert with_services(EnrichmentSettings(), own, executor) is own
            models = with_services(EnrichmentSettings(clip_url="http://clip"), own, executor)
            assert isinstance(models, ServedModels)
            rules = EnrichmentRules(instead=stand_ins(models.ids))
        assert rules.who_answers(cards.SENTENCES) == (ids.CLIP,)
        assert rules.who_answers(cards.FASHION) == (ids.CLIP,)
        assert rules.who_answers(cards.POSES) == cards.POSES
        assert stand_ins(frozenset({ids.CLIP, ids.CLOTHING}))[cards.FASHION] == ids.CLOTHING

    async def test_each_service_is_shown_its_token_and_nobody_else_is(self, server):
        server.answers |= {"/extract": {"result": "a car"}, "/embed": {"embedding": [3.0, 4.0]}}
        server.answers |= {"/pet-classify": {"pet_type": "cat", "confidence": 0.9}}
        wanted = EnrichmentSettings(url=server.url, florence_url=server.url, clip_url=server.url)
        asking = ("/extract", "/embed", "/pet-classify")
        with ThreadPoolExecutor(2) as executor:

            async def shown(settings: EnrichmentSettings) -> list[str | None]:
                models = with_services(settings, Own(), executor)
                await models.use(ids.FLORENCE, FlorenceReader, lambda one, c: one.ask(FlorenceTask.CAPTION, FRAME))
                await models.use(ids.CLIP, ImageText, lambda one, c: one.embed(FRAME))
                await models.use(ids.PET, Classifier, lambda one, c: one.rank(FRAME))
                return [server.tokens[path] for path in asking]

            assert await shown(wanted) == [None, None, None]
            wanted = replace(wanted, token="for-looks", florence_token="for-words", clip_token="for-clip")
            assert await shown(wanted) == ["Bearer for-words", "Bearer for-clip", "Bearer for-looks"]
            assert "for-" not in repr(
                Services(florence_token="for-words", clip_token="for-clip", enrichment_token="for-")
            )

    async def test_what_people_wear_is_stored_as_this_engine_would(self, server, served):
        server.answers |= {
            "/clothing-classify": {"clothing_type": "delivery_uniform", "confidence": 0.9, "is_service_uniform": True},
        }  # fmt: skip
        instead = stand_ins(frozenset({ids.CLOTHING}))
        result = await Enrichment(served, EnrichmentRules(instead=instead))(views_of(shot(START, [seen("person")])))
        (clothing,) = (one for one in result.findings if one.about == "clothing")
        assert clothing.model_id == ids.CLOTHING
        assert clothing.value == {"type": "delivery uniform", "is_service_uniform": True}
        legs = legs_of(result)
        assert legs["clothing"] == [{"subject": 1, "type": "delivery uniform", "confidence": 0.9}]
        assert legs["attributes"] == {"service_worker": True, "courier": True}
        server.answers |= {"/clothing-classify": {"clothing_type": "delivery_uniform"}}
        result = await Enrichment(served, EnrichmentRules(instead=instead))(views_of(shot(START, [seen("person")])))
        (attempt,) = (one for one in result.attempts if one.about == "clothing")
        assert (attempt.outcome, attempt.reason) == (Outcome.UNAVAILABLE, "the answer lacks the number confidence")
