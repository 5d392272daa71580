"""What a WebSocket is served with: patience, what all connections share, and the peer itself."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
import random

from aiohttp import web

from home_sentry_engine.domain.clock import Clock

from .acks import AckRules
from .audit import Auditor
from .caller import Caller
from .commands import Commands
from .hub import Hub
from .limits import Limit, RateLimiter
from .ports import Catalogue, Feed, Health


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a peer may take, and how many frames it may send."""

    auth_s: float = 10.0
    send_s: float = 15.0
    goodbye_s: float = 3.0
    longest_command_s: float = 180.0
    idle_s: float = 300.0
    acks: AckRules = field(default_factory=AckRules)
    frames: Limit = field(default_factory=lambda: Limit(per_minute=1200))


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What every connection shares."""

    hub: Hub
    feed: Feed
    health: Health
    commands: Commands
    admit: Callable[[str, str], Caller]
    again: Callable[[Caller], Caller]
    catalogue: Catalogue
    audit: Auditor
    limiter: RateLimiter
    clock: Clock
    patience: Patience
    random: Callable[[], float] = random.random


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """One prepared WebSocket, which does not wait for its peer by itself, and what tells when there is room.

    ``deflate_bits``: the window for compressed messages where the peer asked for them, else 0.
    """

    socket: web.WebSocketResponse
    transport: asyncio.Transport
    writable: asyncio.Event
    address: str
    deflate_bits: int = 0
