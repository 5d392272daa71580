"""Brings the engine's state and news into Home Assistant: one coordinator per engine, pushed over the WebSocket."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
import logging
from random import SystemRandom
from typing import Any, Final, override

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.exceptions import ConfigEntryAuthFailed
from homeassistant.helpers.event import async_track_time_interval
from homeassistant.helpers.start import async_at_started
from homeassistant.helpers.storage import Store
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator, UpdateFailed
from homeassistant.util import dt as dt_util

from .client import (
    AlertNews,
    ClientError,
    ConnectionState,
    Engine,
    Ledger,
    Live,
    Mirror,
    News,
    Refused,
    SecurityNews,
    Untrusted,
)
from .const import (
    DEFAULT_HALF_LIFE_MIN,
    DOMAIN,
    EVENT_NEWS,
    FIRST_STATE_S,
    OPTION_HALF_LIFE,
    SAVE_DELAY_S,
    SAVE_QUIET_DELAY_S,
    STATUS_FALLBACK,
    STORE_VERSION,
)
from .contract import CameraRemoved, Event, Info, ServerMessage, Snapshot, WireError
from .devices import CameraDevices
from .home import HomeReporter
from .issues import Issues
from .news import alert_payload, bus_payload
from .parts import EngineParts
from .risk import Risk
from .trust import is_announced, remember_next

_LOGGER = logging.getLogger(__name__)
_TICK: Final = timedelta(minutes=1)
_MAX_PENDING: Final = 256
_LEAVE_S: Final = 5.0

type HomeSentryConfigEntry = ConfigEntry[HomeSentryCoordinator]
type NewsListener[T: News] = Callable[[T], None]


def store_of(hass: HomeAssistant, entry_id: str) -> Store[dict[str, Any]]:
    """Give the storage in which an entry remembers what was told."""
    return Store(hass, STORE_VERSION, f"{DOMAIN}.{entry_id}")


class HomeSentryCoordinator(DataUpdateCoordinator[Mirror]):
    """State, connection and news of one engine."""

    config_entry: HomeSentryConfigEntry

    def __init__(self, hass: HomeAssistant, entry: HomeSentryConfigEntry, engine: Engine, info: Info) -> None:
        """Prepare for the engine that answered with ``info``; nothing runs yet."""
        super().__init__(
            hass, _LOGGER, config_entry=entry, name=f"{DOMAIN} {info.name}", update_interval=STATUS_FALLBACK
        )
        self.engine = engine
        self.instance_id = info.instance_id
        self.devices = CameraDevices(hass, entry.entry_id, info)
        self.issues = Issues(hass, entry)
        self.data = Mirror()
        self.state: ConnectionState | None = None
        self._error: ClientError | None = None
        self._settled = asyncio.Event()
        self._ledger = Ledger()
        self._store = store_of(hass, entry.entry_id)
        self._camera_listeners: list[Callable[[Iterable[str]], None]] = []
        self._news_listeners: dict[tuple[type, str], NewsListener[Any]] = {}
        self._pending: dict[tuple[type, str], deque[News]] = defaultdict(lambda: deque(maxlen=_MAX_PENDING))
        self._held: list[News] | None = []
        self._heard_ends: dict[str, datetime] = {}
        self._save_delay_s: float | None = None
        self._listening: asyncio.Task[None] | None = None
        self.home = HomeReporter(hass, entry.options, self.async_command, lambda: self.data.info)
        self.parts = EngineParts(self.async_command)
        self.live = Live(
            engine, self, engine_id=info.instance_id, since=lambda: self._ledger.cursor, random=SystemRandom()
        )

    @property
    def connected(self) -> bool:
        """Whether the state shown is the engine's present one."""
        return self.state is ConnectionState.CONNECTED and self.last_update_success

    def camera_risk(self, camera_id: str) -> Risk | None:
        """Give the present risk at a camera, None before its first event."""
        return self._risk(self.data.events(camera_id))

    def house_risk(self) -> Risk | None:
        """Give the highest present risk of all cameras."""
        return self._risk(event for camera in self.data.cameras for event in self.data.events(camera.id))

    def is_learning(self, camera_id: str) -> bool:
        """Tell whether a camera is in its learning time, in which nobody should be alarmed because of it."""
        camera = self.data.camera(camera_id)
        until = camera.learning_until if camera is not None else None
        return until is not None and dt_util.utcnow() < until

    @override
    async def _async_setup(self) -> None:
        self._ledger = Ledger.from_plain(await self._store.async_load())
        entry = self.config_entry
        self._listening = entry.async_create_background_task(
            self.hass, self.live.run(), name=f"{self.name} live", eager_start=True
        )
        entry.async_on_unload(async_track_time_interval(self.hass, self._tick, _TICK))
        entry.async_on_unload(self.home.start())

    @override
    async def _async_update_data(self) -> Mirror:
        """Wait for the first state; later ask for the status only after a long silence of the WebSocket."""
        try:
            if self.state is None:
                async with asyncio.timeout(FIRST_STATE_S):
                    await self._settled.wait()
            elif self.state is ConnectionState.CONNECTED:
                self.data.status = await self.engine.status()
        except Refused as err:
            raise self._auth_failed() from err
        except (ClientError, TimeoutError) as err:
            raise self._update_failed(err) from err
        if self.state is ConnectionState.REFUSED:
            raise self._auth_failed()
        if self.state is not ConnectionState.CONNECTED:
            raise self._update_failed(self._error)
        return self.data

    async def async_command(self, name: str, args: dict[str, Any], *, deadline_s: float = 10.0) -> Any:
        """Ask the engine for something; raises a ``ClientError`` or its ``WireError``."""
        return await self.live.command(name, args, deadline_s=deadline_s)

    @callback
    def _tick(self, _now: datetime) -> None:
        self.async_update_listeners()

    @callback
    def async_start_telling(self) -> None:
        """Let news out once Home Assistant has started, so that every automation can hear them."""
        self.config_entry.async_on_unload(async_at_started(self.hass, self._release))

    @callback
    def async_listen_cameras(self, listener: Callable[[Iterable[str]], None]) -> CALLBACK_TYPE:
        """Hear the ids of all cameras now and of each new one later."""
        self._camera_listeners.append(listener)
        listener(self.devices.camera_ids)
        return lambda: self._camera_listeners.remove(listener)

    @callback
    def async_listen_news[T: News](self, kind: type[T], camera_id: str, listener: NewsListener[T]) -> CALLBACK_TYPE:
        """Hear the news of one kind and camera, those included that came before anyone listened."""
        key = (kind, camera_id)
        self._news_listeners[key] = listener
        for news in self._pending.pop(key, ()):
            listener(news)  # type: ignore[arg-type]  # the key holds news of this kind only

        def forget() -> None:
            self._news_listeners.pop(key, None)

        return forget

    @callback
    def on_state(self, state: ConnectionState, error: ClientError | None) -> None:
        """Show at once whether the engine can be reached; one log line per change."""
        before, self.state, self._error = self.state, state, error
        self._settled.set()
        self.issues.connection(state, error)
        if state is before:
            return
        if state is ConnectionState.CONNECTED:
            if before is not None:
                _LOGGER.info("The engine %s is back", self.engine.url)
            self.async_set_updated_data(self.data)
            self.home.hurry()
            self.config_entry.async_create_background_task(
                self.hass, self.parts.async_refresh(), name=f"{self.name} parts"
            )
            return
        if before is not None:
            _LOGGER.info("The engine %s is not available: %s", self.engine.url, error)
        self.last_update_success = False
        self.last_exception = error
        self.async_update_listeners()
        if state is not ConnectionState.REFUSED or before is None:
            return
        if is_announced(self.config_entry, error):
            self.hass.config_entries.async_schedule_reload(self.config_entry.entry_id)
        else:
            self.config_entry.async_start_reauth(self.hass)

    @callback
    def on_message(self, message: ServerMessage) -> None:
        """Take over a message: state, devices, issues, news."""
        cursor = self._ledger.cursor
        news = self._ledger.read(message)
        if self.data.apply(message):
            if isinstance(message, Snapshot):
                remember_next(self.hass, self.config_entry, message.info)
            elif isinstance(message, CameraRemoved):
                self._forget_news(message.camera_id)
            self._show()
        for item in news:
            self._tell(item)
        if self._ledger.cursor != cursor:
            self._save(SAVE_DELAY_S if news else SAVE_QUIET_DELAY_S)

    @callback
    def _show(self) -> None:
        added = self.devices.follow(self.data)
        for listener in list(self._camera_listeners) if added else ():
            listener(added)
        self.issues.components(self.data.status)
        self.issues.dead_letters(self.data.status)
        self.issues.broken_rules(self.data.status)
        self.issues.insecure(self.data.info)
        if self.state is ConnectionState.CONNECTED:
            self.async_set_updated_data(self.data)

    @callback
    def _forget_news(self, camera_id: str) -> None:
        for key in [key for key in self._pending if key[1] == camera_id]:
            del self._pending[key]

    @callback
    def _release(self, _hass: HomeAssistant) -> None:
        held, self._held = self._held or [], None
        for item in held:
            self._tell(item)
        self._save(SAVE_DELAY_S)

    @callback
    def _tell(self, news: News) -> None:
        if self._held is not None:
            self._held.append(news)
            return
        device_id, learning = self.devices.device_id(news.camera_id), self.is_learning(news.camera_id)
        if isinstance(news, SecurityNews):
            self.hass.bus.async_fire(EVENT_NEWS, bus_payload(news, device_id, learning=learning))
        elif isinstance(news, AlertNews):
            self.hass.bus.async_fire(EVENT_NEWS, alert_payload(news, device_id, learning=learning))
            self.config_entry.async_create_background_task(
                self.hass, self._confirm(news.alert.id), name=f"{self.name} alert"
            )
        key = (type(news), news.camera_id)
        listener = self._news_listeners.get(key)
        if listener is None:
            self._pending[key].append(news)
        else:
            listener(news)

    async def _confirm(self, alert_id: str) -> None:
        """Tell the engine that an alert reached Home Assistant, which begins its cooldown."""
        try:
            await self.async_command("deliver_alert", {"alert_id": alert_id})
        except (ClientError, WireError) as err:
            _LOGGER.debug("The engine was not told that an alert arrived: %s", err)

    @callback
    def _save(self, delay_s: float) -> None:
        """Remember only what was really let out: before that, a restart must bring it again."""
        if self._held is None and (self._save_delay_s is None or delay_s < self._save_delay_s):
            self._save_delay_s = delay_s
            self._store.async_delay_save(self._plain, delay_s)

    @callback
    def _plain(self) -> dict[str, Any]:
        self._save_delay_s = None
        return self._ledger.to_plain()

    async def async_leave(self) -> None:
        """Hear nothing more and write what was told: what comes later is for who connects next."""
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.wait([self._listening], timeout=_LEAVE_S)
        if self._held is None:
            await self._store.async_save(self._plain())

    def _risk(self, events: Iterable[Event]) -> Risk | None:
        if self.data.info is None:
            return None
        half_life = timedelta(minutes=self.config_entry.options.get(OPTION_HALF_LIFE, DEFAULT_HALF_LIFE_MIN))
        now, shown = dt_util.utcnow(), tuple(events)
        ends = {event.event_id: self._end(event, now) for event in shown}
        return Risk.of(shown, ends=ends, now=now, half_life=half_life, bands=self.data.info.risk_bands)

    def _end(self, event: Event, now: datetime) -> datetime | None:
        """Give when an event ended; an engine whose clock is ahead tells of the future, where hearing of it counts."""
        if event.ended_at is None:
            return None
        if event.ended_at > now and event.event_id not in self._heard_ends:
            self._heard_ends[event.event_id] = now
            while len(self._heard_ends) > _MAX_PENDING:
                self._heard_ends.pop(next(iter(self._heard_ends)))
        return self._heard_ends.get(event.event_id, event.ended_at)

    def _auth_failed(self) -> ConfigEntryAuthFailed:
        key = "untrusted" if isinstance(self._error, Untrusted) else "refused"
        return ConfigEntryAuthFailed(translation_domain=DOMAIN, translation_key=key)

    def _update_failed(self, err: Exception | None) -> UpdateFailed:
        reason = str(err or "") or "no answer in time"
        return UpdateFailed(
            translation_domain=DOMAIN,
            translation_key="unreachable",
            translation_placeholders={"url": self.engine.url, "reason": reason},
        )
