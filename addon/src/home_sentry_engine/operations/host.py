"""The machine's load, as far as it can be seen from inside."""

from pathlib import Path

import psutil

from home_sentry_engine.contract import HostLoad


class HostMeter:
    """Reads processor, memory and disk; every call blocks for some milliseconds."""

    def __init__(self, folder: Path) -> None:
        """``folder`` lies on the disk that counts. The first reading of the processor is about the time until then."""
        self._folder = folder
        self._own = psutil.Process()
        psutil.cpu_percent()

    def read(self) -> HostLoad:
        """Give the load since the call before; what the system does not tell is None."""
        memory = psutil.virtual_memory()
        try:
            disk = psutil.disk_usage(str(self._folder))
        except OSError:
            disk = None
        return HostLoad(
            cpu_percent=psutil.cpu_percent(),
            memory_percent=memory.percent,
            memory_total_bytes=memory.total,
            engine_bytes=self._engine_bytes(),
            disk_percent=disk.percent if disk is not None else None,
            disk_free_bytes=disk.free if disk is not None else None,
        )

    def _engine_bytes(self) -> int | None:
        total = 0
        try:
            for process in (self._own, *self._own.children(recursive=True)):
                total += process.memory_info().rss
        except psutil.Error:
            # a child that ended meanwhile: the next reading is whole again
            return None
        return total
