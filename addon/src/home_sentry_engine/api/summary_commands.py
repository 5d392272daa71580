"""Commands of looking back.

None asks for a new summary: the model may think for longer than a command may take.
"""

from typing import Any

from home_sentry_engine.contract import ExportList, ExportRemoved, PropertyList, PropertyRemoved, SummaryPage
from home_sentry_engine.contract.errors import NotFound

from .deeds import CommandRule
from .limits import LimitClass
from .summary_fields import (
    EXPORT_FIELDS,
    EXPORT_ID,
    PROPERTY_FIELDS,
    PROPERTY_ID,
    SUMMARY_FILTERS,
    SUMMARY_ID,
    property_of,
    summary_query,
    wish_of,
)
from .summary_ports import Exports, Properties, Summaries
from .triage_fields import USER


def summary_rules(summaries: Summaries) -> tuple[CommandRule, ...]:
    """Give the commands about summaries."""

    async def listed(args: dict[str, Any]) -> object:
        page = await summaries.page(summary_query(args))
        return SummaryPage(items=page.items, next_cursor=page.next_cursor, total=page.total)

    async def one(args: dict[str, Any]) -> object:
        return _found(await summaries.get(args["summary_id"]), "summary")

    return (
        CommandRule(name="list_summaries", fields=SUMMARY_FILTERS, answer=listed, limit=LimitClass.SEARCH),
        CommandRule(name="get_summary", fields=(SUMMARY_ID,), answer=one),
    )


def export_rules(exports: Exports) -> tuple[CommandRule, ...]:
    """Give the commands about exports; their files come over REST alone."""

    async def listed(_args: dict[str, Any]) -> object:
        return ExportList(items=await exports.all())

    async def create(args: dict[str, Any]) -> object:
        return await exports.create(wish_of(args))

    async def one(args: dict[str, Any]) -> object:
        return _found(await exports.get(args["export_id"]), "export")

    async def remove(args: dict[str, Any]) -> object:
        if not await exports.remove(args["export_id"]):
            raise NotFound("there is no such export")
        return ExportRemoved(id=args["export_id"])

    return (
        CommandRule(name="list_exports", fields=(), answer=listed),
        CommandRule(
            name="create_export",
            fields=(*EXPORT_FIELDS, USER),
            answer=create,
            audited="export.create",
            limit=LimitClass.EXPORT,
        ),
        CommandRule(name="get_export", fields=(EXPORT_ID,), answer=one),
        CommandRule(name="delete_export", fields=(EXPORT_ID, USER), answer=remove, audited="export.delete"),
    )


def property_rules(properties: Properties) -> tuple[CommandRule, ...]:
    """Give the commands about properties."""

    async def listed(_args: dict[str, Any]) -> object:
        return PropertyList(items=await properties.all())

    async def put(args: dict[str, Any]) -> object:
        return await properties.put(property_of(args["property_id"], args))

    async def remove(args: dict[str, Any]) -> object:
        if not await properties.remove(args["property_id"]):
            raise NotFound("there is no such property")
        return PropertyRemoved(id=args["property_id"])

    return (
        CommandRule(name="list_properties", fields=(), answer=listed),
        CommandRule(
            name="set_property", fields=(PROPERTY_ID, *PROPERTY_FIELDS, USER), answer=put, audited="property.set"
        ),
        CommandRule(name="delete_property", fields=(PROPERTY_ID, USER), answer=remove, audited="property.delete"),
    )


def _found[T](thing: T | None, noun: str) -> T:
    if thing is None:
        raise NotFound(f"there is no such {noun}")
    return thing
