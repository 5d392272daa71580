"""Pictures that a model which sees can name: one drawn shape in one colour."""

from collections.abc import Callable
from dataclasses import dataclass
import json
from typing import Any, Final

import cv2
import numpy as np

from .backends.base import Message, Picture, Question
from .errors import BadOutput, ModelBlind

SIDE_PX: Final = 224
COLOURS: Final[dict[str, tuple[int, int, int]]] = {
    "red": (220, 30, 30),
    "green": (30, 160, 50),
    "blue": (30, 60, 220),
    "yellow": (250, 220, 30),
}
SHAPES: Final = ("circle", "square", "triangle")

_WHITE: Final = 245
_EDGE: Final = 40
_TOKENS: Final = 40
_SYSTEM: Final = "You describe pictures. Answer with one JSON object and nothing else."
_ASKED: Final = (
    'The picture shows one shape on white ground. Name it: {"colour": one of '
    f'{", ".join(COLOURS)}, "shape": one of {", ".join(SHAPES)}}}.'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """What is drawn."""

    colour: str
    shape: str

    def question(self, timeout_s: float) -> Question:
        """Ask what the picture shows."""
        words = {"colour": list(COLOURS), "shape": list(SHAPES)}
        schema: dict[str, Any] = {
            "type": "object",
            "properties": {name: {"type": "string", "enum": known} for name, known in words.items()},
            "required": list(words),
            "additionalProperties": False,
        }
        user = Message(role="user", content=_ASKED, pictures=(draw(self),))
        return Question(
            messages=(Message(role="system", content=_SYSTEM), user),
            schema=schema,
            max_tokens=_TOKENS,
            temperature=0.0,
            top_p=1.0,
            timeout_s=timeout_s,
        )

    def check(self, answer: str) -> None:
        """Raise ``ModelBlind`` for an answer that names something else, ``BadOutput`` for one that is no JSON."""
        try:
            named = json.loads(answer)
            said = (str(named["colour"]).casefold(), str(named["shape"]).casefold())
        except (ValueError, KeyError, TypeError) as err:
            raise BadOutput("the model does not answer what a picture shows") from err
        if said != (self.colour, self.shape):
            shown = f"a {self.colour} {self.shape}"
            raise ModelBlind(f"the model does not see: it was shown {shown} and named {' '.join(said)[:40]}")


def canaries(chance: Callable[[], float], count: int = 2) -> tuple[Canary, ...]:
    """Draw lots for pictures that differ in colour and shape, so that no constant answer and no luck passes."""
    colours, shapes = list(COLOURS), list(SHAPES)
    made = []
    for _ in range(count):
        colour = colours.pop(int(chance() * len(colours)))
        made.append(Canary(colour=colour, shape=shapes.pop(int(chance() * len(shapes)))))
    return tuple(made)


def draw(canary: Canary) -> Picture:
    """Draw the shape on white ground."""
    pixels = np.full((SIDE_PX, SIDE_PX, 3), _WHITE, np.uint8)
    colour = COLOURS[canary.colour][::-1]
    low, high, middle = _EDGE, SIDE_PX - _EDGE, SIDE_PX // 2
    if canary.shape == "circle":
        cv2.circle(pixels, (middle, middle), middle - _EDGE, colour, cv2.FILLED)
    elif canary.shape == "square":
        cv2.rectangle(pixels, (low, low), (high, high), colour, cv2.FILLED)
    else:
        corners = np.array([[middle, low], [high, high], [low, high]], np.int32)
        cv2.fillPoly(pixels, [corners], colour)
    done, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 92])
    if not done:
        raise ValueError("the picture could not be encoded")
    return Picture(jpeg=np.asarray(data).tobytes(), width=SIDE_PX, height=SIDE_PX)
