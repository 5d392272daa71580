"""The detector for other programs, in the same words in which the engine asks a detector elsewhere."""

from typing import Any, Final

from aiohttp import web

from home_sentry_engine.api.bodies import BodyReader
from home_sentry_engine.api.eye_ports import Eyes, Sight
from home_sentry_engine.api.limits import LimitClass
from home_sentry_engine.api.routing import Answer, Call, FileBody, Route
from home_sentry_engine.contract import MediaKind
from home_sentry_engine.contract.errors import ServiceUnavailable, TooLarge, Unprocessable, UnsupportedType

_MAX_BYTES: Final = 10 * 1024 * 1024
_BATCH: Final = 16
_ERRORS: Final = (TooLarge, UnsupportedType, Unprocessable, ServiceUnavailable)


class DetectRoutes:
    """``POST /detect`` and ``POST /detect/batch``; ``GET /health`` beside them tells whether it is worth asking."""

    def __init__(self, detector: Eyes, bodies: BodyReader) -> None:
        """Take the port."""
        self._detector = detector
        self._bodies = bodies

    def routes(self) -> tuple[Route, ...]:
        """Declare the operations."""
        return (
            Route(
                method="POST",
                path="/detect",
                name="detect",
                text="Detect objects in one picture: a form's file, or base64 in JSON under `image`",
                respond=self._one,
                answer=Answer(text="detections with class, confidence and bbox, inference_time_ms, image size"),
                body=FileBody(),
                errors=_ERRORS,
                limit=LimitClass.DETECT,
                deadline_s=60.0,
            ),
            Route(
                method="POST",
                path="/detect/batch",
                name="detect_batch",
                text="Detect objects in up to 16 pictures: a form's files, or base64 in JSON under `images`",
                respond=self._several,
                answer=Answer(text="results, one for each picture in its order"),
                body=FileBody(),
                errors=_ERRORS,
                limit=LimitClass.DETECT,
                deadline_s=120.0,
            ),
        )

    async def _one(self, call: Call) -> web.Response:
        (sight,) = await self._looked(call, most=1)
        return web.json_response(_result(sight))

    async def _several(self, call: Call) -> web.Response:
        return web.json_response({"results": [_result(sight) for sight in await self._looked(call, most=_BATCH)]})

    async def _looked(self, call: Call, *, most: int) -> list[Sight]:
        files = await self._bodies.pictures(call.request, most=most, max_bytes=_MAX_BYTES)
        if any(file.file_type.kind is not MediaKind.IMAGE for file in files):
            raise UnsupportedType("only pictures are looked at here")
        return list(await self._detector.detect([file.data for file in files]))


def _result(sight: Sight) -> dict[str, Any]:
    return {
        "detections": [
            {"class": label, "confidence": confidence, "bbox": {"x": x, "y": y, "width": width, "height": height}}
            for label, confidence, x, y, width, height in sight.objects
        ],
        "inference_time_ms": sight.inference_ms,
        "image_width": sight.width,
        "image_height": sight.height,
    }
