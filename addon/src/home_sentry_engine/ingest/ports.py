"""What intake asks of others: the ledger, who checks content, the engine's own copies."""

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Protocol

from home_sentry_engine.domain.errors import Rejected
from home_sentry_engine.domain.files import FileFacts, Provenance
from home_sentry_engine.domain.messages import Arrival, Media


class Booked(Protocol):
    """What the ledger answers."""

    @property
    def accepted(self) -> bool:
        """False for content that was known."""
        ...


class Ledger(Protocol):
    """Books files: each call is one transaction."""

    async def known_sources(self, keys: Sequence[str]) -> set[str]:
        """Tell which of these files were accepted, refused or duplicates before."""
        ...

    async def accept(self, media: Media, arrival: Arrival) -> Booked:
        """Book a checked file and queue its detection.

        Raises ``Rejected`` if its camera is refused, ``MasksChanged`` where other masks hold now than it wears.
        """
        ...

    async def reject(self, arrival: Arrival, reason: Rejected, *, sha256: str | None = None) -> None:
        """Book why a file was refused."""
        ...

    async def repeat(self, arrival: Arrival) -> None:
        """Book that a file is one that was accepted before."""
        ...


class Looked(Protocol):
    """A sound file as the inspector knows it."""

    @property
    def facts(self) -> FileFacts:
        """Format, size, capture time."""
        ...

    @property
    def content(self) -> bytes | None:
        """What has to be stored in place of the file, None for the file itself."""
        ...

    @property
    def worn(self) -> bool:
        """Tell whether this is a file that was put in place of an upload before."""
        ...

    @property
    def veil(self) -> str | None:
        """Name the privacy masks that its pictures wear now, None without any."""
        ...


class Inspector[L: Looked](Protocol):
    """Checks content; the first two block and raise ``Rejected``."""

    def inspect_still(self, data: bytes, provenance: Provenance) -> L:
        """Decode a still."""
        ...

    def inspect_video(self, file: BinaryIO, provenance: Provenance) -> L:
        """Probe a video."""
        ...

    def remember(self, media_id: str, inspected: L) -> None:
        """Keep what was decoded for the steps that follow."""
        ...


class Copies(Protocol):
    """The engine's own copies of files; both block."""

    def store(self, media_id: str, camera_id: str, facts: FileFacts, data: bytes) -> Path:
        """Write a file whole or not at all."""
        ...

    def discard(self, path: Path) -> None:
        """Delete a copy that nobody needs."""
        ...
