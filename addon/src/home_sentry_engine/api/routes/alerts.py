"""Alerts that rules raised: listed, counted, acknowledged, dismissed."""

from typing import Final

from aiohttp import web

from home_sentry_engine.api.bodies import BodyReader
from home_sentry_engine.api.limits import LimitClass
from home_sentry_engine.api.routing import Answer, Call, JsonBody, Route
from home_sentry_engine.api.rule_fields import ALERT_FILTERS, ALERT_ID, CLOSE_FIELDS, STATS_FIELDS, alert_query
from home_sentry_engine.api.rule_ports import AlertDesk
from home_sentry_engine.contract import Alert, AlertPage, AlertStats, AlertStatus
from home_sentry_engine.contract.errors import NotFound, TooLarge, UnsupportedType

from .replies import json_reply

_BASE: Final = "/api/v1/alerts"
_ALERT: Final = f"{_BASE}/{{alert_id}}"


class AlertRoutes:
    """Shows alerts and what people do with them."""

    def __init__(self, desk: AlertDesk, bodies: BodyReader) -> None:
        """Take the port."""
        self._desk = desk
        self._bodies = bodies

    def routes(self) -> tuple[Route, ...]:
        """Declare the operations."""
        return (*self._reading(), *self._closing())

    def _reading(self) -> tuple[Route, ...]:
        return (
            Route(
                method="GET",
                path=_BASE,
                name="list_alerts",
                text="Alerts, newest first",
                respond=self._list,
                answer=Answer(shape=AlertPage),
                query=ALERT_FILTERS,
                limit=LimitClass.SEARCH,
            ),
            Route(
                method="GET",
                path=f"{_BASE}/stats",
                name="get_alert_stats",
                text="How many alerts there were, and how many events the cooldown kept silent",
                respond=self._stats,
                answer=Answer(shape=AlertStats),
                query=STATS_FIELDS,
                limit=LimitClass.SEARCH,
            ),
            Route(
                method="GET",
                path=_ALERT,
                name="get_alert",
                text="One alert",
                respond=self._get,
                answer=Answer(shape=Alert),
                fields=(ALERT_ID,),
                errors=(NotFound,),
            ),
        )

    def _closing(self) -> tuple[Route, ...]:
        return (
            Route(
                method="POST",
                path=f"{_ALERT}/acknowledge",
                name="acknowledge_alert",
                text="Say that somebody takes care of it",
                respond=self._acknowledge,
                answer=Answer(shape=Alert),
                fields=(ALERT_ID,),
                body=JsonBody(fields=CLOSE_FIELDS),
                errors=(NotFound, TooLarge, UnsupportedType),
                audited="alert.acknowledge",
            ),
            Route(
                method="POST",
                path=f"{_ALERT}/deliver",
                name="deliver_alert",
                text="Say that a client told somebody of it, which begins the cooldown; no channel has to",
                respond=self._deliver,
                answer=Answer(shape=Alert),
                fields=(ALERT_ID,),
                errors=(NotFound,),
            ),
            Route(
                method="POST",
                path=f"{_ALERT}/dismiss",
                name="dismiss_alert",
                text="Say that it needs nobody",
                respond=self._dismiss,
                answer=Answer(shape=Alert),
                fields=(ALERT_ID,),
                body=JsonBody(fields=CLOSE_FIELDS),
                errors=(NotFound, TooLarge, UnsupportedType),
                audited="alert.dismiss",
            ),
        )

    async def _list(self, call: Call) -> web.Response:
        page = await self._desk.page(alert_query(call.query))
        return json_reply(AlertPage(items=page.items, next_cursor=page.next_cursor, total=page.total))

    async def _stats(self, call: Call) -> web.Response:
        return json_reply(await self._desk.stats(call.query["since"]))

    async def _get(self, call: Call) -> web.Response:
        return json_reply(_found(await self._desk.one(call.path["alert_id"])))

    async def _deliver(self, call: Call) -> web.Response:
        return json_reply(_found(await self._desk.deliver(call.path["alert_id"])))

    async def _acknowledge(self, call: Call) -> web.Response:
        return await self._close(call, AlertStatus.ACKNOWLEDGED)

    async def _dismiss(self, call: Call) -> web.Response:
        return await self._close(call, AlertStatus.DISMISSED)

    async def _close(self, call: Call, status: AlertStatus) -> web.Response:
        values = await self._bodies.json(call.request, CLOSE_FIELDS)
        return json_reply(_found(await self._desk.close(call.path["alert_id"], status, values["user"])))


def _found[T](thing: T | None) -> T:
    if thing is None:
        raise NotFound("there is no such alert")
    return thing
