"""The detector inside the OpenCV package: people by HOG, cats and faces by cascades; the last resort."""

from collections.abc import Sequence
from pathlib import Path
import time
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from home_sentry_engine.domain.detection import FrameDetections
from home_sentry_engine.domain.errors import Unavailable

from .session import Cancel, InferenceTimeout
from .tasks.boxes import BoxRules, Candidates, select
from .tasks.pictures import Frame

MODEL_ID: Final = "opencv-basic"
NOTICE: Final = "basic detector inside OpenCV: people and cats only, and it misses many"
_LABELS: Final = ("person", "cat")
_PERSON, _CAT = 0, 1
_LONGER_SIDE: Final = 640
_HOG_WINDOW: Final = (64, 128)
# HOG boxes carry a margin of about a sixth on each side (INRIA training windows, Dalal and Triggs 2005)
_HOG_MARGIN: Final = (0.16, 0.07)
# where half of the hits are right, on labelled pictures of VOC and COCO
_HOG_EVEN: Final = 0.9
_CASCADE_EVEN: Final = 3.0
_HOG_SLOPE: Final = 2.5
_FACE_TO_PERSON: Final = (1.0, 0.5, 6.0)


class BuiltinDetector:
    """HOG and cascades of OpenCV 4; thread-safe by taking a fresh detector per call.

    Its margins are turned into confidences 0..1 by a logistic curve; they are not calibrated against the other models.
    """

    def __init__(self) -> None:
        """Load the cascades; raises ``Unavailable`` where OpenCV no longer carries them."""
        if not hasattr(cv2, "HOGDescriptor") or not hasattr(cv2, "CascadeClassifier"):
            raise Unavailable(f"OpenCV {cv2.__version__} carries no detector of its own", code="no_builtin")
        folder = Path(cv2.__file__).parent / "data"
        self._cat_file = folder / "haarcascade_frontalcatface_extended.xml"
        self._face_file = folder / "haarcascade_frontalface_default.xml"
        if not self._cat_file.is_file() or not self._face_file.is_file():
            raise Unavailable(f"OpenCV {cv2.__version__} carries no cascade files", code="no_builtin")

    @property
    def longer_side(self) -> int:
        """Pixels to which a picture is shrunk before the look."""
        return _LONGER_SIDE

    def detect(
        self, frames: Sequence[Frame], rules: BoxRules, *, cancel: Cancel | None = None
    ) -> tuple[FrameDetections, ...]:
        """Look at frames one by one; blocks. Raises ``InferenceTimeout`` between frames when cancelled."""
        found: list[FrameDetections] = []
        for frame in frames:
            if cancel is not None and cancel.cancelled:
                raise InferenceTimeout("the basic detector was told to stop", code="timeout")
            found.append(self._look(frame, rules))
        return tuple(found)

    def _look(self, frame: Frame, rules: BoxRules) -> FrameDetections:
        began = time.perf_counter()
        grey = np.asarray(cv2.cvtColor(frame.pixels, cv2.COLOR_RGB2GRAY), np.uint8)
        rows, columns = grey.shape
        shrink = min(1.0, _LONGER_SIDE / max(rows, columns))
        size = max(1, round(columns * shrink)), max(1, round(rows * shrink))
        small = np.asarray(cv2.resize(grey, size), np.uint8)
        found = [*_people(small), *self._cats(small), *self._faces(small)]
        scale = np.array([frame.width / small.shape[1], frame.height / small.shape[0]] * 2)
        candidates = Candidates(
            boxes=np.array([box for box, _, _ in found], np.float64).reshape(-1, 4) * scale,
            scores=np.array([score for _, score, _ in found], np.float64),
            classes=np.array([kind for _, _, kind in found], np.int64),
        )
        chosen = select(candidates, _LABELS, rules, (frame.width, frame.height))
        return FrameDetections(
            detections=chosen.detections,
            image_width=frame.width,
            image_height=frame.height,
            model_id=MODEL_ID,
            inference_ms=(time.perf_counter() - began) * 1000.0,
            offset_s=frame.offset_s,
            dropped=chosen.dropped,
            uncertain=chosen.uncertain,
        )

    def _cats(self, grey: NDArray[np.uint8]) -> list[_Hit]:
        return [(box, score, _CAT) for box, score in _cascade(self._cat_file, grey)]

    def _faces(self, grey: NDArray[np.uint8]) -> list[_Hit]:
        return [(_body_of(box, grey), score, _PERSON) for box, score in _cascade(self._face_file, grey)]


type _Corners = tuple[float, float, float, float]
type _Hit = tuple[_Corners, float, int]


def _people(grey: NDArray[np.uint8]) -> list[_Hit]:
    if grey.shape[1] < _HOG_WINDOW[0] or grey.shape[0] < _HOG_WINDOW[1]:
        return []
    hog = cv2.HOGDescriptor()
    hog.setSVMDetector(np.asarray(cv2.HOGDescriptor.getDefaultPeopleDetector()))
    boxes, weights = hog.detectMultiScale(grey, winStride=(8, 8), padding=(8, 8), scale=1.05)
    hits: list[_Hit] = []
    for (x, y, wide, high), weight in zip(boxes, np.ravel(weights), strict=True):
        across, down = wide * _HOG_MARGIN[0], high * _HOG_MARGIN[1]
        corners = (float(x + across), float(y + down), float(x + wide - across), float(y + high - down))
        hits.append((corners, _logistic((float(weight) - _HOG_EVEN) * _HOG_SLOPE), _PERSON))
    return hits


def _cascade(file: Path, grey: NDArray[np.uint8]) -> list[tuple[_Corners, float]]:
    cascade = cv2.CascadeClassifier(str(file))
    boxes, _, weights = cascade.detectMultiScale3(
        cv2.equalizeHist(grey), scaleFactor=1.1, minNeighbors=6, minSize=(32, 32), outputRejectLevels=True
    )
    return [
        ((float(x), float(y), float(x + wide), float(y + high)), _logistic(float(weight) - _CASCADE_EVEN))
        for (x, y, wide, high), weight in zip(boxes, np.ravel(weights), strict=True)
    ]


def _body_of(face: _Corners, grey: NDArray[Any]) -> _Corners:
    """Stretch a face to where its body is: one face wider on both sides, half a face up, down to the picture's edge."""
    left, top, right, bottom = face
    side, above, below = _FACE_TO_PERSON
    wide, high = right - left, bottom - top
    rows, columns = grey.shape[:2]
    return (
        max(0.0, left - side * wide),
        max(0.0, top - above * high),
        min(float(columns), right + side * wide),
        min(float(rows), bottom + below * high),
    )


def _logistic(value: float) -> float:
    return float(1.0 / (1.0 + np.exp(-value)))
