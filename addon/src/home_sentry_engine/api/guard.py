"""Holds callers to the access matrix, alike for requests and commands."""

from collections.abc import Mapping
from typing import Any, Final

from home_sentry_engine.contract.errors import Forbidden, NotFound

from .access import Grant, Reach
from .caller import Caller
from .key_ports import Belongings

_OWNED: Final[Mapping[Reach, tuple[str, str]]] = {
    Reach.EVENT: ("event_id", "event"),
    Reach.MEDIA: ("media_id", "media file"),
    Reach.DETECTION: ("detection_id", "detection"),
    Reach.CHANGE: ("change_id", "change"),
    Reach.ALERT: ("alert_id", "alert"),
}


class Guard:
    """Lets a caller through, or not; who sees every camera costs nothing."""

    def __init__(self, belongings: Belongings) -> None:
        """Take what knows whose things are."""
        self._belongings = belongings

    def check_role(self, grant: Grant, caller: Caller) -> None:
        """Raise ``Forbidden`` for a role that is too low, or for camera limits where the answer cannot be parted."""
        if not caller.may(grant.role):
            raise Forbidden(
                f"this needs a key with the role '{grant.role}'", details={"role": grant.role, "yours": caller.role}
            )
        if caller.cameras is not None and grant.reach is Reach.CLOSED:
            raise Forbidden("this cannot be parted by cameras: it is closed to keys with camera limits")

    async def check_reach(self, grant: Grant, caller: Caller, values: Mapping[str, Any]) -> None:
        """Raise ``NotFound`` for a thing of another camera, as for one that does not exist."""
        if caller.cameras is None:
            return
        if grant.reach is Reach.CAMERA:
            camera_id = values.get("camera_id")
            if camera_id is not None and camera_id not in caller.cameras:
                raise NotFound("there is no such camera")
        elif (owned := _OWNED.get(grant.reach)) is not None:
            name, noun = owned
            camera_id = await self._belongings.camera_of(grant.reach, values[name])
            if camera_id is None or camera_id not in caller.cameras:
                raise NotFound(f"there is no such {noun}")
