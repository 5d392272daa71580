"""What the API asks of the engine about looking back: summaries, exports, properties; ``app`` implements it."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from home_sentry_engine.contract import Export, ExportFilters, ExportKind, Property, Summary
from home_sentry_engine.storage.query import Page
from home_sentry_engine.storage.repositories.summaries import SummaryQuery


class Summaries(Protocol):
    """What happened in a time."""

    async def page(self, query: SummaryQuery) -> Page[Summary]:
        """Give a page of summaries, the newest first."""
        ...

    async def get(self, summary_id: str) -> Summary | None:
        """Give one."""
        ...

    async def make(self, since: datetime, until: datetime, property_id: str | None) -> Summary:
        """Write about any time, which may take a minute; raises ``Unprocessable``, or ``NotFound`` for a property."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportWish:
    """What is to be exported; with ``share`` it is for others."""

    kind: ExportKind
    filters: ExportFilters
    share: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedFile:
    """A file that is ready; it lies outside of what the API serves by itself."""

    path: Path
    name: str


class Exports(Protocol):
    """Files with stored events, made in the background."""

    async def create(self, wish: ExportWish) -> Export:
        """Queue an export; raises ``NotFound`` for a property, ``Conflict`` for too many or a ``StageError``."""
        ...

    async def all(self) -> tuple[Export, ...]:
        """Give all that are kept, newest first."""
        ...

    async def get(self, export_id: str) -> Export | None:
        """Give one."""
        ...

    async def file(self, export_id: str) -> ExportedFile:
        """Give the file; raises ``NotFound``, or ``Conflict`` while there is none or where another engine has it."""
        ...

    async def remove(self, export_id: str) -> bool:
        """Delete one with its file; False if there is none."""
        ...


class Properties(Protocol):
    """Groups of cameras."""

    async def all(self) -> tuple[Property, ...]:
        """Give all, by name."""
        ...

    async def put(self, wanted: Property) -> Property:
        """Store one in the place of the former one; raises ``Unprocessable`` for a camera that there is not."""
        ...

    async def remove(self, property_id: str) -> bool:
        """Delete one, its cameras stay; False if there is none."""
        ...
