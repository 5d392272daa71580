"""Pictures to tensors: resize, order the planes, scale, normalise. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from home_sentry_engine.domain.errors import Permanent
from home_sentry_engine.domain.lazy import lazy
from home_sentry_engine.vision.catalog import Colour, ImageInput, Resize

if TYPE_CHECKING:
    from PIL import Image
else:
    Image = lazy("PIL.Image")

_REDUCING_GAP: Final = 2.0


class Frame(Protocol):
    """A decoded picture: RGB uint8 ``pixels`` [rows, columns, 3], perhaps smaller than the original's size."""

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """The picture as decoded."""
        ...

    @property
    def width(self) -> int:
        """Width of the original."""
        ...

    @property
    def height(self) -> int:
        """Height of the original."""
        ...

    @property
    def offset_s(self) -> float | None:
        """Time in a video, None for a still."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RgbFrame:
    """A frame made from an array; ``of`` takes the array's own size as the original."""

    pixels: NDArray[np.uint8]
    width: int
    height: int
    offset_s: float | None = None

    @classmethod
    def of(cls, pixels: NDArray[np.uint8], *, offset_s: float | None = None) -> RgbFrame:
        """Wrap an array of full size."""
        return cls(pixels=pixels, width=pixels.shape[1], height=pixels.shape[0], offset_s=offset_s)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prepared:
    """``tensor`` float32 [N,3,H,W]; ``ratios`` input pixels per original pixel, 1.0 where aspect is ignored."""

    tensor: NDArray[np.float32]
    ratios: tuple[float, ...]


def prepare(frames: Sequence[Frame], image: ImageInput, *, size: tuple[int, int] | None = None) -> Prepared:
    """Make one tensor of N pictures; ``size`` (width, height) overrides the card's where the graph fixes another.

    Bilinear with antialiasing as Pillow does it, which is what the DETR family was trained and measured with; plainly
    bilinear for a picture that was decoded at reduced scale.
    Raises ``Permanent`` for pixels that are no RGB picture.
    """
    width, height = size or (image.width, image.height)
    tensor = np.empty((len(frames), 3, height, width), np.float32)
    ratios: list[float] = []
    for index, frame in enumerate(frames):
        require_picture(frame.pixels)
        if image.resize is Resize.LETTERBOX_TOP_LEFT:
            small, ratio = _letterbox(frame, (width, height), image.pad_value)
        else:
            small, ratio = _stretch(frame, (width, height)), 1.0
        ratios.append(ratio)
        write_planes(small, image, tensor[index])
    return Prepared(tensor=tensor, ratios=tuple(ratios))


def require_picture(pixels: NDArray[Any]) -> None:
    """Raise ``Permanent`` for what is no RGB picture of 8 bits."""
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8 or not pixels.size:
        raise Permanent(f"no RGB picture: {pixels.dtype} {pixels.shape}", code="not_a_picture")


def _stretch(frame: Frame, size: tuple[int, int]) -> NDArray[np.uint8]:
    pixels = frame.pixels
    if (pixels.shape[1], pixels.shape[0]) == size:
        return pixels
    near = _near(pixels, size)
    if pixels.shape[1] < frame.width:
        # the decoder averaged already: nearer to the full-size tensor than antialiasing twice, in a sixth of the time
        return np.asarray(cv2.resize(near, size, interpolation=cv2.INTER_LINEAR), np.uint8)
    return np.asarray(Image.fromarray(near).resize(size, Image.Resampling.BILINEAR))


def _near(pixels: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Average whole blocks first where far more pixels are there than needed; the rest stays to the true filter."""
    rows, columns = pixels.shape[:2]
    across = max(1, int(columns / (size[0] * _REDUCING_GAP)))
    down = max(1, int(rows / (size[1] * _REDUCING_GAP)))
    if across == down == 1:
        return pixels
    return np.asarray(
        cv2.resize(pixels, (-(-columns // across), -(-rows // down)), interpolation=cv2.INTER_AREA), np.uint8
    )


def _letterbox(frame: Frame, size: tuple[int, int], pad_value: int) -> tuple[NDArray[np.uint8], float]:
    width, height = size
    ratio = min(width / frame.width, height / frame.height)
    inner = max(1, int(frame.width * ratio)), max(1, int(frame.height * ratio))
    canvas = np.full((height, width, 3), pad_value, np.uint8)
    canvas[: inner[1], : inner[0]] = cv2.resize(frame.pixels, inner, interpolation=cv2.INTER_LINEAR)
    return canvas, ratio


def write_planes(small: NDArray[np.uint8], image: ImageInput, out: NDArray[np.float32]) -> None:
    """Write ``(pixel * scale - mean) / std`` of an RGB picture of the input's size into ``out`` [3, rows, columns]."""
    planes = cv2.split(small)
    for index, plane in enumerate(planes if image.colour is Colour.RGB else planes[::-1]):
        mean, std = image.mean[index], image.std[index]
        np.multiply(plane, np.float32(image.scale / std), out=out[index], dtype=np.float32)
        if mean:
            out[index] -= np.float32(mean / std)
