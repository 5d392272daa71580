"""Failures as ``application/problem+json`` (RFC 9457): a code, a sentence, the request id; never a trace or a path."""

from collections.abc import Callable
from typing import Any, Final

from aiohttp import web

from home_sentry_engine.contract import Problem, WireError, encode
from home_sentry_engine.contract.errors import (
    Conflict,
    DeadlineExceeded,
    InternalError,
    InvalidRequest,
    NotFound,
    RateLimited,
    ServiceUnavailable,
    TooLarge,
    Unprocessable,
    UnsupportedType,
)
from home_sentry_engine.domain.errors import Permanent, Rejected, RejectReason, Transient, Unavailable
from home_sentry_engine.storage.errors import (
    CameraNameTaken,
    InvalidCursor,
    MalformedSearch,
    StaleRevision,
    StorageError,
    UnknownRow,
)

CONTENT_TYPE: Final = "application/problem+json"
_TYPE: Final = "https://github.com/home-sentry/home-sentry/blob/main/addon/DOCS.md#"
_TITLES: Final = {
    "invalid_request": "Invalid request",
    "unauthorized": "Not authenticated",
    "key_expired": "Key expired",
    "forbidden": "Not allowed",
    "not_found": "Not found",
    "method_not_allowed": "Method not allowed",
    "conflict": "Conflict",
    "too_large": "Too large",
    "unsupported_type": "Unsupported type",
    "range_not_satisfiable": "No such range",
    "unprocessable": "Cannot be processed",
    "rate_limited": "Too many requests",
    "internal": "Internal error",
    "unavailable": "Temporarily unavailable",
    "deadline": "Deadline exceeded",
}
_SOON_S: Final = 5.0
_TOO_LARGE: Final = frozenset({RejectReason.TOO_LARGE, RejectReason.TOO_MANY_PIXELS, RejectReason.TOO_MANY_SCANS})
_WRONG_TYPE: Final = frozenset(
    {RejectReason.NOT_MEDIA, RejectReason.FORBIDDEN_FORMAT, RejectReason.NO_VIDEO_STREAM, RejectReason.NOT_REGULAR}
)


def wire_error_of(err: Exception) -> WireError:
    """Translate any failure; what nobody foresaw becomes ``InternalError`` without its text."""
    if isinstance(err, WireError):
        return err
    for kind, translate in _TRANSLATIONS.items():
        if isinstance(err, kind):
            return translate(err)
    return InternalError("the engine failed; its log has the reason under this request id")


def _unavailable(err: Unavailable | Transient) -> WireError:
    details: dict[str, Any] = {"reason": err.code}
    wait_s = _SOON_S if err.retry_after_s is None and isinstance(err, Transient) else err.retry_after_s
    if wait_s is not None:
        details["retry_after_s"] = wait_s
    return ServiceUnavailable(err.reason, details=details)


def _permanent(err: Permanent) -> WireError:
    return Unprocessable(err.reason, details={"reason": err.code})


def _malformed(err: MalformedSearch) -> WireError:
    return InvalidRequest(
        f"the search is not understood at character {err.position}: {err}",
        details={"field": "q", "position": err.position},
    )


def _rejected(err: Rejected) -> WireError:
    details = {"reason": err.reason.value}
    if err.reason in _TOO_LARGE:
        return TooLarge(err.detail, details=details)
    if err.reason in _WRONG_TYPE:
        return UnsupportedType(err.detail, details=details)
    return Unprocessable(err.detail, details=details)


# the first that fits counts, so the special ones stand before their bases
_TRANSLATIONS: Final[dict[type[Exception], Callable[[Any], WireError]]] = {
    Rejected: _rejected,
    Unavailable: _unavailable,
    Transient: _unavailable,
    Permanent: _permanent,
    InvalidCursor: lambda _: InvalidRequest("the cursor is not valid for this query", details={"field": "cursor"}),
    MalformedSearch: _malformed,
    UnknownRow: lambda _: NotFound("there is nothing with this id"),
    CameraNameTaken: lambda _: Conflict("another folder has this camera id already"),
    StaleRevision: lambda _: Conflict("somebody else changed this meanwhile; read it again"),
    StorageError: lambda _: ServiceUnavailable("the database cannot answer now", details={"component": "database"}),
    TimeoutError: lambda _: DeadlineExceeded("the engine did not answer in time"),
}


def problem_response(err: WireError, request_id: str) -> web.Response:
    """Make the answer for one failure."""
    problem = Problem(
        type=_TYPE + err.code.replace("_", "-"),
        title=_TITLES.get(err.code, "Error"),
        status=err.status,
        code=err.code,
        detail=err.message,
        request_id=request_id,
        details=err.details,
    )
    response = web.Response(body=encode(problem), status=err.status, content_type=CONTENT_TYPE)
    wait_s = err.details.get("retry_after_s")
    if isinstance(wait_s, int | float) and isinstance(err, RateLimited | ServiceUnavailable):
        response.headers["Retry-After"] = str(max(1, round(wait_s)))
    if err.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    if err.status == 405:
        response.headers["Allow"] = ", ".join(err.details.get("allowed", ()))
    return response
