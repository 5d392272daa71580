"""The two kinds of eyes: a graph from the catalogue, and the detector inside OpenCV."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from home_sentry_engine.domain.detection import FrameDetections

from .builtin import MODEL_ID, BuiltinDetector
from .catalog import Card
from .detector import Eye
from .session import Cancel, Session
from .tasks.boxes import BoxRules
from .tasks.detect import detect, plan_for
from .tasks.pictures import Frame, RgbFrame

_CANARY_RULES: Final = BoxRules(confidence=0.01)


class GraphEye:
    """Looks with a loaded graph; raises ``UnsupportedGraph`` when the graph is not what its card says."""

    def __init__(self, card: Card, session: Session) -> None:
        """Match card and graph."""
        self._session = session
        self._plan = plan_for(card, session)

    @property
    def model_id(self) -> str:
        """Id of its card."""
        return self._plan.model_id

    @property
    def input_side(self) -> int:
        """Longer side of the graph's input."""
        return max(self._plan.size)

    def look(
        self, frames: Sequence[Frame], rules: BoxRules, cancel: Cancel | None = None
    ) -> tuple[FrameDetections, ...]:
        """Find objects."""
        return detect(self._plan, self._session, frames, rules, cancel=cancel)


class BuiltinEye:
    """Looks with what OpenCV carries; raises ``Unavailable`` where it carries nothing."""

    def __init__(self) -> None:
        """Load the cascades."""
        self._builtin = BuiltinDetector()

    @property
    def model_id(self) -> str:
        """Id of its card."""
        return MODEL_ID

    @property
    def input_side(self) -> int:
        """Longer side that it looks at."""
        return self._builtin.longer_side

    def look(
        self, frames: Sequence[Frame], rules: BoxRules, cancel: Cancel | None = None
    ) -> tuple[FrameDetections, ...]:
        """Find people and cats; stops between frames when cancelled."""
        return self._builtin.detect(frames, rules, cancel=cancel)


def warm_up(eye: Eye, *, runs: int, batch: int) -> None:
    """Run a drawn picture through an eye: proves that it answers, and fills its caches; blocks, raises ``StageError``.

    The last run takes ``batch`` pictures at once, so that a graph which only claims a free batch is found out now.
    """
    canary = RgbFrame.of(draw_canary())
    for _ in range(runs):
        eye.look([canary], _CANARY_RULES)
    if batch > 1:
        eye.look([canary] * batch, _CANARY_RULES)


def draw_canary(width: int = 320, height: int = 240) -> NDArray[np.uint8]:
    """Draw a picture with edges, areas and gradients, the same every time."""
    y, x = np.mgrid[:height, :width]
    planes: list[NDArray[Any]] = [
        (x * 255 // width) ^ ((y // 16) * 8),
        (y * 255 // height),
        np.where((x - width // 2) ** 2 + (y - height // 2) ** 2 < (height // 4) ** 2, 220, 40),
    ]
    return np.ascontiguousarray(np.stack(planes, axis=2).astype(np.uint8))
