"""The component ``masks``: uploads and stored files that do not wear their camera's masks, and how far it is."""

from collections.abc import Callable, Container
import threading

from home_sentry_engine.contract import Component, ComponentState

type Report = Callable[[Component], None]


class MaskState:
    """Takes what is left and what fails for each camera; safe to use from several threads."""

    def __init__(self, report: Report) -> None:
        """Take who hears of the component."""
        self._report = report
        self._uploads: dict[str, str] = {}
        self._files: dict[str, int] = {}
        self._left: dict[str, int] = {}
        self._stopped: dict[str, str] = {}
        self._lock = threading.Lock()

    def upload(self, camera_id: str, problem: str | None) -> None:
        """Note why an upload could not be replaced, None once one could."""
        with self._lock:
            if self._uploads.get(camera_id) != problem:
                _put(self._uploads, camera_id, problem)
                self._tell()

    def uploads_of(self, camera_ids: Container[str]) -> None:
        """Note that other cameras than these have no upload left that waits."""
        with self._lock:
            gone = [one for one in self._uploads if one not in camera_ids]
            for camera_id in gone:
                del self._uploads[camera_id]
            if gone:
                self._tell()

    def stored(self, camera_id: str, left: int, failed: int, *, stopped: str | None = None) -> None:
        """Note how many stored files wait, how many could not be masked, and what it waits for."""
        with self._lock:
            _put(self._left, camera_id, left or None)
            _put(self._files, camera_id, failed or None)
            _put(self._stopped, camera_id, stopped)
            self._tell()

    def only(self, camera_ids: Container[str]) -> None:
        """Forget the cameras that have no masks any more."""
        with self._lock:
            known = self._uploads, self._files, self._left, self._stopped
            gone = {camera_id for notes in known for camera_id in notes if camera_id not in camera_ids}
            for notes in known:
                for camera_id in gone & notes.keys():
                    del notes[camera_id]
            if gone:
                self._tell()

    def _tell(self) -> None:
        problems, fixes = [], []
        if self._uploads:
            fixes.append("let Home Sentry write to the camera folder, or delete the uploads there")
            cameras = ", ".join(f"{camera_id} ({problem})" for camera_id, problem in sorted(self._uploads.items()))
            problems.append(f"uploads without masks stay in the folders of: {cameras}; nobody is shown them")
        if self._files:
            cameras = ", ".join(f"{camera_id} ({count})" for camera_id, count in sorted(self._files.items()))
            problems.append(f"stored files could not be masked: {cameras}; they are shown only under the masks")
        if self._stopped:
            fixes.append("make room on the disk of the data folder")
            cameras = ", ".join(f"{camera_id} ({problem})" for camera_id, problem in sorted(self._stopped.items()))
            problems.append(f"the masking of stored files waits: {cameras}; they are shown only under the masks")
        waiting = ", ".join(f"{camera_id} ({left})" for camera_id, left in sorted(self._left.items()))
        self._report(
            Component(
                id="masks",
                state=ComponentState.DEGRADED if problems else ComponentState.HEALTHY,
                reason="; ".join(problems) or None,
                fix="; ".join(fixes) or None,
                details={"to_remask": sum(self._left.values()), "waiting": waiting or None},
            )
        )


def _put[T](values: dict[str, T], key: str, value: T | None) -> None:
    if value is None:
        values.pop(key, None)
    else:
        values[key] = value
