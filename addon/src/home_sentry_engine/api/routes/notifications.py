"""Channels of alerts and their deliveries."""

from typing import Final

from aiohttp import web

from home_sentry_engine.api.bodies import BodyReader
from home_sentry_engine.api.limits import LimitClass
from home_sentry_engine.api.notification_fields import (
    CHANGED_CHANNEL,
    CHANNEL_ID,
    DELIVERY_FILTERS,
    NEW_CHANNEL,
    SPAN,
    delivery_query,
    draft_of,
)
from home_sentry_engine.api.notification_ports import Notifications
from home_sentry_engine.api.routing import Answer, Call, Route
from home_sentry_engine.contract import (
    Channel,
    ChannelList,
    ChannelRemoved,
    Delivery,
    DeliveryPage,
    NotificationStats,
)
from home_sentry_engine.contract.errors import Conflict, NotFound, TooLarge, Unprocessable, UnsupportedType

from .replies import json_reply

_CHANNELS: Final = "/api/v1/notifications/channels"
_ONE: Final = f"{_CHANNELS}/{{channel_id}}"
_BODY_ERRORS: Final = (TooLarge, UnsupportedType, Unprocessable, Conflict)
TEST_DEADLINE_S: Final = 50.0


class NotificationRoutes:
    """Reads and writes channels, of which secrets are never given back; reads deliveries."""

    def __init__(self, desk: Notifications, bodies: BodyReader) -> None:
        """Take the port."""
        self._desk = desk
        self._bodies = bodies

    def routes(self) -> tuple[Route, ...]:
        """Declare the operations."""
        return (*self._reads(), *self._writes())

    def _reads(self) -> tuple[Route, ...]:
        return (
            Route(
                method="GET",
                path=_CHANNELS,
                name="list_channels",
                text="Channels by which the engine itself tells of alerts, without their secrets",
                respond=self._list,
                answer=Answer(shape=ChannelList),
            ),
            Route(
                method="GET",
                path=_ONE,
                name="get_channel",
                text="One channel",
                respond=self._get,
                answer=Answer(shape=Channel),
                fields=(CHANNEL_ID,),
                errors=(NotFound,),
            ),
            Route(
                method="GET",
                path="/api/v1/notifications/deliveries",
                name="list_deliveries",
                text="What became of alerts in channels, the newest first, with every gate that was asked",
                respond=self._deliveries,
                answer=Answer(shape=DeliveryPage),
                query=DELIVERY_FILTERS,
                limit=LimitClass.SEARCH,
            ),
            Route(
                method="GET",
                path="/api/v1/notifications/stats",
                name="get_notification_stats",
                text="How many deliveries got through",
                respond=self._stats,
                answer=Answer(shape=NotificationStats),
                query=SPAN,
                limit=LimitClass.SEARCH,
            ),
        )

    def _writes(self) -> tuple[Route, ...]:
        return (
            Route(
                method="POST",
                path=_CHANNELS,
                name="create_channel",
                text="Add a channel",
                respond=self._create,
                answer=Answer(status=201, shape=Channel, text="Added"),
                body=NEW_CHANNEL,
                errors=_BODY_ERRORS,
                audited="channel.create",
            ),
            Route(
                method="PATCH",
                path=_ONE,
                name="change_channel",
                text="Change a channel; what is not given stays, an empty text takes a part away",
                respond=self._change,
                answer=Answer(shape=Channel),
                fields=(CHANNEL_ID,),
                body=CHANGED_CHANNEL,
                errors=(NotFound, *_BODY_ERRORS),
                audited="channel.change",
            ),
            Route(
                method="DELETE",
                path=_ONE,
                name="delete_channel",
                text="Delete a channel with its secrets and deliveries",
                respond=self._remove,
                answer=Answer(shape=ChannelRemoved),
                fields=(CHANNEL_ID,),
                errors=(NotFound,),
                audited="channel.delete",
            ),
            Route(
                method="POST",
                path=f"{_ONE}/test",
                name="test_channel",
                text="Really send a message that says it is a test, and tell what became of it",
                respond=self._test,
                answer=Answer(shape=Delivery),
                fields=(CHANNEL_ID,),
                errors=(NotFound, Conflict),
                limit=LimitClass.BULK,
                deadline_s=TEST_DEADLINE_S,
                audited="channel.test",
            ),
        )

    async def _list(self, _call: Call) -> web.Response:
        return json_reply(await self._desk.channels())

    async def _get(self, call: Call) -> web.Response:
        return json_reply(_found(await self._desk.channel(call.path["channel_id"])))

    async def _create(self, call: Call) -> web.Response:
        draft = draft_of(await self._bodies.json(call.request, NEW_CHANNEL.fields))
        return json_reply(await self._desk.create(draft), status=201)

    async def _change(self, call: Call) -> web.Response:
        draft = draft_of(await self._bodies.json(call.request, CHANGED_CHANNEL.fields))
        return json_reply(_found(await self._desk.change(call.path["channel_id"], draft)))

    async def _remove(self, call: Call) -> web.Response:
        channel_id = call.path["channel_id"]
        if not await self._desk.remove(channel_id):
            raise NotFound("there is no such channel")
        return json_reply(ChannelRemoved(channel_id=channel_id))

    async def _test(self, call: Call) -> web.Response:
        return json_reply(_found(await self._desk.test(call.path["channel_id"])))

    async def _deliveries(self, call: Call) -> web.Response:
        return json_reply(await self._desk.deliveries(delivery_query(call.query)))

    async def _stats(self, call: Call) -> web.Response:
        return json_reply(await self._desk.stats(call.query["since"], call.query["until"]))


def _found[T](thing: T | None) -> T:
    if thing is None:
        raise NotFound("there is no such channel")
    return thing
