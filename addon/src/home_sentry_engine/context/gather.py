"""Gather: all legs of a scene look at the same time, each with a deadline; what fails is absent with its reason."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
import logging

from home_sentry_engine.domain.errors import StageError
from home_sentry_engine.domain.messages import Absent, Scene

_LOGGER = logging.getLogger(__name__)

type LookAround = Callable[[Scene], Awaitable[object | Absent]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One source of context: gives JSON values, or ``Absent``; a ``StageError`` is an absence too."""

    name: str
    look: LookAround
    deadline_s: float = 5.0


class Gather:
    """Adds legs to scenes; never raises for what a leg does, and never takes longer than the longest deadline."""

    def __init__(self, legs: Iterable[Leg]) -> None:
        """Take the legs; raises ``ValueError`` for two of one name."""
        self._legs = tuple(legs)
        if len({leg.name for leg in self._legs}) != len(self._legs):
            raise ValueError("two legs have the same name")

    async def __call__(self, scene: Scene) -> Scene:
        """Give the scene with what every leg found; legs that it has already are kept where nothing was found."""
        if not self._legs:
            return scene
        async with asyncio.TaskGroup() as group:
            tasks = {leg.name: group.create_task(_looked(leg, scene), name=f"leg {leg.name}") for leg in self._legs}
        found = {name: task.result() for name, task in tasks.items()}
        kept = {name: value for name, value in found.items() if name not in scene.legs or not isinstance(value, Absent)}
        return replace(scene, legs={**scene.legs, **kept})


async def _looked(leg: Leg, scene: Scene) -> object | Absent:
    extra = {"event_id": scene.batch.event_id, "leg": leg.name}
    try:
        async with asyncio.timeout(leg.deadline_s):
            return await leg.look(scene)
    except TimeoutError:
        _LOGGER.warning("The leg %s passed its deadline", leg.name, extra=extra)
        return Absent(reason=f"no answer within {leg.deadline_s:g} s")
    except StageError as err:
        return Absent(reason=err.reason)
    except Exception as err:
        _LOGGER.exception("The leg %s failed", leg.name, extra=extra)
        return Absent(reason=f"it failed ({type(err).__name__})")
