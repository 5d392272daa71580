"""Inputs of keys, the same over REST and as commands."""

from collections.abc import Mapping
from typing import Any, Final

from home_sentry_engine.contract import KeyRole
from home_sentry_engine.contract.errors import InvalidRequest, Unprocessable

from .fields import CAMERA_ID, Field, Kind
from .key_ports import KeyWish

MOST_CAMERAS: Final = 64
KEY_ID: Final = Field(name="key_id", pattern=r"^[a-z0-9_-]{1,64}$", text="Id of a key", required=True)
_NAME: Final = Field(name="name", longest=64, text="What it is for, such as the tablet in the hall")
_CAMERAS: Final = Field(
    name="cameras", kind=Kind.LIST, items=CAMERA_ID, high=MOST_CAMERAS, text="Only these cameras; none means all"
)
_EXPIRES: Final = Field(name="expires_at", kind=Kind.TIME, nullable=True, text="When it ends; null: never")
NEW_KEY_FIELDS: Final = (
    Field(name="name", longest=64, text=_NAME.text, required=True),
    Field(
        name="role",
        words=(KeyRole.VIEWER.value, KeyRole.OPERATOR.value, KeyRole.ADMIN.value),
        required=True,
        text="What it may do: read; also review, acknowledge and upload; everything",
    ),
    _CAMERAS,
    _EXPIRES,
)
KEY_CHANGE_FIELDS: Final = (
    _NAME,
    _CAMERAS,
    _EXPIRES,
    Field(name="forever", kind=Kind.FLAG, default=False, text="It does not end by itself any more"),
)


def wish_of(values: Mapping[str, Any]) -> KeyWish:
    """Make the wish from the checked values of ``NEW_KEY_FIELDS``; raises ``InvalidRequest`` or ``Unprocessable``."""
    role, cameras = KeyRole(values["role"]), tuple(dict.fromkeys(values["cameras"] or ()))
    if role is KeyRole.ADMIN and cameras:
        raise Unprocessable("a key for administrators sees every camera", details={"field": "cameras"})
    return KeyWish(name=_named(values["name"]), role=role, cameras=cameras, expires_at=values["expires_at"])


def changes_of(values: Mapping[str, Any]) -> dict[str, object]:
    """Pick what is to change from the values of ``KEY_CHANGE_FIELDS``; raises ``InvalidRequest`` for nothing."""
    changes: dict[str, object] = {}
    if values["name"] is not None:
        changes["name"] = _named(values["name"])
    if values["cameras"] is not None:
        changes["cameras"] = tuple(dict.fromkeys(values["cameras"]))
    if values["expires_at"] is not None or values["forever"]:
        changes["expires_at"] = None if values["forever"] else values["expires_at"]
    if not changes:
        raise InvalidRequest("nothing to change: give 'name', 'cameras', 'expires_at' or 'forever'")
    return changes


def _named(name: str) -> str:
    plain = " ".join(name.split())
    if not plain or not plain.isprintable():
        raise InvalidRequest("'name' must have a letter or digit", details={"field": "name"})
    return plain
