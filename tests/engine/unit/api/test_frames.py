"""Frames for everybody are those that a WebSocket client reads."""

import aiohttp
from aiohttp import web

from home_sentry_engine.api.frames import text_frame

SIZES = (0, 1, 125, 126, 127, 1024, 65535, 65536, 70_000)
BODIES = [("ä" * (size // 2) + "x" * (size % 2)).encode() for size in SIZES]


async def _serve(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    assert request.transport is not None
    for body in BODIES:
        request.transport.write(text_frame(body))
        await socket.send_bytes(b"between")
    await socket.close()
    return socket


async def test_a_frame_is_read_as_the_message_that_it_was_made_of():
    app = web.Application()
    app.router.add_get("/", _serve)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        async with aiohttp.ClientSession() as session, session.ws_connect(f"http://127.0.0.1:{site.port}/") as socket:
            for body in BODIES:
                assert (await socket.receive_str()).encode() == body
                assert await socket.receive_bytes() == b"between"
    finally:
        await runner.cleanup()
