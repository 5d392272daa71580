"""Summaries, exports and properties over dictionaries."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
import tempfile
from typing import Any

from home_sentry_engine.api.summary_ports import ExportedFile, ExportWish
from home_sentry_engine.contract import (
    AnalysisReason,
    Camera,
    Export,
    ExportFilters,
    ExportKind,
    ExportState,
    Property,
    Summary,
    SummaryPeriod,
    SummarySource,
)
from home_sentry_engine.contract.errors import Conflict, NotFound, Unprocessable
from home_sentry_engine.storage.query import Page
from home_sentry_engine.storage.repositories.summaries import SummaryQuery
from tests.fakes.clock import START

type Pause = Callable[[], Awaitable[None]]


def summary(summary_id: str = "s1", since: datetime = START, until: datetime | None = None) -> Summary:
    return Summary(
        id=summary_id,
        period=SummaryPeriod.CUSTOM,
        since=since,
        until=until or since + timedelta(hours=1),
        made_at=START,
        text="All clear.",
        language="en",
        source=SummarySource.RULES,
        reason=AnalysisReason.DISABLED,
        all_clear=True,
        looked=3,
        by_level={"low": 1},
    )


class FakeSummaries:
    def __init__(self, pause: Pause) -> None:
        self._pause = pause
        self.kept = {"s1": summary()}
        self.asked: list[tuple[datetime, datetime, str | None]] = []

    async def page(self, query: SummaryQuery) -> Page[Summary]:
        await self._pause()
        found = [one for one in self.kept.values() if query.period in {None, one.period}]
        return Page(items=tuple(found[: query.limit]), total=len(found) if query.with_total else None)

    async def get(self, summary_id: str) -> Summary | None:
        await self._pause()
        return self.kept.get(summary_id)

    async def make(self, since: datetime, until: datetime, property_id: str | None) -> Summary:
        await self._pause()
        self.asked.append((since, until, property_id))
        if until <= since:
            raise Unprocessable("'until' has to be after 'since'")
        made = summary(f"s{len(self.kept) + 1}", since, until)
        self.kept[made.id] = made
        return made


class FakeExports:
    """``x1`` is ready with a small file; whatever is created waits for ever."""

    def __init__(self, pause: Pause) -> None:
        self._pause = pause
        self._folder = Path(tempfile.mkdtemp(prefix="home-sentry-exports-"))
        self.kept: dict[str, Export] = {}
        self.seed()

    def seed(self) -> None:
        (self._folder / "x1.csv").write_bytes(b"event_id\ne1\n")
        self.kept["x1"] = Export(
            id="x1",
            kind=ExportKind.CSV,
            state=ExportState.READY,
            filters=ExportFilters(),
            created_at=START,
            expires_at=START + timedelta(days=7),
        )

    async def create(self, wish: ExportWish) -> Export:
        await self._pause()
        number = len(self.kept) + 1
        made = Export(
            id=f"x{number}",
            kind=wish.kind,
            state=ExportState.QUEUED,
            filters=wish.filters,
            share=wish.share,
            created_at=START,
            expires_at=START + timedelta(days=7),
        )
        self.kept[made.id] = made
        return made

    async def all(self) -> tuple[Export, ...]:
        await self._pause()
        return tuple(self.kept.values())

    async def get(self, export_id: str) -> Export | None:
        await self._pause()
        return self.kept.get(export_id)

    async def file(self, export_id: str) -> ExportedFile:
        await self._pause()
        found = self.kept.get(export_id)
        if found is None:
            raise NotFound("there is no such export")
        if found.state is not ExportState.READY:
            raise Conflict("the export is queued")
        return ExportedFile(path=self._folder / "x1.csv", name="home-sentry.csv")

    async def remove(self, export_id: str) -> bool:
        await self._pause()
        return self.kept.pop(export_id, None) is not None


class FakeProperties:
    def __init__(self, pause: Pause, cameras: dict[str, Camera]) -> None:
        self._pause, self._cameras = pause, cameras
        self.kept: dict[str, Property] = {}
        self.seed()

    def seed(self) -> None:
        self.kept["cabin"] = Property(id="cabin", name="Cabin", camera_ids=("front_door",))

    async def all(self) -> tuple[Property, ...]:
        await self._pause()
        return tuple(self.kept.values())

    async def put(self, wanted: Property) -> Property:
        await self._pause()
        if not set(wanted.camera_ids) <= self._cameras.keys():
            raise Unprocessable("there is no such camera")
        self.kept[wanted.id] = wanted
        return wanted

    async def remove(self, property_id: str) -> bool:
        await self._pause()
        return self.kept.pop(property_id, None) is not None


class LookingBack:
    """The three together; ``ports`` gives them by the names that the API knows them by."""

    def __init__(self, pause: Pause, cameras: dict[str, Camera]) -> None:
        self.summaries = FakeSummaries(pause)
        self.exports = FakeExports(pause)
        self.properties = FakeProperties(pause, cameras)

    def seed(self) -> None:
        """Have one export and one property again, so that every route can be tried."""
        self.exports.seed()
        self.properties.seed()

    def ports(self) -> dict[str, Any]:
        return {"summaries": self.summaries, "exports": self.exports, "properties": self.properties}
