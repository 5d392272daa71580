"""What the API asks of the engine about keys, and about whose things are; ``app`` implements it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from home_sentry_engine.contract import ApiKey, KeyRole
from home_sentry_engine.storage.repositories.keys import StoredKey

from .access import Reach


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyWish:
    """A key as a person wants it; without ``cameras`` it sees all of them."""

    name: str
    role: KeyRole
    cameras: tuple[str, ...] = ()
    expires_at: datetime | None = None


class KeyDesk(Protocol):
    """Keys with roles; hashes only, never secrets."""

    async def all(self) -> Sequence[StoredKey]:
        """Give every key, also those that open nothing any more, the newest first."""
        ...

    async def make(self, wish: KeyWish, sha256: str) -> ApiKey:
        """Keep a new key.

        Raises ``NotFound`` for a camera that does not exist, ``Conflict`` for a name that is taken or too many keys,
        ``Unprocessable`` for an end that is over.
        """
        ...

    async def change(self, key_id: str, changes: Mapping[str, object]) -> ApiKey:
        """Change ``name``, ``cameras`` or ``expires_at``; raises ``NotFound``, ``Conflict`` for a revoked one."""
        ...

    async def revoke(self, key_id: str) -> ApiKey:
        """End a key for good; raises ``NotFound``."""
        ...

    async def used(self, times: Mapping[str, datetime]) -> None:
        """Note when keys were used last."""
        ...


class Belongings(Protocol):
    """Whose things are."""

    async def camera_of(self, kind: Reach, thing: str | int) -> str | None:
        """Give the camera that an event, file, detection or change belongs to; None when there is no such thing."""
        ...
