"""The pictures of an export: which frames of an event, and in which forms."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from home_sentry_engine.contract import Detection, Event, Export, ExportKind, ObjectGroup
from home_sentry_engine.domain.box import Box
from home_sentry_engine.domain.messages import Media
from home_sentry_engine.storage.database import Connection, Database

from .tables import Tables

_MOST: Final = 6


class Originals(Protocol):
    """Gives pictures as they were delivered, under the masks of their camera."""

    async def original(self, media: Media, *, offset_s: float | None = None) -> bytes:
        """Give a still without metadata, or the frame of a video; raises a ``StageError``."""
        ...

    async def stored(self, media: Media, *, offset_s: float | None = None) -> bytes:
        """Give a still or the frame of a video byte by byte as it is stored; raises a ``StageError``."""
        ...


class Blurring(Protocol):
    """Gives pictures without faces."""

    async def check(self) -> None:
        """Raise ``Unavailable`` where faces cannot be found."""
        ...

    async def picture(self, media: Media, offset_s: float | None, persons: Sequence[Box]) -> bytes:
        """Give a picture whose faces are blurred; raises a ``StageError``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One frame of an event with what was seen in it; ``name`` is unique among the frames of an export."""

    name: str
    media: Media
    offset_s: float | None
    detections: tuple[Detection, ...]

    @property
    def persons(self) -> list[Box]:
        """Give where persons are."""
        return [
            Box(x=one.box.x, y=one.box.y, width=one.box.width, height=one.box.height)
            for one in self.detections
            if one.group is ObjectGroup.PERSON
        ]


def needs_blurring(export: Export) -> bool:
    """Tell whether an export holds pictures without faces."""
    return export.kind is ExportKind.EVIDENCE or (export.share and export.kind is ExportKind.ZIP)


class ExportPictures:
    """Chooses the best frames of an event and draws them."""

    def __init__(self, database: Database, tables: Tables, gallery: Originals, shared: Blurring) -> None:
        """Take the rows and what draws."""
        self._database = database
        self._tables = tables
        self._gallery = gallery
        self._shared = shared

    async def of(self, event: Event, detections: Sequence[Detection]) -> list[Shown]:
        """Give the frames that show most, in order of time; files that are gone from the rows are left out."""
        frames: dict[tuple[str, float | None], list[Detection]] = {}
        for one in detections:
            frames.setdefault((one.media_id, one.offset_s), []).append(one)
        if not frames:
            frames = {(event.media_id, None): []}
        best = sorted(frames, key=lambda key: -max((one.confidence for one in frames[key]), default=0.0))[:_MOST]
        chosen = [key for key in frames if key in best]

        def work(conn: Connection) -> dict[str, Media]:
            stored = [self._tables.media.get(conn, media_id) for media_id, _ in chosen]
            return {one.media.media_id: one.media for one in stored if one is not None}

        media = await self._database.read(work)
        return [
            Shown(
                name=f"{event.event_id}/{number:02}_{media_id}.jpg",
                media=media[media_id],
                offset_s=offset_s,
                detections=tuple(frames[media_id, offset_s]),
            )
            for number, (media_id, offset_s) in enumerate(chosen, start=1)
            if media_id in media
        ]

    async def draw(self, export: Export, shown: Shown) -> list[tuple[str, bytes]]:
        """Give a frame in the forms of an export, each with its place in the archive; raises a ``StageError``."""
        if export.kind is ExportKind.EVIDENCE:
            stored = await self._gallery.stored(shown.media, offset_s=shown.offset_s)
            return [(f"stills/{shown.name}", stored), (f"shared/{shown.name}", await self._blurred(shown))]
        if export.share:
            return [(f"pictures/{shown.name}", await self._blurred(shown))]
        return [(f"pictures/{shown.name}", await self._gallery.original(shown.media, offset_s=shown.offset_s))]

    async def _blurred(self, shown: Shown) -> bytes:
        return await self._shared.picture(shown.media, shown.offset_s, shown.persons)
