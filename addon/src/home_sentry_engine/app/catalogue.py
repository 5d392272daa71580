"""The API's reads of what is stored."""

from home_sentry_engine.contract import Camera, Detection, Enrichment, Event, Media, RejectedFile
from home_sentry_engine.storage.database import Connection, Database
from home_sentry_engine.storage.query import DetectionQuery, EventQuery, MediaQuery, Page, SearchQuery
from home_sentry_engine.storage.repositories.media import RejectionQuery, StoredMedia
from home_sentry_engine.storage.repositories.search import Search
from home_sentry_engine.storage.search import parse

from .properties import at_property
from .tables import Tables


class StoredCatalogue:
    """``api.ports.Catalogue`` over the repositories."""

    def __init__(self, database: Database, tables: Tables) -> None:
        """Take the rows."""
        self._database = database
        self._tables = tables
        self._search = Search(tables.events)

    async def cameras(self) -> tuple[Camera, ...]:
        """Give every camera, by name."""
        found = await self._database.read(self._tables.cameras.all)
        return tuple(sorted(found, key=lambda camera: camera.name.casefold()))

    async def camera(self, camera_id: str) -> Camera | None:
        """Give one camera."""
        return await self._database.read(lambda conn: self._tables.cameras.get(conn, camera_id))

    async def media(self, media_id: str) -> Media | None:
        """Give one media file."""
        stored = await self._database.read(lambda conn: self._tables.media.get(conn, media_id))
        return _to_record(stored) if stored is not None else None

    async def media_page(self, query: MediaQuery) -> Page[Media]:
        """Give a page of media files, newest first."""
        page = await self._database.read(lambda conn: self._tables.media.page(conn, query))
        items = tuple(_to_record(stored) for stored in page.items)
        return Page(items=items, next_cursor=page.next_cursor, total=page.total)

    async def rejections_page(self, query: RejectionQuery) -> Page[RejectedFile]:
        """Give a page of refused files, newest first."""
        page = await self._database.read(lambda conn: self._tables.media.rejected(conn, query))
        items = tuple(
            RejectedFile(
                id=one.id,
                at=one.at,
                camera_id=one.camera_id,
                name=one.name,
                reason=one.reason,
                detail=one.detail,
                sha256=one.sha256,
            )
            for one in page.items
        )
        return Page(items=items, next_cursor=page.next_cursor, total=page.total)

    async def detections_page(self, query: DetectionQuery) -> Page[Detection]:
        """Give a page of detections, newest first."""
        return await self._database.read(lambda conn: self._tables.detections.page(conn, query))

    async def event(self, event_id: str) -> Event | None:
        """Give one event."""
        return await self._database.read(lambda conn: self._tables.events.get(conn, event_id))

    async def events_page(self, query: EventQuery) -> Page[Event]:
        """Give a page of events, newest first; raises ``NotFound`` for a property that there is not."""
        tables = self._tables
        return await self._database.read(lambda conn: tables.events.page(conn, at_property(conn, tables, query)))

    async def search(self, query: SearchQuery) -> Page[Event]:
        """Find events by words; raises ``MalformedSearch``, or ``NotFound`` for a property that there is not."""

        def work(conn: Connection) -> Page[Event]:
            wanted = at_property(conn, self._tables, query)
            if wanted.within == ():
                parse(wanted.text)
                return Page(items=(), total=0 if query.with_total else None)
            return self._search.page(conn, wanted)

        return await self._database.read(work)

    async def enrichment(self, event_id: str) -> Enrichment | None:
        """Give what models found in the pictures of one event."""
        return await self._database.read(lambda conn: self._tables.enrichments.of(conn, event_id))

    async def event_detections(self, event_id: str) -> tuple[Detection, ...]:
        """Give all detections of one event."""
        return await self._database.read(lambda conn: self._tables.detections.of_event(conn, event_id))


def _to_record(stored: StoredMedia) -> Media:
    media = stored.media
    return Media(
        id=media.media_id,
        camera_id=media.camera_id,
        kind=media.kind,
        state=stored.state,
        sha256=media.sha256,
        size_bytes=media.size_bytes,
        width=media.width,
        height=media.height,
        duration_s=media.duration_s,
        mime=media.mime,
        codec=media.codec,
        captured_at=media.captured_at,
        received_at=media.received_at,
        error=stored.error,
    )
