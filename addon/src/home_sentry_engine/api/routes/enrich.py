"""The models for other programs, in the same words in which the engine asks an enrichment server elsewhere."""

from functools import partial
from typing import Any, Final

from aiohttp import web

from home_sentry_engine.api.bodies import BodyReader
from home_sentry_engine.api.enrich_ports import Enricher, PictureQuestion
from home_sentry_engine.api.fields import Field, Kind
from home_sentry_engine.api.limits import LimitClass
from home_sentry_engine.api.routing import Answer, Call, JsonBody, Route
from home_sentry_engine.contract import MediaKind
from home_sentry_engine.contract.errors import (
    NotFound,
    ServiceUnavailable,
    TooLarge,
    Unprocessable,
    UnsupportedType,
)

_MAX_BYTES: Final = 10 * 1024 * 1024
_LONGEST: Final = _MAX_BYTES * 4 // 3 + 64
_MOST_FRAMES: Final = 16
_MOST_LABELS: Final = 64
_FARTHEST: Final = 65_535
_KINDS: Final = ("person", "vehicle", "animal")
_METHODS: Final = ("center", "mean", "median", "min")
_ERRORS: Final = (TooLarge, UnsupportedType, Unprocessable, ServiceUnavailable)
_IMAGE: Final = Field(name="image", longest=_LONGEST, required=True, text="A picture in base64")
_CORNER: Final = Field(name="corner", kind=Kind.NUMBER, low=0, high=_FARTHEST, text="Pixels")
_BBOX: Final = Field(
    name="bbox", kind=Kind.LIST, low=4, high=4, items=_CORNER, text="Left, top, right and bottom of a part, in pixels"
)
_MODEL: Final = Field(name="model_id", longest=80, text="The model that has to answer; the best one, if absent")
_LEAST: Final = Field(name="min_confidence", kind=Kind.NUMBER, low=0, high=1, text="Leave less certain joints out")
_WORD: Final = Field(name="word", longest=200, text="Words")
_OPTIONS: Final = Field(
    name="options",
    kind=Kind.OBJECT,
    text="Which questions (all that fit, if absent), and how they are put",
    fields=(
        Field(name="questions", kind=Kind.LIST, low=1, high=16, items=_WORD, text="Only these"),
        _MODEL,
        Field(name="line", kind=Kind.FLAG, text="The picture is one line of text"),
    ),
)
_KIND: Final = Field(name="detection_type", words=_KINDS, required=True, text="What the picture or its part shows")
_NAME: Final = Field(name="model_name", longest=80, required=True, text="Id of a model")
_FRAMES: Final = Field(
    name="frames",
    kind=Kind.LIST,
    low=1,
    high=_MOST_FRAMES,
    items=_IMAGE,
    required=True,
    text="Pictures of one person in order, in base64",
)
_LABELS: Final = Field(
    name="labels", kind=Kind.LIST, low=1, high=_MOST_LABELS, items=_WORD, text="Sentences to choose from"
)
_SIMPLE: Final = (_IMAGE, _BBOX, _MODEL)


