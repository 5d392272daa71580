"""Commands about rules of alerts and alerts."""

from typing import Any

from home_sentry_engine.contract import AlertPage, AlertRuleList, AlertRuleRemoved, AlertStatus
from home_sentry_engine.contract.errors import NotFound

from .deeds import CommandRule
from .limits import LimitClass
from .rule_fields import (
    ALERT_FILTERS,
    ALERT_ID,
    CLOSE_FIELDS,
    CREATE_FIELDS,
    PATCH_FIELDS,
    PUT_FIELDS,
    RULE_ID,
    STATS_FIELDS,
    TEST_FIELDS,
    alert_query,
    changes_of,
    rule_of,
    trial_of,
)
from .rule_ports import AlertDesk, RuleDesk
from .triage_fields import USER


def rule_rules(desk: RuleDesk) -> tuple[CommandRule, ...]:
    """Give the commands about rules; ``put_rule`` replaces the rule of the same id or makes it."""

    async def listed(_args: dict[str, Any]) -> object:
        return AlertRuleList(items=await desk.all())

    async def one(args: dict[str, Any]) -> object:
        return _found(await desk.one(args["rule_id"]), "rule")

    async def create(args: dict[str, Any]) -> object:
        return await desk.create(rule_of(args))

    async def put(args: dict[str, Any]) -> object:
        return await desk.put(rule_of(args, args["rule_id"]))

    async def change(args: dict[str, Any]) -> object:
        changes = changes_of({name: value for name, value in args.items() if name != "rule_id"})
        return _found(await desk.patch(args["rule_id"], changes), "rule")

    async def delete(args: dict[str, Any]) -> object:
        if not await desk.delete(args["rule_id"]):
            raise NotFound("there is no such rule")
        return AlertRuleRemoved(rule_id=args["rule_id"])

    async def test(args: dict[str, Any]) -> object:
        return _found(await desk.test(args["rule_id"], trial_of(args)), "rule")

    return (
        CommandRule(name="list_rules", fields=(), answer=listed),
        CommandRule(name="get_rule", fields=(RULE_ID,), answer=one),
        CommandRule(name="create_rule", fields=CREATE_FIELDS, answer=create, audited="rule.create"),
        CommandRule(name="put_rule", fields=(RULE_ID, *PUT_FIELDS), answer=put, audited="rule.put"),
        CommandRule(name="change_rule", fields=(RULE_ID, *PATCH_FIELDS), answer=change, audited="rule.change"),
        CommandRule(name="delete_rule", fields=(RULE_ID, USER), answer=delete, audited="rule.delete"),
        CommandRule(name="test_rule", fields=(RULE_ID, *TEST_FIELDS), answer=test, limit=LimitClass.SEARCH),
    )


def alert_rules(desk: AlertDesk) -> tuple[CommandRule, ...]:
    """Give the commands about alerts."""

    async def listed(args: dict[str, Any]) -> object:
        page = await desk.page(alert_query(args))
        return AlertPage(items=page.items, next_cursor=page.next_cursor, total=page.total)

    async def one(args: dict[str, Any]) -> object:
        return _found(await desk.one(args["alert_id"]), "alert")

    async def stats(args: dict[str, Any]) -> object:
        return await desk.stats(args["since"])

    async def acknowledge(args: dict[str, Any]) -> object:
        return _found(await desk.close(args["alert_id"], AlertStatus.ACKNOWLEDGED, args["user"]), "alert")

    async def dismiss(args: dict[str, Any]) -> object:
        return _found(await desk.close(args["alert_id"], AlertStatus.DISMISSED, args["user"]), "alert")

    async def deliver(args: dict[str, Any]) -> object:
        return _found(await desk.deliver(args["alert_id"]), "alert")

    closing = (ALERT_ID, *CLOSE_FIELDS)
    return (
        CommandRule(name="list_alerts", fields=ALERT_FILTERS, answer=listed, limit=LimitClass.SEARCH),
        CommandRule(name="get_alert", fields=(ALERT_ID,), answer=one),
        CommandRule(name="get_alert_stats", fields=STATS_FIELDS, answer=stats, limit=LimitClass.SEARCH),
        CommandRule(name="deliver_alert", fields=(ALERT_ID,), answer=deliver),
        CommandRule(name="acknowledge_alert", fields=closing, answer=acknowledge, audited="alert.acknowledge"),
        CommandRule(name="dismiss_alert", fields=closing, answer=dismiss, audited="alert.dismiss"),
    )


def _found[T](thing: T | None, noun: str) -> T:
    if thing is None:
        raise NotFound(f"there is no such {noun}")
    return thing
