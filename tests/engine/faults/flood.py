"""A program: asks one address of an engine at a rate, whether it answers or not, and counts the answers by status.

Prints one JSON object: the statuses with the connections that the engine closed, the calls that went out, and the
seconds that it took.
"""

import asyncio
from collections import Counter
from contextlib import suppress
import json
import sys
import time

CONNECTIONS = 100
_BATCH_S = 0.02


async def _hear(reader: asyncio.StreamReader, found: Counter[str]) -> None:
    with suppress(OSError, EOFError):
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            found[head.split(b" ", 2)[1].decode()] += 1


async def _ask(port: int, request: bytes, *, source: str, until: float, rate: float, found: Counter[str]) -> None:
    """Send requests without waiting for answers, as far as the engine takes them from the connection."""
    began, sent = time.monotonic(), 0
    while time.monotonic() < until:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
        hearing = asyncio.create_task(_hear(reader, found))
        with suppress(OSError, TimeoutError):
            while (now := time.monotonic()) < until and not hearing.done():
                due = max(0, int((now - began) * rate) - sent)
                writer.write(request * due)
                sent += due
                found["offered"] += due
                async with asyncio.timeout(max(0.0, until - now)):
                    await writer.drain()
                    await asyncio.sleep(_BATCH_S)
        found["closed"] += time.monotonic() < until
        hearing.cancel()
        writer.transport.abort()


async def main(port: int, path: str, token: str, source: str, seconds: float, rate: float) -> None:
    request = f"GET {path} HTTP/1.1\r\nHost: engine\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    began = time.monotonic()
    found: Counter[str] = Counter()
    share = rate / CONNECTIONS
    await asyncio.gather(
        *(
            _ask(port, request, source=source, until=began + seconds, rate=share, found=found)
            for _ in range(CONNECTIONS)
        )
    )
    offered = found.pop("offered")
    print(json.dumps({"answers": found, "offered": offered, "seconds": time.monotonic() - began}))


if __name__ == "__main__":
    _, port, path, token, source, seconds, rate = sys.argv
    asyncio.run(main(int(port), path, token, source, float(seconds), float(rate)))
