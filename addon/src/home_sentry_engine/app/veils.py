"""Which privacy masks hold now: all of them, or those of the home's arm mode."""

from datetime import datetime

from home_sentry_engine.context.home import modes_now
from home_sentry_engine.contract import HomeReport
from home_sentry_engine.media.mask import Veil
from home_sentry_engine.storage.repositories.masks import CameraMasks


def veil_of(found: CameraMasks, home: HomeReport | None, now: datetime) -> Veil | None:
    """Give the veil that a camera's masks make; while the arm mode is not known all of them hold."""
    if not any(mask.modes for mask in found.masks):
        return lasting_veil(found)
    known = modes_now(home, now)
    shapes = tuple(
        mask.points for mask in found.masks if not mask.modes or known is None or known.intersection(mask.modes)
    )
    return Veil(shapes=shapes) if shapes else None


def widest_veil(found: CameraMasks) -> Veil:
    """Give the veil of all masks, whatever the arm mode."""
    return Veil(shapes=tuple(mask.points for mask in found.masks))


def lasting_veil(found: CameraMasks) -> Veil | None:
    """Give the veil of the masks that hold in every arm mode."""
    shapes = tuple(mask.points for mask in found.masks if not mask.modes)
    return Veil(shapes=shapes) if shapes else None
