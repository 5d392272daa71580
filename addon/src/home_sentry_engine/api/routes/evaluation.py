"""The quality of verdicts: records, sums, what each source changed, how scores compare with what people said."""

from typing import Final

from aiohttp import web

from home_sentry_engine.api.bodies import BodyReader
from home_sentry_engine.api.evaluation_ports import Evaluations
from home_sentry_engine.api.fields import EVENT_ID
from home_sentry_engine.api.limits import LimitClass
from home_sentry_engine.api.prompt_fields import (
    BATCH_FIELDS,
    RECORD_FILTERS,
    SPAN_FIELDS,
    WEEK_FIELDS,
    records_of,
    span_of,
    weeks_of,
)
from home_sentry_engine.api.routing import Answer, Call, JsonBody, Route
from home_sentry_engine.contract import (
    BatchAudit,
    Calibration,
    EvaluationStats,
    EventAudit,
    EventAuditPage,
    Leaderboard,
)
from home_sentry_engine.contract.errors import NotFound, TooLarge, Unprocessable, UnsupportedType

from .replies import json_reply

_BASE: Final = "/api/v1/evaluation"
_SLOW_S: Final = 120.0


class EvaluationRoutes:
    """Reads records and figures; asks for more of them."""

    def __init__(self, evaluations: Evaluations, bodies: BodyReader) -> None:
        """Take the port."""
        self._evaluations = evaluations
        self._bodies = bodies

    def routes(self) -> tuple[Route, ...]:
        """Declare the operations."""
        return (
            Route(
                method="GET",
                path=f"{_BASE}/events",
                name="list_evaluations",
                text="What verdicts rested on, the newest first",
                respond=self._list,
                answer=Answer(shape=EventAuditPage),
                query=RECORD_FILTERS,
            ),
            Route(
                method="GET",
                path=f"{_BASE}/events/{{event_id}}",
                name="get_evaluation",
                text="What the newest verdict of an event rested on, and what the model says of it",
                respond=self._one,
                answer=Answer(shape=EventAudit),
                fields=(EVENT_ID,),
                errors=(NotFound,),
            ),
            *self._figures(),
            Route(
                method="POST",
                path=f"{_BASE}/batch",
                name="audit_events",
                text="Make missing records, and have the newest verdicts evaluated first",
                respond=self._batch,
                answer=Answer(shape=BatchAudit),
                body=JsonBody(fields=BATCH_FIELDS),
                errors=(TooLarge, UnsupportedType, Unprocessable),
                limit=LimitClass.BULK,
                deadline_s=_SLOW_S,
                audited="evaluation.batch",
            ),
        )

    def _figures(self) -> tuple[Route, ...]:
        return (
            Route(
                method="GET",
                path=f"{_BASE}/stats",
                name="get_evaluation_stats",
                text="The records of some days in figures, each with its count",
                respond=self._stats,
                answer=Answer(shape=EvaluationStats),
                query=SPAN_FIELDS,
                limit=LimitClass.SEARCH,
            ),
            Route(
                method="GET",
                path=f"{_BASE}/leaderboard",
                name="get_leaderboard",
                text="Sources by what leaving them out changed",
                respond=self._board,
                answer=Answer(shape=Leaderboard),
                query=SPAN_FIELDS,
                limit=LimitClass.SEARCH,
            ),
            Route(
                method="GET",
                path=f"{_BASE}/calibration",
                name="get_calibration",
                text="How scores compare with what people said",
                respond=self._calibration,
                answer=Answer(shape=Calibration),
                query=WEEK_FIELDS,
                limit=LimitClass.SEARCH,
            ),
        )

    async def _list(self, call: Call) -> web.Response:
        page = await self._evaluations.page(records_of(call.query))
        return json_reply(EventAuditPage(items=page.items, next_cursor=page.next_cursor, total=page.total))

    async def _one(self, call: Call) -> web.Response:
        return json_reply(found_record(await self._evaluations.record(call.path["event_id"])))

    async def _stats(self, call: Call) -> web.Response:
        return json_reply(await self._evaluations.stats(span_of(call.query)))

    async def _board(self, call: Call) -> web.Response:
        return json_reply(await self._evaluations.leaderboard(span_of(call.query)))

    async def _calibration(self, call: Call) -> web.Response:
        return json_reply(await self._evaluations.calibration(weeks_of(call.query)))

    async def _batch(self, call: Call) -> web.Response:
        body = await self._bodies.json(call.request, BATCH_FIELDS)
        return json_reply(await self._evaluations.audit(span_of(body), body["limit"]))


def found_record(record: EventAudit | None) -> EventAudit:
    """Give a record; raises ``NotFound`` for None."""
    if record is None:
        raise NotFound("there is no record of this event: nobody judged it, or there is no such event")
    return record
