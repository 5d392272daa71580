"""The whole engine in this process: real detector, real database, real API, real child process."""

import asyncio
from contextlib import asynccontextmanager
import os
from pathlib import Path
import shutil
import signal

import aiohttp
import pytest

from home_sentry_engine.app.engine import Engine
from home_sentry_engine.app.lock import DataFolderError
from home_sentry_engine.contract import AnalysisState, ComponentState, Mode
from home_sentry_engine.language.process import ProcessState
from home_sentry_engine.settings import load_settings
from home_sentry_engine.storage.query import DetectionQuery, EventQuery
from tests.fakes import pictures
from tests.fakes.patience import turns

QUICK = {
    "batch_window_seconds": 3,
    "batch_idle_timeout_seconds": 1,
    "batch_check_interval_seconds": 0.2,
    "port": 0,
    "zeroconf": False,
    "llm": False,
}


def settings_in(folder: Path, mirror: Path, **overrides):
    environment = {"HOME_SENTRY_MODEL_MIRROR": str(mirror)}
    return load_settings(data=folder, environment=environment, overrides={**QUICK, **overrides})


@asynccontextmanager
async def running(settings):
    async with Engine(settings) as engine:
        task = asyncio.create_task(engine.run())
        try:
            yield engine
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def events_of(engine):
    page = await engine.database.read(lambda conn: engine.tables.events.page(conn, EventQuery()))
    return page.items


async def a_detection(engine) -> int:
    page = await engine.database.read(lambda conn: engine.tables.detections.page(conn, DetectionQuery(limit=1)))
    return page.items[0].id


async def until(condition, *, timeout_s: float = 100):
    async with asyncio.timeout(timeout_s):
        while not (found := await condition()):  # noqa: ASYNC110 - what is waited for lies in a database
            await asyncio.sleep(0.02)
    return found


_SURE = 'home_sentry_detection_confidence_bucket{class="person",le='


def figure(lines: list[str], name: str) -> float:
    return sum(float(line.split()[-1]) for line in lines if line.startswith(name))


def drop(source: Path, folder: Path, name: str = "a.jpg") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, folder / name)


async def test_a_picture_in_a_folder_becomes_an_event_with_pictures_over_http(tmp_path, model_mirror, test_media):
    async with running(settings_in(tmp_path, model_mirror)) as engine:
        drop(test_media / "images/misc/darknet_person.jpg", tmp_path / "cameras" / "Front Door")

        async def finished():
            rules = AnalysisState.RULES
            return [one for one in await events_of(engine) if one.ended_at is not None and one.analysis_state is rules]

        (event,) = await until(finished)
        assert event.camera_id == "front_door"
        assert "person" in event.object_types
        headers = {"Authorization": f"Bearer {(tmp_path / 'token').read_text().strip()}"}
        async with aiohttp.ClientSession(engine.url, headers=headers) as session:
            for path in (
                f"/api/v1/events/{event.event_id}/thumbnail.jpg",
                f"/api/v1/events/{event.event_id}/snapshot.jpg",
                f"/api/v1/media/{event.media_id}/picture.jpg",
                f"/api/v1/media/{event.media_id}/thumbnail.jpg",
                f"/api/v1/detections/{await a_detection(engine)}/picture.jpg",
                f"/api/v1/detections/{await a_detection(engine)}/thumbnail.jpg",
                "/api/v1/cameras/front_door/latest.jpg",
            ):
                async with session.get(path) as answer:
                    body = await answer.read()
                    assert answer.status == 200, (path, body[:200])
                    assert body.startswith(b"\xff\xd8")
            async with session.get("/ready") as answer:
                assert answer.status == 200

            async def counted():
                # these figures are gathered now and then, and a caller may not ask that often
                lines = engine.metrics.render().splitlines()
                name = 'home_sentry_queue_jobs_total{queue="detect",outcome='
                # on a machine that is slow enough a look is cut, and the job claimed once more
                claimed = figure(lines, f'{name}"claimed"}}') >= 1
                return claimed and {f'{name}"accepted"}} 1', f'{name}"rejected"}} 0'} <= set(lines)

            assert await until(counted)
            async with session.get("/metrics") as answer:
                told = (await answer.text()).splitlines()
            sure = [float(line.split()[-1]) for line in told if line.startswith(_SURE)]
            assert sure == sorted(sure)
            assert sure[-1] >= 1
            engine.zoo.detector.on_failure("made_up")
            async with session.get("/metrics") as answer:
                assert 'home_sentry_detect_errors_total{code="made_up"} 1' in await answer.text()
        account = await engine.database.read(engine.tables.media.accounting)
        assert (account.accepted, account.stored, account.queued, account.quarantined) == (1, 1, 0, 0)


