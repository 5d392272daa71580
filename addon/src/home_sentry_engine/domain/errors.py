"""Failures inside the engine, each with a reason for people.

::

    HomeSentryError
    ├── StageError                    outcome of a pipeline stage
    │   ├── Transient                 try again, optionally not before ``retry_after_s``
    │   ├── Permanent (ValueError)    this input will never work: quarantine it
    │   └── Unavailable               a dependency is down: keep the job, tell the reason
    ├── Rejected (ValueError)         a file that intake refuses, with a counted reason
    └── MasksChanged                  a file has to be looked at again under other privacy masks
"""

from enum import StrEnum


class HomeSentryError(Exception):
    """Base of every failure that the engine raises on purpose."""


class Outage(HomeSentryError):
    """Something that the work needs is away for now: who meets this waits, and is not broken itself."""


class StageError(HomeSentryError):
    """A stage could not do its work; ``reason`` is a sentence for people."""

    def __init__(self, reason: str, *, code: str = "error") -> None:
        """Keep the sentence and a short stable code for counters."""
        super().__init__(reason)
        self.reason = reason
        self.code = code
        self.stack: str | None = None


class Transient(StageError):
    """The same input may work later."""

    def __init__(self, reason: str, *, code: str = "transient", retry_after_s: float | None = None) -> None:
        """Keep the wish for a delay; None leaves it to the back-off."""
        super().__init__(reason, code=code)
        self.retry_after_s = retry_after_s


class Permanent(StageError, ValueError):
    """The same input will never work."""


class Halted(HomeSentryError):
    """The engine ends; what was begun is done anew after its next start."""


class Unavailable(StageError):
    """A dependency is down; work waits for it and nothing is invented meanwhile."""

    def __init__(self, reason: str, *, code: str = "unavailable", retry_after_s: float | None = None) -> None:
        """Keep the wish for a delay; None leaves it to the back-off."""
        super().__init__(reason, code=code)
        self.retry_after_s = retry_after_s


class MasksChanged(HomeSentryError):
    """The privacy masks of a file's camera are not those that were burned in: look at the file again."""


class RejectReason(StrEnum):
    """Why intake refused a file; each has a counter."""

    EMPTY = "empty"
    TOO_SMALL = "too_small"
    TOO_LARGE = "too_large"
    TRUNCATED = "truncated"
    CORRUPT = "corrupt"
    NOT_MEDIA = "not_media"
    TOO_MANY_PIXELS = "too_many_pixels"
    TOO_MANY_SCANS = "too_many_scans"
    TOO_SLOW = "too_slow"
    FORBIDDEN_FORMAT = "forbidden_format"
    NO_VIDEO_STREAM = "no_video_stream"
    LINK_OUTSIDE = "link_outside"
    NOT_REGULAR = "not_regular"
    UNREADABLE = "unreadable"
    NEVER_STABLE = "never_stable"
    CAMERA_REFUSED = "camera_refused"


class Rejected(HomeSentryError, ValueError):
    """A file that will not be accepted; ``detail`` says what was seen, without any path."""

    def __init__(self, reason: RejectReason, detail: str) -> None:
        """Keep the counted reason and the sentence."""
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
