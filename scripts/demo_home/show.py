"""Who takes part: both programs are started and stopped together."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Final

from aiohttp import ClientSession

from . import engine as engine_room
from . import home_assistant as home_room
from .arguments import ROOT, Wishes
from .console import Console
from .engine import Engine, Installation
from .folders import Folders, open_folders
from .home_assistant import Home, Place
from .play import Cast, play
from .ports import held_port
from .processes import Child, Launch, running, while_alive
from .samples import bundled_pictures, more_samples, own_samples

ENGINE_PROGRAM: Final = ROOT / ".venv" / "bin" / "home-sentry"
HA_PROGRAM: Final = ROOT / ".venv-ha" / "bin" / "hass"
INTEGRATION: Final = ROOT / "custom_components" / "home_sentry"


@dataclass(frozen=True, slots=True, kw_only=True)
class Theatre:
    """What every part needs: the console, how to hurry, the environment, the HTTP session."""

    console: Console
    hurry: asyncio.Event
    environment: Mapping[str, str]
    session: ClientSession


async def run(wishes: Wishes, console: Console, hurry: asyncio.Event, environment: Mapping[str, str]) -> int:
    """Play the whole demo; gives the exit status."""
    folders = open_folders(wishes.data, keep=wishes.keep)
    samples = (*own_samples(bundled_pictures()), *more_samples(environment))
    async with ClientSession() as session:
        theatre = Theatre(console=console, hurry=hurry, environment=environment, session=session)
        async with AsyncExitStack() as stack:
            engine_child, engine = await stack.enter_async_context(_engine(theatre, wishes, folders))
            children, home = [engine_child], None
            if not wishes.engine_only:
                child, home = await stack.enter_async_context(_home(theatre, wishes, folders))
                children.append(child)
            cast = Cast(console=console, engine=engine, home=home, samples=samples, cameras=folders.engine / "cameras")
            return await while_alive(play(cast, once=wishes.once), *children)


@asynccontextmanager
async def _engine(theatre: Theatre, wishes: Wishes, folders: Folders) -> AsyncIterator[tuple[Child, Engine]]:
    with _port(theatre.console, "the engine", wishes.engine_port) as port:
        place = Installation(
            program=ENGINE_PROGRAM,
            data=folders.engine,
            models=folders.models,
            port=port,
            log=folders.logs / "engine.log",
        )
        theatre.console.step(f"Starting the engine (log: {place.log})")
        async with _child(theatre, engine_room.launch(place, theatre.environment)) as child:
            yield child, Engine(theatre.session, place)


@asynccontextmanager
async def _home(theatre: Theatre, wishes: Wishes, folders: Folders) -> AsyncIterator[tuple[Child, Home]]:
    with _port(theatre.console, "Home Assistant", wishes.ha_port) as port:
        place = Place(
            folder=folders.home_assistant,
            port=port,
            program=HA_PROGRAM,
            integration=INTEGRATION,
            log=folders.logs / "home-assistant.log",
        )
        theatre.console.step(f"Starting Home Assistant (log: {place.log})")
        home_room.prepare(place)
        async with _child(theatre, home_room.launch(place, theatre.environment)) as child:
            yield child, Home(theatre.session, place.url)


@asynccontextmanager
async def _child(theatre: Theatre, launch: Launch) -> AsyncIterator[Child]:
    async with running(launch, theatre.hurry) as child:
        try:
            yield child
        finally:
            theatre.console.settle()
            theatre.console.step(f"Stopping: {launch.name} (again Ctrl-C: at once)")
            await child.stop()


@contextmanager
def _port(console: Console, whose: str, wanted: int) -> Iterator[int]:
    with held_port(wanted) as port:
        if wanted not in {0, port}:
            console.note(f"port {wanted} is taken; {whose} listens on {port}")
        yield port
