"""Keys with roles and camera limits: list, make, change, revoke; and what the caller is taken for."""

from typing import Final

from aiohttp import web

from home_sentry_engine.api.bodies import BodyReader
from home_sentry_engine.api.key_fields import KEY_CHANGE_FIELDS, KEY_ID, NEW_KEY_FIELDS, changes_of, wish_of
from home_sentry_engine.api.keys import Keys
from home_sentry_engine.api.limits import LimitClass
from home_sentry_engine.api.routing import Answer, Call, JsonBody, Route
from home_sentry_engine.contract import ApiKey, ApiKeyList, ApiKeyMade, Whoami
from home_sentry_engine.contract.errors import (
    Conflict,
    NotFound,
    TooLarge,
    Unauthorized,
    Unprocessable,
    UnsupportedType,
)

from .replies import json_reply

_KEYS: Final = "/api/v1/system/keys"


class KeyRoutes:
    """Reads and writes keys; the token of the installation is none of them."""

    def __init__(self, keys: Keys, bodies: BodyReader) -> None:
        """Take what keeps keys."""
        self._keys = keys
        self._bodies = bodies

    def routes(self) -> tuple[Route, ...]:
        """Declare the operations."""
        return (*self._reads(), *self._writes())

    def _reads(self) -> tuple[Route, ...]:
        return (
            Route(
                method="GET",
                path="/api/v1/whoami",
                name="get_whoami",
                text="Role and camera limits of the caller",
                respond=self._whoami,
                answer=Answer(shape=Whoami),
            ),
            Route(
                method="GET",
                path=_KEYS,
                name="list_keys",
                text="Keys of the API without their secrets, the newest first",
                respond=self._list,
                answer=Answer(shape=ApiKeyList),
            ),
        )

    def _writes(self) -> tuple[Route, ...]:
        return (
            Route(
                method="POST",
                path=_KEYS,
                name="create_key",
                text="Make a key; its secret is shown once, never repeated",
                respond=self._create,
                answer=Answer(status=201, shape=ApiKeyMade, text="Made"),
                body=JsonBody(fields=NEW_KEY_FIELDS),
                errors=(NotFound, Conflict, TooLarge, UnsupportedType, Unprocessable),
                audited="key.create",
                limit=LimitClass.BULK,
                replays=False,
            ),
            Route(
                method="PATCH",
                path=f"{_KEYS}/{{key_id}}",
                name="change_key",
                text="Change name, cameras or end of a key",
                respond=self._change,
                answer=Answer(shape=ApiKey),
                fields=(KEY_ID,),
                body=JsonBody(fields=KEY_CHANGE_FIELDS),
                errors=(NotFound, Conflict, TooLarge, UnsupportedType, Unprocessable),
                audited="key.change",
            ),
            Route(
                method="DELETE",
                path=f"{_KEYS}/{{key_id}}",
                name="revoke_key",
                text="End a key for good; who is connected with it is sent away",
                respond=self._revoke,
                answer=Answer(shape=ApiKey),
                fields=(KEY_ID,),
                errors=(NotFound,),
                audited="key.revoke",
            ),
        )

    async def _whoami(self, call: Call) -> web.Response:
        if call.caller is None:
            raise Unauthorized("a bearer token is needed in the Authorization header")
        return json_reply(call.caller.describe())

    async def _list(self, _call: Call) -> web.Response:
        return json_reply(await self._keys.all())

    async def _create(self, call: Call) -> web.Response:
        wish = wish_of(await self._bodies.json(call.request, NEW_KEY_FIELDS))
        return json_reply(await self._keys.make(wish), status=201)

    async def _change(self, call: Call) -> web.Response:
        changes = changes_of(await self._bodies.json(call.request, KEY_CHANGE_FIELDS))
        return json_reply(await self._keys.change(call.path["key_id"], changes))

    async def _revoke(self, call: Call) -> web.Response:
        return json_reply(await self._keys.revoke(call.path["key_id"]))
