"""One WebSocket: greeting, authentication, resume, live messages, commands, goodbye."""

import asyncio
from collections import deque
import logging
from typing import Final, Literal

from aiohttp import WSMsgType

from home_sentry_engine.contract import (
    MIN_SCHEMA,
    Ack,
    Auth,
    AuthFailed,
    Bye,
    ClientMessage,
    Command,
    Hello,
    Result,
    Resync,
    Snapshot,
    Subscribe,
    decode_client,
    encode,
)
from home_sentry_engine.contract.errors import InvalidRequest, RateLimited, Unauthorized

from .acks import Unacknowledged
from .caller import Caller
from .hub import DropReason, Gap
from .limits import LimitClass, Window
from .peer import Peer, Services
from .ports import Published
from .problems import wire_error_of
from .subscription import EVERYTHING, Subscription
from .view import View

_LOGGER = logging.getLogger(__name__)
_ROOM_BYTES: Final = 32 * 1024
_COMMANDS_AT_ONCE: Final = 8
_LARGEST_ID: Final = 2**53
_SHORTEST_COMMAND_S: Final = 0.05
_CODES: Final = {"slow": 1013, "idle": 4408, "shutdown": 1001, "protocol": 1008, "rate_limited": 4429}
_MOST_NOTICES: Final = 64
_DEFLATED_BYTES: Final = 1024
_REFUSED: Final = 4401
_NORMAL: Final = 1000
_FAILED: Final = 1011

type _Farewell = Literal["slow", "idle", "shutdown", "protocol", "rate_limited"]


class _Leave(Exception):
    def __init__(self, reason: _Farewell | None) -> None:
        super().__init__(reason)
        self.reason = reason


