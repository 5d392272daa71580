"""People's dealings with events beyond one review: many at once, feedback, the trash."""

from typing import Final

from aiohttp import web

from home_sentry_engine.api.bodies import BodyReader
from home_sentry_engine.api.fields import EVENT_ID
from home_sentry_engine.api.limits import LimitClass
from home_sentry_engine.api.routing import Answer, Call, JsonBody, Route
from home_sentry_engine.api.triage_fields import BULK_FIELDS, FEEDBACK_FIELDS, opinion_of, review_of
from home_sentry_engine.api.triage_ports import Triage
from home_sentry_engine.contract import BulkReviewed, Event, EventPage, Feedback
from home_sentry_engine.contract.errors import Conflict, NotFound, TooLarge, UnsupportedType
from home_sentry_engine.storage.query import EventQuery

from .replies import PAGE_FIELDS, json_reply, page_arguments

_EVENT: Final = "/api/v1/events/{event_id}"


class TriageRoutes:
    """Changes events as people wish."""

    def __init__(self, triage: Triage, bodies: BodyReader) -> None:
        """Take the port."""
        self._triage = triage
        self._bodies = bodies

    def routes(self) -> tuple[Route, ...]:
        """Declare the operations."""
        return (*self._saying(), *self._trash())

    def _saying(self) -> tuple[Route, ...]:
        return (
            Route(
                method="POST",
                path="/api/v1/events/review",
                name="review_events",
                text="Change up to 500 events alike",
                respond=self._review,
                answer=Answer(shape=BulkReviewed),
                body=JsonBody(fields=BULK_FIELDS),
                errors=(TooLarge, UnsupportedType),
                audited="event.bulk_review",
                limit=LimitClass.BULK,
            ),
            Route(
                method="POST",
                path=f"{_EVENT}/feedback",
                name="give_feedback",
                text="Say what is right or wrong about a verdict",
                respond=self._say,
                answer=Answer(status=201, shape=Feedback, text="Kept"),
                fields=(EVENT_ID,),
                body=JsonBody(fields=FEEDBACK_FIELDS),
                errors=(NotFound, TooLarge, UnsupportedType),
                audited="event.feedback",
            ),
        )

    def _trash(self) -> tuple[Route, ...]:
        return (
            Route(
                method="GET",
                path="/api/v1/events/trash",
                name="list_trash",
                text="Events in the trash, newest first; each goes for good after 30 days there",
                respond=self._list,
                answer=Answer(shape=EventPage),
                query=PAGE_FIELDS,
                limit=LimitClass.SEARCH,
            ),
            Route(
                method="DELETE",
                path=_EVENT,
                name="delete_event",
                text="Dismiss an event that has ended and put it into the trash",
                respond=self._discard,
                answer=Answer(shape=Event),
                fields=(EVENT_ID,),
                errors=(NotFound, Conflict),
                audited="event.delete",
            ),
            Route(
                method="POST",
                path=f"{_EVENT}/restore",
                name="restore_event",
                text="Take an event out of the trash",
                respond=self._restore,
                answer=Answer(shape=Event),
                fields=(EVENT_ID,),
                errors=(NotFound,),
                audited="event.restore",
            ),
        )

    async def _review(self, call: Call) -> web.Response:
        values = await self._bodies.json(call.request, BULK_FIELDS)
        return json_reply(await self._triage.review_all(values["event_ids"], review_of(values)))

    async def _say(self, call: Call) -> web.Response:
        opinion = opinion_of(await self._bodies.json(call.request, FEEDBACK_FIELDS))
        return json_reply(_found(await self._triage.say(call.path["event_id"], opinion)), status=201)

    async def _list(self, call: Call) -> web.Response:
        page = await self._triage.trash(EventQuery(**page_arguments(call.query)))
        return json_reply(EventPage(items=page.items, next_cursor=page.next_cursor, total=page.total))

    async def _discard(self, call: Call) -> web.Response:
        return json_reply(_found(await self._triage.discard(call.path["event_id"])))

    async def _restore(self, call: Call) -> web.Response:
        return json_reply(_found(await self._triage.restore(call.path["event_id"])))


def _found[T](thing: T | None) -> T:
    if thing is None:
        raise NotFound("there is no such event")
    return thing
