"""The way to the broker of the settings; the library, an optional extra, is loaded when somebody takes it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from home_sentry_engine.settings import MqttSettings

from .ports import Link, MissingLibrary
from .posts import Post

_CLIENT_ID_LENGTH: Final = 23


@asynccontextmanager
async def opened(settings: MqttSettings, *, name: str, farewell: Post | None) -> AsyncIterator[Link]:
    """Hold a connection as the client ``name``, of which a broker knows one at a time; see ``link.connected``.

    Raises ``MissingLibrary`` beside what ``link.connected`` raises.
    """
    try:
        # the library is an optional extra
        from .link import Broker, connected  # noqa: PLC0415
    except ModuleNotFoundError as err:
        raise MissingLibrary(f"the library {err.name} is missing") from err
    broker = Broker(
        host=settings.host,
        port=settings.port,
        client_id=f"hs-{name}"[:_CLIENT_ID_LENGTH],
        secure=settings.secure,
        ca=settings.ca,
        username=settings.username,
        password=settings.password,
    )
    async with connected(broker, farewell=farewell) as link:
        yield link
