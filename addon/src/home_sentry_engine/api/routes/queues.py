"""Queues and the jobs that were given up: look, put back, drop."""

from typing import Final

from aiohttp import web

from home_sentry_engine.api.fields import Field, Kind
from home_sentry_engine.api.ports import Queues
from home_sentry_engine.api.routing import Answer, Call, Respond, Route
from home_sentry_engine.contract import DeadJobPage, Dropped, QueueList, Requeued
from home_sentry_engine.contract.errors import Conflict, NotFound
from home_sentry_engine.domain.jobs import ASSESS, DETECT, NOTIFY

from .replies import json_reply

_QUEUE: Final = Field(name="queue", words=(DETECT, ASSESS, NOTIFY), text="Name of a queue", required=True)
_LETTER: Final = Field(name="letter_id", kind=Kind.WHOLE, low=1, high=2**53, text="Id of a given-up job", required=True)
_PAGE: Final = (
    Field(name="limit", kind=Kind.WHOLE, low=1, high=1000, default=100, text="How many"),
    Field(name="cursor", longest=20, text="next_cursor of the page before"),
)
_LETTERS: Final = "/api/v1/queues/{queue}/dead-letters"


class QueueRoutes:
    """Reads queues and deals with dead letters."""

    def __init__(self, queues: Queues) -> None:
        """Take the port."""
        self._queues = queues

    def routes(self) -> tuple[Route, ...]:
        """Declare the operations."""
        return (
            Route(
                method="GET",
                path="/api/v1/queues",
                name="list_queues",
                text="All queues with how much waits",
                respond=self._list,
                answer=Answer(shape=QueueList),
            ),
            Route(
                method="GET",
                path=_LETTERS,
                name="list_dead_letters",
                text="Jobs that were given up, newest first",
                respond=self._dead,
                answer=Answer(shape=DeadJobPage),
                fields=(_QUEUE,),
                query=_PAGE,
            ),
            _deed("POST", f"{_LETTERS}/requeue", "requeue_all_dead_letters", "Put all of them back", self._requeue_all),
            _deed("POST", f"{_LETTERS}/{{letter_id}}/requeue", "requeue_dead_letter", "Put one back", self._requeue),
            _deed("DELETE", _LETTERS, "drop_all_dead_letters", "Delete all of them for good", self._drop_all),
            _deed("DELETE", f"{_LETTERS}/{{letter_id}}", "drop_dead_letter", "Delete one for good", self._drop),
        )

    async def _list(self, _call: Call) -> web.Response:
        return json_reply(QueueList(items=await self._queues.depths()))

    async def _dead(self, call: Call) -> web.Response:
        page = await self._queues.dead(call.path["queue"], call.query["limit"], call.query["cursor"])
        return json_reply(page)

    async def _requeue(self, call: Call) -> web.Response:
        return json_reply(await self._queues.requeue(call.path["queue"], call.path["letter_id"]))

    async def _requeue_all(self, call: Call) -> web.Response:
        return json_reply(await self._queues.requeue(call.path["queue"], None))

    async def _drop(self, call: Call) -> web.Response:
        return json_reply(await self._queues.drop(call.path["queue"], call.path["letter_id"]))

    async def _drop_all(self, call: Call) -> web.Response:
        return json_reply(await self._queues.drop(call.path["queue"], None))


def _deed(method: str, path: str, name: str, text: str, respond: Respond) -> Route:
    one = "{letter_id}" in path
    putting_back = method == "POST"
    return Route(
        method=method,
        path=path,
        name=name,
        text=text,
        respond=respond,
        answer=Answer(shape=Requeued if putting_back else Dropped),
        fields=(_QUEUE, _LETTER) if one else (_QUEUE,),
        errors=(*((NotFound,) if one else ()), *((Conflict,) if putting_back else ())),
        audited="dead_letters.requeue" if putting_back else "dead_letters.drop",
    )
