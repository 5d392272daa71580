"""Errors that cross the wire, each with a code and an HTTP status; subclasses register themselves.

::

    WireError
    ├── InvalidRequest (ValueError)      invalid_request    400
    ├── Unauthorized (PermissionError)   unauthorized       401
    │   └── KeyExpired                   key_expired        401
    ├── Forbidden (PermissionError)      forbidden          403
    ├── NotFound (LookupError)           not_found          404
    ├── NotAllowed                       method_not_allowed 405
    ├── Conflict                         conflict           409
    ├── TooLarge (ValueError)            too_large          413
    ├── UnsupportedType (ValueError)     unsupported_type   415
    ├── RangeNotSatisfiable (ValueError) range_not_satisfiable 416
    ├── Unprocessable (ValueError)       unprocessable      422
    ├── RateLimited                      rate_limited       429
    ├── InternalError                    internal           500
    ├── ServiceUnavailable               unavailable        503
    └── DeadlineExceeded (TimeoutError)  deadline           504
"""

from collections.abc import Mapping
from typing import Any, ClassVar

type Details = Mapping[str, Any]


class WireError(Exception):
    """A failure that a peer may be told about: stable code, HTTP status, sentence, details."""

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500
    _by_code: ClassVar[dict[str, type[WireError]]] = {}

    def __init__(self, message: str, *, details: Details | None = None) -> None:
        """Keep the sentence for people and the details (JSON values) for programs."""
        super().__init__(message)
        self.message = message
        self.details: dict[str, Any] = dict(details or {})

    def __init_subclass__(cls) -> None:
        """Register the subclass under its code."""
        super().__init_subclass__()
        WireError._by_code[cls.code] = cls

    @classmethod
    def from_wire(cls, code: str, message: str, details: Details | None = None) -> WireError:
        """Rebuild the error that a peer sent; an unknown code becomes a plain ``WireError``."""
        return cls._by_code.get(code, WireError)(message, details=details)


class InvalidRequest(WireError, ValueError):
    """The request is malformed; details name the field and the fix."""

    code = "invalid_request"
    status = 400


class Unauthorized(WireError, PermissionError):
    """The token is missing or wrong."""

    code = "unauthorized"
    status = 401


class KeyExpired(Unauthorized):
    """The key was right, but its time is over."""

    code = "key_expired"
    status = 401


class Forbidden(WireError, PermissionError):
    """The caller is known but may not do this."""

    code = "forbidden"
    status = 403


class NotFound(WireError, LookupError):
    """The thing named by an id does not exist."""

    code = "not_found"
    status = 404


class NotAllowed(WireError):
    """The path exists but not with this HTTP method."""

    code = "method_not_allowed"
    status = 405


class Conflict(WireError):
    """The thing exists already, or changed meanwhile."""

    code = "conflict"
    status = 409


class TooLarge(WireError, ValueError):
    """The body exceeds its limit; details carry ``limit_bytes``."""

    code = "too_large"
    status = 413


class UnsupportedType(WireError, ValueError):
    """The media type is not one that the engine accepts."""

    code = "unsupported_type"
    status = 415


class RangeNotSatisfiable(WireError, ValueError):
    """A part of something was asked for that it does not have."""

    code = "range_not_satisfiable"
    status = 416


class Unprocessable(WireError, ValueError):
    """The request is well formed but its content cannot be used."""

    code = "unprocessable"
    status = 422


class RateLimited(WireError):
    """Too many requests; details carry ``retry_after_s``."""

    code = "rate_limited"
    status = 429


class InternalError(WireError):
    """A fault of the engine; the log has the reason under the request id."""

    code = "internal"
    status = 500


class ServiceUnavailable(WireError):
    """A part of the engine is down; details name the component and the reason."""

    code = "unavailable"
    status = 503


class DeadlineExceeded(WireError, TimeoutError):
    """The answer did not come within the deadline of the command."""

    code = "deadline"
    status = 504
