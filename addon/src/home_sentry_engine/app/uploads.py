"""Files that come over HTTP, on their way to the same intake as the folder's."""

from collections.abc import Awaitable, Callable

from home_sentry_engine.api.ports import Accepted, Duplicate, Upload
from home_sentry_engine.contract import Camera
from home_sentry_engine.contract.errors import NotFound, ServiceUnavailable
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.errors import MasksChanged
from home_sentry_engine.domain.identity import InvalidCameraName, camera_id_of
from home_sentry_engine.domain.messages import Arrival
from home_sentry_engine.ingest import intake

type FindCamera = Callable[[str], Awaitable[Camera | None]]
type Take = Callable[[Arrival], Awaitable[intake.Outcome]]


class UploadEntrance:
    """``api.ports.Uploads``: an unknown camera is made where the settings say so, else it is not found."""

    def __init__(self, *, take: Take, find_camera: FindCamera, clock: Clock, auto_create_cameras: bool) -> None:
        """Take the intake, the cameras and the rule for unknown ones."""
        self._take = take
        self._find_camera = find_camera
        self._clock = clock
        self._auto_create = auto_create_cameras

    async def offer(self, upload: Upload) -> Accepted | Duplicate:
        """Check, store and queue a file; raises ``Rejected``, ``NotFound`` or ``ServiceUnavailable``."""
        camera = await self._find_camera(upload.camera_id)
        if camera is None and not (self._auto_create and _is_id(upload.camera_id)):
            raise NotFound(f"there is no camera {upload.camera_id!r}")
        arrival = Arrival(
            camera_id=upload.camera_id,
            camera_name=camera.name if camera is not None else upload.camera_id.replace("_", " ").title(),
            kind=upload.file_type.kind,
            seen_at=self._clock.now(),
            data=upload.data,
            captured_at=upload.captured_at,
            origin="upload",
        )
        try:
            outcome = await self._take(arrival)
        except MasksChanged as err:
            raise ServiceUnavailable("the masks of this camera are being changed") from err
        match outcome:
            case intake.Accepted(media=media):
                return Accepted(media_id=media.media_id)
            case intake.Duplicate():
                return Duplicate()
            case intake.Refused(rejected=rejected):
                raise rejected


def _is_id(camera_id: str) -> bool:
    try:
        return camera_id_of(camera_id) == camera_id
    except InvalidCameraName:
        return False
