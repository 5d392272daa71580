"""Draw the brand pictures: a house whose window is an eye.

Run: .venv/bin/python scripts/brand/draw.py
"""

from dataclasses import dataclass
import math
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw, ImageFont

ROOT: Final = Path(__file__).parents[2]
BRAND: Final = ROOT / "custom_components/home_sentry/brand"
ADDON: Final = ROOT / "addon"

_FINE: Final = 4  # drawn this many times larger, then reduced: smooth edges
_TEAL: Final = (17, 138, 138)
_DEEP: Final = (9, 74, 92)
_AMBER: Final = (255, 179, 71)
_WHITE: Final = (255, 255, 255)
_INK: Final = (16, 42, 56)
_PALE: Final = (236, 246, 246)


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    """Colours on a light or a dark ground."""

    prefix: str
    top: tuple[int, int, int]
    bottom: tuple[int, int, int]
    text: tuple[int, int, int]


THEMES: Final = (
    Theme(prefix="", top=_TEAL, bottom=_DEEP, text=_INK),
    Theme(prefix="dark_", top=(36, 184, 178), bottom=(14, 112, 128), text=_PALE),
)


def mark(size: int, theme: Theme) -> Image.Image:
    """Draw the house with its eye on a transparent square of ``size`` pixels."""
    side = size * _FINE
    house = Image.new("L", (side, side), 0)
    pen = ImageDraw.Draw(house)
    unit = side / 256
    pen.line(_points(unit, (22, 128), (128, 30), (234, 128)), fill=255, width=round(30 * unit), joint="curve")
    for x, y in ((22, 128), (128, 30), (234, 128)):
        _disc(pen, unit, (x, y), 15, 255)
    pen.polygon(_points(unit, (50, 122), (128, 50), (206, 122), (206, 214), (50, 214)), fill=255)
    pen.rounded_rectangle(_points(unit, (50, 150), (206, 236)), radius=22 * unit, fill=255)
    picture = Image.composite(_slope(side, theme), Image.new("RGBA", (side, side)), house)
    _draw_eye(ImageDraw.Draw(picture), unit, theme)
    return picture.resize((size, size), Image.Resampling.LANCZOS)


def logo(height: int, theme: Theme) -> Image.Image:
    """Draw the mark with the name beside it, trimmed to its content."""
    font = ImageFont.load_default(size=height * 0.5 * _FINE)
    name = "Home Sentry"
    left, top, right, bottom = font.getbbox(name, stroke_width=_FINE)
    wide, gap = math.ceil((right - left) / _FINE), round(height * 0.12)
    picture = Image.new("RGBA", (height + gap + wide, height))
    picture.alpha_composite(mark(height, theme))
    words = Image.new("RGBA", (wide * _FINE, height * _FINE))
    at = (-left, (height * _FINE - (bottom - top)) / 2 - top)
    ImageDraw.Draw(words).text(at, name, font=font, fill=theme.text, stroke_width=_FINE, stroke_fill=theme.text)
    picture.alpha_composite(words.resize((wide, height), Image.Resampling.LANCZOS), (height + gap, 0))
    return picture


def _slope(side: int, theme: Theme) -> Image.Image:
    column = Image.new("RGBA", (1, side))
    for y in range(side):
        share = y / side
        column.putpixel((0, y), (*_between(theme.top, theme.bottom, share), 255))
    return column.resize((side, side))


def _draw_eye(pen: ImageDraw.ImageDraw, unit: float, theme: Theme) -> None:
    x, y, half, rise = 128, 148, 62, 40
    radius = (half**2 + rise**2) / (2 * rise)
    spread = math.degrees(math.asin(half / radius))
    upper = [_on_arc(x, y + radius - rise, radius, 270 + angle) for angle in _steps(-spread, spread)]
    lower = [_on_arc(x, y - radius + rise, radius, 90 + angle) for angle in _steps(-spread, spread)]
    pen.polygon(_points(unit, *upper, *lower), fill=_WHITE)
    _disc(pen, unit, (x, y), 31, theme.bottom)
    _disc(pen, unit, (x, y), 20, _AMBER)
    _disc(pen, unit, (x, y), 9, _INK)
    _disc(pen, unit, (x + 9, y - 10), 6, _WHITE)


def _steps(first: float, last: float, count: int = 48) -> list[float]:
    return [first + (last - first) * step / count for step in range(count + 1)]


def _on_arc(x: float, y: float, radius: float, angle: float) -> tuple[float, float]:
    return x + radius * math.cos(math.radians(angle)), y + radius * math.sin(math.radians(angle))


def _between(start: tuple[int, int, int], end: tuple[int, int, int], share: float) -> tuple[int, int, int]:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(start, end, strict=True))
    return red, green, blue


def _points(unit: float, *points: tuple[float, float]) -> list[tuple[float, float]]:
    return [(x * unit, y * unit) for x, y in points]


def _disc(
    pen: ImageDraw.ImageDraw, unit: float, at: tuple[float, float], radius: float, fill: int | tuple[int, int, int]
) -> None:
    x, y = at
    pen.ellipse(_points(unit, (x - radius, y - radius), (x + radius, y + radius)), fill=fill)


def main() -> None:
    """Write all pictures."""
    BRAND.mkdir(exist_ok=True)
    for theme in THEMES:
        for suffix, scale in (("", 1), ("@2x", 2)):
            mark(256 * scale, theme).save(BRAND / f"{theme.prefix}icon{suffix}.png", optimize=True)
            logo(128 * scale, theme).save(BRAND / f"{theme.prefix}logo{suffix}.png", optimize=True)
    mark(128, THEMES[0]).save(ADDON / "icon.png", optimize=True)
    small = logo(100, THEMES[0])
    small.resize((250, round(small.height * 250 / small.width)), Image.Resampling.LANCZOS).save(
        ADDON / "logo.png", optimize=True
    )


if __name__ == "__main__":
    main()
