"""The API's changes of views, over the repositories."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from home_sentry_engine.context.scene import acknowledged
from home_sentry_engine.contract import SceneBaseline, SceneChange, encode
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.messages import Media
from home_sentry_engine.media.picture import Picture
from home_sentry_engine.storage.database import Connection, Database
from home_sentry_engine.storage.repositories.scenes import UsualView

from .tables import Tables
from .views import document_of, first_view, state_of

type Load = Callable[[Media], Awaitable[Sequence[Picture]]]


class StoredScenes:
    """``api.watch_ports.Scenes``; ``announced`` is called after a change is committed."""

    def __init__(
        self, database: Database, tables: Tables, clock: Clock, announced: Callable[[], None], *, pictures: Load
    ) -> None:
        """Take the rows, the clock, who wants to know of announcements, and what decodes pictures."""
        self._pictures = pictures
        self._database = database
        self._tables = tables
        self._clock = clock
        self._announced = announced

    async def changes(self, camera_id: str | None, limit: int) -> tuple[SceneChange, ...] | None:
        """Give the changes of one camera, or of all, the newest first."""

        def work(conn: Connection) -> tuple[SceneChange, ...] | None:
            if camera_id is not None and self._tables.cameras.get(conn, camera_id) is None:
                return None
            return self._tables.scenes.changes(conn, camera_id, most=limit)

        return await self._database.read(work)

    async def acknowledge(self, change_id: int) -> SceneChange | None:
        """Note that a person knows of a change; what is seen now is the usual view from here on."""

        def work(conn: Connection) -> SceneChange | None:
            change = self._tables.scenes.change(conn, change_id)
            if change is None or change.acknowledged_at is not None:
                return change
            return self._acknowledge(conn, change.camera_id, (change,))[0]

        return await self._database.write(work)

    async def acknowledge_camera(self, camera_id: str) -> tuple[SceneChange, ...] | None:
        """Acknowledge every change of a camera that stands; gives those."""

        def work(conn: Connection) -> tuple[SceneChange, ...] | None:
            if self._tables.cameras.get(conn, camera_id) is None:
                return None
            standing = tuple(one for one in self._tables.scenes.changes(conn, camera_id, most=1000) if one.stands)
            return self._acknowledge(conn, camera_id, standing) if standing else ()

        return await self._database.write(work)

    async def update(self, camera_id: str) -> SceneBaseline | None:
        """Make the newest picture the usual view of its light, and acknowledge the changes that stand."""
        camera = await self._database.read(lambda conn: self._tables.cameras.get(conn, camera_id))
        newest = camera.latest_media_id if camera is not None else None
        if newest is None:
            return None
        stored = await self._database.read(lambda conn: self._tables.media.get(conn, newest))
        if stored is None:
            return None
        picture = (await self._pictures(stored.media))[-1]
        kept = await asyncio.to_thread(first_view, picture)

        def work(conn: Connection) -> SceneBaseline:
            scenes, now = self._tables.scenes, self._clock.steady()
            standing = tuple(one for one in scenes.changes(conn, camera_id, most=1000) if one.stands)
            if standing:
                self._acknowledge(conn, camera_id, standing)
            view = UsualView(camera_id=camera_id, light=kept.light, picture=kept.picture, state=kept.state, at=now)
            scenes.save(conn, view)
            scenes.begin_epoch(conn, camera_id)
            return SceneBaseline(camera_id=camera_id, light=kept.light, media_id=newest, at=stored.media.captured_at)

        return await self._database.write(work)

    async def reset(self, camera_id: str | None) -> int | None:
        """Forget the usual views of a camera, or of all; gives how many there were."""

        def work(conn: Connection) -> int | None:
            if camera_id is not None and self._tables.cameras.get(conn, camera_id) is None:
                return None
            return self._tables.scenes.reset(conn, camera_id)

        return await self._database.write(work)

    def _acknowledge(
        self, conn: Connection, camera_id: str, standing: tuple[SceneChange, ...]
    ) -> tuple[SceneChange, ...]:
        scenes, now = self._tables.scenes, self._clock.steady()
        known = tuple(found for one in standing if (found := scenes.acknowledge(conn, one.id, now)) is not None)
        if any(one.stands for one in standing):
            for view in scenes.of(conn, camera_id):
                state = state_of(view.state)
                if state.told is not None:
                    scenes.save(conn, replace(view, state=document_of(acknowledged(state))))
            scenes.begin_epoch(conn, camera_id)
        camera = self._tables.cameras.settle(conn, camera_id, now)
        for change in known:
            self._tell(conn, "scene_change", change, camera_id)
        self._tell(conn, "camera_changed", camera, camera_id)
        self._database.after_commit(conn, self._announced)
        return known

    def _tell(self, conn: Connection, kind: str, body: object, camera_id: str) -> None:
        now = self._clock.steady()
        self._tables.outbox.add(conn, kind=kind, camera_id=camera_id, body=encode(body), now=now)
