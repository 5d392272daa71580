"""Commands about the privacy masks of a camera."""

from typing import Any

from .deeds import CommandRule
from .fields import CAMERA_ID
from .ports import Masks
from .routes.masks import MASK_FIELDS, found_masks, masks_of
from .triage_fields import USER


def mask_rules(masks: Masks) -> tuple[CommandRule, ...]:
    """Give the commands; ``set_masks`` replaces all masks of a camera."""

    async def listed(args: dict[str, Any]) -> object:
        return found_masks(await masks.masks(args["camera_id"]))

    async def draw(args: dict[str, Any]) -> object:
        return found_masks(await masks.set_masks(args["camera_id"], masks_of(args)))

    return (
        CommandRule(name="list_masks", fields=(CAMERA_ID,), answer=listed),
        CommandRule(name="set_masks", fields=(CAMERA_ID, *MASK_FIELDS, USER), answer=draw, audited="masks.replace"),
    )
