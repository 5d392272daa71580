"""Pictures of media files for everybody: looked at once at intake, remembered for the detector and the thumbnail."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from datetime import UTC, tzinfo
from io import BytesIO
import threading
from typing import BinaryIO, Final

from home_sentry_engine.contract import MediaKind
from home_sentry_engine.domain.errors import Permanent, Rejected, Transient
from home_sentry_engine.domain.files import FileFacts, Provenance
from home_sentry_engine.domain.filetypes import FileType
from home_sentry_engine.domain.messages import Media

from .capture_time import capture_time
from .limits import Limits
from .mask import Fresh, Veil, Veils, known_here, mark_of, no_veils, veiled, veiled_jpeg
from .masking import clip_mark, veiled_clip
from .paths import MediaPaths, open_regular, write_atomic
from .picture import Picture, Pixels, read_still_header, reduced
from .validate import check_still, decode_bounded
from .video import Sampling, VideoReader

DETECTOR_SIDE: Final = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspected:
    """Facts of a sound file, and its picture if it is a still.

    ``content`` is what has to be stored in place of the file, because masks were burned in; ``worn`` tells that masks
    were burned in before the file came, ``veil`` names those that the picture wears now.
    """

    facts: FileFacts
    picture: Picture | None = None
    content: bytes | None = None
    worn: bool = False
    veil: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How files are looked at; ``at_least`` is the shorter side in pixels that every model is content with.

    ``remembered_bytes`` bounds the decoded pictures that wait in memory for the detector.
    """

    limits: Limits = field(default_factory=Limits)
    sampling: Sampling = field(default_factory=lambda: Sampling(at_least=DETECTOR_SIDE))
    at_least: int | None = DETECTOR_SIDE
    zone: tzinfo = UTC
    remembered_bytes: int = 64 * 1024 * 1024


class PictureMemory:
    """The pictures seen last, up to a number of bytes; safe to use from several threads."""

    def __init__(self, budget_bytes: int) -> None:
        """Take the bound; 0 remembers nothing."""
        self._budget_bytes = budget_bytes
        self._held_bytes = 0
        self._pictures: OrderedDict[str, Picture] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, media_id: str, picture: Picture) -> None:
        """Remember a picture and forget the oldest ones beyond the bound."""
        with self._lock:
            self._forget(media_id)
            self._pictures[media_id] = picture
            self._held_bytes += picture.held_bytes
            while self._held_bytes > self._budget_bytes and self._pictures:
                self._forget(next(iter(self._pictures)))

    def get(self, media_id: str) -> Picture | None:
        """Give a picture if it is still remembered."""
        with self._lock:
            if media_id in self._pictures:
                self._pictures.move_to_end(media_id)
            return self._pictures.get(media_id)

    def _forget(self, media_id: str) -> None:
        gone = self._pictures.pop(media_id, None)
        if gone is not None:
            self._held_bytes -= gone.held_bytes


