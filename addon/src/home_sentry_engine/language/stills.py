"""The pictures of a visit, as a model that sees is shown them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from home_sentry_engine.domain.messages import Scene

from .backends.base import Picture


@dataclass(frozen=True, slots=True, kw_only=True)
class Still:
    """One picture with its file and its time; masks are burned in, metadata are gone."""

    media_id: str
    at: datetime
    picture: Picture


@dataclass(frozen=True, slots=True, kw_only=True)
class Stills:
    """The best pictures of a visit in the order of time; ``trouble`` says why some or all could not be had."""

    stills: tuple[Still, ...]
    trouble: str | None = None


type Show = Callable[[Scene, int], Awaitable[Stills]]
