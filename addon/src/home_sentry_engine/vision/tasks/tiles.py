"""Tiles: where in a large picture to look again, and how what they show joins the first look. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
import itertools
from typing import Final

from home_sentry_engine.domain.box import Box, intersection_over_union
from home_sentry_engine.domain.detection import Detection

_EDGE_PX: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class TileRules:
    """Which pictures are looked at again, and how often.

    A picture needs ``larger`` times the detector's input on its longer side. A tile is as wide as the input, or
    ``context`` times what it is about; at most ``most`` tiles are looked at. Boxes of one label are one thing from
    ``same_iou`` on, or where ``within`` of the smaller one lies in the other; of different labels from ``other_iou``.
    """

    larger: float = 1.5
    context: float = 4.0
    most: int = 4
    overlap: float = 0.2
    same_iou: float = 0.5
    within: float = 0.7
    other_iou: float = 0.8
    about_iou: float = 0.3

    def worth_it(self, image: tuple[int, int], input_side: int) -> bool:
        """Tell whether a picture of (width, height) holds more than the first look saw."""
        return max(image) >= self.larger * input_side


def tiles_about(
    uncertain: Sequence[Detection], image: tuple[int, int], input_side: int, rules: TileRules
) -> tuple[Box, ...]:
    """Lay tiles around what was uncertain, the surest first; one tile serves all that lie within it."""
    left = sorted(uncertain, key=lambda one: -one.confidence)
    tiles: list[Box] = []
    while left and len(tiles) < rules.most:
        box = left[0].box
        side = max(input_side, round(rules.context * max(box.width, box.height)))
        tile = _around(box, side, image)
        if tile.area < 0.8 * image[0] * image[1]:
            tiles.append(tile)
        left = [one for one in left[1:] if not _holds(tile, one.box)]
    return tuple(tiles)


def tiles_over(image: tuple[int, int], rules: TileRules) -> tuple[Box, ...]:
    """Lay two by two overlapping tiles over the whole picture."""
    sides = [round(length * (0.5 + rules.overlap / 2)) for length in image]
    starts = [(0, length - side) for length, side in zip(image, sides, strict=True)]
    return tuple(Box(x=x, y=y, width=sides[0], height=sides[1]) for y, x in itertools.product(starts[1], starts[0]))


def is_cut(box: Box, tile: Box, image: tuple[int, int]) -> bool:
    """Tell whether a box ends at a border of its tile that is none of the picture."""
    return (
        (box.x <= tile.x + _EDGE_PX and tile.x > 0)
        or (box.y <= tile.y + _EDGE_PX and tile.y > 0)
        or (box.right >= tile.right - _EDGE_PX and tile.right < image[0])
        or (box.bottom >= tile.bottom - _EDGE_PX and tile.bottom < image[1])
    )


def joined(
    first: Sequence[Detection], found: Iterable[Detection], rules: TileRules, *, about: Sequence[Detection] | None
) -> tuple[Detection, ...]:
    """Add what the tiles found to the first look, one box per thing; ``about`` limits it to what was uncertain."""
    kept = list(first)
    for one in sorted(found, key=lambda detection: -detection.confidence):
        asked = about is None or any(_is_about(one, doubt, rules) for doubt in about)
        if asked and not any(_same(one, other, rules) for other in kept):
            kept.append(one)
    return tuple(kept)


def _is_about(found: Detection, doubt: Detection, rules: TileRules) -> bool:
    return intersection_over_union(found.box, doubt.box) >= rules.about_iou


def _same(one: Detection, other: Detection, rules: TileRules) -> bool:
    shared = intersection_over_union(one.box, other.box)
    if one.label != other.label:
        return shared >= rules.other_iou
    wide = min(one.box.right, other.box.right) - max(one.box.x, other.box.x)
    high = min(one.box.bottom, other.box.bottom) - max(one.box.y, other.box.y)
    inside = max(0, wide) * max(0, high) / min(one.box.area, other.box.area)
    return shared >= rules.same_iou or inside >= rules.within


def _around(box: Box, side: int, image: tuple[int, int]) -> Box:
    width, height = min(side, image[0]), min(side, image[1])
    x = min(max(0, box.x + box.width // 2 - width // 2), image[0] - width)
    y = min(max(0, box.y + box.height // 2 - height // 2), image[1] - height)
    return Box(x=x, y=y, width=width, height=height)


def _holds(tile: Box, box: Box) -> bool:
    return tile.x <= box.x and tile.y <= box.y and box.right <= tile.right and box.bottom <= tile.bottom
