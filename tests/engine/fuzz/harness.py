"""One API server for all cases, in a thread of its own, with the real checks of pictures and clips behind it."""

import asyncio
from collections.abc import Coroutine
import io
import os
import socket
import threading
from typing import Any, Self

from hypothesis import HealthCheck, Phase, settings

from home_sentry_engine.api.limits import Limit, LimitClass, Limits
from home_sentry_engine.api.ports import Accepted, Duplicate, Upload
from home_sentry_engine.api.server import ApiServer
from home_sentry_engine.contract import Look, MediaKind
from home_sentry_engine.domain.errors import Rejected, RejectReason
from home_sentry_engine.domain.filetypes import FileType
from home_sentry_engine.media.limits import Limits as FileLimits
from home_sentry_engine.media.validate import check_still
from home_sentry_engine.media.video import VideoReader
from home_sentry_engine.settings import ApiSettings
from tests.fakes.api import PATIENT, FakeAnalyzer, FakeEngine, FakeUploads, serving

# each case is the same in every run, unless somebody looks for new ones
CASES = settings(
    derandomize="HOME_SENTRY_FUZZ_RANDOM" not in os.environ,
    database=None,
    deadline=None,
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)
UNLIMITED = Limits(classes={name: Limit(per_minute=1e9) for name in LimitClass}, failed_logins=10**9)
MAX_UPLOAD = 300_000
_FILES = FileLimits(min_image_bytes=1, min_video_bytes=1, max_image_bytes=MAX_UPLOAD)


def _check(data: bytes, file_type: FileType) -> None:
    if file_type.kind is MediaKind.VIDEO:
        VideoReader(_FILES).probe(io.BytesIO(data))
    elif check_still(data, _FILES)[0].work < 0:
        raise Rejected(RejectReason.CORRUPT, "never")


class CheckedUploads(FakeUploads):
    """Refuses what intake would refuse."""

    async def offer(self, upload: Upload) -> Accepted | Duplicate:
        await asyncio.to_thread(_check, upload.data, upload.file_type)
        return await super().offer(upload)


class CheckedAnalyzer(FakeAnalyzer):
    """Refuses what the detector's decoder would refuse."""

    async def look(self, data: bytes, file_type: FileType, camera_id: str | None = None) -> Look:
        await asyncio.to_thread(_check, data, file_type)
        return await super().look(data, file_type)


class Target:
    """The server as a sync test sees it: an address, and a way to run coroutines beside it."""

    def __init__(self) -> None:
        self.engine = FakeEngine()
        self.engine.intake = CheckedUploads(self.engine)
        self.engine.analyzer = CheckedAnalyzer(self.engine)
        self.faults: list[str] = []
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(lambda _, context: self.faults.append(str(context)))
        self._started = threading.Event()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),))
        self.server: ApiServer | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._started.wait(60)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(60)
        assert not self._thread.is_alive()
        self._loop.close()

    @property
    def address(self) -> tuple[str, int]:
        assert self.server is not None
        return "127.0.0.1", self.server.port

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine in the server's loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(90)

    def connect(self) -> socket.socket:
        """Open a connection on which nothing may take longer than a minute."""
        return socket.create_connection(self.address, timeout=60)

    async def _serve(self) -> None:
        options = ApiSettings(port=0, max_upload_bytes=MAX_UPLOAD)
        async with serving(self.engine, settings=options, limits=UNLIMITED, patience=PATIENT) as server:
            self.server = server
            self._started.set()
            await self._stop.wait()
        await self._loop.shutdown_default_executor()
