"""Services elsewhere that were named in the settings: each is a component that tells whether it answers."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from functools import partial
import logging
from typing import Any, Final

from home_sentry_engine.contract import Component, ComponentState
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.errors import StageError
from home_sentry_engine.operations.monitor import Hysteresis
from home_sentry_engine.operations.registry import PartPlan, Rank
from home_sentry_engine.pipeline.enrich import cards
from home_sentry_engine.pipeline.enrich.peers import PERSONS
from home_sentry_engine.settings import EnrichmentSettings
from home_sentry_engine.vision.services import CLIPClient, EnrichmentClient, FlorenceClient, Limits
from home_sentry_engine.vision.services.peers import warm_up

_LOGGER = logging.getLogger(__name__)
_EACH_S: Final = 60.0
_TROUBLED_S: Final = 10.0
_LIMIT_S: Final = 20.0
_WARM_S: Final = 600.0
_ENRICHMENT: Final = "enrichment_service"
_ONE_TRY: Final = Limits(tries=1)
_USUAL: Final[Mapping[str, tuple[str, ...]]] = {
    "faces": cards.FACES,
    "pose": cards.POSES,
    "plates": cards.PLATES,
    "texts": cards.TEXT,
    "depth": cards.DEPTH,
    "persons": PERSONS,
}
_WELL: Final = frozenset({"healthy", "ok", "alive", "ready", "up"})

type Ask = Callable[[], Mapping[str, Any]]


class ServiceWatch:
    """Asks each service how it is, once a minute and more often while one does not answer; three failures count.

    Another engine that comes up loads at once what it will be asked.
    """

    def __init__(self, wanted: EnrichmentSettings, report: Callable[[Component], None], clock: Clock) -> None:
        """Take the addresses, and where components are told."""
        self._wanted = wanted
        self._came, self._there = asyncio.Event(), False
        self._report = report
        self._clock = clock
        self._services = _asked(wanted)
        self._memory = {name: Hysteresis() for name in self._services}

    @property
    def names(self) -> frozenset[str]:
        """Components that it tells of."""
        return frozenset(self._services)

    @property
    def needed(self) -> bool:
        """Whether the settings name any service."""
        return bool(self._services)

    async def run(self, executor: Executor) -> None:
        """Ask for ever; the executor waits for answers."""
        while True:
            well = await self.look(executor)
            await self._clock.sleep(_EACH_S if well else _TROUBLED_S)

    async def look(self, executor: Executor) -> bool:
        """Ask each of them once and report; False unless all are well."""
        found = await asyncio.gather(*(self._component(name, ask, executor) for name, ask in self._services.items()))
        for component in found:
            self._report(component)
            if component.id == _ENRICHMENT:
                self._seen(there=component.state is ComponentState.HEALTHY)
        return all(component.state is ComponentState.HEALTHY for component in found)

    async def warm(self, executor: Executor) -> None:
        """Have it load models each time that it comes up, for ever."""
        while True:
            await self._came.wait()
            self._came.clear()
            try:
                async with asyncio.timeout(_WARM_S):
                    await asyncio.get_running_loop().run_in_executor(executor, self._warm_up)
            except TimeoutError:
                _LOGGER.warning("The enrichment service took too long to load its models")

    def _warm_up(self) -> None:
        if self._wanted.url:
            client = EnrichmentClient.at(self._wanted.url, token=self._wanted.token, limits=_ONE_TRY)
            warm_up(client, [known for about, known in _USUAL.items() if about not in self._wanted.off])

    def _seen(self, *, there: bool) -> None:
        if there and not self._there:
            self._came.set()
        self._there = there

    async def _component(self, name: str, ask: Ask, executor: Executor) -> Component:
        trouble = await _trouble(ask, executor)
        up = self._memory[name].seen(ok=trouble is None)
        if trouble is None and up:
            return Component(id=name, state=ComponentState.HEALTHY)
        return Component(
            id=name,
            state=ComponentState.DEGRADED if up else ComponentState.UNHEALTHY,
            reason=trouble or "it answers again",
            fix="Start the service, or correct its address in the settings.",
        )


def services_part(watch: ServiceWatch, executor: Executor) -> PartPlan:
    """Give the job that watches services."""
    return PartPlan(
        id="services",
        jobs={"services": partial(watch.run, executor), "served models": partial(watch.warm, executor)},
        rank=Rank.OPTIONAL,
        describe=lambda: None,
    )


async def _trouble(ask: Ask, executor: Executor) -> str | None:
    try:
        async with asyncio.timeout(_LIMIT_S):
            said = await asyncio.get_running_loop().run_in_executor(executor, ask)
    except StageError as err:
        return err.reason
    except TimeoutError:
        return f"it gave no answer within {_LIMIT_S:g} s"
    state = said.get("status")
    return f"it says that it is {state[:40]}" if isinstance(state, str) and state.lower() not in _WELL else None


def _asked(wanted: EnrichmentSettings) -> dict[str, Ask]:
    asked: dict[str, Ask] = {}
    if wanted.url:
        enrichment = EnrichmentClient.at(wanted.url, token=wanted.token)
        asked[_ENRICHMENT] = partial(EnrichmentClient.health, enrichment)
    if wanted.clip_url:
        clip = CLIPClient.at(wanted.clip_url, token=wanted.clip_token)
        asked["clip_service"] = partial(CLIPClient.health, clip)
    if wanted.florence_url:
        florence = FlorenceClient.at(wanted.florence_url, token=wanted.florence_token)
        asked["florence_service"] = partial(FlorenceClient.health, florence)
    return asked
