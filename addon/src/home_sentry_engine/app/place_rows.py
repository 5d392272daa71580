"""The pipeline's view of places, inside one transaction: zones, habits, resting things, scenes, the home."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from home_sentry_engine.context.crosscamera import Elsewhere
from home_sentry_engine.contract import (
    BaselineLimits,
    HomeReport,
    SceneChange,
    Zone,
)
from home_sentry_engine.domain.messages import Media
from home_sentry_engine.domain.resting import KeptMemory, Resting, ViewNews
from home_sentry_engine.storage.database import Connection
from home_sentry_engine.storage.repositories.scenes import NewChange, SceneMemory, UsualView

from .tables import Tables


class BoundPlaces:
    """``pipeline.place_ports.PlaceRows`` over the repositories."""

    def __init__(self, conn: Connection, tables: Tables) -> None:
        """Take the connection of the transaction and the repositories."""
        self._conn, self._tables = conn, tables

    def zones(self, camera_id: str) -> tuple[Zone, ...]:
        """Give the zones of a camera."""
        return self._tables.zones.of(self._conn, camera_id)

    def resting(self, camera_id: str) -> tuple[Resting, ...]:
        """Give what rests in view of a camera."""
        return self._tables.resting.of(self._conn, camera_id)

    def rest(self, camera_id: str, things: Sequence[Resting]) -> None:
        """Let these be what rests in view of a camera."""
        self._tables.resting.replace(self._conn, camera_id, things)

    def watch(self, camera_id: str, day: date) -> None:
        """Note that a camera was watched on a day."""
        self._tables.activity.watch(self._conn, camera_id, day)

    def count(self, camera_id: str, labels: Sequence[str], *, day: date, hour: int) -> None:
        """Count objects into an hour of a day."""
        self._tables.activity.add(self._conn, camera_id, labels, day=day, hour=hour)

    def since(self, camera_id: str) -> date | None:
        """Give the first day that a camera was watched."""
        return self._tables.activity.since(self._conn, camera_id)

    def counts(
        self, camera_id: str, labels: Sequence[str], *, hour: int, first: date
    ) -> Mapping[str, Mapping[date, int]]:
        """Give the counts of classes in an hour, by day."""
        return self._tables.activity.counts(self._conn, camera_id, labels, hour=hour, first=first)

    def note_view(self, media: Media, news: ViewNews) -> tuple[SceneChange, ...]:
        """Keep what a look at the view told; gives the changes of scene to announce."""
        rows, camera_id, at = self._tables.scenes, media.camera_id, media.captured_at
        if news.keep is not None:
            kept = news.keep
            rows.save(
                self._conn,
                UsualView(camera_id=camera_id, light=kept.light, picture=kept.picture, state=kept.state, at=at),
            )
        if news.memory is not None:
            self._remember(camera_id, news.memory, at)
        ended = rows.end(self._conn, camera_id, at) if news.over else ()
        if news.change is None:
            return ended
        change = NewChange(
            camera_id=camera_id,
            kind=news.change,
            at=at,
            media_id=media.media_id,
            similarity=news.similarity,
            scaler=news.scaler,
        )
        made = rows.change(self._conn, rows.add_change(self._conn, change))
        return (*ended, made) if made is not None else ended

    def _remember(self, camera_id: str, kept: KeptMemory, at: datetime) -> None:
        memory = SceneMemory(
            camera_id=camera_id,
            light=kept.light,
            model_id=kept.model_id,
            learned=kept.learned,
            vector=kept.vector,
            spread=kept.spread,
            at=at,
        )
        self._tables.scenes.remember(self._conn, memory)
        self._tables.cameras.anomaly(self._conn, camera_id, kept.anomaly)

    def anomaly(self, camera_id: str) -> float | None:
        """Give how unusual the view is, None while that is not known."""
        camera = self._tables.cameras.get(self._conn, camera_id)
        return camera.scene_anomaly if camera is not None else None

    def view_changes(self, camera_id: str, *, since: datetime) -> tuple[str, ...]:
        """Give the kinds of changes of scene since a time."""
        return tuple(change.kind for change in self._tables.scenes.recent(self._conn, camera_id, since))

    def home(self) -> HomeReport | None:
        """Give what Home Assistant said last."""
        return self._tables.home.report(self._conn)

    def zone(self, otherwise: ZoneInfo) -> ZoneInfo:
        """Give the time zone of the home."""
        return self._tables.home.zone(self._conn, otherwise)

    def limits(self) -> BaselineLimits:
        """Give the limits of habits."""
        return self._tables.home.limits(self._conn)

    def elsewhere(self, camera_id: str, *, since: datetime, until: datetime, most: int) -> tuple[Elsewhere, ...]:
        """Give what other cameras saw in a span."""
        seen = self._tables.detections.elsewhere(self._conn, camera_id, since=since, until=until, most=most)
        return tuple(Elsewhere(camera_name=camera, label=label, at=at) for camera, label, at in seen)
