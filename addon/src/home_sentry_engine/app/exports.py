"""Exports: asked for over the API, made one after the other, kept for a week."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
import logging
from pathlib import Path
import shutil
from typing import Any, Final

from home_sentry_engine.api.summary_ports import ExportedFile, ExportWish
from home_sentry_engine.contract import Detection, Event, Export, ExportKind, ExportState, to_plain
from home_sentry_engine.contract.errors import Conflict, NotFound
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.errors import HomeSentryError, StageError, Unavailable
from home_sentry_engine.domain.identity import IdSource
from home_sentry_engine.operations.disk import DiskGuard
from home_sentry_engine.operations.evidence import EvidencePack
from home_sentry_engine.operations.export_files import ExportFile, digest, open_export
from home_sentry_engine.operations.export_rows import Discretion, document_of
from home_sentry_engine.storage.database import Connection, Database
from home_sentry_engine.storage.query import EventQuery, PageQuery

from .evidence import EvidenceChain
from .export_pictures import Blurring, ExportPictures, Originals, needs_blurring
from .properties import at_property
from .tables import Tables

_LOGGER = logging.getLogger(__name__)
KEPT: Final = timedelta(days=7)
MOST_OPEN: Final = 20
_LOOK_S: Final = 5.0
_AT_ONCE: Final = 100
_WITH_PICTURES: Final = frozenset({ExportKind.ZIP, ExportKind.EVIDENCE})
_NAMES: Final = {
    ExportKind.CSV: "events.csv",
    ExportKind.JSON: "events.json",
    ExportKind.ZIP: "export.zip",
    ExportKind.EVIDENCE: "evidence.zip",
}
_MIB: Final = 1024 * 1024


class TooMuch(HomeSentryError, ValueError):
    """What was asked for does not fit into one export, or not onto the disk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportLimits:
    """The most that one export holds, and what stays free on the disk above the guard's own limit."""

    events: int = 20_000
    events_with_pictures: int = 2_000
    size_bytes: int = 1024 * _MIB
    spare_bytes: int = 64 * _MIB


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportMeans:
    """Where exports lie, what draws their pictures, what watches the disk, and who does the writing.

    ``node`` names this engine; ``free`` tells what may still be written.
    """

    folder: Path
    node: str
    gallery: Originals
    shared: Blurring
    guard: DiskGuard
    free: Callable[[], int]
    executor: Executor
    limits: ExportLimits = ExportLimits()