class Frames:
    """Looks at files: ``inspect_*`` block and belong into an executor, the coroutines bring their own."""

    def __init__(
        self,
        paths: MediaPaths,
        rules: Rules,
        executor: Executor,
        *,
        veils: Veils = no_veils,
        fresh: Fresh = known_here,
    ) -> None:
        """Take the places of files, the rules, the executor that decodes, and the privacy masks of the cameras.

        ``fresh`` learns the masks that another engine was told of, before anything stored is looked at or shown.
        """
        self._veils = veils
        self.fresh = fresh
        self._paths = paths
        self._rules = rules
        self._executor = executor
        self._reader = VideoReader(rules.limits)
        self._memory = PictureMemory(rules.remembered_bytes)

    def inspect_still(self, data: bytes, provenance: Provenance) -> Inspected:
        """Decode a still strictly and tell its facts; raises ``Rejected``."""
        veil = self._veils(provenance.camera_id) if provenance.camera_id is not None else None
        at_least, content = self._rules.at_least, None
        bare = veil is not None and mark_of(data) != veil.key
        header, picture = check_still(data, self._rules.limits, at_least=None if bare else at_least)
        if veil is not None:
            picture = self._veiled(picture, veil, at_least=at_least)
            content = picture.source if picture.source is not data else None
        facts = FileFacts(
            file_type=header.file_type if content is None else FileType.JPEG,
            width=header.width,
            height=header.height,
            captured=capture_time(provenance, exif=header.exif.taken, zone=self._rules.zone),
        )
        return Inspected(
            facts=facts,
            picture=picture,
            content=content,
            worn=mark_of(data) is not None,
            veil=_key(veil),
        )

    def inspect_video(self, file: BinaryIO, provenance: Provenance) -> Inspected:
        """Probe a video and tell its facts; raises ``Rejected``."""
        probe = self._reader.probe(file)
        veil = self._veils(provenance.camera_id) if provenance.camera_id is not None else None
        content, worn, codec = None, clip_mark(self._reader, file), probe.codec
        if veil is not None and worn != veil.key:
            content = veiled_clip(self._reader, file, veil)
            codec = self._reader.probe(BytesIO(content)).codec
        facts = FileFacts(
            file_type=probe.file_type if content is None else FileType.MOV,
            width=probe.width,
            height=probe.height,
            duration_s=probe.duration_s,
            codec=codec,
            captured=capture_time(provenance, zone=self._rules.zone),
        )
        return Inspected(facts=facts, content=content, worn=worn is not None, veil=_key(veil))

    def veil_of(self, camera_id: str) -> Veil | None:
        """Give the privacy masks of a camera."""
        return self._veils(camera_id)

    def remember(self, media_id: str, inspected: Inspected) -> None:
        """Keep the picture of an accepted file for the steps that follow."""
        if inspected.picture is not None:
            self._memory.put(media_id, inspected.picture)

    async def load(self, media: Media) -> Sequence[Picture]:
        """Give the still, or the sampled frames of a video.

        Raises ``Permanent`` for a file that is gone or does not decode, ``Transient`` where the disk fails.
        """
        await self.fresh()
        remembered, veil = self._memory.get(media.media_id), self._veils(media.camera_id)
        if remembered is not None and (veil is None or remembered.veil == veil.key):
            return (remembered,)
        if media.kind is MediaKind.VIDEO:
            return await self._run(lambda: self._video_frames(media))
        picture = await self._run(lambda: self._still(media))
        self._memory.put(media.media_id, picture)
        return (picture,)

    async def keep(self, media: Media, frame: Picture) -> None:
        """Store a frame of a video as a still of its own, under the masks that hold now."""
        await self.fresh()
        place = self._paths.frame(media.camera_id, media.media_id, media.captured_at, frame.offset_s or 0.0)
        veil = self._veils(media.camera_id)
        bare = veil is not None and frame.veil != veil.key
        await self._run(
            lambda: write_atomic(place, (self._veiled(frame, veil, at_least=None) if veil and bare else frame).source)
        )

    async def picture(self, media: Media, offset_s: float | None = None) -> Picture:
        """Give the still, or the (perhaps kept) frame of a video at ``offset_s``; raises as ``load``."""
        if media.kind is not MediaKind.VIDEO:
            return (await self.load(media))[0]
        await self.fresh()
        return await self._run(lambda: self._video_frame(media, offset_s or 0.0))

    async def whole(self, media: Media, offset_s: float | None) -> Pixels:
        """Give a still, or the frame of a video at ``offset_s``, at its original size; raises as ``load``."""
        picture = await self.picture(media, offset_s)
        if picture.reduced:
            picture = await self._run(lambda: picture.full(self._rules.limits))
        return picture.pixels

    async def _run[T](self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, work)
        except Rejected as err:
            raise Permanent(err.detail, code=err.reason.value) from err
        except FileNotFoundError as err:
            raise Permanent("the file is gone", code="file_gone") from err
        except OSError as err:
            raise Transient(f"the file cannot be read or written: {err.strerror or err}", code="disk") from err

    def _still(self, media: Media) -> Picture:
        with open_regular(media.path, below=self._paths.cameras) as file:
            data = file.read()
        return self._decoded(data, media.camera_id, at_least=self._rules.at_least)

    def _decoded(self, data: bytes, camera_id: str, *, at_least: int | None) -> Picture:
        limits, veil = self._rules.limits, self._veils(camera_id)
        picture = decode_bounded(data, read_still_header(data, limits), limits, at_least=at_least)
        return picture if veil is None else self._veiled(picture, veil, at_least=at_least)

    def _veiled(self, picture: Picture, veil: Veil, *, at_least: int | None) -> Picture:
        if mark_of(picture.source) == veil.key:
            return replace(picture, pixels=veiled(picture.pixels, veil), veil=veil.key)
        whole = picture.full(self._rules.limits).pixels
        pixels = veiled(reduced(whole, at_least), veil)
        return replace(picture, pixels=pixels, source=veiled_jpeg(whole, veil), veil=veil.key)

    def _video_frames(self, media: Media) -> tuple[Picture, ...]:
        with open_regular(media.path, below=self._paths.cameras) as file:
            sampling = replace(self._rules.sampling, veil=self._veils(media.camera_id))
            frames = tuple(self._reader.frames(file, sampling))
        if not frames:
            raise Permanent("no frame of the video decodes", code="corrupt")
        return frames

    def _video_frame(self, media: Media, offset_s: float) -> Picture:
        kept = self._paths.frame(media.camera_id, media.media_id, media.captured_at, offset_s)
        try:
            with open_regular(kept) as file:
                data = file.read()
        except FileNotFoundError:
            with open_regular(media.path, below=self._paths.cameras) as file:
                return self._reader.frame_at(file, offset_s, veil=self._veils(media.camera_id))
        return self._decoded(data, media.camera_id, at_least=None)


def _key(veil: Veil | None) -> str | None:
    return veil.key if veil is not None else None
