"""Inputs of a camera's zones."""

from typing import Any, Final

from home_sentry_engine.context.geometry import rectangle
from home_sentry_engine.context.zones import MOST_POINTS, InvalidZone
from home_sentry_engine.contract import Zone, ZoneAnchor, ZoneType
from home_sentry_engine.domain.identity import camera_id_of

from .fields import Field, Kind

_NUMBER: Final = Field(name="coordinate", kind=Kind.NUMBER)
_POINT: Final = Field(name="point", kind=Kind.LIST, low=2, high=2, items=_NUMBER)
ZONE_FIELDS: Final = (
    Field(name="id", pattern=r"^[a-z0-9_-]{1,64}$", nullable=True, text="Made from the name, if absent"),
    Field(name="name", required=True, longest=64),
    Field(name="type", words=ZoneType.words(), default="other"),
    Field(name="points", kind=Kind.LIST, low=0, high=MOST_POINTS, items=_POINT, default=()),
    Field(
        name="rectangle", kind=Kind.LIST, low=4, high=4, items=_NUMBER, text="x, y, width, height, instead of points"
    ),
    Field(name="enabled", kind=Kind.FLAG, default=True),
    Field(name="priority", kind=Kind.WHOLE, default=0),
    Field(name="colour", longest=7, default="#3B82F6"),
    Field(
        name="anchor",
        words=ZoneAnchor.words(),
        default="bottom_centre",
    ),
    Field(name="private", kind=Kind.FLAG, nullable=True),
    Field(name="inside", kind=Kind.FLAG, default=False),
    Field(name="loitering_s", kind=Kind.NUMBER, nullable=True),
    Field(name="inertia", kind=Kind.WHOLE, default=3),
    Field(name="required_for", kind=Kind.LIST, low=0, high=80, items=Field(name="class", longest=64), default=()),
    Field(name="line", kind=Kind.LIST, low=0, high=2, items=_POINT, default=()),
)


def zone_of(values: dict[str, Any]) -> Zone:
    """Make a zone of checked values; raises ``InvalidZone``, or ``InvalidCameraName`` where no id can be made."""
    name: str = values["name"]
    shape = rectangle(*values["rectangle"]) if values["rectangle"] is not None else values["points"]
    if values["rectangle"] is not None and values["points"]:
        raise InvalidZone(f"zone {name[:64]}: give points or a rectangle, not both")
    plain = {
        key: value for key, value in values.items() if key not in {"id", "rectangle", "points", "line", "required_for"}
    }
    return Zone(
        **plain
        | {
            "id": values["id"] or camera_id_of(name),
            "type": ZoneType(values["type"]),
            "anchor": ZoneAnchor(values["anchor"]),
            "points": tuple((x, y) for x, y in shape),
            "line": tuple((x, y) for x, y in values["line"]),
            "required_for": tuple(values["required_for"]),
        }
    )
