"""Summaries: list, read, ask for one."""

from typing import Final

from aiohttp import web

from home_sentry_engine.api.bodies import BodyReader
from home_sentry_engine.api.limits import LimitClass
from home_sentry_engine.api.routing import Answer, Call, JsonBody, Route
from home_sentry_engine.api.summary_fields import SUMMARY_FIELDS, SUMMARY_FILTERS, SUMMARY_ID, summary_query
from home_sentry_engine.api.summary_ports import Summaries
from home_sentry_engine.contract import Summary, SummaryPage
from home_sentry_engine.contract.errors import NotFound, TooLarge, Unprocessable, UnsupportedType

from .replies import json_reply

# the model may think for a minute, and is never interrupted by a client
_SLOW_S: Final = 90.0


class SummaryRoutes:
    """Tells what happened in a time."""

    def __init__(self, summaries: Summaries, bodies: BodyReader) -> None:
        """Take the port."""
        self._summaries = summaries
        self._bodies = bodies

    def routes(self) -> tuple[Route, ...]:
        """Declare the operations."""
        return (
            Route(
                method="GET",
                path="/api/v1/summaries",
                name="list_summaries",
                text="Summaries of hours, days and times that were asked for, the newest first",
                respond=self._list,
                answer=Answer(shape=SummaryPage),
                query=SUMMARY_FILTERS,
                limit=LimitClass.SEARCH,
            ),
            Route(
                method="POST",
                path="/api/v1/summaries",
                name="create_summary",
                text="Write about any time of up to 31 days",
                respond=self._make,
                answer=Answer(status=201, shape=Summary, text="Written and kept"),
                body=JsonBody(fields=SUMMARY_FIELDS),
                errors=(NotFound, TooLarge, UnsupportedType, Unprocessable),
                limit=LimitClass.AI,
                deadline_s=_SLOW_S,
                audited="summary.create",
            ),
            Route(
                method="GET",
                path="/api/v1/summaries/{summary_id}",
                name="get_summary",
                text="One summary",
                respond=self._get,
                answer=Answer(shape=Summary),
                fields=(SUMMARY_ID,),
                errors=(NotFound,),
            ),
        )

    async def _list(self, call: Call) -> web.Response:
        page = await self._summaries.page(summary_query(call.query))
        return json_reply(SummaryPage(items=page.items, next_cursor=page.next_cursor, total=page.total))

    async def _make(self, call: Call) -> web.Response:
        values = await self._bodies.json(call.request, SUMMARY_FIELDS)
        made = await self._summaries.make(values["since"], values["until"], values["property"])
        return json_reply(made, status=201)

    async def _get(self, call: Call) -> web.Response:
        found = await self._summaries.get(call.path["summary_id"])
        if found is None:
            raise NotFound("there is no such summary")
        return json_reply(found)
