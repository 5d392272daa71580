"""The camera folder as a supervised job that reports the component ``ingest``."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from home_sentry_engine.contract import Component, ComponentState
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.ingest.folder import FolderSource, FolderStatus
from home_sentry_engine.ingest.source import CameraFolders
from home_sentry_engine.ingest.taking import Door
from home_sentry_engine.settings import IngestSettings

_REPORT_S: Final = 2.0
_TOLD: Final = 5

type Report = Callable[[Component], None]


class WatchedFolder:
    """Runs a folder source and tells how it does every two seconds."""

    def __init__(
        self,
        settings: IngestSettings,
        folders: CameraFolders,
        door: Door,
        clock: Clock,
        report: Report,
    ) -> None:
        """Take the settings, the folders, where files go, and who hears of the component."""
        self._settings = settings
        self._folders = folders
        self._door = door
        self._clock = clock
        self._report = report

    async def run(self) -> None:
        """Watch until cancelled."""
        with ThreadPoolExecutor(1, thread_name_prefix="folder") as executor:
            source = FolderSource(self._settings, self._folders, self._door, self._clock, executor)
            async with asyncio.TaskGroup() as group:
                group.create_task(source.run(), name="folder source")
                group.create_task(self._reporting(source), name="folder report")

    async def _reporting(self, source: FolderSource) -> None:
        while True:
            self._report(component_of(source.status(), self._settings.camera_root.name))
            await self._clock.sleep(_REPORT_S)


def component_of(status: FolderStatus, folder: str) -> Component:
    """Turn the source's status into the component ``ingest``."""
    problem = status.problem or (
        f"the last file could not be taken: {status.last_error}" if status.last_error else None
    )
    if status.refused_folders:
        refused = sorted(status.refused_folders.items())
        pairs = ", ".join(f"'{folder}' (as '{owner}')" for folder, owner in refused[:_TOLD])
        more = f" and {len(refused) - _TOLD} more" if len(refused) > _TOLD else ""
        problem = problem or f"folders whose camera id is taken: {pairs}{more}"
    state = ComponentState.DEGRADED if problem else ComponentState.HEALTHY
    if not status.running:
        state, problem = ComponentState.STARTING, None
    return Component(
        id="ingest",
        state=state,
        reason=problem,
        fix="rename one of the folders" if status.refused_folders and not status.problem else None,
        details={
            "folder": folder,
            "polling": status.polling,
            "polling_reason": status.reason,
            "folders": status.folders,
            "waiting": status.waiting,
            "settling": status.settling,
            "overflows": status.overflows,
            **status.counts,
        },
    )
