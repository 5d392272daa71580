"""Sample pictures: those inside scikit-image's wheel and, if there is one, a folder of more."""

from collections.abc import Mapping
from dataclasses import dataclass
import hashlib
from importlib.util import find_spec
import io
from pathlib import Path
from typing import Final

from PIL import Image

from .errors import DemoError

FRONT_DOOR: Final = "Front Door"
DRIVEWAY: Final = "Driveway"
CAMERAS: Final = (FRONT_DOOR, DRIVEWAY)

_QUALITY: Final = 92
_EXTRA_FOLDERS: Final = ("misc", "omz", "night")
_EXTRA_LIMIT: Final = 12
_PICTURES: Final = frozenset({".jpg", ".jpeg", ".png"})
_START_OF_JPEG: Final = b"\xff\xd8"
_COMMENT: Final = b"\xff\xfe"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One picture for one camera; ``shows`` is what a person sees in it, None where nobody says."""

    name: str
    camera: str
    shows: str | None
    suffix: str
    content: bytes
    is_empty: bool = False

    def copy(self, mark: str) -> bytes:
        """Give the same picture with other bytes, as a camera's next one would have: a mark in a JPEG comment."""
        if not self.content.startswith(_START_OF_JPEG):
            return self.content
        text = mark.encode("ascii", "replace")
        return _START_OF_JPEG + _COMMENT + (len(text) + 2).to_bytes(2) + text + self.content[2:]


def sha256_of(content: bytes) -> str:
    """Give the fingerprint by which the engine knows a file."""
    return hashlib.sha256(content).hexdigest()


def bundled_pictures() -> Path:
    """Give the folder of pictures inside scikit-image; raises ``DemoError`` without it."""
    spec = find_spec("skimage")
    if spec is None or spec.origin is None:
        raise DemoError("scikit-image, whose sample pictures the demo shows, is not installed; run scripts/setup")
    return Path(spec.origin).parent / "data"


def own_samples(data: Path) -> tuple[Sample, ...]:
    """Read the pictures that scikit-image carries from its folder."""
    return (
        _sample(data, "astronaut", FRONT_DOOR, "person"),
        _sample(data, "motorcycle_left", DRIVEWAY, "motorcycle"),
        _sample(data, "coffee", FRONT_DOOR, None, is_empty=True),
        _sample(data, "chelsea", DRIVEWAY, "cat"),
        _sample(data, "camera", FRONT_DOOR, "person"),
    )


def more_samples(environment: Mapping[str, str]) -> tuple[Sample, ...]:
    """Read at most twelve pictures of the folder that ``HOME_SENTRY_TEST_MEDIA`` names, if it does."""
    folder = environment.get("HOME_SENTRY_TEST_MEDIA")
    if not folder:
        return ()
    root = Path(folder)
    if not root.is_dir():
        raise DemoError(f"HOME_SENTRY_TEST_MEDIA names {folder}, which is no folder")
    places = [root / "images" / name for name in _EXTRA_FOLDERS]
    if not any(place.is_dir() for place in places):
        places = [root]
    files = [
        file
        for place in places
        if place.is_dir()
        for file in sorted(place.iterdir())
        if file.suffix.lower() in _PICTURES and file.is_file()
    ]
    return tuple(
        Sample(
            name=file.stem,
            camera=CAMERAS[number % 2],
            shows=None,
            suffix=file.suffix.lower(),
            content=file.read_bytes(),
        )
        for number, file in enumerate(files[:_EXTRA_LIMIT])
    )


def _sample(data: Path, name: str, camera: str, shows: str | None, *, is_empty: bool = False) -> Sample:
    encoded = io.BytesIO()
    with Image.open(data / f"{name}.png") as picture:
        picture.convert("RGB").save(encoded, "JPEG", quality=_QUALITY)
    return Sample(
        name=name.removesuffix("_left"),
        camera=camera,
        shows=shows,
        suffix=".jpg",
        content=encoded.getvalue(),
        is_empty=is_empty,
    )
