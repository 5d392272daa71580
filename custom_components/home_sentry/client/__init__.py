"""Typed asyncio client of a Home Sentry engine: REST, WebSocket, mirror of the last state.

Needs aiohttp and the contract only; Home Assistant is not imported here.
"""

from .address import InvalidAddress, engine_url
from .backoff import Backoff, Pacing
from .certificate import grouped, shown_fingerprint
from .errors import (
    BadAnswer,
    CertificateChanged,
    ClientError,
    Incompatible,
    NoPicture,
    NotAllPowers,
    Refused,
    Unreachable,
    Untrusted,
    WrongEngine,
)
from .ledger import AlertNews, DetectionNews, Ledger, News, SecurityNews
from .live import ConnectionState, Live, Observer
from .mirror import Mirror
from .rest import Deadlines, Engine, Footage, Picture

__all__ = [
    "AlertNews",
    "Backoff",
    "BadAnswer",
    "CertificateChanged",
    "ClientError",
    "ConnectionState",
    "Deadlines",
    "DetectionNews",
    "Engine",
    "Footage",
    "Incompatible",
    "InvalidAddress",
    "Ledger",
    "Live",
    "Mirror",
    "News",
    "NoPicture",
    "NotAllPowers",
    "Observer",
    "Pacing",
    "Picture",
    "Refused",
    "SecurityNews",
    "Unreachable",
    "Untrusted",
    "WrongEngine",
    "engine_url",
    "grouped",
    "shown_fingerprint",
]
