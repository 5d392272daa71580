"""A client that speaks the wire, message by message."""

import asyncio

import aiohttp
from aiohttp import WSMsgType

from home_sentry_engine.contract import (
    Auth,
    Command,
    Hello,
    InfrastructureAlert,
    Result,
    ServiceStatus,
    SystemStatus,
    decode_server,
    encode,
)
from tests.fakes.api import TOKEN


class Peer:
    """One WebSocket of a client."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def send(self, message) -> None:
        await self.socket.send_str(encode(message).decode())

    async def receive(self, *, statuses: bool = False):
        """Give the next message, without the status and its changes unless they are wanted."""
        while True:
            async with asyncio.timeout(60):
                frame = await self.socket.receive()
            if frame.type is not WSMsgType.TEXT:
                return frame
            message = decode_server(frame.data)
            if statuses or not isinstance(message, SystemStatus | ServiceStatus | InfrastructureAlert):
                return message

    async def greet(self, since: int | None = None, token: str = TOKEN):
        hello = await self.receive()
        assert isinstance(hello, Hello)
        await self.send(Auth(token=token, since=since))
        return await self.receive()

    async def ask(self, name: str, args=None, *, number: int = 1, deadline_s: float = 60.0) -> Result:
        await self.send(Command(id=number, name=name, args=args or {}, deadline_s=deadline_s))
        while not isinstance(message := await self.receive(), Result):
            pass
        return message

    async def rest(self) -> tuple[list[object], int | None]:
        """Receive until the end; gives the messages and the close code."""
        messages: list[object] = []
        while True:
            message = await self.receive()
            if isinstance(message, aiohttp.WSMessage):
                # what the engine said, also where it was gone before our answer to it
                said = message.type is WSMsgType.CLOSE
                return messages, message.data if said else self.socket.close_code
            messages.append(message)