class Connection:
    """Serves one peer until it leaves or is dropped; a client of the hub."""

    def __init__(self, peer: Peer, shared: Services) -> None:
        """Take a prepared WebSocket."""
        self._socket = peer.socket
        self._transport = peer.transport
        self._writable = peer.writable
        self._address = peer.address
        self._deflate_bits = peer.deflate_bits
        self._subscription = EVERYTHING
        self._view: View | None = None
        # what is left of a message for a caller with camera limits is worked out as it reads by itself
        self._apart = True
        self._refusal: Unauthorized | None = None
        self._acks: Unacknowledged | None = None
        self._acks_due = asyncio.Event()
        self._notices: deque[bytes] = deque(maxlen=_MOST_NOTICES)
        self._shared = shared
        self._frames = Window(shared.patience.frames)
        self._slots = asyncio.Semaphore(_COMMANDS_AT_ONCE)
        self._news = asyncio.Event()
        self._live = False
        self._told_status: bytes | None = None
        self._farewell: _Farewell | None = None
        self._task: asyncio.Task[None] | None = None
        self.cursor = 0
        self.replaying = True

    async def serve(self, hello: Hello) -> None:
        """Speak with the peer; returns when the connection is over."""
        self._task = asyncio.create_task(self._session(hello))
        try:
            await asyncio.wait((self._task,))
        finally:
            self._task.cancel()
            self._shared.hub.leave(self)
        failed = None if self._task.cancelled() else self._task.exception()
        if failed is not None:
            _LOGGER.error("A WebSocket failed", exc_info=failed, extra={"address": self._address})
        await self._say_goodbye(_FAILED if failed else _NORMAL)

    def push(self, message: Published, frame: bytes) -> bool:
        """Take the newest message if everything before it went out and the peer keeps up."""
        if message.seq <= self.cursor:
            return True
        wanted = self._subscription.wants(message.kind, message.camera_id)
        if not self._live or self._apart or (wanted and not self._takes(frame)):
            self._live = False
            return False
        self.cursor = message.seq
        if wanted:
            self._transport.write(frame)
            self._expect(message)
        return True

    def _takes(self, frame: bytes) -> bool:
        """Tell whether the peer keeps up, and gets the same bytes as everybody: nothing compressed or after the end."""
        if self._deflate_bits and len(frame) >= _DEFLATED_BYTES:
            return False
        room = self._transport.get_write_buffer_size() + len(frame) <= _ROOM_BYTES
        return room and not self._transport.is_closing() and not self._socket.closed

    def tell(self, kind: str, body: bytes) -> None:
        """Take a message without a number; the oldest give way where the peer does not keep up."""
        if self._view is not None and not self._view.is_limited and self._subscription.wants(kind):
            self._notices.append(body)
            self._news.set()

    def wake(self) -> None:
        """Hear that there is more to read."""
        self._news.set()

    def fall_behind(self) -> None:
        """Read by itself from now on, until it is up to date again."""
        self._live = False
        self._news.set()

    def drop(self, reason: DropReason) -> None:
        """End the session, telling the peer why."""
        self._farewell = self._farewell or reason
        if self._task is not None:
            self._task.cancel()

    def recheck(self) -> None:
        """End the session if what the peer showed counts no longer; what a key may do may have changed, too."""
        if self._view is None or self._task is None:
            return
        try:
            self._view.turn(self._shared.again(self._view.caller))
            self._apart = self._view.is_limited
        except Unauthorized as err:
            self._refusal = err
            self._task.cancel()

    async def _session(self, hello: Hello) -> None:
        try:
            await self._send(encode(hello))
            auth, view = await self._authenticated()
            self._view, self._apart = view, view.is_limited
            async with asyncio.TaskGroup() as group:
                group.create_task(self._write(auth.since, view))
                group.create_task(self._read(view, group))
                if self._acks is not None:
                    group.create_task(self._chase(self._acks))
        except* _Leave as ending:
            self._farewell = self._farewell or _reason_of(ending)
        except* (ConnectionError, TimeoutError) as lost:
            _LOGGER.debug("A WebSocket broke: %s", lost)

    async def _authenticated(self) -> tuple[Auth, View]:
        try:
            async with asyncio.timeout(self._shared.patience.auth_s):
                message = await self._received()
        except TimeoutError as err:
            raise _Leave("idle") from err
        if not isinstance(message, Auth) or not isinstance(message.token, str):
            raise _Leave("protocol")
        try:
            caller = self._shared.admit(message.token, self._address)
        except Unauthorized as err:
            await self._shared.audit.refused(self._address, None)
            self._refusal = err
            raise _Leave(None) from err
        except RateLimited as err:
            # the token may well be right: the peer is to come back later, not to ask its user for another one
            raise _Leave("rate_limited") from err
        if message.schema < MIN_SCHEMA:
            raise _Leave("protocol")
        self._subscribe(message)
        if message.acks:
            self._acks = Unacknowledged(self._shared.patience.acks, self._shared.random)
        return message, View(self._shared, caller)

    def _subscribe(self, wish: Auth | Subscribe) -> None:
        try:
            self._subscription = Subscription.of(wish.types, wish.cameras)
        except InvalidRequest as err:
            raise _Leave("protocol") from err

    async def _read(self, view: View, group: asyncio.TaskGroup) -> None:
        while True:
            try:
                async with asyncio.timeout(self._shared.patience.idle_s) as idle:
                    message = await self._received(idle)
            except TimeoutError as err:
                raise _Leave("idle") from err
            match message:
                case Subscribe():
                    self._subscribe(message)
                case Ack(seq=seq):
                    if self._acks is not None:
                        self._acks.acknowledged(seq)
                case Command(id=number) if 0 <= number <= _LARGEST_ID:
                    await self._slots.acquire()
                    group.create_task(self._answer(message, view.caller))
                case None:
                    continue
                case _:
                    raise _Leave("protocol")

    async def _received(self, idle: asyncio.Timeout | None = None) -> ClientMessage | None:
        """Give the next message, None for an unknown one; a ping, or the answer to ours, is a sign of life too."""
        while True:
            frame = await self._socket.receive()
            if idle is not None:
                idle.reschedule(asyncio.get_running_loop().time() + self._shared.patience.idle_s)
            if self._frames.take(self._shared.clock.monotonic()):
                raise _Leave("protocol")
            match frame.type:
                case WSMsgType.TEXT:
                    try:
                        return decode_client(frame.data)
                    except InvalidRequest as err:
                        raise _Leave("protocol") from err
                case WSMsgType.PING:
                    await self._room()
                    await self._socket.pong(frame.data)
                case WSMsgType.PONG:
                    continue
                case WSMsgType.BINARY:
                    raise _Leave("protocol")
                case _:
                    raise _Leave(None)

    async def _answer(self, command: Command, caller: Caller) -> None:
        try:
            await self._send(encode(await self._result(command, caller)))
        finally:
            self._slots.release()

    async def _result(self, command: Command, caller: Caller) -> Result:
        shared = self._shared
        # written so that "nan" ends up at the lower end
        wanted_s = max(_SHORTEST_COMMAND_S, command.deadline_s)
        deadline_s = min(wanted_s, shared.patience.longest_command_s)
        try:
            shared.limiter.check(LimitClass.SOCKET, caller.key)
            if (limit := shared.commands.limit(command.name)) is not None:
                shared.limiter.check(limit, caller.key)
            async with asyncio.timeout(deadline_s):
                data = await shared.commands.answer(command.name, command.args, caller)
            await self._kept(command, caller, None)
            return Result(id=command.id, ok=True, data=data)
        except Exception as err:
            failure = wire_error_of(err)
            await self._kept(command, caller, failure.code)
            if failure.code == "internal":
                _LOGGER.exception("Command %s failed", command.name[:40])
            return Result(id=command.id, ok=False, code=failure.code, message=failure.message, details=failure.details)

    async def _kept(self, command: Command, caller: Caller, failure: str | None) -> None:
        action = self._shared.commands.audited(command.name)
        if action is not None:
            meant = (value for name, value in command.args.items() if name.endswith("_id") or name == "model")
            target = next(map(str, meant), None)
            user = command.args.get("user")
            named = user if isinstance(user, str) else None
            await self._shared.audit.done(action, target, caller=caller, failure=failure, user=named)

    async def _write(self, since: int | None, view: View) -> None:
        async with asyncio.timeout(self._shared.patience.auth_s):
            await self._shared.hub.join(self)
        self._told_status = self._shared.hub.status
        await self._begin(since, view)
        while True:
            self._news.clear()
            if self._told_status is not (status := self._shared.hub.status) and status is not None:
                self._told_status = status
                await self._send(await view.status(status))
            while self._notices:
                await self._send(self._notices.popleft())
            await self._catch_up(view)
            await self._news.wait()

    async def _begin(self, since: int | None, view: View) -> None:
        if since is None:
            await self._send_snapshot(view)
            return
        span = await self._shared.hub.span()
        if not span.first - 1 <= since <= span.last:
            await self._resync("the engine does not keep what came after that number", view)
            return
        health = self._shared.health
        info, status = await health.info(), await health.status()
        await self._send(await view.snapshot(Snapshot(cursor=since, resumed=True, info=info, status=status)))
        self.cursor = since

    async def _catch_up(self, view: View) -> None:
        hub = self._shared.hub
        while not self._live:
            try:
                messages = await hub.after(self.cursor)
            except Gap:
                await self._resync("the engine dropped older messages meanwhile", view)
                continue
            for message in messages:
                wanted = self._subscription.wants(message.kind, message.camera_id)
                if wanted and (left := await view.message(message)) is not None:
                    await self._send(left.body)
                    self._expect(left)
                self.cursor = message.seq
            if not messages:
                # nothing awaits between this look at the tape and going live, so no message falls between
                self._live = hub.is_current(self.cursor)
                if not self._live:
                    raise ConnectionError("the feed and the store disagree")
                self.replaying = False

    async def _resync(self, reason: str, view: View) -> None:
        await self._send(encode(Resync(reason=reason)))
        await self._send_snapshot(view)

    async def _send_snapshot(self, view: View) -> None:
        snapshot = await self._shared.feed.snapshot()
        await self._send(await view.snapshot(snapshot))
        self.cursor = snapshot.cursor
        if self._acks is not None:
            self._acks.clear()

    def _expect(self, message: Published) -> None:
        if self._acks is not None and message.grave:
            self._acks.sent(message.seq, message.body, asyncio.get_running_loop().time())
            self._acks_due.set()

    async def _chase(self, acks: Unacknowledged) -> None:
        """Send again what is not acknowledged in time; a peer that never does is told to come back."""
        loop = asyncio.get_running_loop()
        while True:
            self._acks_due.clear()
            due = acks.next_due()
            if due is None:
                await self._acks_due.wait()
                continue
            await asyncio.sleep(max(0.0, due - loop.time()))
            again = acks.again(loop.time())
            if again is None:
                raise _Leave("slow")
            for body in again:
                await self._send(body)

    async def _send(self, body: bytes) -> None:
        await self._room()
        await self._frame(body)

    async def _frame(self, body: bytes) -> None:
        bits = self._deflate_bits if len(body) >= _DEFLATED_BYTES else 0
        await self._socket.send_frame(body, WSMsgType.TEXT, compress=bits or None)

    async def _room(self) -> None:
        try:
            async with asyncio.timeout(self._shared.patience.send_s):
                await self._writable.wait()
        except TimeoutError as err:
            raise _Leave("slow") from err

    async def _say_goodbye(self, code: int) -> None:
        try:
            if self._refusal is not None and not self._socket.closed:
                refused = AuthFailed(message=self._refusal.message, code=self._refusal.code)
                await self._socket.send_frame(encode(refused), WSMsgType.TEXT)
                code = _REFUSED
            elif self._farewell is not None and not self._socket.closed:
                await self._socket.send_frame(encode(Bye(reason=self._farewell)), WSMsgType.TEXT)
            await self._close(_CODES[self._farewell] if self._farewell else code)
        except ConnectionError:
            _LOGGER.debug("The peer did not wait for a goodbye")
        if self._transport.get_write_buffer_size():
            # closing would wait for a peer that does not read
            self._transport.abort()

    async def _close(self, code: int) -> None:
        # waits for the peer's answer as long as the WebSocket's own time-out says
        await self._socket.close(code=code, drain=False)


def _reason_of(group: BaseExceptionGroup[_Leave]) -> _Farewell | None:
    for err in group.exceptions:
        reason = _reason_of(err) if isinstance(err, BaseExceptionGroup) else err.reason
        if reason is not None:
            return reason
    return None
