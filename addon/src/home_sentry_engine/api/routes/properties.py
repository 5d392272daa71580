"""Properties: groups of cameras, such as the house and the cabin."""

from typing import Final

from aiohttp import web

from home_sentry_engine.api.bodies import BodyReader
from home_sentry_engine.api.routing import Answer, Call, JsonBody, Route
from home_sentry_engine.api.summary_fields import PROPERTY_FIELDS, PROPERTY_ID, property_of
from home_sentry_engine.api.summary_ports import Properties
from home_sentry_engine.contract import Property, PropertyList, PropertyRemoved
from home_sentry_engine.contract.errors import NotFound, TooLarge, Unprocessable, UnsupportedType

from .replies import json_reply

_ONE: Final = "/api/v1/properties/{property_id}"


class PropertyRoutes:
    """Names places and says which cameras belong there."""

    def __init__(self, properties: Properties, bodies: BodyReader) -> None:
        """Take the port."""
        self._properties = properties
        self._bodies = bodies

    def routes(self) -> tuple[Route, ...]:
        """Declare the operations."""
        return (
            Route(
                method="GET",
                path="/api/v1/properties",
                name="list_properties",
                text="All properties with their cameras",
                respond=self._list,
                answer=Answer(shape=PropertyList),
            ),
            Route(
                method="PUT",
                path=_ONE,
                name="set_property",
                text="Make or change a property; a camera belongs to one at most",
                respond=self._put,
                answer=Answer(shape=Property),
                fields=(PROPERTY_ID,),
                body=JsonBody(fields=PROPERTY_FIELDS),
                errors=(TooLarge, UnsupportedType, Unprocessable),
                audited="property.set",
            ),
            Route(
                method="DELETE",
                path=_ONE,
                name="delete_property",
                text="Delete a property; its cameras stay",
                respond=self._delete,
                answer=Answer(shape=PropertyRemoved),
                fields=(PROPERTY_ID,),
                errors=(NotFound,),
                audited="property.delete",
            ),
        )

    async def _list(self, _call: Call) -> web.Response:
        return json_reply(PropertyList(items=await self._properties.all()))

    async def _put(self, call: Call) -> web.Response:
        values = await self._bodies.json(call.request, PROPERTY_FIELDS)
        return json_reply(await self._properties.put(property_of(call.path["property_id"], values)))

    async def _delete(self, call: Call) -> web.Response:
        property_id: str = call.path["property_id"]
        if not await self._properties.remove(property_id):
            raise NotFound("there is no such property")
        return json_reply(PropertyRemoved(id=property_id))
