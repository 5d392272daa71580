"""Who asks: the token of the installation, or a key with a role and perhaps camera limits."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from aiohttp import web

from home_sentry_engine.contract import KeyRole, Whoami

INSTALLATION: Final = "installation"
BY_KEY: Final = "key:"
_RANKS: Final[Mapping[KeyRole, int]] = {KeyRole.VIEWER: 1, KeyRole.OPERATOR: 2, KeyRole.ADMIN: 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """An authenticated peer; ``key`` names it in rate limits and never shows the token.

    ``cameras`` None: it sees every camera. ``proof`` is the hash of what it showed, for asking again later.
    """

    key: str
    address: str
    id: str = INSTALLATION
    name: str = INSTALLATION
    role: KeyRole = KeyRole.ADMIN
    cameras: frozenset[str] | None = None
    expires_at: datetime | None = None
    proof: str = field(default="", repr=False)

    @property
    def within(self) -> tuple[str, ...] | None:
        """The cameras that it sees, in order; None for all."""
        return None if self.cameras is None else tuple(sorted(self.cameras))

    @property
    def actor(self) -> str:
        """Its name in the audit."""
        return "token" if self.id == INSTALLATION else f"key {self.name}"

    def user(self, named: str | None) -> str | None:
        """Give who does it: whom the installation names, or the holder of a key, who can name nobody else."""
        return named if self.id == INSTALLATION else f"{BY_KEY}{self.id}"

    def may(self, least: KeyRole) -> bool:
        """Tell whether its role is at least that one."""
        return _RANKS.get(self.role, 0) >= _RANKS.get(least, len(_RANKS))

    def describe(self) -> Whoami:
        """Tell the peer what it is taken for."""
        return Whoami(id=self.id, name=self.name, role=self.role, cameras=self.within or (), expires_at=self.expires_at)


CALLER: Final = web.RequestKey("home_sentry_caller", Caller)
"""Under this key a request holds who asks."""
NAMED: Final = web.RequestKey("home_sentry_named", str)
"""Under this key a request holds whom its body says that it is for, as far as the caller may name anybody."""
