"""A program: an upload is booked under a mask, and the process dies before it could be replaced in its folder."""

import asyncio
import os
from pathlib import Path
import signal
import sys

from tests.fakes.masked import mask, masked_home, planted_jpeg


async def main(folder: Path) -> None:
    async with masked_home(folder) as home:

        async def die(_camera_id: str, _path: Path, _content: bytes) -> bool:
            os.kill(os.getpid(), signal.SIGKILL)
            return False

        await home.set_up((mask(),))
        home.replace_by(die)
        await home.accept(planted_jpeg())


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
