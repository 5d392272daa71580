"""Who begins an engine anew: a real engine over its API, with a stand-in for the Supervisor."""

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
from aiohttp import web

from home_sentry_engine.app import reviving
from home_sentry_engine.app.engine import Engine
from home_sentry_engine.app.parts import Surroundings
from home_sentry_engine.domain.clock import SystemClock
from home_sentry_engine.domain.identity import random_id
from home_sentry_engine.operations.rebirth import ContainerService
from home_sentry_engine.settings import Settings, load_settings

QUIET = {"port": 0, "llm": False, "offline": True, "zeroconf": False, "enrichment": False, "reid": False}


def settings_in(folder: Path) -> Settings:
    return load_settings(data=folder, environment={}, overrides={**QUIET, "models": str(folder / "models")})


@asynccontextmanager
async def control(engine: Engine):
    """Give what uses a verb on a part over REST, and tells the status and the document."""
    token = (engine.settings.data / "token").read_text().strip()
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session:

        async def use(part: str, verb: str | None = None):
            url = f"{engine.url}/api/v1/system/components/{part}"
            asking = session.get(url) if verb is None else session.post(f"{url}/{verb}")
            async with asking as answer:
                return answer.status, await answer.json(content_type=None)

        yield use


async def test_an_app_is_restarted_by_its_supervisor_once_and_the_answer_comes_before(tmp_path, monkeypatch):
    heard = asyncio.Queue[tuple[str, str, str]]()

    async def supervise(request: web.BaseRequest) -> web.Response:
        heard.put_nowait((request.method, request.path, request.headers["Authorization"]))
        return web.json_response({"result": "ok", "data": {"uuid": "u-1"}})

    runner = web.ServerRunner(web.Server(supervise))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    monkeypatch.setattr(reviving, "URL", f"http://127.0.0.1:{site.port}")
    around = Surroundings(clock=SystemClock(), ids=random_id, supervisor_token="of-the-supervisor")
    try:
        async with Engine(settings_in(tmp_path), around=around) as engine:
            running = asyncio.create_task(engine.run())
            async with control(engine) as use:
                status, part = await use("engine")
                assert (status, part["strategy"], part["fixed"]) == (200, "app", True)
                assert heard.empty()
                status, part = await use("engine", "restart")
                assert (status, part["restarts"]) == (200, 1)
                async with asyncio.timeout(60):
                    told = await heard.get()
                assert told == ("POST", "/addons/self/restart", "Bearer of-the-supervisor")
                assert (await use("engine", "stop"))[0] == 409
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
    finally:
        await runner.cleanup()


async def test_an_engine_on_its_own_leaves_to_begin_anew_and_its_parts_start_and_stop(tmp_path):
    async with Engine(settings_in(tmp_path)) as engine:
        running = asyncio.create_task(engine.run())
        async with control(engine) as use:
            assert (await use("engine"))[1]["strategy"] == "anew"
            status, part = await use("housekeeping", "stop")
            assert (status, part["stopped"], part["component"]["state"]) == (200, True, "disabled")
            status, part = await use("housekeeping", "start")
            assert (status, part["stopped"], part["strategy"]) == (200, False, "task")
            assert (await use("disk", "stop"))[0] == 409
            assert (await use("nothing", "start"))[0] == 404
            assert (await use("engine", "restart"))[0] == 200
            async with asyncio.timeout(60):
                await running
        assert engine.wellbeing.exhausted.is_set()


def test_inside_a_container_s6_restarts_the_service(tmp_path):
    program, asked = tmp_path / "s6-svc", tmp_path / "asked"
    program.touch()

    class Ground:
        around = Surroundings(clock=SystemClock(), ids=random_id)

    service = ContainerService(program=program, service=tmp_path, asked=asked)
    assert reviving.way_of(Ground(), service) is service  # type: ignore[arg-type]