class EnrichRoutes:
    """One route for each question; ``GET /health`` beside them tells whether it is worth asking.

    A model that is off or absent is an error with the outcome (``skipped``, ``unavailable``) and the reason in its
    details, so that nobody takes it for a finding.
    """

    def __init__(self, enricher: Enricher, bodies: BodyReader) -> None:
        """Take the port."""
        self._enricher = enricher
        self._bodies = bodies

    def routes(self) -> tuple[Route, ...]:
        """Declare the operations."""
        far = Field(name="method", words=_METHODS, text="Which part of the box speaks for the thing")
        return (
            self._about("/vehicle-classify", "vehicle_type", "Tell the type of a vehicle", _SIMPLE),
            self._about("/pet-classify", "pets", "Tell whether it is a cat or a dog", _SIMPLE),
            self._about("/clothing-classify", "clothing", "Tell what a person wears", _SIMPLE),
            self._about("/pose-analyze", "pose", "Find the joints of a person", (*_SIMPLE, _LEAST)),
            self._about("/depth-estimate", "depth", "Make a depth map in which brighter is nearer", (_IMAGE, _MODEL)),
            self._about("/object-distance", "distance", "Tell how near a thing is", (_IMAGE, _BBOX, _MODEL, far)),
            self._about(
                "/action-classify", "action", "Tell what a person does over pictures", (_FRAMES, _LABELS, _MODEL)
            ),
            Route(
                method="POST",
                path="/enrich",
                name="enrich",
                text="Answer all questions about a person, a vehicle or an animal, each with its outcome",
                respond=self._enrich,
                answer=Answer(text="results by question with outcome, model_id and values or reason; status over all"),
                body=JsonBody(fields=(_KIND, _IMAGE, _BBOX, _OPTIONS)),
                errors=_ERRORS,
                limit=LimitClass.DETECT,
                deadline_s=120.0,
                replays=False,
            ),
            Route(
                method="GET",
                path="/models/status",
                name="get_served_models",
                text="Models that answer these questions, and how they are",
                respond=self._status,
                answer=Answer(text="models with name, status, reason and memory; cards by question"),
            ),
            Route(
                method="POST",
                path="/models/preload",
                name="preload_served_model",
                text="Load a model now",
                respond=self._preload,
                answer=Answer(text="model_name and its status"),
                body=JsonBody(fields=(_NAME,)),
                errors=(NotFound, *_ERRORS),
                limit=LimitClass.AI,
                deadline_s=120.0,
                replays=False,
            ),
        )

    def _about(self, path: str, about: str, text: str, fields: tuple[Field, ...]) -> Route:
        return Route(
            method="POST",
            path=path,
            name=path.removeprefix("/").replace("-", "_"),
            text=text,
            respond=partial(self._answer, about, fields),
            answer=Answer(text="The answer with model_id and inference_time_ms"),
            body=JsonBody(fields=fields),
            errors=_ERRORS,
            limit=LimitClass.DETECT,
            deadline_s=60.0,
            replays=False,
        )

    async def _answer(self, about: str, fields: tuple[Field, ...], call: Call) -> web.Response:
        return web.json_response(await self._enricher.answer(await self._question(about, fields, call)))

    async def _enrich(self, call: Call) -> web.Response:
        question = await self._question("enrich", (_KIND, _IMAGE, _BBOX, _OPTIONS), call)
        options = dict(question.options.get("options") or {})
        wanted = tuple(options.pop("questions", None) or ())
        asked = PictureQuestion(
            about="enrich",
            pictures=question.pictures,
            corners=question.corners,
            options={name: value for name, value in options.items() if value is not None},
        )
        return web.json_response(await self._enricher.enrich(question.options["detection_type"], asked, wanted))

    async def _status(self, call: Call) -> web.Response:
        del call
        return web.json_response(await self._enricher.models_status())

    async def _preload(self, call: Call) -> web.Response:
        values = await self._bodies.json(call.request, (_NAME,))
        return web.json_response(await self._enricher.preload(values["model_name"]))

    async def _question(self, about: str, fields: tuple[Field, ...], call: Call) -> PictureQuestion:
        values, files = await self._bodies.shown(call.request, fields, most=_MOST_FRAMES, max_bytes=_MAX_BYTES)
        if any(file.file_type.kind is not MediaKind.IMAGE for file in files):
            raise UnsupportedType("only pictures are looked at here")
        corners = values.pop("bbox", None)
        return PictureQuestion(
            about=about,
            pictures=tuple(file.data for file in files),
            corners=_whole(corners) if corners is not None else None,
            options={name: value for name, value in values.items() if value is not None},
        )


def _whole(corners: list[Any]) -> tuple[int, int, int, int]:
    left, top, right, bottom = (round(one) for one in corners)
    if right <= left or bottom <= top:
        raise Unprocessable("the box has no area", details={"field": "bbox"})
    return left, top, right, bottom
