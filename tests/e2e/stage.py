"""A real engine and a real Home Assistant for the tests, started as the demo starts them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
import os
from pathlib import Path
import signal
from typing import Any, Final

from aiohttp import ClientSession

from scripts.demo_home import engine as engine_room
from scripts.demo_home import home_assistant as home_room
from scripts.demo_home.engine import Engine, Installation
from scripts.demo_home.errors import TooLate
from scripts.demo_home.home_assistant import Home, Place
from scripts.demo_home.patience import until
from scripts.demo_home.ports import held_port
from scripts.demo_home.processes import Child, running, while_alive
from scripts.demo_home.samples import Sample, own_samples
from scripts.demo_home.show import ENGINE_PROGRAM, HA_PROGRAM, INTEGRATION

from .browser import OUTPUT

ROOT: Final = Path(__file__).resolve().parents[2]
NEWS_S: Final = 240.0


def samples() -> dict[str, Sample]:
    """Read the demo's own pictures, which lie in the engine's environment."""
    (data,) = ROOT.glob(".venv/lib/python3*/site-packages/skimage/data")
    return {sample.name: sample for sample in own_samples(data)}


class EngineRun:
    """One engine that can be killed and started again on the same data and port."""

    def __init__(self, session: ClientSession, place: Installation) -> None:
        self.place = place
        self.engine = Engine(session, place)
        self._stack = AsyncExitStack()
        self._child: Child | None = None

    @property
    def cameras(self) -> Path:
        return self.place.cameras

    async def start(self) -> None:
        launch = engine_room.launch(self.place, os.environ)
        self._child = await self._stack.enter_async_context(running(launch, asyncio.Event()))
        await while_alive(self.engine.enter(), self._child)

    async def kill(self) -> None:
        assert self._child is not None
        self._child.signal(signal.SIGKILL)
        await self._child.ended()
        await self.stop()

    async def stop(self) -> None:
        await self._stack.aclose()
        self._child = None


@asynccontextmanager
async def engine_running(session: ClientSession, folder: Path) -> AsyncIterator[EngineRun]:
    log = OUTPUT / "engine.log"
    log.unlink(missing_ok=True)
    with held_port(0) as port:
        place = Installation(
            program=ENGINE_PROGRAM, data=folder / "engine", models=folder / "models", port=port, log=log
        )
        run = EngineRun(session, place)
        try:
            await run.start()
            yield run
        finally:
            await run.stop()


@asynccontextmanager
async def home_running(session: ClientSession, folder: Path) -> AsyncIterator[Home]:
    log = OUTPUT / "home-assistant.log"
    log.unlink(missing_ok=True)
    with held_port(0) as port:
        place = Place(folder=folder / "home-assistant", port=port, program=HA_PROGRAM, integration=INTEGRATION, log=log)
        home_room.prepare(place)
        async with running(home_room.launch(place, os.environ), asyncio.Event()) as child:
            home = Home(session, place.url)
            await while_alive(home.enter(), child)

            async def is_running() -> bool | None:
                return True if await home.is_running() else None

            await until(is_running, what="Home Assistant completes its start", deadline_s=300)
            yield home


async def entity_of(home: Home, engine: Engine, key: str) -> str:
    """Wait until the integration made an entity, named by the end of its unique id; gives the entity id."""
    unique_id = f"{(await engine.info())['instance_id']}_{key}"
    seen: dict[str, str] = {}

    async def look() -> str | None:
        seen.clear()
        seen.update(await home.entities())
        return seen.get(unique_id)

    try:
        return await until(look, what=f"entity {key}", deadline_s=NEWS_S)
    except TooLate as err:
        raise AssertionError(f"{err}; there are {sorted(seen)}") from err


async def state_of(home: Home, entity_id: str, wanted: Any) -> dict[str, Any]:
    """Wait until an entity's state is as wanted (a predicate of the state's text); gives the whole state."""

    seen: list[str] = []

    async def look() -> dict[str, Any] | None:
        state = (await home.states()).get(entity_id)
        text = state["state"] if state is not None else "missing"
        if text not in seen[-1:]:
            seen.append(text)
        return state if state is not None and wanted(text) else None

    try:
        return await until(look, what=f"state of {entity_id}", deadline_s=NEWS_S)
    except TooLate as err:
        raise AssertionError(f"{err}; it was {', '.join(seen)}") from err
