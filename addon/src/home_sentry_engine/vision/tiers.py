"""Size classes of machines, by the memory that models run in."""

from enum import IntEnum
from typing import Final

from .catalog import Card

_GIB: Final = 1024**3
# cards are sold as 8 GB and report a little less
_SLACK: Final = 0.9


class Tier(IntEnum):
    """The smallest machine of a class, in GB of graphics memory; 0 is a processor alone."""

    CPU = 0
    GB8 = 8
    GB12 = 12
    GB16 = 16
    GB24 = 24


def tier_of(accelerator_bytes: int | None) -> Tier:
    """Give the class of a machine with that much graphics memory; None or too little = a processor alone."""
    gigabytes = (accelerator_bytes or 0) / _GIB
    return max(tier for tier in Tier if tier * _SLACK <= gigabytes)


def is_resident(card: Card, tier: Tier) -> bool:
    """Tell whether a model stays in memory on such a machine, once it was loaded, although nobody uses it."""
    return card.resident_from_gb is not None and tier >= card.resident_from_gb
