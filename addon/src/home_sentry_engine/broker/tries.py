"""The tries of a job that failed and were to be followed by another one, oldest first and as many as are kept."""

from dataclasses import dataclass
from datetime import datetime
import json
from typing import Final

MAX_TRIES: Final = 16
MAX_TRY_ERROR_CHARS: Final = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedTry:
    """When a try failed and why, and the delay after which the next one was to come."""

    failed_at: datetime
    after_s: float
    error: str


def followed_by(tries: tuple[FailedTry, ...], failed: FailedTry) -> tuple[FailedTry, ...]:
    """Add a try; of many the newest stay, of a long error its beginning."""
    short = FailedTry(failed_at=failed.failed_at, after_s=failed.after_s, error=failed.error[:MAX_TRY_ERROR_CHARS])
    return (*tries, short)[-MAX_TRIES:]


def tries_to_text(tries: tuple[FailedTry, ...]) -> str:
    """Give what a database keeps."""
    return json.dumps([[one.failed_at.isoformat(), one.after_s, one.error] for one in tries])


def tries_from_text(text: str | None) -> tuple[FailedTry, ...]:
    """Read what a database keeps; rows from before this was kept have none."""
    found = json.loads(text) if text else []
    return tuple(
        FailedTry(failed_at=datetime.fromisoformat(at), after_s=after, error=error) for at, after, error in found
    )
