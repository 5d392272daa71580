"""Channels of a household whose targets a test directs."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from home_sentry_engine.alerting.channels.errors import SendFailed
from home_sentry_engine.alerting.channels.keychain import Keychain
from home_sentry_engine.alerting.channels.targets import Target
from home_sentry_engine.alerting.message import Message
from home_sentry_engine.api.notification_ports import ChannelDraft
from home_sentry_engine.api.ports import Picture
from home_sentry_engine.app.channel_health import ChannelHealth
from home_sentry_engine.app.channels import ChannelDesk, Keeper
from home_sentry_engine.app.delivering import DeliveryBook
from home_sentry_engine.contract import Channel, Delivery, Event, RiskLevel
from home_sentry_engine.contract.notifications import ChannelKind
from home_sentry_engine.operations.health import HealthBoard
from home_sentry_engine.pipeline.stages.notify import NotifyStage, Send
from home_sentry_engine.pipeline.worker import Worker, WorkerRules
from home_sentry_engine.resilience.breaker import Breakers
from home_sentry_engine.storage.repositories.channels import Channels
from home_sentry_engine.storage.repositories.deliveries import Deliveries, DeliveryQuery

from .household import Household

URL = "https://hooks.example.org/services/planted-canary-path"


class Post:
    """``pipeline.stages.notify.Send`` that does what a test says: takes a message, or fails."""

    def __init__(self) -> None:
        self.sent: list[tuple[Target, Message]] = []
        self.tries = 0
        self.failures: list[SendFailed] = []
        self.broken: SendFailed | None = None

    async def send(self, target: Target, message: Message) -> None:
        self.tries += 1
        failed = self.failures.pop(0) if self.failures else self.broken
        if failed is not None:
            raise failed
        self.sent.append((target, message))


class Album:
    """Pictures of events."""

    def __init__(self) -> None:
        self.picture: Picture | None = None
        self.asked = 0

    async def snapshot_of(self, event_id: str) -> Picture | None:
        del event_id
        self.asked += 1
        return self.picture


@dataclass
class Voice:
    """Everything that tells people, over a household's rows."""

    home: Household
    node: str = "node-1"
    senders: Send | None = None
    learned: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        home = self.home
        self.post, self.album = Post(), Album()
        self.board = HealthBoard(home.clock)
        self.breakers = Breakers()
        self.health = ChannelHealth(home.database, self.board, self.breakers, home.clock)
        self.keychain = Keychain(home.settings.data, self.learned.add)
        keeper = Keeper(node=self.node, name="Home", clock=home.clock, ids=home._ids, keychain=self.keychain)
        senders = self.senders or self.post
        self.desk = ChannelDesk(home.database, keeper, senders, self.health.edited)
        self.book = DeliveryBook(
            database=home.database,
            tables=home.tables,
            keychain=self.keychain,
            pictures=self.album,
            clock=home.clock,
            node=self.node,
            name="Home",
            changed=self.health.changed,
            announced=home._announced,
            channels=Channels(),
            deliveries=Deliveries(),
        )
        stage = NotifyStage(self.book, senders, home.clock, self.health.breaker_of)
        self.worker = Worker(stage, home.tables.queue, home.store, home.clock, lambda: 0.0)
        self.worker.ruled(WorkerRules(tries=6))

    async def webhook(self, name: str = "Phone", **changes: Any) -> Channel:
        """Add a webhook."""
        draft = {"kind": ChannelKind.WEBHOOK, "name": name, "given": {"url": URL}} | changes
        return await self.desk.create(ChannelDraft(**draft))

    async def work(self) -> None:
        """Send what is due."""
        while await self.worker.step():
            pass

    async def pass_time(self, seconds: float, step: float = 5.0) -> None:
        """Let time go by and send what falls due."""
        left = seconds
        while left > 0:
            self.home.clock.tick(min(step, left))
            left -= step
            await self.work()

    async def alarm(self, event: Event, level: RiskLevel = RiskLevel.HIGH) -> Event:
        """Store a revision of this level, which raises its alert."""
        changed = replace(event, revision=event.revision + 1, risk_level=level)
        await self.home.store.write(lambda tx: tx.events.save(changed))
        return changed

    async def visit(self, camera: str = "door", *, late_s: float = 0.0) -> Event:
        """Let somebody come to a camera that is no longer learning."""
        home = self.home
        before = {one.event_id for one in await home.events()}
        await home.deliver(("person", 0.9), camera=camera, late_s=late_s)
        await home.pass_time(10)
        learned = home.clock.steady() - timedelta(seconds=1)
        await home.database.write(lambda conn: home.tables.cameras.learn_until(conn, camera, learned))
        (event,) = [one for one in await home.events() if one.event_id not in before]
        return event

    async def deliveries(self, **filters: Any) -> tuple[Delivery, ...]:
        """Give deliveries, the oldest first."""
        page = await self.desk.deliveries(DeliveryQuery(limit=1000, **filters))
        return tuple(reversed(page.items))
