"""Events: list, one, pictures, detections, review."""

from typing import Any, Final

from aiohttp import web

from home_sentry_engine.api.bodies import BodyReader
from home_sentry_engine.api.details import detail_of, detailed
from home_sentry_engine.api.fields import EVENT_ID, Field, Kind
from home_sentry_engine.api.limits import LimitClass
from home_sentry_engine.api.pictures import PictureShelf
from home_sentry_engine.api.ports import Catalogue, Pictures
from home_sentry_engine.api.routing import Answer, Call, JsonBody, Route
from home_sentry_engine.api.triage_fields import REVIEW_FIELDS, review_of
from home_sentry_engine.api.triage_ports import Triage
from home_sentry_engine.contract import DetectionDetailPage, Event, EventDetail, EventPage, RiskLevel
from home_sentry_engine.contract.errors import NotFound, TooLarge, Unprocessable, UnsupportedType
from home_sentry_engine.storage.query import EventQuery

from .replies import PAGE_FIELDS, json_reply, page_arguments

EVENT_FILTERS: Final = (
    *PAGE_FIELDS,
    Field(name="level", words=("low", "medium", "high", "critical"), text="Only of this level"),
    Field(name="object", longest=64, text="Only events that show this class, such as person"),
    Field(name="reviewed", kind=Kind.FLAG, text="Only reviewed, or only unreviewed ones"),
    Field(name="flagged", kind=Kind.FLAG, text="Only flagged, or only other ones"),
    Field(name="favourite", kind=Kind.FLAG, text="Only favourites, or only other ones"),
    Field(name="ongoing", kind=Kind.FLAG, text="Only those that go on, or only ended ones"),
    Field(name="property", pattern=r"^[a-z0-9_-]{1,64}$", text="Only cameras of this property"),
)


def event_query(values: dict[str, Any]) -> EventQuery:
    """Make the query from the checked values of ``EVENT_FILTERS``."""
    return EventQuery(**event_arguments(values))


def event_arguments(values: dict[str, Any]) -> dict[str, Any]:
    """Translate the values of ``EVENT_FILTERS`` to the arguments of an ``EventQuery``."""
    return page_arguments(values) | {
        "level": RiskLevel(values["level"]) if values["level"] else None,
        "object_type": values["object"],
        "reviewed": values["reviewed"],
        "ongoing": values["ongoing"],
        "flagged": values["flagged"],
        "favourite": values["favourite"],
        "property_id": values["property"],
    }


class EventRoutes:
    """Reads and reviews events."""

    def __init__(
        self, catalogue: Catalogue, triage: Triage, pictures: Pictures, shelf: PictureShelf, bodies: BodyReader
    ) -> None:
        """Take the ports and the cache in front of the pictures."""
        self._triage = triage
        self._catalogue = catalogue
        self._pictures = pictures
        self._shelf = shelf
        self._bodies = bodies

    def routes(self) -> tuple[Route, ...]:
        """Declare the operations."""
        return (*self._records(), *self._images())

    def _records(self) -> tuple[Route, ...]:
        return (
            Route(
                method="GET",
                path="/api/v1/events",
                name="list_events",
                text="Events, newest first",
                respond=self._list,
                answer=Answer(shape=EventPage),
                query=EVENT_FILTERS,
                limit=LimitClass.SEARCH,
            ),
            Route(
                method="GET",
                path="/api/v1/events/{event_id}",
                name="get_event",
                text="One event with its verdict, what models found in its pictures, feedback and the way it took",
                respond=self._get,
                answer=Answer(shape=EventDetail),
                fields=(EVENT_ID,),
                errors=(NotFound,),
            ),
            Route(
                method="PATCH",
                path="/api/v1/events/{event_id}",
                name="review_event",
                text="Mark as reviewed, flagged or favourite, snooze, write notes",
                respond=self._review,
                answer=Answer(shape=Event),
                fields=(EVENT_ID,),
                body=JsonBody(fields=REVIEW_FIELDS),
                errors=(NotFound, TooLarge, UnsupportedType),
                audited="event.review",
            ),
            Route(
                method="GET",
                path="/api/v1/events/{event_id}/detections",
                name="list_event_detections",
                text="What was seen during an event",
                respond=self._detections,
                answer=Answer(shape=DetectionDetailPage),
                fields=(EVENT_ID,),
                errors=(NotFound,),
            ),
        )

    def _images(self) -> tuple[Route, ...]:
        return (
            Route(
                method="GET",
                path="/api/v1/events/{event_id}/thumbnail.jpg",
                name="get_event_thumbnail",
                text="320x240 picture of the frame that triggered the event, boxes drawn",
                respond=self._thumbnail,
                answer=Answer(content_type="image/jpeg", text="The picture"),
                fields=(EVENT_ID,),
                errors=(NotFound, Unprocessable),
                limit=LimitClass.MEDIA,
            ),
            Route(
                method="GET",
                path="/api/v1/events/{event_id}/snapshot.jpg",
                name="get_event_snapshot",
                text="The frame that triggered the event, boxes drawn",
                respond=self._snapshot,
                answer=Answer(content_type="image/jpeg", text="The picture"),
                fields=(EVENT_ID,),
                errors=(NotFound, Unprocessable),
                limit=LimitClass.MEDIA,
            ),
        )

    async def _list(self, call: Call) -> web.Response:
        page = await self._catalogue.events_page(event_query(call.query))
        return json_reply(EventPage(items=page.items, next_cursor=page.next_cursor, total=page.total))

    async def _get(self, call: Call) -> web.Response:
        event = _found(await self._catalogue.event(call.path["event_id"]))
        story = await self._triage.story(event.event_id)
        return json_reply(detail_of(event, await self._catalogue.enrichment(event.event_id), story))

    async def _review(self, call: Call) -> web.Response:
        review = review_of(await self._bodies.json(call.request, REVIEW_FIELDS))
        return json_reply(_found(await self._triage.review(call.path["event_id"], review)))

    async def _detections(self, call: Call) -> web.Response:
        event = _found(await self._catalogue.event(call.path["event_id"]))
        detections = await self._catalogue.event_detections(event.event_id)
        items = detailed(detections, await self._catalogue.enrichment(event.event_id))
        return json_reply(DetectionDetailPage(items=items, total=len(items)))

    async def _thumbnail(self, call: Call) -> web.Response:
        event_id: str = call.path["event_id"]
        return await self._shelf.answer(call, f"thumbnail/{event_id}", lambda: self._pictures.thumbnail_of(event_id))

    async def _snapshot(self, call: Call) -> web.Response:
        event_id: str = call.path["event_id"]
        return await self._shelf.answer(call, f"snapshot/{event_id}", lambda: self._pictures.snapshot_of(event_id))


def _found(event: Event | None) -> Event:
    if event is None:
        raise NotFound("there is no such event")
    return event
