"""JSON answers and parameters that several families share."""

from typing import Any, Final

from aiohttp import web

from home_sentry_engine.api.fields import Field, Kind
from home_sentry_engine.contract import encode
from home_sentry_engine.storage.query import DEFAULT_LIMIT, MAX_LIMIT

PAGE_FIELDS: Final = (
    Field(name="camera", pattern=r"^[a-z0-9_]{1,64}$", text="Only this camera"),
    Field(name="since", kind=Kind.TIME, text="Not before this time"),
    Field(name="until", kind=Kind.TIME, text="Before this time"),
    Field(name="limit", kind=Kind.WHOLE, low=1, high=MAX_LIMIT, default=DEFAULT_LIMIT, text="How many"),
    Field(name="cursor", longest=512, text="next_cursor of the page before, with the same filters"),
    Field(name="total", kind=Kind.FLAG, default=False, text="Count all matches as well"),
)


def page_arguments(values: dict[str, Any]) -> dict[str, Any]:
    """Translate the values of ``PAGE_FIELDS`` to the arguments of a ``PageQuery``."""
    return {
        "camera_id": values["camera"],
        "since": values["since"],
        "until": values["until"],
        "limit": values["limit"],
        "cursor": values["cursor"],
        "with_total": values["total"],
        "within": values.get("within"),
    }


def json_reply(value: object, status: int = 200) -> web.Response:
    """Answer with one contract dataclass."""
    return web.Response(body=encode(value), status=status, content_type="application/json")
