"""Routes as data: one declaration drives matching, checking, limits and the OpenAPI document."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final
from urllib.parse import unquote

from aiohttp import web

from home_sentry_engine.contract.errors import InvalidRequest, NotAllowed, NotFound, WireError

from .caller import Caller
from .fields import Field
from .limits import LimitClass

_DEEPEST: Final = 12


class Access(StrEnum):
    """What a route asks of its caller."""

    OPEN = "open"
    TOKEN = "token"  # noqa: S105
    IN_BAND = "in_band"


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonBody:
    """A JSON object with these fields."""

    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileBody:
    """One picture or clip, as the raw body or as the only file of a multipart form."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What success looks like: a contract dataclass as JSON (``shape``), or bytes of a type."""

    status: int = 200
    shape: type | None = None
    content_type: str = "application/json"
    text: str = "Success"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request that passed its checks; ``caller`` is None on open routes only."""

    request: web.BaseRequest
    request_id: str
    path: dict[str, Any]
    query: dict[str, Any]
    caller: Caller | None


type Respond = Callable[[Call], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One operation; ``path`` holds the names of its path fields in braces, ``audited`` names the deed to keep.

    A POST or PATCH with an idempotency key is answered once where it ``replays``.
    """

    method: str
    path: str
    name: str
    text: str
    respond: Respond
    answer: Answer
    fields: tuple[Field, ...] = ()
    query: tuple[Field, ...] = ()
    body: JsonBody | FileBody | None = None
    errors: tuple[type[WireError], ...] = ()
    limit: LimitClass | None = LimitClass.GENERAL
    access: Access = Access.TOKEN
    deadline_s: float = 30.0
    audited: str | None = None
    replays: bool = True

    @property
    def is_repeatable(self) -> bool:
        """Whether an idempotency key counts here."""
        return self.method in {"POST", "PATCH"} and self.replays and self.access is Access.TOKEN


@dataclass(frozen=True, slots=True)
class Match:
    """A route and the checked values of its path."""

    route: Route
    path: dict[str, Any]


class _Node:
    __slots__ = ("any", "children", "routes")

    def __init__(self) -> None:
        self.children: dict[str, _Node] = {}
        self.any: _Node | None = None
        self.routes: dict[str, Route] = {}


class Router:
    """Finds the route of a request; paths are compared segment by segment, never resolved."""

    def __init__(self, routes: Iterable[Route]) -> None:
        """Raises ``ValueError`` for two routes with the same method and path, or undeclared path fields."""
        self.routes: Final[Sequence[Route]] = tuple(routes)
        self._root = _Node()
        for route in self.routes:
            self._add(route)

    def find(self, method: str, raw_path: str) -> Match:
        """Match a method and the path as it stands in the request line.

        Raises ``NotFound`` (also for an id that cannot exist) or ``NotAllowed`` naming the allowed methods.
        """
        values: list[str] = []
        node: _Node | None = self._root
        segments = raw_path.split("/")[1:] if raw_path.startswith("/") else ["?"]
        if len(segments) > _DEEPEST:
            raise NotFound("there is nothing at this path")
        for segment in segments:
            if node is None:
                break
            child = node.children.get(segment)
            if child is None and node.any is not None:
                values.append(segment)
                child = node.any
            node = child
        if node is None or not node.routes:
            raise NotFound("there is nothing at this path")
        route = node.routes.get("GET" if method == "HEAD" else method)
        if route is None:
            allowed = sorted({*node.routes, *(("HEAD",) if "GET" in node.routes else ())})
            raise NotAllowed("this path has no such method", details={"allowed": allowed})
        return Match(route, _path_values(route, values))

    def _add(self, route: Route) -> None:
        node = self._root
        names: list[str] = []
        for segment in route.path.split("/")[1:]:
            if segment.startswith("{"):
                names.append(segment.strip("{}"))
                node.any = node.any or _Node()
                node = node.any
            else:
                node = node.children.setdefault(segment, _Node())
        if names != [field.name for field in route.fields]:
            raise ValueError(f"the path fields of {route.name} are not declared in order")
        if route.method in node.routes:
            raise ValueError(f"{route.method} {route.path} is declared twice")
        node.routes[route.method] = route


def _path_values(route: Route, values: Sequence[str]) -> dict[str, Any]:
    try:
        return {
            field.name: field.from_text(unquote(value, errors="strict"))
            for field, value in zip(route.fields, values, strict=True)
        }
    except (InvalidRequest, UnicodeDecodeError) as err:
        raise NotFound("there is nothing with this id") from err
