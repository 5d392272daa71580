"""What runs after the commit of the transaction that asked for it."""

from collections.abc import Callable
from typing import Final

from sqlalchemy import Connection

type Hook = Callable[[], None]

AFTER_COMMIT: Final = "home_sentry_after_commit"


def hooks_of(connection: Connection) -> list[Hook]:
    """Give the list of the running write transaction; raises ``LookupError`` outside one."""
    hooks: list[Hook] = connection.info[AFTER_COMMIT]
    return hooks
