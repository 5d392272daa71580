"""Models: what there is and how it does; fetch, check, remove, allow, load."""

from typing import Final

from aiohttp import web

from home_sentry_engine.api.bodies import BodyReader
from home_sentry_engine.api.fields import Field
from home_sentry_engine.api.limits import LimitClass
from home_sentry_engine.api.model_ports import ModelShelf
from home_sentry_engine.api.routing import Answer, Call, JsonBody, Respond, Route
from home_sentry_engine.contract import (
    ModelLatencyList,
    ModelList,
    ModelRecord,
    ModelRemoved,
    ModelsStatus,
    ModelVerified,
)
from home_sentry_engine.contract.errors import (
    Conflict,
    NotFound,
    ServiceUnavailable,
    TooLarge,
    UnsupportedType,
)

from .replies import json_reply

_ID: Final = Field(name="model_id", pattern=r"^[a-z0-9][a-z0-9.-]{0,79}$", text="Id of a model", required=True)
_MODELS: Final = "/api/v1/models"
_ACCEPTED: Final = JsonBody(
    fields=(
        Field(
            name="accept_licence",
            longest=200,
            nullable=True,
            text="The name of its licence, where the licence is not permissive",
        ),
    )
)
_SLOW_S: Final = 120.0


class ModelRoutes:
    """Reads and manages models."""

    def __init__(self, models: ModelShelf, bodies: BodyReader) -> None:
        """Take the ports."""
        self._models = models
        self._bodies = bodies

    def routes(self) -> tuple[Route, ...]:
        """Declare the operations."""
        return (
            _read("", "list_models", "All models with licence, place and state", self._list, ModelList),
            _read("/status", "get_models_status", "Models in short", self._status, ModelsStatus),
            _read("/latency", "get_model_latency", "How long models took, by minute", self._latency, ModelLatencyList),
            Route(
                method="GET",
                path=f"{_MODELS}/{{model_id}}",
                name="get_model",
                text="One model",
                respond=self._one,
                answer=Answer(shape=ModelRecord),
                fields=(_ID,),
                errors=(NotFound,),
            ),
            _licensed("get", "Fetch its files; model_progress tells how far it is", self._get, Answer(
                status=202, shape=ModelRecord, text="It is being fetched, or it is there"
            )),
            _licensed("enable", "Allow it to run", self._enable, Answer(shape=ModelRecord)),
            _deed("disable", "Forbid it to run", self._disable, Answer(shape=ModelRecord)),
            _deed("verify", "Read its files again and compare", self._verify, Answer(shape=ModelVerified)),
            _deed("load", "Load it now and prove it", self._load, Answer(shape=ModelRecord)),
            _deed("unload", "Let go of its memory", self._unload, Answer(shape=ModelRecord)),
            Route(
                method="DELETE",
                path=f"{_MODELS}/{{model_id}}",
                name="remove_model",
                text="Delete the engine's own copies of its files; a mirror is left alone",
                respond=self._remove,
                answer=Answer(shape=ModelRemoved),
                fields=(_ID,),
                errors=(NotFound, Conflict),
                audited="model.remove",
            ),
        )  # fmt: skip

    async def _list(self, _call: Call) -> web.Response:
        return json_reply(await self._models.all())

    async def _status(self, _call: Call) -> web.Response:
        return json_reply(await self._models.status())

    async def _latency(self, _call: Call) -> web.Response:
        return json_reply(await self._models.latency())

    async def _one(self, call: Call) -> web.Response:
        return json_reply(await self._models.one(call.path["model_id"]))

    async def _get(self, call: Call) -> web.Response:
        accepted = await self._accepted(call)
        return json_reply(await self._models.get(call.path["model_id"], accepted), status=202)

    async def _enable(self, call: Call) -> web.Response:
        accepted = await self._accepted(call)
        return json_reply(await self._models.switch(call.path["model_id"], on=True, accepted=accepted))

    async def _disable(self, call: Call) -> web.Response:
        return json_reply(await self._models.switch(call.path["model_id"], on=False))

    async def _verify(self, call: Call) -> web.Response:
        return json_reply(await self._models.verify(call.path["model_id"]))

    async def _load(self, call: Call) -> web.Response:
        return json_reply(await self._models.load(call.path["model_id"]))

    async def _unload(self, call: Call) -> web.Response:
        return json_reply(await self._models.unload(call.path["model_id"]))

    async def _remove(self, call: Call) -> web.Response:
        return json_reply(await self._models.remove(call.path["model_id"]))

    async def _accepted(self, call: Call) -> str | None:
        accepted: str | None = (await self._bodies.json(call.request, _ACCEPTED.fields))["accept_licence"]
        return accepted


def _read(path: str, name: str, text: str, respond: Respond, shape: type) -> Route:
    return Route(
        method="GET", path=f"{_MODELS}{path}", name=name, text=text, respond=respond, answer=Answer(shape=shape)
    )


def _licensed(verb: str, text: str, respond: Respond, answer: Answer) -> Route:
    return Route(
        method="POST",
        path=f"{_MODELS}/{{model_id}}/{verb}",
        name="fetch_model" if verb == "get" else f"{verb}_model",
        text=text,
        respond=respond,
        answer=answer,
        fields=(_ID,),
        body=_ACCEPTED,
        errors=(NotFound, Conflict, TooLarge, UnsupportedType),
        limit=LimitClass.AI,
        audited=f"model.{verb}",
    )


def _deed(verb: str, text: str, respond: Respond, answer: Answer) -> Route:
    return Route(
        method="POST",
        path=f"{_MODELS}/{{model_id}}/{verb}",
        name=f"{verb}_model",
        text=text,
        respond=respond,
        answer=answer,
        fields=(_ID,),
        errors=(NotFound, Conflict, ServiceUnavailable),
        limit=LimitClass.AI,
        deadline_s=_SLOW_S,
        audited=f"model.{verb}",
    )
