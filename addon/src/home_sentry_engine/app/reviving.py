"""The engine as a part of itself: who begins it anew when somebody asks for that."""

from dataclasses import dataclass

import aiohttp

from home_sentry_engine.api.supervisor import URL, SupervisorDiscovery
from home_sentry_engine.contract import RestartStrategy
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.operations.rebirth import COMPONENT, ByItself, ContainerService, Rebirth, Way
from home_sentry_engine.operations.registry import PartPlan

from .ground import Ground


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisedApp:
    """An app of Home Assistant, restarted by its Supervisor."""

    token: str
    clock: Clock
    url: str
    strategy: RestartStrategy = RestartStrategy.APP

    async def go(self) -> None:
        """Ask the Supervisor; raises ``StageError`` where it refuses or gives no answer."""
        async with aiohttp.ClientSession() as session:
            await SupervisorDiscovery(session, self.token, self.clock, self.url).restart_app()


def engine_part(ground: Ground) -> PartPlan:
    """Give the part of the whole engine."""
    rebirth = Rebirth(way_of(ground, ContainerService()), ground.clock)
    return PartPlan(
        id=COMPONENT,
        jobs={"engine": rebirth.run},
        fixed=True,
        describe=rebirth.describe,
        strategy=rebirth.way.strategy,
        instead=rebirth.ask,
    )


def way_of(ground: Ground, service: ContainerService) -> Way:
    """Choose who begins this engine anew: the Supervisor, else s6, else the engine itself."""
    if ground.around.supervisor_token is not None:
        return SupervisedApp(token=ground.around.supervisor_token, clock=ground.clock, url=URL)
    return service if service.there else ByItself(ground.wellbeing.begin_anew)
