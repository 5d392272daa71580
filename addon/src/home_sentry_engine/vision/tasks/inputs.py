"""One picture to one input tensor in any of the ways that cards know, and points of the input back to the picture."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from home_sentry_engine.domain.lazy import lazy
from home_sentry_engine.vision.catalog import Colour, ImageInput, Layout, Resample, Resize
from home_sentry_engine.vision.session import Cancel, TensorInfo

from .graph import Array, Graph, answer
from .pictures import Frame, require_picture, write_planes

if TYPE_CHECKING:
    from PIL import Image
else:
    Image = lazy("PIL.Image")

_FILTERS: Final = {Resample.BILINEAR: "BILINEAR", Resample.BICUBIC: "BICUBIC"}
_WHOLE: Final = {"uint8": np.uint8, "int32": np.int32, "int64": np.int64}
_DIMENSIONS: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fitted:
    """``tensor`` [1,3,H,W] or [1,H,W,3]; ``scale`` input pixels per original pixel (x, y), ``shift`` added after it."""

    tensor: Array
    scale: tuple[float, float]
    shift: tuple[float, float] = (0.0, 0.0)

    def back(self, points: Array) -> Array:
        """Map points [..., 2] (x, y) of the input to original pixels, float64."""
        return np.asarray((points.astype(np.float64) - self.shift) / self.scale)

    def back_boxes(self, boxes: Array) -> Array:
        """Map xyxy boxes [K, 4] of the input to original pixels, float64."""
        return self.back(boxes.reshape(-1, 2, 2)).reshape(-1, 4)


def fit(frame: Frame, image: ImageInput, *, size: tuple[int, int] | None = None, dtype: str = "float32") -> Fitted:
    """Make the input of one picture; ``size`` (width, height) overrides the card's where the graph fixes another.

    Raises ``Permanent`` for pixels that are no RGB picture.
    """
    require_picture(frame.pixels)
    wanted = size or (image.width, image.height)
    small, ratio, shift = _placed(frame.pixels, image, wanted)
    across, down = frame.pixels.shape[1] / frame.width, frame.pixels.shape[0] / frame.height
    return Fitted(
        tensor=_tensor(small, image, dtype)[np.newaxis], scale=(ratio[0] * across, ratio[1] * down), shift=shift
    )


def look(
    graph: Graph, frame: Frame, image: ImageInput, *, size: tuple[int, int], cancel: Cancel | None = None
) -> dict[str, Array]:
    """Run a graph whose first input is a picture; gives its outputs by name, raises as ``fit`` and ``answer`` do."""
    pixels = graph.inputs[0]
    return answer(graph, {pixels.name: fit(frame, image, size=size, dtype=pixels.dtype).tensor}, cancel)


def input_size(graph: Graph, image: ImageInput) -> tuple[int, int]:
    """Give the (width, height) that the graph's first input has, the card's where the graph leaves it free."""
    return size_of(graph.inputs[0], image)


def size_of(pixels: TensorInfo, image: ImageInput) -> tuple[int, int]:
    """Give the (width, height) of an input, the card's where the graph leaves it free."""
    shape = pixels.shape
    if len(shape) != _DIMENSIONS:
        return image.width, image.height
    height, width = (shape[1], shape[2]) if image.layout is Layout.NHWC else (shape[2], shape[3])
    return width or image.width, height or image.height


def _placed(
    pixels: NDArray[np.uint8], image: ImageInput, size: tuple[int, int]
) -> tuple[NDArray[np.uint8], tuple[float, float], tuple[float, float]]:
    rows, columns = pixels.shape[:2]
    width, height = size
    if image.resize is Resize.STRETCH:
        return resized(pixels, size, image.resample), (width / columns, height / rows), (0.0, 0.0)
    if image.resize is Resize.CROP_CENTRE:
        ratio = max(width / columns, height / rows)
        inner = max(width, round(columns * ratio)), max(height, round(rows * ratio))
        left, top = (inner[0] - width) // 2, (inner[1] - height) // 2
        small = resized(pixels, inner, image.resample)[top : top + height, left : left + width]
        return small, (inner[0] / columns, inner[1] / rows), (-float(left), -float(top))
    ratio = min(width / columns, height / rows)
    inner = max(1, min(width, round(columns * ratio))), max(1, min(height, round(rows * ratio)))
    centred = image.resize is Resize.LETTERBOX_CENTRE
    left, top = ((width - inner[0]) // 2, (height - inner[1]) // 2) if centred else (0, 0)
    canvas = np.full((height, width, 3), image.pad_value, np.uint8)
    canvas[top : top + inner[1], left : left + inner[0]] = resized(pixels, inner, image.resample)
    return canvas, (inner[0] / columns, inner[1] / rows), (float(left), float(top))


def resized(
    pixels: NDArray[np.uint8], size: tuple[int, int], resample: Resample = Resample.BILINEAR
) -> NDArray[np.uint8]:
    """Resize to (width, height) with antialiasing."""
    if (pixels.shape[1], pixels.shape[0]) == size:
        return pixels
    return np.asarray(Image.fromarray(np.ascontiguousarray(pixels)).resize(size, Image.Resampling[_FILTERS[resample]]))


def _tensor(small: NDArray[np.uint8], image: ImageInput, dtype: str) -> NDArray[Any]:
    if dtype == "float32" and image.layout is Layout.NCHW:
        planes = np.empty((3, *small.shape[:2]), np.float32)
        write_planes(small, image, planes)
        return planes
    ordered = small if image.colour is Colour.RGB else small[:, :, ::-1]
    if dtype in _WHOLE:
        values: NDArray[Any] = (ordered if image.scale == 1.0 else np.rint(ordered * image.scale)).astype(_WHOLE[dtype])
    else:
        mean, std = np.asarray(image.mean, np.float32), np.asarray(image.std, np.float32)
        values = (ordered.astype(np.float32) * np.float32(image.scale) - mean) / std
        values = values.astype(np.float16) if dtype == "float16" else values
    return np.ascontiguousarray(values if image.layout is Layout.NHWC else values.transpose(2, 0, 1))
