"""What the API asks of the detector on behalf of other programs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What the detector saw in one picture: (class, confidence, x, y, width, height) each, boxes in its pixels."""

    width: int
    height: int
    inference_ms: float
    objects: tuple[tuple[str, float, int, int, int, int], ...]


class Eyes(Protocol):
    """The detector for other programs."""

    async def detect(self, pictures: Sequence[bytes]) -> Sequence[Sight]:
        """Look at stills, nothing is stored; raises ``Rejected`` or a ``StageError``."""
        ...
