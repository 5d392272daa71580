"""Detections: one set per media and model, however often the job is delivered."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from itertools import groupby
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from home_sentry_engine import contract
from home_sentry_engine.contract import ObjectGroup
from home_sentry_engine.domain.box import Box
from home_sentry_engine.domain.detection import Detection, FrameDetections
from home_sentry_engine.domain.labels import group_of
from home_sentry_engine.domain.messages import Sighting
from home_sentry_engine.domain.quality import PictureQuality
from home_sentry_engine.storage.query import DetectionQuery, Keyset, Page, fetch_page, of_cameras, time_range
from home_sentry_engine.storage.rows import insert_into
from home_sentry_engine.storage.schema import cameras, detections, inspections, media

_STILL: Final = -1
_SECOND: Final = 1_000_000


class Detections:
    """Objects that detectors found, with boxes in original pixels."""

    def add(  # noqa: PLR0913 one argument per column
        self,
        conn: Connection,
        *,
        media_id: str,
        camera_id: str,
        event_id: str | None,
        batch_id: str | None,
        at: datetime,
        frames: Sequence[FrameDetections],
    ) -> tuple[tuple[int, ...], ...]:
        """Store what the frames showed and give the row ids per frame; a second call gives the ids of the first."""
        fresh = {
            model for model in {frame.model_id for frame in frames} if self._inspect(conn, media_id, model, at, frames)
        }
        same = {
            "media_id": media_id,
            "camera_id": camera_id,
            "event_id": event_id,
            "batch_id": batch_id,
            "detected_at": at,
        }
        rows = [same | row for frame in frames if frame.model_id in fresh for row in _rows(frame)]
        if rows:
            conn.execute(detections.insert(), rows)
        found: dict[tuple[str, int], list[int]] = {}
        ids = sa.select(detections.c.id, detections.c.model_id, detections.c.frame_us).where(
            detections.c.media_id == media_id
        )
        for row in conn.execute(ids.order_by(detections.c.frame_us, detections.c.position)):
            found.setdefault((row.model_id, row.frame_us), []).append(row.id)
        return tuple(tuple(found.get((frame.model_id, _frame_us(frame)), ())) for frame in frames)

    def exists(self, conn: Connection, media_id: str, model_id: str) -> bool:
        """Tell whether this model has looked at the media, also if it found nothing."""
        looked = sa.exists().where(inspections.c.media_id == media_id, inspections.c.model_id == model_id)
        return bool(conn.execute(sa.select(looked)).scalar_one())

    def frames_of(self, conn: Connection, media_id: str) -> int:
        """Give how many frames of the media were looked at, 0 before the first look."""
        frames: int | None = conn.execute(
            sa.select(sa.func.max(inspections.c.frames)).where(inspections.c.media_id == media_id)
        ).scalar_one()
        return frames or 0

    def qualities(self, conn: Connection, camera_id: str, *, before: datetime, most: int) -> tuple[PictureQuality, ...]:
        """Give how good the files of a camera were that came before a time, the newest first."""
        measured = (
            sa.select(inspections.c.quality)
            .join(media, media.c.id == inspections.c.media_id)
            .where(media.c.camera_id == camera_id, media.c.received_at < before)
            .order_by(media.c.received_at.desc(), media.c.id.desc())
            .limit(most)
        )
        found = (_quality(row.quality) for row in conn.execute(measured))
        return tuple(one for one in found if one is not None)

    def assign(self, conn: Connection, ids: Iterable[int], *, event_id: str, batch_id: str) -> None:
        """Put stored detections into a visit."""
        chosen = detections.c.id.in_(list(ids))
        conn.execute(detections.update().where(chosen).values(event_id=event_id, batch_id=batch_id))

    def sightings_of_event(
        self, conn: Connection, event_id: str, *, best: int, shared: bool = False
    ) -> tuple[Sighting, ...]:
        """Give the sightings of a visit in the order of their time, with at most its ``best`` surest detections.

        With ``shared`` half of them are shared by its labels, so that many sure ones of one do not hide the others;
        of thousands that takes ten times as long.
        """
        surest = sa.select(detections).where(detections.c.event_id == event_id)
        order: list[sa.ColumnElement[Any]] = [detections.c.confidence.desc(), detections.c.id.asc()]
        if shared:
            within = sa.func.row_number().over(partition_by=detections.c.label, order_by=order)
            labels = sa.select(sa.func.count(detections.c.label.distinct())).where(detections.c.event_id == event_id)
            order = [within * 2 * labels.scalar_subquery() > best, *order]
        surest = surest.order_by(*order).limit(best)
        return self._with_inspections(conn, _sightings(conn.execute(surest).all()))

    def _with_inspections(self, conn: Connection, sightings: tuple[Sighting, ...]) -> tuple[Sighting, ...]:
        files = sorted({one.media_id for one in sightings})
        wanted = sa.select(inspections.c.media_id, inspections.c.frames, inspections.c.quality)
        known = {row.media_id: row for row in conn.execute(wanted.where(inspections.c.media_id.in_(files)))}
        return tuple(
            replace(one, looked=row.frames, quality=_quality(row.quality))
            if (row := known.get(one.media_id)) is not None
            else one
            for one in sightings
        )

    def elsewhere(
        self, conn: Connection, camera_id: str, *, since: datetime, until: datetime, most: int
    ) -> list[tuple[str, str, datetime]]:
        """Give (camera name, label, time) of what other cameras saw between two times, at most the newest."""
        seen = (
            sa.select(cameras.c.name, detections.c.label, detections.c.detected_at)
            .join(cameras, cameras.c.id == detections.c.camera_id)
            .where(detections.c.camera_id != camera_id, detections.c.detected_at.between(since, until))
            .order_by(detections.c.detected_at.desc(), detections.c.id.desc())
            .limit(most)
        )
        return [(row.name, row.label, row.detected_at) for row in conn.execute(seen)]

    def of_event(self, conn: Connection, event_id: str) -> tuple[contract.Detection, ...]:
        """Give the detections of an event in the order of their rows."""
        return self._listed(conn, detections.c.event_id == event_id)

    def of_media(self, conn: Connection, media_id: str) -> tuple[contract.Detection, ...]:
        """Give the detections of a file in the order of its frames."""
        return self._listed(conn, detections.c.media_id == media_id)

    def get(self, conn: Connection, detection_id: int) -> contract.Detection | None:
        """Give one detection."""
        return next(iter(self._listed(conn, detections.c.id == detection_id)), None)

    def page(self, conn: Connection, query: DetectionQuery) -> Page[contract.Detection]:
        """Give detections by time, newest first; raises ``InvalidCursor``."""
        statement = sa.select(detections).where(*time_range(query, detections.c.detected_at))
        statement = statement.where(*of_cameras(query, detections.c.camera_id))
        for name in ("label", "event_id", "media_id"):
            value = getattr(query, name)
            if value is not None:
                statement = statement.where(detections.c[name] == value)
        if query.min_confidence is not None:
            statement = statement.where(detections.c.confidence >= query.min_confidence)
        keyset = Keyset(at=detections.c.detected_at, id=detections.c.id)
        return fetch_page(conn, query, statement, keyset, lambda rows: [_detection(row) for row in rows])

    def sampled(
        self, conn: Connection, camera_id: str, since: datetime, until: datetime, *, most: int
    ) -> tuple[contract.Detection, ...]:
        """Give at most ``most`` detections of a camera from ``since`` to before ``until``, evenly spread over all."""
        between = _between(camera_id, since, until)
        spread = _spread(conn, sa.select(detections.c.id.label("key")).where(*between), detections.c.id, most)
        return self._listed(conn, detections.c.id.in_(spread))

    def best_of_visits(
        self, conn: Connection, camera_id: str, since: datetime, until: datetime, *, most: int
    ) -> tuple[float, ...]:
        """Give the best confidence of each visit, of at most ``most`` of them, evenly spread over all by its first."""
        inside = (*_between(camera_id, since, until), detections.c.event_id.is_not(None))
        visits = sa.select(detections.c.event_id.label("key")).where(*inside).group_by(detections.c.event_id)
        spread = _spread(conn, visits, sa.func.min(detections.c.id), most)
        best = sa.select(sa.func.max(detections.c.confidence)).where(*inside, detections.c.event_id.in_(spread))
        return tuple(conn.execute(best.group_by(detections.c.event_id)).scalars())

    def _listed(self, conn: Connection, condition: sa.ColumnElement[bool]) -> tuple[contract.Detection, ...]:
        rows = conn.execute(sa.select(detections).where(condition).order_by(detections.c.id))
        return tuple(_detection(row) for row in rows)

    def _inspect(
        self, conn: Connection, media_id: str, model_id: str, at: datetime, frames: Sequence[FrameDetections]
    ) -> bool:
        own = [frame for frame in frames if frame.model_id == model_id]
        dropped: dict[str, int] = {}
        for reason, count in (pair for frame in own for pair in frame.dropped):
            dropped[reason] = dropped.get(reason, 0) + count
        made = conn.execute(
            insert_into(conn, inspections)
            .values(
                media_id=media_id,
                model_id=model_id,
                at=at,
                frames=len(own),
                inference_ms=sum(frame.inference_ms for frame in own),
                dropped=dropped,
                quality=_worst_quality(own),
            )
            .on_conflict_do_nothing()
        )
        return made.rowcount > 0


def _between(camera_id: str, since: datetime, until: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    at = detections.c.detected_at
    return detections.c.camera_id == camera_id, at >= since, at < until


def _spread(conn: Connection, keys: sa.Select[Any], order: sa.ColumnElement[Any], most: int) -> sa.Select[Any]:
    """Select each n-th of the ``key`` of a selection, so that at most ``most`` are left."""
    count = conn.execute(sa.select(sa.func.count()).select_from(keys.subquery())).scalar_one()
    step = max(1, -(-count // most))
    numbered = keys.add_columns(sa.func.row_number().over(order_by=order).label("place")).subquery()
    return sa.select(numbered.c.key).where((numbered.c.place - 1) % step == 0)


def _worst_quality(frames: Sequence[FrameDetections]) -> dict[str, Any] | None:
    measured = [frame.quality for frame in frames if frame.quality is not None]
    return asdict(max(measured, key=lambda one: one.score)) if measured else None


def _quality(stored: dict[str, Any] | None) -> PictureQuality | None:
    return None if stored is None else PictureQuality(**stored | {"defects": tuple(stored["defects"])})


def _frame_us(frame: FrameDetections) -> int:
    return _STILL if frame.offset_s is None else round(frame.offset_s * _SECOND)


def _offset_s(frame_us: int) -> float | None:
    return None if frame_us == _STILL else frame_us / _SECOND


def _rows(frame: FrameDetections) -> list[dict[str, Any]]:
    same = {
        "model_id": frame.model_id,
        "frame_us": _frame_us(frame),
        "image_width": frame.image_width,
        "image_height": frame.image_height,
    }
    return [
        same
        | {
            "position": position,
            "label": found.label,
            "object_group": group_of(found.label),
            "confidence": found.confidence,
            "x": found.box.x,
            "y": found.box.y,
            "width": found.box.width,
            "height": found.box.height,
            "doubted": found.doubted,
            "carried": dict(found.carried) or None,
        }
        for position, found in enumerate(frame.detections)
    ]


def _sightings(rows: Sequence[Row[Any]]) -> tuple[Sighting, ...]:
    ordered = sorted(rows, key=lambda row: (row.detected_at, row.media_id, row.model_id, row.frame_us, row.position))
    frames = groupby(ordered, key=lambda row: (row.media_id, row.model_id, row.frame_us))
    return tuple(_sighting(list(group)) for _, group in frames)


def _sighting(rows: Sequence[Row[Any]]) -> Sighting:
    first = rows[0]
    return Sighting(
        media_id=first.media_id,
        camera_id=first.camera_id,
        at=first.detected_at,
        detections=tuple(
            Detection(
                label=row.label,
                confidence=row.confidence,
                box=Box(x=row.x, y=row.y, width=row.width, height=row.height),
                doubted=row.doubted,
                carried=tuple(sorted((row.carried or {}).items())),
            )
            for row in rows
        ),
        detection_ids=tuple(row.id for row in rows),
        image_width=first.image_width,
        image_height=first.image_height,
        offset_s=_offset_s(first.frame_us),
    )


def _detection(row: Row[Any]) -> contract.Detection:
    return contract.Detection(
        id=row.id,
        media_id=row.media_id,
        camera_id=row.camera_id,
        event_id=row.event_id,
        label=row.label,
        group=ObjectGroup(row.object_group),
        confidence=row.confidence,
        box=contract.Box(x=row.x, y=row.y, width=row.width, height=row.height),
        image_width=row.image_width,
        image_height=row.image_height,
        detected_at=row.detected_at,
        offset_s=_offset_s(row.frame_us),
        model_id=row.model_id,
    )
