"""The component ``video``: clips that this machine cannot decode, said once; pictures go on without them."""

from collections.abc import Callable, Mapping
import logging
import threading
from typing import BinaryIO, Protocol

from home_sentry_engine.contract import Component, ComponentState
from home_sentry_engine.domain.errors import Rejected, RejectReason
from home_sentry_engine.domain.files import Provenance
from home_sentry_engine.media.decoders import clip_decoders
from home_sentry_engine.media.frames import Inspected

_LOGGER = logging.getLogger(__name__)
_NO_LIBRARY = "the video library does not load"
_INSTALL = "install the engine again (or pull its image again): PyAV brings its own decoders"
_RECORD = "let these cameras record H.264 or H.265"

type Report = Callable[[Component], None]


class Looks(Protocol):
    """What checks content: ``media.frames.Frames``."""

    def inspect_still(self, data: bytes, provenance: Provenance) -> Inspected:
        """Decode a still."""
        ...

    def inspect_video(self, file: BinaryIO, provenance: Provenance) -> Inspected:
        """Probe a video."""
        ...

    def remember(self, media_id: str, inspected: Inspected) -> None:
        """Keep what was decoded."""
        ...


class ClipWatch:
    """An inspector that notes which cameras send clips that cannot be decoded; safe to use from several threads.

    The first clip asks what decoders there are, so that a home of still cameras never loads the video library.
    """

    def __init__(
        self, looks: Looks, report: Report, decoders: Callable[[], Mapping[str, bool]] = clip_decoders
    ) -> None:
        """Take what checks content, who hears of the component, and what tells the decoders."""
        self._looks = looks
        self._report = report
        self._decoders = decoders
        self._missing: tuple[str, ...] | None = None
        self._refused: dict[str, str] = {}
        self._told: str | None = None
        self._lock = threading.Lock()

    def inspect_still(self, data: bytes, provenance: Provenance) -> Inspected:
        """Decode a still; raises ``Rejected``."""
        return self._looks.inspect_still(data, provenance)

    def remember(self, media_id: str, inspected: Inspected) -> None:
        """Keep the picture of an accepted file for the steps that follow."""
        self._looks.remember(media_id, inspected)

    def inspect_video(self, file: BinaryIO, provenance: Provenance) -> Inspected:
        """Probe a video; raises ``Rejected``, also where the video library does not load."""
        camera = provenance.camera_id or "an unknown camera"
        try:
            found = self._looks.inspect_video(file, provenance)
        except ImportError as err:
            self._note(camera, f"{_NO_LIBRARY}: {err}")
            raise Rejected(RejectReason.FORBIDDEN_FORMAT, _NO_LIBRARY) from err
        except Rejected as err:
            if err.reason is RejectReason.FORBIDDEN_FORMAT:
                self._note(camera, err.detail)
            raise
        self._note(camera, None)
        return found

    def _note(self, camera: str, problem: str | None) -> None:
        with self._lock:
            first = self._missing is None
            if self._missing is None:
                self._missing = self._looked()
            if not first and self._refused.get(camera) == problem:
                return
            if problem is None:
                self._refused.pop(camera, None)
            else:
                self._refused[camera] = problem
            self._tell(self._missing)

    def _looked(self) -> tuple[str, ...]:
        try:
            return tuple(name for name, there in self._decoders().items() if not there)
        except ImportError:
            return ("all",)

    def _tell(self, missing: tuple[str, ...]) -> None:
        problems, fixes = [], []
        if missing:
            problems.append(f"decoders are missing: {', '.join(missing)}")
            fixes.append(_INSTALL)
        if self._refused:
            cameras = "; ".join(f"{camera} ({problem})" for camera, problem in sorted(self._refused.items()))
            problems.append(f"clips are refused: {cameras}; pictures go on")
            fixes.append(_RECORD)
        reason = "; ".join(problems) or None
        if reason is not None and reason != self._told:
            _LOGGER.warning("%s", reason)
        self._told = reason
        self._report(
            Component(
                id="video",
                state=ComponentState.DEGRADED if problems else ComponentState.HEALTHY,
                reason=reason,
                fix="; ".join(fixes) or None,
                details={"refused_cameras": len(self._refused)},
            )
        )
