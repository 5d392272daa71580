"""Keys of the engine's API: who holds one, what it may do, and which cameras it sees."""

from dataclasses import dataclass
from datetime import datetime

from .vocabulary import KeyRole


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """One key; without ``cameras`` it sees all of them. The secret itself is kept nowhere.

    ``last_used_at`` is told to a few minutes; a key with ``revoked_at`` opens nothing any more, nor does one whose
    ``expires_at`` is over.
    """

    id: str
    name: str
    role: KeyRole
    cameras: tuple[str, ...] = ()
    created_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeyList:
    """Every key, the newest first; the token of the installation is none of them."""

    items: tuple[ApiKey, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeyMade:
    """A new key with its secret, which is shown this once."""

    key: ApiKey
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Whoami:
    """What the engine takes its caller for; without ``cameras`` the caller sees all of them."""

    id: str
    name: str
    role: KeyRole
    cameras: tuple[str, ...] = ()
    expires_at: datetime | None = None
