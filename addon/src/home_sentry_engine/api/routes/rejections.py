"""Refused files: which, when and why."""

from typing import Any, Final

from aiohttp import web

from home_sentry_engine.api.fields import Field
from home_sentry_engine.api.limits import LimitClass
from home_sentry_engine.api.ports import Catalogue
from home_sentry_engine.api.routing import Answer, Call, Route
from home_sentry_engine.contract import RejectionPage
from home_sentry_engine.domain.errors import RejectReason
from home_sentry_engine.storage.repositories.media import RejectionQuery

from .replies import PAGE_FIELDS, json_reply, page_arguments

REJECTION_FILTERS: Final = (
    *PAGE_FIELDS,
    Field(name="reason", words=tuple(RejectReason), text="Only those that were refused for this reason"),
)


async def rejections(catalogue: Catalogue, values: dict[str, Any]) -> RejectionPage:
    """List refused files with the checked values of ``REJECTION_FILTERS``."""
    reason = RejectReason(values["reason"]) if values["reason"] else None
    page = await catalogue.rejections_page(RejectionQuery(**page_arguments(values), reason=reason))
    return RejectionPage(items=page.items, next_cursor=page.next_cursor, total=page.total)


class RejectionRoutes:
    """Reads refused files."""

    def __init__(self, catalogue: Catalogue) -> None:
        """Take the port."""
        self._catalogue = catalogue

    def routes(self) -> tuple[Route, ...]:
        """Declare the operation."""
        return (
            Route(
                method="GET",
                path="/api/v1/media/rejections",
                name="list_rejections",
                text="Files that were refused, newest first",
                respond=self._list,
                answer=Answer(shape=RejectionPage),
                query=REJECTION_FILTERS,
                limit=LimitClass.SEARCH,
            ),
        )

    async def _list(self, call: Call) -> web.Response:
        return json_reply(await rejections(self._catalogue, call.query))
