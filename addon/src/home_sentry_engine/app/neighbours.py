"""How the engines of a household know of each other's health: each tells of itself, the one with the API shows it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
import logging
from typing import Final

from home_sentry_engine.broker.pubsub import Bus, SubscriberLagged
from home_sentry_engine.contract import Component, ComponentState, decode, encode
from home_sentry_engine.contract.errors import InvalidRequest
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.operations.health import HealthBoard
from home_sentry_engine.resilience.supervise import Job

_LOGGER = logging.getLogger(__name__)
_TOPIC: Final = "health"
_EVERY_S: Final = 5.0
_SILENT_S: Final = 20.0
_RETRY_S: Final = 1.0

# role -> the components that speak for it, the first of them even while no engine has it
_SPEAKERS: Final = {
    "ingest": ("ingest",),
    "detect": ("detector", "detect_workers"),
    "assess": ("assess_workers", "timers", "llm"),
}
_BEST_FIRST: Final = (
    ComponentState.HEALTHY,
    ComponentState.DEGRADED,
    ComponentState.STARTING,
    ComponentState.UNHEALTHY,
    ComponentState.FAILED,
    ComponentState.DISABLED,
    ComponentState.UNKNOWN,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """What an engine tells of itself."""

    node: str
    roles: tuple[str, ...]
    components: tuple[Component, ...]


@dataclass(slots=True, kw_only=True)
class Neighbours:
    """Tells of this engine every five seconds; with the role ``api`` it shows the roles that others play.

    Of several engines with one role the one that does best speaks for it. A role that nobody was heard of for twenty
    seconds is shown as broken: pictures wait for it.
    """

    node: str
    roles: frozenset[str]
    board: HealthBoard
    clock: Clock
    bus: Bus
    _heard: dict[str, tuple[float, Word]] = field(default_factory=dict)
    _shown: set[str] = field(default_factory=set)

    @property
    def remote(self) -> frozenset[str]:
        """Components that this engine only shows, because others have the role."""
        if "api" not in self.roles:
            return frozenset()
        return frozenset(one for role in _SPEAKERS.keys() - self.roles for one in _SPEAKERS[role])

    def jobs(self) -> dict[str, Job]:
        """Give what has to run."""
        jobs: dict[str, Job] = {"health to others": self.tell}
        if "api" in self.roles:
            jobs |= {"health of others": self.hear, "roles of others": self.watch}
        return jobs

    async def tell(self) -> None:
        """Tell of this engine until cancelled."""
        while True:
            word = Word(node=self.node, roles=tuple(sorted(self.roles)), components=self.board.components())
            try:
                await self.bus.publish(_TOPIC, encode(word))
            except ConnectionError as err:
                _LOGGER.debug("Other engines are not told of this one: %s", err)
            await self.clock.sleep(_EVERY_S)

    async def hear(self) -> None:
        """Take in what others tell until cancelled."""
        while True:
            try:
                async with self.bus.subscribe(_TOPIC) as messages:
                    await self._take_in(messages)
            except (ConnectionError, SubscriberLagged) as err:
                _LOGGER.debug("Other engines are not heard: %s", err)
                await self.clock.sleep(_RETRY_S)

    async def watch(self) -> None:
        """Show the roles that others play until cancelled."""
        began = self.clock.monotonic()
        while True:
            self.review(patient=self.clock.monotonic() - began < _SILENT_S)
            await self.clock.sleep(_EVERY_S)

    def review(self, *, patient: bool) -> None:
        """Bring the board up to date; ``patient`` while nobody can have been heard yet."""
        now = self.clock.monotonic()
        # a container that is made anew has another name
        for node in [node for node, (at, _) in self._heard.items() if now - at >= _SILENT_S]:
            del self._heard[node]
        fresh = [word for _, word in self._heard.values()]
        for role in _SPEAKERS.keys() - self.roles:
            players = [word for word in fresh if role in word.roles]
            if players:
                self._show(role, players)
            else:
                self._miss(role, patient=patient)

    async def _take_in(self, messages: AsyncIterator[bytes]) -> None:
        async for message in messages:
            try:
                word = decode(Word, message)
            except InvalidRequest as err:
                _LOGGER.info("Another engine tells what this version does not understand: %s", err)
                continue
            if word.node != self.node:
                self._heard[word.node] = self.clock.monotonic(), word

    def _show(self, role: str, players: list[Word]) -> None:
        for speaker in _SPEAKERS[role]:
            told = [one for word in players for one in word.components if one.id == speaker]
            if told:
                best = min(told, key=lambda one: _BEST_FIRST.index(one.state))
                self.board.report(replace(best, details={**best.details, "engines": len(told)}))
                self._shown.add(speaker)

    def _miss(self, role: str, *, patient: bool) -> None:
        first, *others = _SPEAKERS[role]
        state = ComponentState.STARTING if patient else ComponentState.UNHEALTHY
        reason = f"no engine with the role {role} was heard of {'yet' if patient else f'for {_SILENT_S:g} s'}"
        fix = f"start the engine with the role {role}, or give the role to another one"
        for speaker in (first, *(other for other in others if other in self._shown)):
            self.board.report(Component(id=speaker, state=state, reason=reason, fix=fix))
