"""Embeddings of faces: a face turned upright by its landmarks, as a vector; only after the opt-in.

Source: SFace (Zhong et al. 2021), ``opencv_zoo/models/face_recognition_sface``; the places of the five landmarks in a
square of 112 are those of ArcFace, which OpenCV's ``FaceRecognizerSF`` uses as well.
"""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from home_sentry_engine.domain.embedded import Embedded
from home_sentry_engine.vision.session import Cancel

from .embeddings import Embedder
from .errors import MalformedOutput
from .faces import Face
from .graph import Loaded
from .pictures import Frame, RgbFrame

SIDE: Final = 112
# right eye, left eye, nose, right and left corner of the mouth, as seen in the picture
PLACES: Final = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]], np.float64
)


def similarity_transform(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the 2x3 matrix of rotation, scale and shift that brings five landmarks nearest to ``PLACES``.

    Least squares after Umeyama 1991. Raises ``MalformedOutput`` for landmarks that all lie in one place.
    """
    centre, wanted = points.mean(axis=0), PLACES.mean(axis=0)
    given, target = points - centre, PLACES - wanted
    spread = float((given**2).sum())
    if spread < 1e-6:
        raise MalformedOutput("the landmarks of a face all lie in one place", code="malformed_output")
    left, strengths, right = np.linalg.svd(target.T @ given)
    signs = np.array([1.0, np.sign(np.linalg.det(left) * np.linalg.det(right))])
    rotation = left @ np.diag(signs) @ right
    scale = float((strengths * signs).sum()) / spread
    shift = wanted - scale * rotation @ centre
    return np.column_stack([scale * rotation, shift])


def upright(frame: Frame, face: Face) -> NDArray[np.uint8]:
    """Cut a face out, turned and scaled to 112 x 112; raises ``MalformedOutput`` without landmarks."""
    if len(face.landmarks) != len(PLACES):
        raise MalformedOutput("a face without five landmarks cannot be turned upright", code="malformed_output")
    rows, columns = frame.pixels.shape[:2]
    scale = np.array([columns / frame.width, rows / frame.height])
    matrix = similarity_transform(np.asarray(face.landmarks, np.float64) * scale)
    return np.asarray(cv2.warpAffine(frame.pixels, matrix, (SIDE, SIDE)), np.uint8)


class FaceEmbedder:
    """Turns a face into a vector; ``same_above`` is the model's own threshold for "the same"."""

    def __init__(self, loaded: Loaded) -> None:
        """Match card and graph; raises ``UnsupportedGraph``."""
        self._embedder = Embedder(loaded, "face_embedding")
        self.model_id, self.dimension = self._embedder.model_id, self._embedder.dimension
        self.same_above = self._embedder.same_above

    def canary(self, frame: Frame) -> None:
        """Look once; raises ``StageError``."""
        self._embedder.canary(frame)

    def read(self, frame: Frame, face: Face, *, cancel: Cancel | None = None) -> Embedded:
        """Look at one face of a picture; blocks, raises ``StageError``."""
        found = self._embedder.embed(RgbFrame.of(upright(frame, face)), cancel=cancel)
        return Embedded(model_id=self.model_id, vector=found.values, same_above=self.same_above)
