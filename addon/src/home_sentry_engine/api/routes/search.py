"""Search: events by the words of what is said about them."""

from typing import Any, Final

from aiohttp import web

from home_sentry_engine.api.fields import Field
from home_sentry_engine.api.limits import LimitClass
from home_sentry_engine.api.ports import Catalogue
from home_sentry_engine.api.routing import Answer, Call, Route
from home_sentry_engine.contract import EventMatches
from home_sentry_engine.storage.query import SearchOrder, SearchQuery
from home_sentry_engine.storage.search import MAX_CHARS

from .events import EVENT_FILTERS, event_arguments
from .replies import json_reply

SEARCH_FIELDS: Final = (
    Field(
        name="q",
        longest=MAX_CHARS,
        required=True,
        text='Words of summary, reasoning, objects and name of the camera; also "a phrase", begin*, OR, NOT, ()',
    ),
    Field(
        name="order",
        words=tuple(SearchOrder),
        default=SearchOrder.NEWEST.value,
        text="Newest first, or the best of the newest 2000 first",
    ),
    *EVENT_FILTERS,
)


async def found(catalogue: Catalogue, values: dict[str, Any]) -> EventMatches:
    """Search with the checked values of ``SEARCH_FIELDS``; raises ``MalformedSearch``."""
    query = SearchQuery(text=values["q"], order=SearchOrder(values["order"]), **event_arguments(values))
    page = await catalogue.search(query)
    return EventMatches(
        items=page.items, next_cursor=page.next_cursor, total=page.total, total_capped=page.total_capped
    )


class SearchRoutes:
    """Finds events."""

    def __init__(self, catalogue: Catalogue) -> None:
        """Take the port."""
        self._catalogue = catalogue

    def routes(self) -> tuple[Route, ...]:
        """Declare the operation."""
        return (
            Route(
                method="GET",
                path="/api/v1/events/search",
                name="search_events",
                text=(
                    "Events whose words fit a search; those in the trash are not found. "
                    "Totals stop at 1000 (total_capped); ranking sorts the newest 2000 matches"
                ),
                respond=self._search,
                answer=Answer(shape=EventMatches),
                query=SEARCH_FIELDS,
                limit=LimitClass.SEARCH,
            ),
        )

    async def _search(self, call: Call) -> web.Response:
        return json_reply(await found(self._catalogue, call.query))
