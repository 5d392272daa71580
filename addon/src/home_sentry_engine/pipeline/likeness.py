"""Likeness: how much the persons in the pictures of one visit look like each other, for their association."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
import logging
from typing import Any, Final

import numpy as np

from home_sentry_engine.context.association import Appearance
from home_sentry_engine.context.tracks import Look
from home_sentry_engine.domain.embedded import Embedded
from home_sentry_engine.domain.errors import StageError

from .identity_ports import Appearances

_LOGGER = logging.getLogger(__name__)

# models differ in their scales: each one's own threshold for the same person stands here on that of the rules
_SAME: Final = 0.7


@dataclass(frozen=True, slots=True, kw_only=True)
class LikenessRules:
    """Limits: how many ``looks`` are compared, their smallest sides in pixels, and ``timeout_s`` for all of them."""

    looks: int = 48
    least_width: int = 12
    least_height: int = 32
    timeout_s: float = 5.0


class Likeness:
    """Compares looks at persons; whoever it cannot compare is told from others by boxes alone."""

    def __init__(self, eyes: Appearances, rules: LikenessRules | None = None) -> None:
        """Take what makes vectors, and the limits."""
        self._eyes = eyes
        self._rules = rules or LikenessRules()

    async def among(self, shown: Iterable[tuple[Look, Any]]) -> Appearance | None:
        """Look at persons in pictures (RGB); None where nothing can be compared. Never raises for what a model does."""
        rules = self._rules
        fitting = [(look, picture) for look, picture in shown if self._is_large(look)][: rules.looks]
        if len({look.at for look, _ in fitting}) < 2:
            return None
        seen: dict[Look, Embedded] = {}
        try:
            async with asyncio.timeout(rules.timeout_s):
                for look, picture in fitting:
                    seen[look] = await self._eyes.embed("person", [(picture, look.detection.box)])
        except StageError as err:
            _LOGGER.debug("Persons are told apart without their looks: %s", err.reason)
        except TimeoutError:
            _LOGGER.warning("Persons are told apart without all of their looks: it took too long")
        return _appearance(seen) if len(seen) > 1 else None

    def _is_large(self, look: Look) -> bool:
        box = look.detection.box
        return box.width >= self._rules.least_width and box.height >= self._rules.least_height


def _appearance(seen: dict[Look, Embedded]) -> Appearance:
    def alike(one: Look, other: Look) -> float | None:
        mine, theirs = seen.get(one), seen.get(other)
        if mine is None or theirs is None or mine.model_id != theirs.model_id:
            return None
        apart = 1.0 - float(np.dot(mine.vector, theirs.vector))
        return 1.0 - apart * (1.0 - _SAME) / max(1.0 - mine.same_above, 1e-6)

    return alike
