"""The views of the cameras: each picture compared with what its camera usually shows, by day and under infrared."""

import asyncio
from concurrent.futures import Executor
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
import logging
from typing import Any, Final

from home_sentry_engine.context.scene import ChangeKind, Light, SceneState, View, light_of, step
from home_sentry_engine.domain.messages import Media
from home_sentry_engine.domain.resting import KeptView, Shown, ViewNews
from home_sentry_engine.media.mask import Veils, no_veils, veiled
from home_sentry_engine.media.picture import Picture
from home_sentry_engine.media.similarity import (
    SCALER,
    Grey,
    Reference,
    appearance_of,
    blend,
    grey_of,
    is_infrared,
    pack,
    patch_of,
    unpack,
)
from home_sentry_engine.storage.database import Database
from home_sentry_engine.storage.repositories.scenes import Scenes, UsualView

from .scene_memory import SceneMemories

_LOGGER = logging.getLogger(__name__)
_PACE: Final = 0.1
_KEEP_EACH_S: Final = 600.0


@dataclass(slots=True)
class _Camera:
    states: dict[Light, SceneState] = field(default_factory=dict)
    usual: dict[Light, Reference] = field(default_factory=dict)
    kept_at: dict[Light, datetime] = field(default_factory=dict)
    last: Light | None = None
    last_at: datetime | None = None
    epoch: int = 0


class CameraViews:
    """``pipeline.ports.Views``: remembers views in memory and gives what is to be kept now and then."""

    def __init__(
        self,
        database: Database,
        rows: Scenes,
        executor: Executor,
        memories: SceneMemories | None = None,
        *,
        veils: Veils = no_veils,
    ) -> None:
        """Take where views are kept, the executor that compares, and what an image model makes of them.

        What one of the ``veils`` covers is never compared: masks that come and go are no change of the view.
        """
        self._memories = memories
        self._veils = veils
        self._database = database
        self._rows = rows
        self._executor = executor
        self._cameras: dict[str, _Camera] = {}

    async def look(self, media: Media, picture: Picture) -> ViewNews:
        """Compare; a picture that is older than the last one says nothing."""
        camera = await self._current(media.camera_id)
        if camera.last_at is not None and media.captured_at < camera.last_at:
            return ViewNews()
        camera.last_at = media.captured_at
        loop, veil = asyncio.get_running_loop(), self._veils(media.camera_id)
        if veil is not None and picture.veil != veil.key:
            covered = await loop.run_in_executor(self._executor, veiled, picture.pixels, veil)
            picture = replace(picture, pixels=covered, veil=veil.key)
        news = await loop.run_in_executor(self._executor, lambda: _compare(camera, picture, media))
        if self._memories is None or camera.last is None:
            return news
        return replace(news, memory=await self._memories.look(media, picture, camera.last.value))

    async def _current(self, camera_id: str) -> _Camera:
        """Give what is remembered, read anew after a person changed what is usual."""
        known = self._cameras.get(camera_id)
        epoch = await self._database.read(lambda conn: self._rows.epoch(conn, camera_id))
        if known is None:
            await self._forget_gone()
        if known is None or known.epoch != epoch:
            kept = await self._database.read(lambda conn: self._rows.of(conn, camera_id))
            fresh = _remembered(kept)
            fresh.epoch, fresh.last_at = epoch, known.last_at if known is not None else None
            current = self._cameras.get(camera_id)
            if current is known:
                self._cameras[camera_id] = fresh
        return self._cameras[camera_id]

    async def _forget_gone(self) -> None:
        living = await self._database.read(self._rows.cameras)
        for gone in self._cameras.keys() - living:
            del self._cameras[gone]


