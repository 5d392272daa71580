"""Commands about channels and deliveries, as over REST."""

from typing import Any, Final

from home_sentry_engine.contract import ChannelRemoved
from home_sentry_engine.contract.errors import NotFound

from .deeds import CommandRule
from .limits import LimitClass
from .notification_fields import (
    CHANGED_CHANNEL,
    CHANNEL_ID,
    DELIVERY_FILTERS,
    NEW_CHANNEL,
    SPAN,
    delivery_query,
    draft_of,
)
from .notification_ports import Notifications
from .triage_fields import USER

_ONE: Final = (CHANNEL_ID, USER)


def notification_rules(desk: Notifications) -> tuple[CommandRule, ...]:
    """Give the commands; what they answer has no secret."""
    return (*_channel_rules(desk), *_delivery_rules(desk))


def _channel_rules(desk: Notifications) -> tuple[CommandRule, ...]:
    async def listed(_args: dict[str, Any]) -> object:
        return await desk.channels()

    async def create(args: dict[str, Any]) -> object:
        return await desk.create(draft_of(args))

    async def change(args: dict[str, Any]) -> object:
        return _found(await desk.change(args["channel_id"], draft_of(args)))

    async def remove(args: dict[str, Any]) -> object:
        if not await desk.remove(args["channel_id"]):
            raise NotFound("there is no such channel")
        return ChannelRemoved(channel_id=args["channel_id"])

    async def test(args: dict[str, Any]) -> object:
        return _found(await desk.test(args["channel_id"]))

    new, changed = (*NEW_CHANNEL.fields, USER), (CHANNEL_ID, *CHANGED_CHANNEL.fields, USER)
    return (
        CommandRule(name="list_channels", fields=(), answer=listed),
        CommandRule(name="create_channel", fields=new, answer=create, audited="channel.create"),
        CommandRule(name="change_channel", fields=changed, answer=change, audited="channel.change"),
        CommandRule(name="delete_channel", fields=_ONE, answer=remove, audited="channel.delete"),
        CommandRule(name="test_channel", fields=_ONE, answer=test, audited="channel.test", limit=LimitClass.BULK),
    )


def _delivery_rules(desk: Notifications) -> tuple[CommandRule, ...]:
    async def deliveries(args: dict[str, Any]) -> object:
        return await desk.deliveries(delivery_query(args))

    async def stats(args: dict[str, Any]) -> object:
        return await desk.stats(args["since"], args["until"])

    return (
        CommandRule(name="list_deliveries", fields=DELIVERY_FILTERS, answer=deliveries, limit=LimitClass.SEARCH),
        CommandRule(name="get_notification_stats", fields=SPAN, answer=stats, limit=LimitClass.SEARCH),
    )


def _found[T](thing: T | None) -> T:
    if thing is None:
        raise NotFound("there is no such channel")
    return thing
