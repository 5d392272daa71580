"""Models that a test directs: each card answers with a stand-in for its task, fails, or is off."""

from collections.abc import Callable
from typing import Any

from home_sentry_engine.vision.models import NotSwitchedOn
from home_sentry_engine.vision.session import Cancel


class Shelf:
    """``Models`` over stand-ins; a card that the test did not name is off. ``asked`` keeps who was asked, in order."""

    def __init__(self, **stands_in: Any) -> None:
        self.cards = {name.replace("_", "-"): one for name, one in stands_in.items()}
        self.asked: list[str] = []

    async def use(
        self,
        model_id: str,
        kind: type[Any],
        work: Callable[[Any, Cancel], Any],
        *,
        priority: int = 0,
        timeout_s: float | None = None,
    ) -> Any:
        if model_id not in self.cards:
            raise NotSwitchedOn(f"{model_id} is off until somebody switches it on", code="off")
        self.asked.append(model_id)
        stand_in = self.cards[model_id]
        if isinstance(stand_in, Exception):
            raise stand_in
        return await stand_in(work) if callable(stand_in) else work(stand_in, Cancel())
