"""What an image model makes of the views: learned now and then, kept beside the usual pictures."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
import logging
from typing import Final

import numpy as np

from home_sentry_engine.context.strangeness import Memory, anomaly_of, learned
from home_sentry_engine.domain.errors import StageError, Unavailable
from home_sentry_engine.domain.messages import Media
from home_sentry_engine.domain.resting import KeptMemory
from home_sentry_engine.media.picture import Picture
from home_sentry_engine.resilience.recent import Recent
from home_sentry_engine.storage.database import Database
from home_sentry_engine.storage.repositories.scenes import Scenes
from home_sentry_engine.vision.models import Models, NotSwitchedOn
from home_sentry_engine.vision.tasks.embeddings import Embedding
from home_sentry_engine.vision.tasks.zero_shot import ImageText

from .appearances import PICTURE_MODELS

_LOGGER = logging.getLogger(__name__)
_EACH_S: Final = 60.0
_AGAIN_S: Final = 600.0
_LIMIT_S: Final = 20.0
_MOST_CAMERAS: Final = 1000

type SceneEye = Callable[[Picture], Awaitable[Embedding]]


def scene_eye(models: Models) -> SceneEye:
    """Give the first image model that is switched on; it raises ``StageError``."""

    async def look(picture: Picture) -> Embedding:
        refusals: list[str] = []
        for card in PICTURE_MODELS:
            try:
                return await models.use(
                    card, ImageText, lambda eye, cancel: eye.embed(picture, cancel=cancel), timeout_s=_LIMIT_S
                )
            except NotSwitchedOn as err:
                refusals.append(err.reason)
        raise Unavailable("; ".join(refusals), code="off")

    return look


class SceneMemories:
    """Looks at a camera's picture once a minute; without a model it says why and tries again later."""

    def __init__(self, database: Database, rows: Scenes, eye: SceneEye) -> None:
        """Take where memories are kept, and what looks."""
        self._database = database
        self._rows = rows
        self._eye = eye
        self._next = Recent[str, datetime](_MOST_CAMERAS)
        self._blind_until: datetime | None = None
        self.reason: str | None = "no picture was looked at yet"

    async def look(self, media: Media, picture: Picture, light: str) -> KeptMemory | None:
        """Compare and learn; None where it is too early or nothing can look."""
        at = media.captured_at
        early = at < (self._next.get(media.camera_id) or at)
        if early or (self._blind_until is not None and media.received_at < self._blind_until):
            return None
        try:
            async with asyncio.timeout(_LIMIT_S):
                seen = await self._eye(picture)
        except (StageError, TimeoutError) as err:
            self.reason = err.reason if isinstance(err, StageError) else f"no answer within {_LIMIT_S:g} s"
            self._blind_until = _later(media.received_at, _AGAIN_S)
            _LOGGER.info("No model looks at the scene: %s", self.reason, extra={"camera_id": media.camera_id})
            return None
        self.reason, self._blind_until = None, None
        self._next.put(media.camera_id, _later(at, _EACH_S))
        before = await self._before(media.camera_id, light, seen)
        after = learned(before, seen.values)
        return KeptMemory(
            light=light,
            model_id=seen.model_id,
            learned=after.learned,
            vector=after.vector.astype("<f4").tobytes(),
            spread=after.spread,
            anomaly=anomaly_of(before, seen.values),
        )

    async def _before(self, camera_id: str, light: str, seen: Embedding) -> Memory | None:
        kept = await self._database.read(lambda conn: self._rows.memories(conn, camera_id))
        for one in kept:
            if one.light == light and one.model_id == seen.model_id and len(one.vector) == 4 * seen.values.size:
                vector = np.frombuffer(one.vector, dtype="<f4").astype(np.float32)
                return Memory(learned=one.learned, vector=vector, spread=one.spread)
        return None


def _later(at: datetime, seconds: float) -> datetime:
    return at + timedelta(seconds=seconds)