class ExportDesk:
    """``api.summary_ports.Exports``; ``run`` makes what was asked for, also before the engine began anew."""

    def __init__(self, database: Database, tables: Tables, clock: Clock, ids: IdSource, means: ExportMeans) -> None:
        """Take the rows, the clock, new ids and the means."""
        self._database = database
        self._tables = tables
        self._rows = tables.exports
        self._clock = clock
        self._ids = ids
        self._means = means
        self._pictures = ExportPictures(database, tables, means.gallery, means.shared)
        self._chain = EvidenceChain(database, tables, clock)
        self._asked = asyncio.Event()

    async def create(self, wish: ExportWish) -> Export:
        """Queue an export; raises ``NotFound``, ``Conflict`` for too many, ``DiskFull`` or ``Unavailable``."""
        self._means.guard.admit()
        now = self._clock.steady()
        export = Export(
            id=self._ids(),
            kind=wish.kind,
            state=ExportState.QUEUED,
            filters=wish.filters,
            share=wish.share,
            created_at=now,
            expires_at=now + KEPT,
        )
        if needs_blurring(export):
            await self._means.shared.check()

        def work(conn: Connection) -> None:
            at_property(conn, self._tables, _query(export))
            if self._rows.open(conn) >= MOST_OPEN:
                raise Conflict(f"{MOST_OPEN} exports wait to be made already")
            self._rows.add(conn, export, self._means.node)

        await self._database.write(work)
        self._asked.set()
        return export

    async def all(self) -> tuple[Export, ...]:
        """Give all that are kept, newest first."""
        now = self._clock.steady()
        found = await self._database.read(self._rows.all)
        return tuple(one for one in found if one.expires_at > now)

    async def get(self, export_id: str) -> Export | None:
        """Give one."""
        found = await self._database.read(lambda conn: self._rows.get(conn, export_id))
        return found if found is not None and found.expires_at > self._clock.steady() else None

    async def file(self, export_id: str) -> ExportedFile:
        """Give the file; raises ``NotFound``, or ``Conflict`` while there is none or where another engine has it."""
        export = await self.get(export_id)
        if export is None:
            raise NotFound("there is no such export")
        if export.state is not ExportState.READY:
            raise Conflict(f"the export is {export.state.value}", details={"state": export.state.value})
        path = self._place(export)
        if not await asyncio.to_thread(path.is_file):
            node = await self._database.read(lambda conn: self._rows.node(conn, export_id))
            if node != self._means.node:
                raise Conflict("another engine made this export and has its file")
            raise NotFound("the file of this export is gone")
        name = f"home-sentry-{export.created_at:%Y%m%d-%H%M%S}-{path.name}"
        return ExportedFile(path=path, name=name)

    async def remove(self, export_id: str) -> bool:
        """Delete one with its file; False if there is none."""
        removed = await self._database.write(lambda conn: self._rows.remove(conn, export_id))
        if removed:
            await asyncio.to_thread(self._sweep, await self._known())
        return removed

    async def run(self) -> None:
        """Make what is asked for until cancelled; what was interrupted is begun anew, what nobody knows is deleted."""
        while True:
            self._asked.clear()
            await asyncio.to_thread(self._sweep, await self._known())
            while (
                export := await self._database.read(lambda conn: self._rows.next(conn, self._means.node))
            ) is not None:
                await self._make(export)
            try:
                async with asyncio.timeout(_LOOK_S * 60):
                    await self._asked.wait()
            except TimeoutError:
                continue

    async def _known(self) -> set[str]:
        return await self._database.read(lambda conn: self._rows.known(conn, self._means.node))

    def _sweep(self, known: set[str]) -> None:
        folder = self._means.folder
        for path in folder.iterdir() if folder.is_dir() else ():
            if path.name not in known:
                shutil.rmtree(path, ignore_errors=True)

    def _place(self, export: Export) -> Path:
        return self._means.folder / export.id / _NAMES[export.kind]

    async def _make(self, export: Export) -> None:
        running = replace(export, state=ExportState.RUNNING)
        await self._database.write(lambda conn: self._rows.save(conn, running))
        try:
            made = await self._written(running)
        except (HomeSentryError, OSError) as err:
            reason = (
                err.reason if isinstance(err, StageError) else str(err.strerror if isinstance(err, OSError) else err)
            )
            _LOGGER.warning("An export failed: %s", reason)
            await asyncio.to_thread(shutil.rmtree, self._means.folder / export.id, ignore_errors=True)
            made = replace(running, state=ExportState.FAILED, reason=reason, finished_at=self._clock.steady())
        if not await self._database.write(lambda conn: self._rows.save(conn, made)):
            await asyncio.to_thread(shutil.rmtree, self._means.folder / export.id, ignore_errors=True)

    async def _written(self, export: Export) -> Export:
        discretion = await self._discretion() if export.share else None
        file = await self._run(lambda: open_export(export.kind, self._means.folder / export.id))
        try:
            about = await self._filled(export, file, discretion)
            if isinstance(file, EvidencePack):
                link = await self._chain.append(export.id, await self._run(partial(file.seal, about)))
                about["chain"] = link.document()
            path = await self._run(lambda: file.close(about))
        finally:
            # after what the thread still does for a maker that was cancelled
            self._means.executor.submit(file.abandon)
        whole = await self._run(lambda: digest(path))
        if isinstance(file, EvidencePack):
            await self._chain.note_file(about["chain"]["number"], whole)
        return replace(
            export,
            state=ExportState.READY,
            size_bytes=await self._run(lambda: path.stat().st_size),
            sha256=whole,
            events=about["events"],
            pictures=about["pictures"],
            finished_at=self._clock.steady(),
        )

    async def _filled(self, export: Export, file: ExportFile, discretion: Discretion | None) -> dict[str, Any]:
        limits, with_pictures = self._means.limits, export.kind in _WITH_PICTURES
        most = limits.events_with_pictures if with_pictures else limits.events
        events = pictures = 0
        missing: list[str] = []
        async for event, detections in self._events(export):
            events += 1
            if events > most:
                raise TooMuch(f"there are more than {most} events: choose a shorter time")
            document = document_of(event, detections, discretion)
            await self._run(partial(file.add, document))
            if with_pictures:
                drawn, gone = await self._drawn(export, event, detections, file)
                pictures, missing = pictures + drawn, missing + gone
            await self._check_room(file)
        return {
            "pack": export.id,
            "made_at": self._clock.steady().isoformat(),
            "filters": to_plain(export.filters),
            "for_others": export.share,
            "events": events,
            "pictures": pictures,
            "pictures_that_are_gone": missing,
        }

    async def _discretion(self) -> Discretion:
        def work(conn: Connection) -> list[str]:
            vehicles = self._tables.household.vehicles(conn)
            names = [member.name for member in self._tables.household.members(conn)]
            names += [vehicle.name for vehicle in vehicles]
            names += [one.plate for one in vehicles if one.plate]
            return names + [read.plate for read in self._tables.plates.page(conn, PageQuery(limit=1000)).items]

        return Discretion(await self._database.read(work))

    async def _events(self, export: Export) -> AsyncIterator[tuple[Event, tuple[Detection, ...]]]:
        query = replace(_query(export), limit=_AT_ONCE)
        while True:
            page, found = await self._database.read(partial(self._page, query=query))
            for event, detections in found:
                yield event, detections
            if page is None:
                return
            query = replace(query, cursor=page)

    def _page(
        self, conn: Connection, query: EventQuery
    ) -> tuple[str | None, list[tuple[Event, tuple[Detection, ...]]]]:
        page = self._tables.events.page(conn, at_property(conn, self._tables, query))
        found = [(event, self._tables.detections.of_event(conn, event.event_id)) for event in page.items]
        return page.next_cursor, found

    async def _drawn(
        self, export: Export, event: Event, detections: Sequence[Detection], file: ExportFile
    ) -> tuple[int, list[str]]:
        drawn, gone = 0, []
        for shown in await self._pictures.of(event, detections):
            try:
                found = await self._pictures.draw(export, shown)
            except Unavailable:
                raise
            except StageError as err:
                _LOGGER.info("An export goes without a picture: %s", err.reason, extra={"event_id": event.event_id})
                gone.append(shown.name)
                continue
            for name, jpeg in found:
                await self._run(partial(file.picture, name, jpeg))
            drawn += 1
        return drawn, gone

    async def _check_room(self, file: ExportFile) -> None:
        means = self._means
        size, free = await self._run(lambda: (file.size(), means.free()))
        if size > means.limits.size_bytes:
            raise TooMuch(f"the export is larger than {means.limits.size_bytes // _MIB} MiB: choose a shorter time")
        if means.guard.paused is not None or free < means.guard.limits.stop_bytes + means.limits.spare_bytes:
            raise TooMuch("there is too little room on the disk for an export")

    async def _run[T](self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._means.executor, work)


def _query(export: Export) -> EventQuery:
    filters = export.filters
    return EventQuery(
        since=filters.since,
        until=filters.until,
        camera_id=filters.camera_id,
        level=filters.level,
        object_type=filters.object_type,
        property_id=filters.property_id,
        event_id=filters.event_id,
    )
