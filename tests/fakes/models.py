"""Models that a test directs: each card answers with a stand-in for its task, fails, or is off."""

from collections.abc import Callable
from typing import Any

from home_sentry_engine.domain.box import Box
from home_sentry_engine.vision.models import NotSwitchedOn
from home_sentry_engine.vision.session import Cancel
from home_sentry_engine.vision.tasks.classify import Ranked
from home_sentry_engine.vision.tasks.faces import Face
from home_sentry_engine.vision.tasks.florence import FlorenceAnswer, FlorenceTask
from home_sentry_engine.vision.tasks.open_vocabulary import Named
from home_sentry_engine.vision.tasks.plates import Plate
from home_sentry_engine.vision.tasks.pose import Point, Pose
from home_sentry_engine.vision.tasks.quality import quality_of
from home_sentry_engine.vision.tasks.text import TextLine, TextRegion

CORNERS = ((10.0, 40.0), (60.0, 40.0), (60.0, 55.0), (10.0, 55.0))


class Shelf:
    """``Models`` over stand-ins; a card that the test did not name is off. ``asked`` keeps who was asked, in order."""

    def __init__(self, **stands_in: Any) -> None:
        self.cards = {name.replace("_", "-"): one for name, one in stands_in.items()}
        self.asked: list[str] = []

    async def use(
        self,
        model_id: str,
        kind: type[Any],
        work: Callable[[Any, Cancel], Any],
        *,
        priority: int = 0,
        timeout_s: float | None = None,
    ) -> Any:
        if model_id not in self.cards:
            raise NotSwitchedOn(f"{model_id} is off until somebody switches it on", code="off")
        self.asked.append(model_id)
        stand_in = self.cards[model_id]
        if isinstance(stand_in, Exception):
            raise stand_in
        return await stand_in(work) if callable(stand_in) else work(stand_in, Cancel())


class Faces:
    def find(self, frame, *, confidence=0.6, cancel=None):
        return (Face(box=Box(x=10, y=5, width=30, height=40), confidence=0.9),)


class Poses:
    """Somebody who stands upright, or whatever points the test gives."""

    def __init__(self, points: dict[int, tuple[float, float]] | None = None) -> None:
        self.points = points or {}

    def find(self, frame, *, cancel=None):
        upright = {5: (40, 60), 6: (60, 60), 11: (42, 120), 12: (58, 120), 13: (42, 160), 14: (58, 160), 15: (42, 200),
                   16: (58, 200)}  # fmt: skip
        points = upright | self.points
        return Pose(
            points=tuple(
                Point(x=points[n][0], y=points[n][1], confidence=0.8) if n in points else Point(x=0, y=0, confidence=0)
                for n in range(17)
            ),
            model_id="fake",
        )


class Plates:
    def find(self, frame, *, confidence=None, cancel=None):
        return (Plate(box=Box(x=10, y=40, width=50, height=15), confidence=0.95, corners=CORNERS),)


class Reader:
    """Reads one line everywhere: a plate in a small picture, the side of a van in a large one."""

    def __init__(self, plate: str = "KRW 301") -> None:
        self.plate = plate

    def read(self, frame, *, cancel=None):
        line = TextLine(text="ACME Parcels", confidence=0.9)
        elsewhere = ((100.0, 5.0), (200.0, 5.0), (200.0, 25.0), (100.0, 25.0))
        if frame.width < 100:
            return ()
        on_plate = TextRegion(line=TextLine(text=self.plate, confidence=0.9), corners=CORNERS)
        return (TextRegion(line=line, corners=elsewhere), on_plate)

    def read_line(self, pixels, *, cancel=None):
        return TextLine(text=self.plate, confidence=0.92)


class Meter:
    def judge(self, frame):
        return quality_of(frame)


class Says:
    """A caption model."""

    def __init__(self, scene: str, subject: str) -> None:
        self.scene, self.subject = scene, subject

    def ask(self, task, frame, *, cancel=None):
        text = self.subject if task is FlorenceTask.CAPTION else self.scene
        return FlorenceAnswer(task=task, text=text, dropped=0 if text else 1)


class Things:
    """Finds a knife in the whole picture; ``again`` tells whether also in the second look, which may fail."""

    def __init__(self, *, again: bool | Exception, first: float = 0.8, second: float = 0.8) -> None:
        self.again = again
        self.first, self.second = first, second

    def find(self, frame, names=("knife",), *, confidence=None, cancel=None):
        looks_again = "stick" in names
        if looks_again and isinstance(self.again, Exception):
            raise self.again
        if looks_again and not self.again:
            return ()
        sure = self.second if looks_again else self.first
        return (Named(label="knife", confidence=sure, box=Box(x=10, y=10, width=40, height=40)),)


class Ranks:
    def __init__(self, *scores: tuple[str, float]) -> None:
        self.scores = scores

    def rank(self, frame, sentences=None, *, cancel=None):
        return Ranked(scores=self.scores, model_id="fake")
