"""The HTTP server: one place where every request is named, checked, limited, answered and counted."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
import logging
import os
import ssl
import time
from types import TracebackType
from typing import Any, Final, Self

from aiohttp import web

from home_sentry_engine.contract import WireError
from home_sentry_engine.contract.errors import InternalError, InvalidRequest, RateLimited, Unauthorized
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.errors import HomeSentryError
from home_sentry_engine.domain.identity import IdSource
from home_sentry_engine.settings import ApiSettings
from home_sentry_engine.telemetry.logs import request_context
from home_sentry_engine.telemetry.metrics import Registry

from .access import FORGOTTEN, ROUTES, Reach
from .addresses import ANY_V4, ANY_V6, is_loopback
from .audit import Auditor
from .auth import Gate, address_of
from .bodies import BodyReader
from .caller import CALLER, NAMED, Caller
from .commands import Commands
from .fields import read_query
from .guard import Guard
from .hub import Hub, Pace
from .idempotency import REPLAYED, Replayed, claim_of
from .key_book import KeyBook
from .keys import Keys
from .limits import Limits, RateLimiter
from .narrowing import Narrowing
from .openapi import document
from .peer import Patience, Services
from .pictures import PictureShelf
from .ports import Ports
from .problems import problem_response, wire_error_of
from .protocol import HttpServer, most_silent
from .route_table import Tools, families
from .routing import Access, Call, Match, Route, Router
from .slowing import Slowing
from .socket import SocketRoute
from .tokens import TokenKeys

_LOGGER = logging.getLogger(__name__)
_SLOW_S: Final = 0.5
_GOODBYE_S: Final = 4.0
_SHUTDOWN_S: Final = 3.0
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_HEADERS: Final = {
    "Server": "Home Sentry",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class InsecureBinding(HomeSentryError, PermissionError):
    """The API would listen beyond this machine without encryption, and the user did not allow that."""


class CannotListen(HomeSentryError, OSError):
    """Address or port are taken, or not of this machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Time, ids and where numbers go, with limits that tests may change."""

    clock: Clock
    request_id: IdSource
    metrics: Registry
    limits: Limits = field(default_factory=Limits)
    pace: Pace = field(default_factory=Pace)
    patience: Patience = field(default_factory=Patience)
    tls: ssl.SSLContext | None = None
    most_silent: int = field(default_factory=most_silent)


class ApiServer:
    """Listens while entered; ``run`` feeds the WebSocket clients and belongs under supervision.

    ``keys`` gives the hashes of the tokens that are valid now. Entering raises ``InsecureBinding`` or ``CannotListen``.
    """

    def __init__(
        self, settings: ApiSettings, ports: Ports, keys: Callable[[], TokenKeys], surroundings: Surroundings
    ) -> None:
        """Build routes and limits; nothing listens yet."""
        self._settings = settings
        self._ports = ports
        self._clock = surroundings.clock
        self._new_id = surroundings.request_id
        self._book = KeyBook(ports.api_keys, surroundings.clock)
        self._gate = Gate(keys, self._book, surroundings.clock, surroundings.limits.failed_logins)
        self._guard = Guard(ports.belongings)
        self._auditor = Auditor(ports.audit, surroundings.clock.monotonic)
        self._limiter = RateLimiter(surroundings.limits, surroundings.clock.monotonic)
        self._slowing = Slowing(surroundings.clock.monotonic)
        metrics = surroundings.metrics
        self._seconds = metrics.histogram("http_request_seconds", "Time to answer", ("route", "method", "status"))
        self._refusals = metrics.counter("http_refused_total", "Requests that were refused", ("code",))
        self._hub = Hub(
            ports,
            metrics,
            replay_messages=settings.replay_messages,
            pace=surroundings.pace,
        )
        self._shelf = PictureShelf(surroundings.clock.monotonic)
        self._bodies = BodyReader(max_json_bytes=settings.max_body_bytes, max_file_bytes=settings.max_upload_bytes)
        self._socket: SocketRoute | None = None
        self._surroundings = surroundings
        self._router = Router(())
        self._runner: web.ServerRunner | None = None
        self._site: web.TCPSite | None = None

    def forget_pictures(self) -> None:
        """Draw every picture anew, because what may be shown has changed."""
        self._shelf.clear()

    @property
    def port(self) -> int:
        """Port that it listens on; the real one also when the settings say 0."""
        if self._site is None:
            raise RuntimeError("the API is not listening")
        return self._site.port

    @property
    def url(self) -> str:
        """Address for a client on this machine."""
        host = self._settings.host
        if host in {"", ANY_V4}:
            host = "127.0.0.1"
        elif host == ANY_V6:
            host = "::1"
        scheme = "http" if self._surroundings.tls is None else "https"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def routes(self) -> tuple[Route, ...]:
        """Every operation, once entered."""
        return tuple(self._router.routes)

    def describe(self) -> dict[str, object]:
        """Give the OpenAPI document; nothing needs to listen for that."""
        return document(self._all_routes())

    async def __aenter__(self) -> Self:
        """Listen."""
        settings, tls = self._settings, self._surroundings.tls
        if tls is None and not (settings.allow_insecure or settings.app_network or is_loopback(settings.host)):
            raise InsecureBinding(
                f"'host' is {settings.host}: without TLS this needs 'allow_insecure', or use 127.0.0.1"
            )
        await self._book.refresh()
        self._router = Router(self._all_routes())
        server = HttpServer(self._handle, self._broken, most_silent=self._surroundings.most_silent)
        runner = web.ServerRunner(server, shutdown_timeout=_SHUTDOWN_S)
        await runner.setup()
        try:
            site = web.TCPSite(runner, settings.host, settings.port, ssl_context=tls)
            await site.start()
        except OSError as err:
            await runner.cleanup()
            place = f"{self._settings.host}:{self._settings.port}"
            why = os.strerror(err.errno).lower() if err.errno else str(err)
            raise CannotListen(f"cannot listen on {place}: {why}; choose another host or port") from err
        self._runner, self._site = runner, site
        _LOGGER.info("The API listens on %s", self.url)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Say goodbye to WebSocket clients, finish what runs, stop listening."""
        runner, self._runner, self._site = self._runner, None, None
        if self._socket is not None:
            await self._socket.close(_GOODBYE_S)
        if runner is not None:
            await runner.cleanup()

    async def run(self) -> None:
        """Broadcast, and look after keys and who connected with them, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._hub.run(), name="api hub")
            group.create_task(self._book.run(self._recheck), name="api keys")

    def _recheck(self) -> None:
        if self._socket is not None:
            self._socket.recheck()

    def _all_routes(self) -> tuple[Route, ...]:
        ports, surroundings = self._ports, self._surroundings
        keys = Keys(ports.api_keys, self._book, self._recheck)
        shared = Services(
            hub=self._hub,
            feed=ports.feed,
            health=ports.health,
            commands=Commands(ports, keys),
            admit=self._gate.admit,
            again=self._gate.again,
            catalogue=ports.catalogue,
            audit=self._auditor,
            limiter=self._limiter,
            clock=self._clock,
            patience=surroundings.patience,
        )
        self._socket = SocketRoute(self._gate, shared)
        tools = Tools(
            bodies=self._bodies,
            shelf=self._shelf,
            metrics=surroundings.metrics,
            keys=keys,
            document=lambda: document(self._router.routes),
        )
        return (*families(ports, tools), *self._socket.routes())

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        request_id = self._new_id()
        began = time.perf_counter()
        match: Match | None = None
        with request_context(request_id):
            try:
                match, caller = self._admitted(request)
                response = await self._respond(request, request_id, match, caller)
                if REPLAYED not in response.headers:
                    await self._keep(request, request_id, match, None)
            except Exception as err:  # noqa: BLE001 - the edge: whatever fails becomes a documented answer and a log line
                response = self._refused(err, request, request_id)
                if isinstance(err, RateLimited) and not await self._slowing.hold(request):
                    response.force_close()
                await self._keep(request, request_id, match, err)
            route = match.route if match is not None else None
            self._note(request, route, response, time.perf_counter() - began)
        return response if response.prepared else _finished(response, request_id)

    def _admitted(self, request: web.BaseRequest) -> tuple[Match, Caller | None]:
        path = request.rel_url.raw_path
        try:
            match = self._router.find(request.method, path)
        except WireError:
            # without a token nobody learns what there is
            request[CALLER] = self._gate.open(request)
            raise
        if match.route.access is not Access.TOKEN:
            return match, None
        caller = request[CALLER] = self._gate.open(request)
        if match.route.limit is not None:
            self._limiter.check(match.route.limit, caller.key)
        return match, caller

    async def _respond(
        self, request: web.BaseRequest, request_id: str, match: Match, caller: Caller | None
    ) -> web.StreamResponse:
        route = match.route
        grant = ROUTES.get(route.name, FORGOTTEN)
        if caller is not None:
            self._guard.check_role(grant, caller)
        query = read_query(route.query, list(request.query.items())) if route.access is Access.TOKEN else {}
        if caller is not None:
            async with asyncio.timeout(route.deadline_s):
                await self._guard.check_reach(grant, caller, match.path | query)
            if grant.reach is Reach.CUT:
                query["within"] = caller.within
        call = Call(request=request, request_id=request_id, path=match.path, query=query, caller=caller)
        if route.access is Access.IN_BAND:
            return await route.respond(call)
        repeatable = route.is_repeatable and caller is not None
        claim = claim_of(request, self._ports.replies, caller) if repeatable and caller is not None else None
        response: web.StreamResponse | None = None
        try:
            async with asyncio.timeout(route.deadline_s):
                if route.body is None and route.method != "GET":
                    await self._bodies.nothing(request)
                response = await self._narrowed(await route.respond(call), caller)
        except Replayed as known:
            return known.response
        finally:
            if claim is not None:
                await asyncio.shield(claim.settle(response))
        return response

    async def _narrowed(self, response: web.StreamResponse, caller: Caller | None) -> web.StreamResponse:
        if caller is None or caller.cameras is None or not isinstance(response, web.Response):
            return response
        narrowing = await Narrowing.of(caller.cameras, self._ports.catalogue)
        if narrowing is not None and response.content_type == "application/json" and isinstance(response.body, bytes):
            response.body = narrowing.body(response.body)
        return response

    async def _keep(
        self, request: web.BaseRequest, request_id: str, match: Match | None, err: Exception | None
    ) -> None:
        address, caller = address_of(request), request.get(CALLER)
        failure = wire_error_of(err).code if err is not None else None
        if match is None:
            if isinstance(err, Unauthorized) and "Authorization" in request.headers:
                await self._auditor.refused(address, request_id)
            if failure is not None and _looks_like_traversal(request):
                await self._auditor.strayed(address, caller, failure, request_id)
        elif match.route.audited is not None and caller is not None:
            target = "/".join(str(value) for value in match.path.values()) or None
            done, user = match.route.audited, request.get(NAMED)
            await self._auditor.done(done, target, caller=caller, failure=failure, request_id=request_id, user=user)

    def _refused(self, err: Exception, request: web.BaseRequest, request_id: str) -> web.Response:
        failure = wire_error_of(err)
        if failure.code == "internal":
            _LOGGER.error("A request failed", exc_info=err, extra={"method": _method(request)})
        self._refusals.add(code=failure.code)
        return problem_response(failure, request_id)

    def _broken(self, status: int) -> web.Response:
        request_id = self._new_id()
        failure = (
            InternalError("the answer failed") if status >= 500 else InvalidRequest("this is not a proper HTTP request")
        )
        self._refusals.add(code=failure.code)
        return _finished(problem_response(failure, request_id), request_id)

    def _note(
        self, request: web.BaseRequest, route: Route | None, response: web.StreamResponse, seconds: float
    ) -> None:
        name = route.name if route else "none"
        if route is None or route.access is not Access.IN_BAND:
            self._seconds.observe(seconds, route=name, method=_method(request), status=str(response.status))
        extra: dict[str, Any] = {
            "method": _method(request),
            "route": name,
            "status": response.status,
            "address": address_of(request),
            "duration_ms": seconds * 1000,
        }
        if route is None and _looks_like_traversal(request):
            _LOGGER.warning("A path tried to leave the API", extra=extra)
        elif seconds > _SLOW_S and name != "connect":
            _LOGGER.info("A request was slow", extra=extra)
        else:
            _LOGGER.debug("Answered", extra=extra)


def _finished[R: web.StreamResponse](response: R, request_id: str) -> R:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers["X-Request-ID"] = request_id
    return response


def _method(request: web.BaseRequest) -> str:
    return request.method if request.method in _METHODS else "OTHER"


def _looks_like_traversal(request: web.BaseRequest) -> bool:
    raw = request.raw_path.lower()
    return any(sign in raw for sign in ("..", "%2e", "%2f", "%5c", "%00", "\\"))
