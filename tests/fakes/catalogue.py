"""Reads of what is stored, over dictionaries and lists."""

from collections.abc import Iterable
from typing import Protocol

from home_sentry_engine.contract import Camera, Detection, Enrichment, Event, Media, RejectedFile
from home_sentry_engine.storage.errors import InvalidCursor
from home_sentry_engine.storage.query import (
    DetectionQuery,
    EventQuery,
    MediaQuery,
    Page,
    PageQuery,
    SearchQuery,
)
from home_sentry_engine.storage.repositories.media import RejectionQuery
from home_sentry_engine.storage.search import parse
from home_sentry_engine.storage.words import words_of
from tests.fakes.searching import fits


class Store(Protocol):
    """What is read."""

    cameras: dict[str, Camera]
    media_files: dict[str, Media]
    refused: list[RejectedFile]
    detections: list[Detection]
    events: dict[str, Event]
    enrichments: dict[str, Enrichment]

    async def pause(self) -> None: ...


def _seen[T: (Event, Media, Detection, RejectedFile)](items: Iterable[T], query: PageQuery) -> list[T]:
    found = [one for one in items if query.camera_id in {None, one.camera_id}]
    return found if query.within is None else [one for one in found if one.camera_id in query.within]


def _page[T](items: list[T], query: PageQuery) -> Page[T]:
    try:
        first = int(query.cursor) if query.cursor else 0
    except ValueError as err:
        raise InvalidCursor("the cursor is not valid") from err
    if not 0 <= first <= len(items):
        raise InvalidCursor("the cursor is not valid")
    end = first + query.limit
    return Page(
        items=tuple(items[first:end]),
        next_cursor=str(end) if end < len(items) else None,
        total=len(items) if query.with_total else None,
    )


class FakeCatalogue:
    """Reads what an engine in memory has."""

    def __init__(self, engine: Store) -> None:
        self._engine = engine

    async def cameras(self) -> tuple[Camera, ...]:
        await self._engine.pause()
        return tuple(self._engine.cameras.values())

    async def camera(self, camera_id: str) -> Camera | None:
        await self._engine.pause()
        return self._engine.cameras.get(camera_id)

    async def media(self, media_id: str) -> Media | None:
        await self._engine.pause()
        return self._engine.media_files.get(media_id)

    async def media_page(self, query: MediaQuery) -> Page[Media]:
        await self._engine.pause()
        return _page(_seen(self._engine.media_files.values(), query), query)

    async def rejections_page(self, query: RejectionQuery) -> Page[RejectedFile]:
        await self._engine.pause()
        found = [one for one in _seen(self._engine.refused, query) if query.reason in {None, one.reason}]
        return _page(found, query)

    async def detections_page(self, query: DetectionQuery) -> Page[Detection]:
        await self._engine.pause()
        return _page(_seen(self._engine.detections, query), query)

    async def event(self, event_id: str) -> Event | None:
        await self._engine.pause()
        return self._engine.events.get(event_id)

    async def events_page(self, query: EventQuery) -> Page[Event]:
        await self._engine.pause()
        found = [one for one in _seen(self._engine.events.values(), query) if query.level in {None, one.risk_level}]
        found = [one for one in found if query.reviewed in {None, one.reviewed}]
        return _page(sorted(found, key=lambda one: one.started_at, reverse=True), query)

    async def search(self, query: SearchQuery) -> Page[Event]:
        await self._engine.pause()
        tree = parse(query.text)
        found = [one for one in _seen(self._engine.events.values(), query) if fits(tree, words_of(one.summary))]
        found = [one for one in found if query.level in {None, one.risk_level}]
        return _page(sorted(found, key=lambda one: one.started_at, reverse=True), query)

    async def enrichment(self, event_id: str) -> Enrichment | None:
        await self._engine.pause()
        return self._engine.enrichments.get(event_id)

    async def event_detections(self, event_id: str) -> tuple[Detection, ...]:
        await self._engine.pause()
        return tuple(self._engine.detections) if event_id == "e1" else ()
