"""Keys of the API in a dictionary, and whose things are."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol

from home_sentry_engine.api.access import Reach
from home_sentry_engine.api.key_ports import KeyWish
from home_sentry_engine.api.tokens import hash_of
from home_sentry_engine.contract import ApiKey, Detection, Event, KeyRole, Media
from home_sentry_engine.contract.errors import NotFound
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.storage.repositories.keys import StoredKey
from tests.fakes.rules import FakeAlerts
from tests.fakes.watching import FakeScenes

type Pause = Callable[[], Awaitable[None]]


class FakeKeyDesk:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.keys: dict[str, StoredKey] = {}
        self.noted: list[Mapping[str, datetime]] = []
        self.failure: Exception | None = None
        self.looks = 0

    def add(self, token: str, role: KeyRole = KeyRole.VIEWER, **values: Any) -> ApiKey:
        """Keep a key whose secret is known to the test; its id is made of its number."""
        number = len(self.keys) + 1
        key = ApiKey(id=f"k{number}", name=f"key {number}", role=role, created_at=self._clock.now())
        key = replace(key, **values)
        self.keys[key.id] = StoredKey(key=key, sha256=hash_of(token))
        return key

    def set(self, key_id: str, **values: Any) -> ApiKey:
        stored = self.keys.get(key_id)
        if stored is None:
            raise NotFound("there is no such key")
        self.keys[key_id] = replace(stored, key=replace(stored.key, **values))
        return self.keys[key_id].key

    async def all(self) -> Sequence[StoredKey]:
        self.looks += 1
        if self.failure is not None:
            raise self.failure
        return tuple(self.keys.values())[::-1]

    async def make(self, wish: KeyWish, sha256: str) -> ApiKey:
        made = self.add("", wish.role, name=wish.name, cameras=wish.cameras, expires_at=wish.expires_at)
        self.keys[made.id] = StoredKey(key=made, sha256=sha256)
        return made

    async def change(self, key_id: str, changes: Mapping[str, object]) -> ApiKey:
        return self.set(key_id, **changes)

    async def revoke(self, key_id: str) -> ApiKey:
        return self.set(key_id, revoked_at=self._clock.now())

    async def used(self, times: Mapping[str, datetime]) -> None:
        self.noted.append(times)
        for key_id, at in times.items():
            self.set(key_id, last_used_at=at)


class Home(Protocol):
    """Things that belong to cameras."""

    events: dict[str, Event]
    media_files: dict[str, Media]
    detections: list[Detection]
    scenes: FakeScenes
    alerts: FakeAlerts


class FakeBelongings:
    """Looks at what an engine in memory has."""

    def __init__(self, home: Home) -> None:
        self._home = home

    async def camera_of(self, kind: Reach, thing: str | int) -> str | None:
        known: dict[Reach, dict[Any, Any]] = {
            Reach.EVENT: self._home.events,
            Reach.MEDIA: self._home.media_files,
            Reach.DETECTION: {one.id: one for one in self._home.detections},
            Reach.CHANGE: self._home.scenes.known,
            Reach.ALERT: self._home.alerts.alerts,
        }
        found = known[kind].get(thing)
        return None if found is None else str(found.camera_id)
