"""Ids of cameras and of new things."""

from collections.abc import Callable
import re
import unicodedata
import uuid

from .errors import HomeSentryError

type IdSource = Callable[[], str]

_RUNS = re.compile(r"[^a-z0-9]+")
MAX_CAMERA_ID = 64


class InvalidCameraName(HomeSentryError, ValueError):
    """Nothing of the name can become an id."""


def camera_id_of(name: str) -> str:
    """Normalise a folder or display name to a camera id: ``Front Door`` -> ``front_door``.

    Letters lose their accents; what is left of other scripts is a stable hexadecimal form of the code points.
    Raises ``InvalidCameraName`` for a name without any letter or digit.
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    folded = _RUNS.sub("_", plain.casefold()).strip("_")
    if not folded:
        letters = [character for character in name if character.isalnum()]
        if not letters:
            raise InvalidCameraName(f"the camera name {name[:40]!r} has no letter or digit")
        folded = "camera_" + "".join(f"{ord(letter):x}" for letter in letters[:12])
    return folded[:MAX_CAMERA_ID].strip("_")


def random_id() -> str:
    """Give a new id: 32 hexadecimal digits whose prefix grows with time (UUID version 7)."""
    return uuid.uuid7().hex
