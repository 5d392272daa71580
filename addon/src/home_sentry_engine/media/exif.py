"""The two facts of EXIF that matter here: which way is up, and when."""

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
import struct
from typing import TYPE_CHECKING, Final

from home_sentry_engine.domain.lazy import lazy

if TYPE_CHECKING:
    from PIL import ExifTags, Image
else:
    ExifTags, Image = lazy("PIL.ExifTags"), lazy("PIL.Image")

_MAX_BYTES: Final = 65_536
_BROKEN: Final = (SyntaxError, ValueError, LookupError, TypeError, OSError, ArithmeticError, struct.error, Warning)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExifFacts:
    """Orientation 1..8, and the time of capture: naive when the camera gave no offset, None without a usable one."""

    orientation: int = 1
    taken: datetime | None = None


def read_exif(block: bytes | None) -> ExifFacts:
    """Read a TIFF block; broken metadata counts as none, it never spoils the picture."""
    if not block or len(block) > _MAX_BYTES:
        return ExifFacts()
    exif = Image.Exif()
    try:
        exif.load(b"Exif\x00\x00" + block)
        orientation = exif.get(ExifTags.Base.Orientation)
        details = exif.get_ifd(ExifTags.IFD.Exif)
        taken = _taken(
            details.get(ExifTags.Base.DateTimeOriginal) or exif.get(ExifTags.Base.DateTime),
            details.get(ExifTags.Base.OffsetTimeOriginal) or details.get(ExifTags.Base.OffsetTime),
        )
    except _BROKEN:
        return ExifFacts()
    upright = orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1
    return ExifFacts(orientation=upright, taken=taken)


def _taken(stamp: object, offset: object) -> datetime | None:
    if not isinstance(stamp, str):
        return None
    try:
        taken = datetime.strptime(stamp.strip("\0 ")[:19], "%Y:%m:%d %H:%M:%S")  # noqa: DTZ007 - EXIF has no zone
    except ValueError:
        return None
    zone = _zone(offset)
    return taken.replace(tzinfo=zone) if zone else taken


def _zone(offset: object) -> timezone | None:
    if not isinstance(offset, str) or len(text := offset.strip("\0 ")) != 6 or text[0] not in "+-":
        return None
    try:
        ahead = timedelta(hours=int(text[1:3]), minutes=int(text[4:6]))
        return timezone(-ahead if text[0] == "-" else ahead)
    except ValueError:
        return None
