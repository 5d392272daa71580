"""Check of a still: size limits, markers, then the strict decode that every later step uses."""

from home_sentry_engine.domain.errors import Rejected, RejectReason

from .child import decode_in_child
from .limits import Limits
from .picture import Picture, StillHeader, decode_checked, read_still_header


def check_still(data: bytes, limits: Limits, *, at_least: int | None = None) -> tuple[StillHeader, Picture]:
    """Give the header and the decoded picture of a sound file; raises ``Rejected`` with the reason otherwise.

    Blocking. Ordinary camera files decode in the caller's thread; what could take seconds decodes in a child process.
    """
    if not data:
        raise Rejected(RejectReason.EMPTY, "the file is empty")
    if len(data) > limits.max_image_bytes:
        raise Rejected(RejectReason.TOO_LARGE, f"{len(data)} bytes are more than {limits.max_image_bytes}")
    header = read_still_header(data, limits)
    if len(data) < limits.min_image_bytes:
        raise Rejected(RejectReason.TOO_SMALL, f"{len(data)} bytes are less than {limits.min_image_bytes}")
    return header, decode_bounded(data, header, limits, at_least=at_least)


def decode_bounded(data: bytes, header: StillHeader, limits: Limits, *, at_least: int | None = None) -> Picture:
    """Decode in this thread if the work is bounded, else in a child process; raises ``Rejected``."""
    if header.work <= limits.thread_work:
        return decode_checked(data, header, at_least=at_least)
    return decode_in_child(data, at_least=at_least, limits=limits)
