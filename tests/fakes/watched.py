"""What somebody sees who plays a clip."""

from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageSequence


def played(path: Path) -> list[np.ndarray]:
    """Every frame of a clip in RGB."""
    if path.suffix == ".gif":
        with Image.open(path) as image:
            return [np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(image)]
    with av.open(str(path)) as clip:
        return [frame.to_ndarray(format="rgb24") for frame in clip.decode(video=0)]


def index_comes_first(path: Path) -> bool:
    """Tell whether a player may begin before it has the whole file."""
    content = path.read_bytes()
    return 0 < content.find(b"moov") < content.find(b"mdat")