async def test_over_http_an_event_is_found_and_judged_again_and_a_refused_file_and_a_copy_are_told(
    tmp_path, model_mirror, test_media
):
    async with running(settings_in(tmp_path, model_mirror)) as engine:
        drop(test_media / "images/misc/darknet_person.jpg", tmp_path / "cameras" / "Front Door")
        bomb = pictures.with_stated_size(pictures.jpeg(), 60_000, 60_000)
        (tmp_path / "cameras" / "Front Door" / "bomb.jpg").write_bytes(bomb)

        async def judged():
            return [one for one in await events_of(engine) if one.ended_at is not None]

        (event,) = await until(judged)
        headers = {"Authorization": f"Bearer {(tmp_path / 'token').read_text().strip()}"}
        async with aiohttp.ClientSession(engine.url, headers=headers) as session:

            async def ask(method, path, **query):
                async with session.request(method, f"/api/v1/{path}", params=query) as answer:
                    assert answer.ok, await answer.text()
                    return await answer.json()

            found = await ask("GET", "events/search", q="person (door OR van)", object="person", total="true")
            assert ([one["event_id"] for one in found["items"]], found["total"]) == ([event.event_id], 1)

            async def judgements():
                return await engine.database.read(lambda conn: engine.tables.assessments.of_event(conn, event.event_id))

            before = len(await judgements())
            assert (await ask("POST", f"events/{event.event_id}/reassess"))["risk_score"] == event.risk_score

            async def again():
                return len(await judgements()) > before

            async def refused():
                return await engine.database.read(engine.tables.media.rejections)

            assert await until(again)
            assert await until(refused)
            (one,) = (await ask("GET", "media/rejections", camera="front_door"))["items"]
            assert (one["name"], one["reason"]) == ("bomb.jpg", "too_many_pixels")

            made = await ask("POST", "system/backup")
            assert (tmp_path / "backups" / made["name"]).stat().st_size == made["size_bytes"]
            assert (await ask("GET", "system/components/backup/history"))["items"][0]["state"] == "healthy"
            assert (await ask("POST", "system/cleanup"))["events"] == 0
            assert {one["action"] for one in (await ask("GET", "audit"))["items"]} >= {
                "event.reassess",
                "system.backup",
                "system.cleanup",
            }


async def test_killing_the_model_in_the_middle_of_an_answer_costs_a_retry_not_the_event(
    tmp_path, model_mirror, test_media
):
    pytest.importorskip("llama_cpp", reason="needs the language model's runtime")
    settings = settings_in(
        tmp_path, model_mirror, llm=True, llm_model="stories260k", llm_context_tokens=512, llm_min_rule_score=0
    )
    async with running(settings) as engine:
        drop(test_media / "images/misc/darknet_person.jpg", tmp_path / "cameras" / "Yard")
        language = engine.language.backend

        async def busy():
            process = language.process
            if process is None or process.state is not ProcessState.BUSY:
                return None
            # standing still, it is surely in the middle of an answer for as long as it takes to look
            os.kill(process.pid, signal.SIGSTOP)
            await turns()
            if process.state is ProcessState.BUSY:
                return process.pid
            os.kill(process.pid, signal.SIGCONT)
            return None

        pid = await until(busy)
        os.kill(pid, signal.SIGKILL)

        async def judged():
            return [event for event in await events_of(engine) if event.analysis_state is AnalysisState.LLM]

        (event,) = await until(judged)
        assert language.process is not None
        assert language.process.restarts >= 1
        assert 0 <= event.llm_score <= 100
        assert event.model_id == "stories260k"


