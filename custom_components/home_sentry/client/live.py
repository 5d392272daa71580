"""The standing connection: greet, resume, listen, come back."""

import asyncio
from collections.abc import Callable
from enum import StrEnum
import logging
from random import Random
from typing import Any, Final, Never, Protocol

from aiohttp import ClientWebSocketResponse, WSMsgType

from ..contract import (
    Ack,
    Auth,
    AuthFailed,
    Bye,
    ClientMessage,
    Command,
    EventCreated,
    EventUpdated,
    Hello,
    Result,
    RiskLevel,
    ServerMessage,
    Snapshot,
    WireError,
    decode_server,
    encode,
)
from ..contract.errors import DeadlineExceeded, InvalidRequest
from .backoff import Backoff, Pacing
from .errors import (
    BadAnswer,
    ClientError,
    Incompatible,
    Refused,
    Unreachable,
    Untrusted,
    WrongEngine,
    require_compatible,
)
from .rest import Engine

_LOGGER = logging.getLogger(__name__)
_REFUSED_CODE: Final = 4401
_GRAVE: Final = {RiskLevel.HIGH, RiskLevel.CRITICAL}


class ConnectionState(StrEnum):
    """Where the connection stands: only ``CONNECTED`` has a current state to show.

    ``REFUSED``: the token or the certificate needs a person.
    """

    CONNECTED = "connected"
    LOST = "lost"
    REFUSED = "refused"
    INCOMPATIBLE = "incompatible"


class Observer(Protocol):
    """Who listens; both methods are called in the event loop and must not block."""

    def on_state(self, state: ConnectionState, error: ClientError | None) -> None:
        """Hear that the state of the connection changed."""
        ...

    def on_message(self, message: ServerMessage) -> None:
        """Hear a message of the engine, in its order."""
        ...


class Live:
    """WebSocket of one engine that reconnects by itself and resumes where it stopped."""

    def __init__(
        self,
        engine: Engine,
        observer: Observer,
        *,
        engine_id: str,
        since: Callable[[], int | None],
        random: Random,
        pacing: Pacing | None = None,
    ) -> None:
        """Expect the engine ``engine_id``; ``since`` gives the last sequence number that the observer dealt with."""
        self._engine = engine
        self._observer = observer
        self._engine_id = engine_id
        self._since = since
        self._pacing = pacing or Pacing()
        self._backoff = Backoff(self._pacing, random)
        self._socket: ClientWebSocketResponse | None = None
        self._waiting: dict[int, asyncio.Future[Result | None]] = {}
        self._last_command = 0
        self.state = ConnectionState.LOST

    async def run(self) -> None:
        """Stay connected until cancelled, or until the token is refused or the certificate not trusted."""
        while True:
            began = asyncio.get_running_loop().time()
            try:
                await self._connected()
            except (Refused, Untrusted) as err:
                self._turn(ConnectionState.REFUSED, err)
                return
            except Incompatible as err:
                self._turn(ConnectionState.INCOMPATIBLE, err)
                wait_s = self._backoff.patient_s()
            except WrongEngine as err:
                self._turn(ConnectionState.LOST, err)
                wait_s = self._backoff.patient_s()
            except (ClientError, OSError) as err:
                self._turn(ConnectionState.LOST, err if isinstance(err, ClientError) else Unreachable(str(err)))
                if asyncio.get_running_loop().time() - began >= self._pacing.stable_s:
                    self._backoff.reset()
                wait_s = self._backoff.next_s()
            await asyncio.sleep(wait_s)

    async def command(self, name: str, args: dict[str, Any] | None = None, *, deadline_s: float = 10.0) -> Any:
        """Ask the engine for something; raises its ``WireError``, ``DeadlineExceeded`` or ``Unreachable``."""
        socket = self._socket
        if socket is None:
            raise Unreachable("not connected")
        self._last_command += 1
        number = self._last_command
        future = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(deadline_s):
                await _send(socket, Command(id=number, name=name, args=args or {}, deadline_s=deadline_s))
                result = await future
        except TimeoutError as err:
            raise DeadlineExceeded(f"no answer to {name} within {deadline_s:g} s") from err
        except OSError as err:
            raise Unreachable(str(err)) from err
        finally:
            self._waiting.pop(number, None)
        if result is None:
            raise Unreachable("the connection broke")
        if not result.ok:
            raise WireError.from_wire(result.code or "error", result.message or name, result.details)
        return result.data

    async def _connected(self) -> None:
        """Take the whole state first; where messages were missed, come again and have them replayed."""
        async with self._engine.socket() as socket:
            snapshot = await self._greeted(socket, None)
            since = self._since()
            if since is None or since >= snapshot.cursor:
                await self._listen(socket)
        async with self._engine.socket() as socket:
            await self._greeted(socket, since)
            await self._listen(socket)

    async def _greeted(self, socket: ClientWebSocketResponse, since: int | None) -> Snapshot:
        try:
            async with asyncio.timeout(self._engine.deadlines.greeting_s):
                hello = await _received(socket)
                if not isinstance(hello, Hello):
                    raise BadAnswer("the first message was no greeting")
                require_compatible(hello)
                if hello.engine_id != self._engine_id:
                    raise WrongEngine(expected=self._engine_id, found=hello.engine_id)
                await _send(socket, Auth(token=self._engine.token, since=since, acks=True))
                while True:
                    message = await _received(socket)
                    self._hear(message)
                    if isinstance(message, Snapshot):
                        return message
        except TimeoutError as err:
            raise Unreachable("no greeting in time") from err

    async def _listen(self, socket: ClientWebSocketResponse) -> Never:
        self._socket = socket
        self._turn(ConnectionState.CONNECTED, None)
        try:
            while True:
                message = await _received(socket)
                self._hear(message)
                await _acknowledge(socket, message)
                # a replay lies in the buffer already: without this, reading it would hold up the event loop
                await asyncio.sleep(0)
        finally:
            self._socket = None
            # no exception: a command that is still being sent would never look at it
            for future in self._waiting.values():
                if not future.done():
                    future.set_result(None)

    def _hear(self, message: ServerMessage | None) -> None:
        match message:
            case None:
                return
            case Result(id=number):
                future = self._waiting.get(number)
                if future is not None and not future.done():
                    future.set_result(message)
            case AuthFailed(message=text):
                raise Refused(text)
            case Bye(reason=reason):
                raise Unreachable(f"the engine said goodbye: {reason}")
            case _:
                self._observer.on_message(message)

    def _turn(self, state: ConnectionState, error: ClientError | None) -> None:
        self.state = state
        self._observer.on_state(state, error)


async def _acknowledge(socket: ClientWebSocketResponse, message: ServerMessage | None) -> None:
    """Tell the engine that a grave event arrived and was dealt with; also one that it sent again."""
    match message:
        case EventCreated(seq=seq, event=event) | EventUpdated(seq=seq, event=event) if event.risk_level in _GRAVE:
            await _send(socket, Ack(seq=seq))
        case _:
            return


async def _send(socket: ClientWebSocketResponse, message: ClientMessage) -> None:
    await socket.send_str(encode(message).decode())


async def _received(socket: ClientWebSocketResponse) -> ServerMessage | None:
    message = await socket.receive()
    if message.type in {WSMsgType.TEXT, WSMsgType.BINARY}:
        try:
            return decode_server(message.data)
        except InvalidRequest as err:
            _LOGGER.warning("Skipped a message of the engine that could not be read: %s", err.message)
            return None
    if socket.close_code == _REFUSED_CODE:
        raise Refused("the engine refused the token")
    raise Unreachable("the connection was closed" if message.type is not WSMsgType.ERROR else str(message.data))
