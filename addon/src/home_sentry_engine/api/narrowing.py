"""What a key with camera limits gets to see of an answer: a sieve behind the limits of each operation.

The operations ask for the right rows; here, at the edge, whatever of another camera still is in an answer is taken out:
records of it, its id, and sentences that name it. It is done on JSON values, so that it holds for every operation.
"""

from collections.abc import Collection, Iterable
from dataclasses import replace
import re
from typing import Any, Final

import orjson

from home_sentry_engine.contract import Camera, CameraStatus, Component, Snapshot, Status
from home_sentry_engine.contract.errors import NotFound

from .ports import Catalogue, Published

_SENTENCE: Final = re.compile(r"(?<=[.!?;])\s+|\n+")
_SHORTEST_NAME: Final = 2
_NAMING: Final = re.compile(r"(^|_)camera(s|_id|_ids|_name)?$")
_EVIDENCE: Final = "camera:"
_GONE: Final = object()


class Narrowing:
    """The sieve of one caller, made of the cameras that there are now."""

    def __init__(self, within: Collection[str], cameras: Iterable[Camera]) -> None:
        """Take the ids of the cameras that are seen, and every camera."""
        own: list[Camera] = []
        foreign: list[Camera] = []
        for camera in cameras:
            (own if camera.id in within else foreign).append(camera)
        self._within = frozenset(within)
        self._own = tuple(own)
        self._ids = frozenset(camera.id for camera in foreign)
        shared = {camera.name.casefold() for camera in own} | {camera.id for camera in own}
        words = {word for camera in foreign for word in _words_of(camera)} - shared
        self._words = frozenset(words)
        either = "|".join(r"\s+".join(map(re.escape, word.split())) for word in sorted(words))
        self._named = re.compile(rf"(?<!\w)(?:{either})(?!\w)") if words else None

    @classmethod
    async def of(cls, within: Collection[str] | None, catalogue: Catalogue) -> Narrowing | None:
        """Make the sieve of a caller who sees these cameras; None for one that sees every camera."""
        return cls(within, await catalogue.cameras()) if within is not None else None

    def plain(self, value: Any) -> Any:
        """Take other cameras out of JSON values; raises ``NotFound`` where nothing is left."""
        left = self._left(value, "")
        if left is _GONE:
            raise NotFound("there is nothing with this id")
        return left

    def body(self, body: bytes) -> bytes:
        """Take other cameras out of a JSON document; raises ``NotFound`` where nothing is left."""
        return orjson.dumps(self.plain(orjson.loads(body)))

    def message(self, message: Published) -> bytes | None:
        """Give what is left of a message of the feed; None for one of another camera, or of none at all."""
        if message.camera_id is None or message.camera_id not in self._within:
            return None
        left = self._left(orjson.loads(message.body), "")
        return None if left is _GONE else orjson.dumps(left)

    def snapshot(self, snapshot: Snapshot) -> Snapshot:
        """Keep the own cameras and their events."""
        return replace(
            snapshot,
            status=self.status(snapshot.status),
            cameras=tuple(camera for camera in snapshot.cameras if camera.id in self._within),
            events=tuple(event for event in snapshot.events if event.camera_id in self._within),
            summary=None,
        )

    def status(self, status: Status) -> Status:
        """Keep what is not summed up over all cameras; cameras are counted anew."""
        return Status(
            mode=status.mode,
            features=status.features,
            missing=status.missing,
            components=tuple(Component(id=one.id, state=one.state) for one in status.components),
            cameras_active=sum(camera.status is CameraStatus.ONLINE for camera in self._own),
            cameras_total=len(self._own),
            at=status.at,
            health=status.health,
        )

    def _left(self, value: Any, name: str) -> Any:
        match value:
            case dict():
                return self._record(value, name)
            case list():
                kept = (self._left(one, name) for one in value)
                return [one for one in kept if one is not _GONE]
            case str():
                return self._text(value, name)
            case _:
                return value

    def _record(self, record: dict[str, Any], name: str) -> Any:
        of = record.get("camera_id")
        if (isinstance(of, str) and of in self._ids) or self._rests_on_others(record.get("evidence")):
            return _GONE
        by_camera = _NAMING.search(name) is not None
        left = {
            key: self._left(value, key)
            for key, value in record.items()
            if not (by_camera and (key in self._ids or key.casefold() in self._words))
        }
        return {key: None if value is _GONE else value for key, value in left.items()}

    def _rests_on_others(self, evidence: Any) -> bool:
        """Tell of a reason whether other cameras are named as its evidence: that there is one would tell of them."""
        named = evidence if isinstance(evidence, list) else ()
        words = (one.removeprefix(_EVIDENCE) for one in named if isinstance(one, str) and one.startswith(_EVIDENCE))
        return any(" ".join(word.casefold().split()) in self._words for word in words)

    def _text(self, text: str, name: str) -> Any:
        if _NAMING.search(name) and (text in self._ids or text.casefold() in self._words):
            return _GONE
        # a single word is an id or a word of a vocabulary, which a camera's name may well resemble
        if self._named is None or not re.search(r"\s", text) or self._named.search(text.casefold()) is None:
            return text
        sentences = (one for one in _SENTENCE.split(text) if self._named.search(one.casefold()) is None)
        return " ".join(sentences)


def seen(within: Collection[str] | None, cameras: tuple[Camera, ...]) -> tuple[Camera, ...]:
    """Give the cameras that are seen within limits, all of them without."""
    return cameras if within is None else tuple(camera for camera in cameras if camera.id in within)


def _words_of(camera: Camera) -> Iterable[str]:
    name = " ".join(camera.name.casefold().split())
    return (word for word in (name, camera.id) if len(word) >= _SHORTEST_NAME)
