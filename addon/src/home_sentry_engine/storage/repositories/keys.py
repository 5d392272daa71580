"""Keys of the API: their hashes, what they may do, and when they were used; and whose things are."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from home_sentry_engine.contract import ApiKey, KeyRole
from home_sentry_engine.storage.alerts_schema import alerts
from home_sentry_engine.storage.context_schema import scene_changes
from home_sentry_engine.storage.errors import UnknownRow
from home_sentry_engine.storage.operations_schema import api_keys
from home_sentry_engine.storage.schema import detections, events, media

_OWNED: Final = {"event": events, "media": media, "detection": detections, "change": scene_changes, "alert": alerts}


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredKey:
    """A key and the SHA-256 of its secret in hexadecimal digits."""

    key: ApiKey
    sha256: str


class ApiKeys:
    """One row for each key, also those that open nothing any more."""

    def all(self, conn: Connection) -> tuple[StoredKey, ...]:
        """Give every key, the newest first."""
        rows = conn.execute(sa.select(api_keys).order_by(api_keys.c.created_at.desc(), api_keys.c.id.desc()))
        return tuple(StoredKey(key=_key(row), sha256=row.sha256) for row in rows)

    def add(self, conn: Connection, stored: StoredKey) -> None:
        """Keep a new key."""
        key = stored.key
        conn.execute(
            api_keys.insert().values(
                id=key.id,
                name=key.name,
                role=key.role,
                cameras=list(key.cameras),
                sha256=stored.sha256,
                created_at=key.created_at,
                expires_at=key.expires_at,
            )
        )

    def change(self, conn: Connection, key_id: str, changes: Mapping[str, Any]) -> ApiKey:
        """Change columns of a key and give it; raises ``UnknownRow``."""
        if changes:
            conn.execute(api_keys.update().where(api_keys.c.id == key_id).values(**changes))
        row = conn.execute(sa.select(api_keys).where(api_keys.c.id == key_id)).one_or_none()
        if row is None:
            raise UnknownRow(f"there is no key {key_id!r}")
        return _key(row)

    def name_of(self, conn: Connection, key_id: str) -> str | None:
        """Give the name of a key, also of one that opens nothing any more."""
        found: str | None = conn.execute(sa.select(api_keys.c.name).where(api_keys.c.id == key_id)).scalar_one_or_none()
        return found

    def camera_of(self, conn: Connection, kind: str, thing: str | int) -> str | None:
        """Give the camera of an event, a media file, a detection or a change, also of an event in the trash."""
        table = _OWNED[kind]
        found: str | None = conn.execute(sa.select(table.c.camera_id).where(table.c.id == thing)).scalar_one_or_none()
        return found


def _key(row: Row[Any]) -> ApiKey:
    return ApiKey(
        id=row.id,
        name=row.name,
        role=KeyRole(row.role),
        cameras=tuple(row.cameras),
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
    )
