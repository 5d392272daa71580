"""Version of the product and range of wire schemas that this build speaks."""

from typing import Final

VERSION: Final = "0.1.0"
SCHEMA: Final = 1
MIN_SCHEMA: Final = 1


def is_compatible(*, schema: int, min_schema: int) -> bool:
    """Tell whether a peer with this schema range can talk to this build."""
    return schema >= MIN_SCHEMA and min_schema <= SCHEMA
