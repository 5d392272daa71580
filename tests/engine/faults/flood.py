"""A program: asks one address of an engine as often as it can, up to a rate, and counts the answers by status.

Prints one JSON object: the statuses, the connections that the engine closed, and the seconds that it took.
"""

import asyncio
from collections import Counter
from contextlib import suppress
import json
import sys
import time

CONNECTIONS = 8


async def one(host: str, port: int, request: bytes, *, source: str, until: float, rate: float) -> Counter[str]:
    found: Counter[str] = Counter()
    while time.monotonic() < until:
        reader, writer = await asyncio.open_connection(host, port, local_addr=(source, 0))
        with suppress(OSError, EOFError):
            while (now := time.monotonic()) < until:
                writer.write(request)
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
                await reader.readexactly(length)
                found[head.split(b" ", 2)[1].decode()] += 1
                await asyncio.sleep(max(0.0, now + 1 / rate - time.monotonic()))
        found["closed"] += time.monotonic() < until
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
    return found


async def main(port: int, path: str, token: str, source: str, seconds: float, rate: float) -> None:
    request = f"GET {path} HTTP/1.1\r\nHost: engine\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    began = time.monotonic()
    calls = [
        one("127.0.0.1", port, request, source=source, until=began + seconds, rate=rate / CONNECTIONS)
        for _ in range(CONNECTIONS)
    ]
    total = sum(await asyncio.gather(*calls), Counter())
    print(json.dumps({"answers": total, "seconds": time.monotonic() - began}))


if __name__ == "__main__":
    _, port, path, token, source, seconds, rate = sys.argv
    asyncio.run(main(int(port), path, token, source, float(seconds), float(rate)))
