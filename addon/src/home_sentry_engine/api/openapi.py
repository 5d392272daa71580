"""OpenAPI 3.1 from the route table: what is checked is what is written."""

from collections.abc import Iterable
import re
from typing import TYPE_CHECKING, Any, Final

from home_sentry_engine.contract import VERSION, Problem, WireError
from home_sentry_engine.contract.errors import (
    Conflict,
    DeadlineExceeded,
    Forbidden,
    InternalError,
    InvalidRequest,
    NotFound,
    RangeNotSatisfiable,
    RateLimited,
    Unauthorized,
)
from home_sentry_engine.domain.lazy import lazy

from .access import FORGOTTEN, ROUTES
from .bodies import FILE_TYPES, is_needed
from .fields import Field, object_schema
from .problems import CONTENT_TYPE
from .routing import Access, FileBody, JsonBody, Route

if TYPE_CHECKING:
    from mashumaro import jsonschema
else:
    # a tenth of the time of all imports, for a document that few ask for
    jsonschema = lazy("mashumaro.jsonschema")

_KEY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same key with the same body gets the answer of the first request for 24 hours",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}
_FAMILY: Final = re.compile(r"^/api/v1/([a-z]+)")


def document(routes: Iterable[Route]) -> dict[str, object]:
    """Describe these routes; the same routes always give the same document."""
    builder = jsonschema.JSONSchemaBuilder(jsonschema.OPEN_API_3_1)
    problem = {CONTENT_TYPE: {"schema": builder.build(Problem).to_dict()}}
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, builder, problem)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Home Sentry engine",
            "version": VERSION,
            "description": "AI home security that runs entirely at home. Lists are paged with `limit` and `cursor`; "
            "every error is `application/problem+json`. `x-least-role` is the lowest role of a key that may call, "
            "`x-camera-limits` what a key with camera limits gets: everything (free), what belongs to its cameras "
            "(cut), 403 (closed); all other words name things which exist for it at its cameras only.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": _tolerant(builder.get_definitions().to_dict()),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(route: Route, builder: jsonschema.JSONSchemaBuilder, problem: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.text,
        "tags": [_tag(route.path)],
        "security": [{"token": []}] if route.access is Access.TOKEN else [],
        "responses": _responses(route, builder, problem),
    }
    if route.access is Access.TOKEN:
        grant = ROUTES.get(route.name, FORGOTTEN)
        operation |= {"x-least-role": grant.role.value, "x-camera-limits": grant.reach.value}
    parameters = [_parameter(field, "path") for field in route.fields]
    parameters += [_parameter(field, "query") for field in route.query]
    if route.is_repeatable:
        parameters.append(_KEY)
    if parameters:
        operation["parameters"] = parameters
    if route.body is not None:
        needed = not isinstance(route.body, JsonBody) or is_needed(route.body.fields)
        operation["requestBody"] = {"required": needed, "content": _content(route.body)}
    return operation


def _responses(route: Route, builder: jsonschema.JSONSchemaBuilder, problem: dict[str, Any]) -> dict[str, Any]:
    answer = route.answer
    success: dict[str, Any] = {"description": answer.text}
    if answer.status != 101:
        schema = builder.build(answer.shape).to_dict() if answer.shape else {}
        success["content"] = {answer.content_type: {"schema": schema}}
    responses = {str(answer.status): success}
    if answer.content_type.startswith(("image/", "video/")):
        responses["304"] = {"description": "The client has this picture already"}
    if RangeNotSatisfiable in route.errors:
        responses["206"] = {**success, "description": "The part that was asked for"}
    for error in sorted(_errors(route), key=lambda error: error.status):
        responses.setdefault(str(error.status), {"description": _sentence(error), "content": problem})
    return responses


def _errors(route: Route) -> set[type[WireError]]:
    errors: set[type[WireError]] = {*route.errors, InvalidRequest, InternalError, DeadlineExceeded}
    if route.access is not Access.OPEN:
        errors |= {Unauthorized, RateLimited, Forbidden}
    if route.is_repeatable:
        errors.add(Conflict)
    if route.fields:
        # an id that cannot exist is not found before anybody is asked
        errors.add(NotFound)
    return errors


def _sentence(error: type[WireError]) -> str:
    return (error.__doc__ or error.code).splitlines()[0]


def _parameter(field: Field, place: str) -> dict[str, Any]:
    return {
        "name": field.name,
        "in": place,
        "required": place == "path" or field.required,
        "description": field.text,
        "schema": field.schema(),
    }


def _content(body: JsonBody | FileBody) -> dict[str, Any]:
    if isinstance(body, FileBody):
        form = {"type": "object", "properties": {"file": {"type": "string", "format": "binary"}}, "required": ["file"]}
        return {"multipart/form-data": {"schema": form}, **{name: {} for name in FILE_TYPES}}
    return {"application/json": {"schema": object_schema(body.fields)}}


def _tag(path: str) -> str:
    family = _FAMILY.match(path)
    return family.group(1) if family else "engine"


def _tolerant(schema: Any) -> Any:
    """Let answers carry fields that this version does not know, as the wire promises."""
    if isinstance(schema, dict):
        return {name: _tolerant(value) for name, value in schema.items() if name != "additionalProperties" or value}
    return [_tolerant(value) for value in schema] if isinstance(schema, list) else schema
