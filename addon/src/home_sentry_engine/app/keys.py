"""Keys of the API over the database, which several engines may share; and whose things are."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final

from home_sentry_engine.api.access import Reach
from home_sentry_engine.api.key_ports import KeyWish
from home_sentry_engine.contract import ApiKey, KeyRole
from home_sentry_engine.contract.errors import Conflict, NotFound, Unprocessable
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.storage.database import Connection, Database
from home_sentry_engine.storage.errors import UnknownRow
from home_sentry_engine.storage.repositories.cameras import Cameras
from home_sentry_engine.storage.repositories.keys import ApiKeys, StoredKey

MOST_KEYS: Final = 100


class StoredKeys:
    """``api.key_ports.KeyDesk`` over the table."""

    def __init__(self, database: Database, cameras: Cameras, clock: Clock, ids: Callable[[], str]) -> None:
        """Take the rows, the time, and who gives ids."""
        self._database = database
        self._cameras = cameras
        self._clock = clock
        self._ids = ids
        self._rows = ApiKeys()

    async def all(self) -> Sequence[StoredKey]:
        """Give every key, the newest first."""
        return await self._database.read(self._rows.all)

    async def make(self, wish: KeyWish, sha256: str) -> ApiKey:
        """Keep a new key; raises ``NotFound``, ``Unprocessable`` or ``Conflict``."""
        now = self._clock.now()
        _refuse_past(wish.expires_at, now)
        key = ApiKey(
            id=self._ids(),
            name=wish.name,
            role=wish.role,
            cameras=wish.cameras,
            created_at=now,
            expires_at=wish.expires_at,
        )

        def work(conn: Connection) -> ApiKey:
            self._refuse_unknown(conn, wish.cameras)
            live = [one.key for one in self._rows.all(conn) if is_live(one.key, now)]
            if len(live) >= MOST_KEYS:
                raise Conflict(f"there are {MOST_KEYS} keys: revoke one first")
            if wish.name in {one.name for one in live}:
                raise Conflict("there is a key of this name", details={"field": "name"})
            self._rows.add(conn, StoredKey(key=key, sha256=sha256))
            return key

        return await self._database.write(work)

    async def change(self, key_id: str, changes: Mapping[str, object]) -> ApiKey:
        """Change ``name``, ``cameras`` or ``expires_at``; raises ``NotFound``, ``Conflict`` or ``Unprocessable``."""
        expires_at, cameras = changes.get("expires_at"), changes.get("cameras")
        _refuse_past(expires_at if isinstance(expires_at, datetime) else None, self._clock.now())
        columns = {name: list(value) if isinstance(value, tuple) else value for name, value in changes.items()}

        def work(conn: Connection) -> ApiKey:
            known = self._rows.change(conn, key_id, {})
            if known.revoked_at is not None:
                raise Conflict("the key was revoked")
            if isinstance(cameras, tuple):
                if cameras and known.role is KeyRole.ADMIN:
                    raise Unprocessable("a key for administrators sees every camera", details={"field": "cameras"})
                self._refuse_unknown(conn, cameras)
            return self._rows.change(conn, key_id, columns)

        return await self._written(work)

    async def revoke(self, key_id: str) -> ApiKey:
        """End a key for good, once; raises ``NotFound``."""
        now = self._clock.now()

        def work(conn: Connection) -> ApiKey:
            known = self._rows.change(conn, key_id, {})
            return known if known.revoked_at else self._rows.change(conn, key_id, {"revoked_at": now})

        return await self._written(work)

    async def used(self, times: Mapping[str, datetime]) -> None:
        """Note when keys were used last."""

        def work(conn: Connection) -> None:
            for key_id, at in times.items():
                self._rows.change(conn, key_id, {"last_used_at": at})

        await self._written(work)

    async def _written[T](self, work: Callable[[Connection], T]) -> T:
        try:
            return await self._database.write(work)
        except UnknownRow as err:
            raise NotFound("there is no such key") from err

    def _refuse_unknown(self, conn: Connection, cameras: Sequence[str]) -> None:
        for camera_id in cameras:
            if self._cameras.get(conn, camera_id) is None:
                raise NotFound(f"there is no camera '{camera_id}'", details={"camera_id": camera_id})


class StoredBelongings:
    """``api.key_ports.Belongings`` over the tables."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self._database = database
        self._rows = ApiKeys()

    async def camera_of(self, kind: Reach, thing: str | int) -> str | None:
        """Give the camera that a thing belongs to; None when there is no such thing."""
        return await self._database.read(lambda conn: self._rows.camera_of(conn, kind.value, thing))


def is_live(key: ApiKey, now: datetime) -> bool:
    """Tell whether a key opens anything."""
    return key.revoked_at is None and (key.expires_at is None or key.expires_at > now)


def _refuse_past(expires_at: datetime | None, now: datetime) -> None:
    if expires_at is not None and expires_at <= now:
        raise Unprocessable("the end of a key must lie ahead", details={"field": "expires_at"})
