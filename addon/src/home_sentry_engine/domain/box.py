"""The one box type: integer pixels of the original picture, with its conversions."""

from dataclasses import dataclass


class InvalidBoundingBoxError(ValueError):
    """The box has no area or lies outside the picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """Bounding box in pixels, origin top left, ``x + width`` exclusive."""

    x: int
    y: int
    width: int
    height: int

    @property
    def right(self) -> int:
        """First column right of the box."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """First row below the box."""
        return self.y + self.height

    @property
    def area(self) -> int:
        """Pixels covered."""
        return self.width * self.height

    @classmethod
    def from_corners(cls, corners: tuple[float, float, float, float], *, image: tuple[int, int]) -> Box:
        """Clip (x1, y1, x2, y2) to an image of (width, height) and round to whole pixels.

        Raises ``InvalidBoundingBoxError`` for an inverted box or one that leaves nothing inside the image.
        """
        x1, y1, x2, y2 = corners
        if not (x2 > x1 and y2 > y1):
            raise InvalidBoundingBoxError(f"box has no area: {corners}")
        width, height = image
        left, top = max(0, round(x1)), max(0, round(y1))
        right, bottom = min(width, round(x2)), min(height, round(y2))
        if right <= left or bottom <= top:
            raise InvalidBoundingBoxError(f"box {corners} lies outside an image of {width}x{height}")
        return cls(x=left, y=top, width=right - left, height=bottom - top)

    def normalised(self, image: tuple[int, int]) -> tuple[float, float, float, float]:
        """Give (x, y, width, height) as fractions 0..1 of an image of (width, height)."""
        width, height = image
        return self.x / width, self.y / height, self.width / width, self.height / height

    def bottom_centre(self, image: tuple[int, int]) -> tuple[float, float]:
        """Give the point where the object stands, as fractions 0..1 of the image."""
        width, height = image
        return (self.x + self.width / 2) / width, self.bottom / height


def intersection_over_union(a: Box, b: Box) -> float:
    """Give the IoU of two boxes, 0..1."""
    wide = min(a.right, b.right) - max(a.x, b.x)
    high = min(a.bottom, b.bottom) - max(a.y, b.y)
    if wide <= 0 or high <= 0:
        return 0.0
    shared = wide * high
    return shared / (a.area + b.area - shared)
