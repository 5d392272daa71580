"""Verdicts: have an event judged again, and what models were asked for the verdicts that are there."""

from aiohttp import web

from home_sentry_engine.api.fields import EVENT_ID
from home_sentry_engine.api.limits import LimitClass
from home_sentry_engine.api.routing import Answer, Call, Route
from home_sentry_engine.api.verdict_ports import Verdicts
from home_sentry_engine.contract import EventQuestions, Reassessment
from home_sentry_engine.contract.errors import NotFound, ServiceUnavailable, Unprocessable

from .replies import json_reply


class VerdictRoutes:
    """Asks for verdicts and for how they came about."""

    def __init__(self, verdicts: Verdicts) -> None:
        """Take the port."""
        self._verdicts = verdicts

    def routes(self) -> tuple[Route, ...]:
        """Declare the operations."""
        return (
            Route(
                method="POST",
                path="/api/v1/events/{event_id}/reassess",
                name="reassess_event",
                text="Judge an event again; event_updated tells the new verdict, the old one stays in its history",
                respond=self._reassess,
                answer=Answer(status=202, shape=Reassessment, text="Queued"),
                fields=(EVENT_ID,),
                errors=(NotFound, Unprocessable, ServiceUnavailable),
                limit=LimitClass.AI,
                audited="event.reassess",
            ),
            Route(
                method="GET",
                path="/api/v1/events/{event_id}/prompt",
                name="get_event_prompt",
                text="What the language model was asked about an event, word for word, and its raw answers",
                respond=self._questions,
                answer=Answer(shape=EventQuestions),
                fields=(EVENT_ID,),
                errors=(NotFound,),
            ),
        )

    async def _reassess(self, call: Call) -> web.Response:
        return json_reply(await reassessed(self._verdicts, call.path["event_id"]), status=202)

    async def _questions(self, call: Call) -> web.Response:
        found = await self._verdicts.questions(call.path["event_id"])
        if found is None:
            raise NotFound("there is no such event")
        return json_reply(found)


async def reassessed(verdicts: Verdicts, event_id: str) -> Reassessment:
    """Have an event judged again; raises ``NotFound``."""
    queued = await verdicts.reassess(event_id)
    if queued is None:
        raise NotFound("there is no such event")
    return queued
