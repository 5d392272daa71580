"""Entities: who probably comes again, when and where; trust, erasure."""

from typing import Any, Final

from aiohttp import web

from home_sentry_engine.api.bodies import BodyReader
from home_sentry_engine.api.fields import EVENT_ID, Field
from home_sentry_engine.api.household_ports import Entities
from home_sentry_engine.api.limits import LimitClass
from home_sentry_engine.api.routing import Answer, Call, JsonBody, Route
from home_sentry_engine.contract import AppearancePage, Entity, EntityPage, Erased, Recognition
from home_sentry_engine.contract.errors import (
    InvalidRequest,
    NotFound,
    ServiceUnavailable,
    TooLarge,
    UnsupportedType,
)
from home_sentry_engine.domain.household import EntityTrust
from home_sentry_engine.storage.repositories.entities import AppearanceQuery, EntityQuery

from .replies import PAGE_FIELDS, json_reply, page_arguments

ENTITY_ID: Final = Field(name="entity_id", pattern=r"^[a-zA-Z0-9_-]{1,64}$", text="Id of an entity", required=True)
_TRUSTS: Final = tuple(one.value for one in EntityTrust)
_FILTERS: Final = (
    *PAGE_FIELDS,
    Field(name="type", words=("person", "vehicle", "animal", "package", "other"), text="Only of this kind"),
    Field(name="trust", words=_TRUSTS, text="Only of this trust"),
)
_BODY: Final = JsonBody(
    fields=(
        Field(name="trust", words=_TRUSTS, nullable=True, text="What it is to the house"),
        Field(name="name", longest=64, nullable=True, text="How people call it; empty removes the name"),
    )
)


class EntityRoutes:
    """Reads, changes and erases entities."""

    def __init__(self, entities: Entities, bodies: BodyReader) -> None:
        """Take the port."""
        self._entities = entities
        self._bodies = bodies

    def routes(self) -> tuple[Route, ...]:
        """Declare the operations."""
        return (*self._reads(), *self._changes())

    def _reads(self) -> tuple[Route, ...]:
        return (
            Route(
                method="GET",
                path="/api/v1/entities",
                name="list_entities",
                text="Who probably came again, those seen last first",
                respond=self._list,
                answer=Answer(shape=EntityPage),
                query=_FILTERS,
                errors=(ServiceUnavailable,),
                limit=LimitClass.SEARCH,
            ),
            Route(
                method="GET",
                path="/api/v1/entities/{entity_id}",
                name="get_entity",
                text="One entity",
                respond=self._get,
                answer=Answer(shape=Entity),
                fields=(ENTITY_ID,),
                errors=(NotFound, ServiceUnavailable),
            ),
            Route(
                method="GET",
                path="/api/v1/entities/{entity_id}/appearances",
                name="list_appearances",
                text="The visits of an entity with their thumbnails, newest first",
                respond=self._appearances,
                answer=Answer(shape=AppearancePage),
                fields=(ENTITY_ID,),
                query=PAGE_FIELDS,
                errors=(NotFound, ServiceUnavailable),
                limit=LimitClass.SEARCH,
            ),
            Route(
                method="GET",
                path="/api/v1/events/{event_id}/recognition",
                name="get_event_recognition",
                text="Who an event's subjects are or probably are, and what could not be compared",
                respond=self._recognition,
                answer=Answer(shape=Recognition),
                fields=(EVENT_ID,),
                errors=(NotFound,),
            ),
        )

    def _changes(self) -> tuple[Route, ...]:
        return (
            Route(
                method="PATCH",
                path="/api/v1/entities/{entity_id}",
                name="change_entity",
                text="Say what an entity is to the house",
                respond=self._change,
                answer=Answer(shape=Entity),
                fields=(ENTITY_ID,),
                body=_BODY,
                errors=(NotFound, ServiceUnavailable, TooLarge, UnsupportedType),
                audited="entity.trust",
            ),
            Route(
                method="DELETE",
                path="/api/v1/entities/{entity_id}",
                name="erase_entity",
                text="Erase an entity with every look at it",
                respond=self._erase,
                answer=Answer(shape=Erased),
                fields=(ENTITY_ID,),
                errors=(NotFound, ServiceUnavailable),
                audited="entity.erase",
            ),
            Route(
                method="DELETE",
                path="/api/v1/entities",
                name="erase_entities",
                text="Erase every entity and every remembered look",
                respond=self._erase_all,
                answer=Answer(shape=Erased),
                errors=(ServiceUnavailable,),
                audited="entity.erase_all",
            ),
        )

    async def _list(self, call: Call) -> web.Response:
        query = EntityQuery(**page_arguments(call.query), kind=call.query["type"], trust=call.query["trust"])
        page = await self._entities.page(query)
        return json_reply(EntityPage(items=page.items, next_cursor=page.next_cursor, total=page.total))

    async def _get(self, call: Call) -> web.Response:
        return json_reply(_found(await self._entities.one(call.path["entity_id"])))

    async def _appearances(self, call: Call) -> web.Response:
        query = AppearanceQuery(**page_arguments(call.query), entity_id=call.path["entity_id"])
        page = _found(await self._entities.appearances(query))
        return json_reply(AppearancePage(items=page.items, next_cursor=page.next_cursor, total=page.total))

    async def _recognition(self, call: Call) -> web.Response:
        found = await self._entities.recognition(call.path["event_id"])
        if found is None:
            raise NotFound("there is no such event")
        return json_reply(found)

    async def _change(self, call: Call) -> web.Response:
        body: dict[str, Any] = await self._bodies.json(call.request, _BODY.fields)
        if body["trust"] is None and body["name"] is None:
            raise InvalidRequest("nothing to change: give 'trust' or 'name'")
        trust = EntityTrust(body["trust"]) if body["trust"] is not None else None
        return json_reply(_found(await self._entities.change(call.path["entity_id"], trust=trust, name=body["name"])))

    async def _erase(self, call: Call) -> web.Response:
        erased = await self._entities.erase(call.path["entity_id"])
        if not erased:
            raise NotFound("there is no such entity")
        return json_reply(Erased(erased=erased))

    async def _erase_all(self, call: Call) -> web.Response:
        del call
        return json_reply(Erased(erased=await self._entities.erase(None)))


def _found[T](value: T | None) -> T:
    if value is None:
        raise NotFound("there is no such entity")
    return value