async def test_an_upload_takes_the_same_way_and_a_second_one_is_a_duplicate(tmp_path, model_mirror, test_media):
    picture = (test_media / "images/misc/darknet_dog.jpg").read_bytes()
    async with running(settings_in(tmp_path, model_mirror)) as engine:
        headers = {
            "Authorization": f"Bearer {(tmp_path / 'token').read_text().strip()}",
            "Content-Type": "image/jpeg",
        }
        async with aiohttp.ClientSession(engine.url, headers=headers) as session:
            statuses = []
            for _ in range(2):
                async with session.post("/api/v1/cameras/drive/frames", data=picture) as answer:
                    statuses.append(answer.status)
            assert statuses == [202, 409]

            async def seen():
                return await events_of(engine)

            (event,) = await until(seen)
            assert set(event.object_types) == {"dog", "bicycle", "car"}


async def test_a_second_engine_in_the_same_folder_is_refused(tmp_path, model_mirror):
    async with Engine(settings_in(tmp_path, model_mirror)):
        with pytest.raises(DataFolderError, match="another engine"):
            async with Engine(settings_in(tmp_path, model_mirror)):
                pass


async def test_two_engines_run_in_one_process_without_sharing_anything(tmp_path, model_mirror, test_media):
    one, two = tmp_path / "one", tmp_path / "two"
    async with running(settings_in(one, model_mirror)) as first, running(settings_in(two, model_mirror)) as second:
        drop(test_media / "images/misc/darknet_dog.jpg", one / "cameras" / "Drive")

        async def seen():
            return await events_of(first)

        await until(seen)
        assert await events_of(second) == ()
        assert (await first.health.info()).instance_id != (await second.health.info()).instance_id


async def test_what_came_while_the_engine_was_down_is_looked_at_once(tmp_path, model_mirror, test_media):
    settings = settings_in(tmp_path, model_mirror)
    drop(test_media / "images/misc/darknet_dog.jpg", tmp_path / "cameras" / "Drive")
    for _ in range(2):
        async with running(settings) as engine:

            async def settled(engine=engine):
                account = await engine.database.read(engine.tables.media.accounting)
                ready = engine.board.state("ingest") is ComponentState.HEALTHY
                return ready and account.stored == 1 and account.queued == 0

            await until(settled)
            account = await engine.database.read(engine.tables.media.accounting)
            assert (account.seen, account.accepted) == (1, 1)


async def test_without_model_and_network_the_basic_detector_looks_and_says_so(tmp_path):
    settings = load_settings(data=tmp_path, overrides={**QUICK, "offline": True})
    async with running(settings) as engine:

        async def told():
            status = await engine.health.status()
            found = [one for one in status.components if one.id == "detector"]
            return found if status.mode is Mode.DEGRADED and engine.zoo.detector.describe().basic else None

        (detector,) = await until(told)
        assert detector.state is ComponentState.DEGRADED
        assert "basic detector" in detector.reason
        assert detector.fix


async def test_a_service_that_was_named_and_does_not_answer_is_told(tmp_path):
    address = "http://127.0.0.1:9"
    settings = load_settings(data=tmp_path, overrides={**QUICK, "offline": True, "enrichment_url": address})
    async with running(settings) as engine:

        async def told():
            status = await engine.health.status()
            return next((one for one in status.components if one.id == "enrichment_service"), None)

        service = await until(told)
        assert service.state is ComponentState.DEGRADED
        assert service.reason == "the enrichment service: it does not answer (ConnectionRefusedError)"