def first_view(picture: Picture) -> KeptView:
    """Give what is kept where a picture is a camera's usual view from now on; it blocks.

    Raises ``ValueError`` for a picture that shows nothing.
    """
    grey = grey_of(picture.pixels)
    view = View(**asdict(appearance_of(grey)))
    light = light_of(view, infrared=is_infrared(picture.pixels), known={}, last=None)
    outcome = step(SceneState(), view, datetime.min.replace(tzinfo=UTC))
    if not outcome.first:
        raise ValueError("the newest picture shows nothing")
    return KeptView(light=light.value, picture=pack(grey), state=document_of(outcome.state))


def _compare(camera: _Camera, picture: Picture, media: Media) -> ViewNews:
    at, grey = media.captured_at, grey_of(picture.pixels)
    view = View(**asdict(appearance_of(grey)))
    light = light_of(view, infrared=is_infrared(picture.pixels), known=camera.states, last=camera.last)
    reference = camera.usual.get(light)
    if reference is not None and reference.grey.shape == grey.shape:
        found = reference.compare(grey)
        view = View(**asdict(appearance_of(grey)), coarse=found.coarse, changed=found.changed)
    outcome = step(camera.states.get(light, SceneState()), view, at)
    if outcome.first:
        extra = {"camera_id": media.camera_id, "light": light.value}
        _LOGGER.info("The first picture of a view: it is usual from now on", extra=extra)
    camera.states[light], camera.last = outcome.state, light
    if outcome.restart:
        camera.usual[light] = Reference(grey)
    elif outcome.absorb and reference is not None:
        camera.usual[light] = Reference(blend(reference.grey, grey, _PACE))
    urgent = outcome.restart or outcome.over or outcome.change is not None
    return ViewNews(
        change=outcome.change.value if outcome.change is not None else None,
        over=outcome.over,
        similarity=view.coarse,
        scaler=SCALER if view.coarse is not None else None,
        keep=_kept(camera, light, at, urgent=urgent),
        shown=Shown(light=light.value, patch=partial(patch_of, grey)),
    )


def _kept(camera: _Camera, light: Light, at: datetime, *, urgent: bool) -> KeptView | None:
    reference, before = camera.usual.get(light), camera.kept_at.get(light)
    if reference is None:
        return None
    if not urgent and before is not None and (at - before).total_seconds() < _KEEP_EACH_S:
        return None
    camera.kept_at[light] = at
    return KeptView(light=light.value, picture=pack(reference.grey), state=document_of(camera.states[light]))


def _remembered(kept: tuple[UsualView, ...]) -> _Camera:
    camera = _Camera()
    for view in kept:
        try:
            _require_scaler(view.state)
            grey, state = unpack(view.picture), state_of(view.state)
        except (ValueError, KeyError, TypeError) as err:
            _LOGGER.warning("A kept view cannot be read and is learned anew: %s", err)
            continue
        _place(camera, Light(view.light), grey, state)
        camera.kept_at[Light(view.light)] = view.at
    return camera


def _require_scaler(plain: dict[str, Any]) -> None:
    scaler = plain.get("scaler", SCALER)
    if scaler != SCALER:
        raise ValueError(f"its picture was made by {scaler}, now there is {SCALER}")


def _place(camera: _Camera, light: Light, grey: Grey, state: SceneState) -> None:
    camera.usual[light], camera.states[light], camera.last = Reference(grey), state, light


def document_of(state: SceneState) -> dict[str, object]:
    """Write a state as JSON values, and what scales the pictures that it is about."""
    since = state.run_since.isoformat() if state.run_since is not None else None
    return asdict(state) | {"run_since": since, "scaler": SCALER}


def state_of(plain: dict[str, Any]) -> SceneState:
    """Read what ``document_of`` wrote; raises ``ValueError``, ``KeyError`` or ``TypeError``."""
    since, told = plain["run_since"], plain["told"]
    known = {name: value for name, value in plain.items() if name != "scaler"}
    return SceneState(
        **known
        | {
            "run_since": datetime.fromisoformat(since) if since is not None else None,
            "told": ChangeKind(told) if told is not None else None,
        }
    )
