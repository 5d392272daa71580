"""The engine's parts: what there is, how it is, restart, start, stop, enable, disable; and who did such things."""

from typing import Final

from aiohttp import web

from home_sentry_engine.api.fields import Field
from home_sentry_engine.api.ports import AuditLog, Parts
from home_sentry_engine.api.routing import Answer, Call, Respond, Route
from home_sentry_engine.contract import AuditPage, Part, PartList
from home_sentry_engine.contract.errors import Conflict, NotFound
from home_sentry_engine.storage.repositories.audit import AuditQuery

from .replies import PAGE_FIELDS, json_reply

_ID: Final = Field(name="component_id", pattern=r"^[a-z0-9_]{1,64}$", text="Id of a component", required=True)
_COMPONENTS: Final = "/api/v1/system/components"
_AUDIT_FIELDS: Final = (
    *(field for field in PAGE_FIELDS if field.name != "camera"),
    Field(
        name="action",
        pattern=r"^[a-z_]{1,40}\.[a-z_]{0,40}$",
        text="Only this action, or with a dot at the end all that begin so",
    ),
)


class SystemRoutes:
    """Components and the audit."""

    def __init__(self, parts: Parts, audit: AuditLog) -> None:
        """Take the ports."""
        self._parts = parts
        self._audit = audit

    def routes(self) -> tuple[Route, ...]:
        """Declare the operations."""
        return (
            Route(
                method="GET",
                path=_COMPONENTS,
                name="list_components",
                text="All components with their state, switches and counters",
                respond=self._list,
                answer=Answer(shape=PartList),
            ),
            Route(
                method="GET",
                path=f"{_COMPONENTS}/{{component_id}}",
                name="get_component",
                text="One component",
                respond=self._get,
                answer=Answer(shape=Part),
                fields=(_ID,),
                errors=(NotFound,),
            ),
            _deed("restart", "Begin a component anew", self._restart),
            _deed("start", "Let a stopped component work again", self._start),
            _deed("stop", "End a component until it is started or the engine begins anew", self._stop),
            _deed("enable", "Switch a component on and forget its failures", self._enable),
            _deed("disable", "Switch a component off, also after a restart of the engine", self._disable),
            Route(
                method="GET",
                path="/api/v1/audit",
                name="list_audit",
                text="Who did what, newest first",
                respond=self._deeds,
                answer=Answer(shape=AuditPage),
                query=_AUDIT_FIELDS,
            ),
        )

    async def _list(self, _call: Call) -> web.Response:
        return json_reply(PartList(items=await self._parts.all()))

    async def _get(self, call: Call) -> web.Response:
        return json_reply(await self._parts.one(call.path["component_id"]))

    async def _restart(self, call: Call) -> web.Response:
        return json_reply(await self._parts.restart(call.path["component_id"]))

    async def _start(self, call: Call) -> web.Response:
        return json_reply(await self._parts.start(call.path["component_id"]))

    async def _stop(self, call: Call) -> web.Response:
        return json_reply(await self._parts.stop(call.path["component_id"]))

    async def _enable(self, call: Call) -> web.Response:
        return json_reply(await self._parts.switch(call.path["component_id"], on=True))

    async def _disable(self, call: Call) -> web.Response:
        return json_reply(await self._parts.switch(call.path["component_id"], on=False))

    async def _deeds(self, call: Call) -> web.Response:
        values = call.query
        query = AuditQuery(
            since=values["since"],
            until=values["until"],
            limit=values["limit"],
            cursor=values["cursor"],
            with_total=values["total"],
            action=values["action"],
        )
        page = await self._audit.page(query)
        return json_reply(AuditPage(items=page.items, next_cursor=page.next_cursor, total=page.total))


def _deed(verb: str, text: str, respond: Respond) -> Route:
    return Route(
        method="POST",
        path=f"{_COMPONENTS}/{{component_id}}/{verb}",
        name=f"{verb}_component",
        text=text,
        respond=respond,
        answer=Answer(shape=Part),
        fields=(_ID,),
        errors=(NotFound, Conflict),
        audited=f"component.{verb}",
    )
