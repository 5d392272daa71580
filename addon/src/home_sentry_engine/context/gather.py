"""Gather: all legs of a scene look at the same time, each with a deadline; what fails is absent with its reason."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
import logging

from home_sentry_engine.domain.errors import StageError
from home_sentry_engine.domain.messages import Absent, Scene

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg[Seen = Scene]:
    """One source of what is told of a scene: gives JSON values, or ``Absent``; a ``StageError`` is an absence too."""

    name: str
    look: Callable[[Seen], Awaitable[object | Absent]]
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
        found = await all_looked(self._legs, scene, event_id=scene.batch.event_id)
        kept = {name: value for name, value in found.items() if name not in scene.legs or not isinstance(value, Absent)}
        return replace(scene, legs={**scene.legs, **kept})


async def all_looked[Seen](legs: Iterable[Leg[Seen]], seen: Seen, *, event_id: str) -> Mapping[str, object | Absent]:
    """Let legs look at the same time; gives by name what each found, or why nothing, and never raises for a leg."""
    async with asyncio.TaskGroup() as group:
        tasks = {leg.name: group.create_task(_looked(leg, seen, event_id), name=f"leg {leg.name}") for leg in legs}
    return {name: task.result() for name, task in tasks.items()}


async def _looked[Seen](leg: Leg[Seen], seen: Seen, event_id: str) -> object | Absent:
    extra = {"event_id": event_id, "leg": leg.name}
    try:
        async with asyncio.timeout(leg.deadline_s):
            return await leg.look(seen)
    except StageError as err:
        return Absent(reason=err.reason)
    except TimeoutError:
        _LOGGER.warning("The leg %s passed its deadline", leg.name, extra=extra)
        return Absent(reason=f"no answer within {leg.deadline_s:g} s")
    except Exception as err:
        _LOGGER.exception("The leg %s failed", leg.name, extra=extra)
        return Absent(reason=f"it failed ({type(err).__name__})")
