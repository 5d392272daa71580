"""The engine's own voice: channels, what sends over them, and the parts that have to run."""

from dataclasses import dataclass
from functools import partial
from typing import Final

from home_sentry_engine.alerting.channels.keychain import Keychain
from home_sentry_engine.alerting.channels.mail import MailSender
from home_sentry_engine.alerting.channels.senders import Senders
from home_sentry_engine.alerting.channels.webhook import WebhookSender
from home_sentry_engine.operations.registry import PartPlan, Rank
from home_sentry_engine.pipeline.stages.notify import NotifyStage
from home_sentry_engine.pipeline.worker import Worker, WorkerRules
from home_sentry_engine.storage.repositories.channels import Channels
from home_sentry_engine.storage.repositories.deliveries import Deliveries

from .channel_health import ChannelHealth
from .channels import ChannelDesk, Keeper
from .delivering import DeliveryBook, Pictures
from .ground import Ground
from .workers import work_of

_WORKERS: Final = 4
_DEADLINE_S: Final = 60.0
# the stage counts its own tries; beyond them a job only begins anew because a process died
_TRIES: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """What the API shows of it, and what runs."""

    desk: ChannelDesk
    part: PartPlan


def make_telling(ground: Ground, pictures: Pictures) -> Telling:
    """Wire channels, their workers and their health."""
    settings, clock = ground.settings, ground.clock
    private = settings.notify.private_targets
    senders = Senders(webhook=WebhookSender(private=private, now=clock.now), mail=MailSender(private=private))
    keychain = Keychain(settings.data, ground.around.learn)
    health = ChannelHealth(ground.database, ground.board, ground.measuring.breakers, clock)
    keeper = Keeper(node=ground.node, name=settings.name, clock=clock, ids=ground.around.ids, keychain=keychain)
    book = DeliveryBook(
        database=ground.database,
        tables=ground.tables,
        keychain=keychain,
        pictures=pictures,
        clock=clock,
        node=ground.node,
        name=settings.name,
        changed=health.changed,
        announced=ground.links.announce,
        channels=Channels(),
        deliveries=Deliveries(),
    )
    stage = NotifyStage(book, senders, clock, health.breaker_of)
    rules = WorkerRules(lease_s=settings.storage.lease_s, deadline_s=_DEADLINE_S, tries=_TRIES)
    workers = [
        Worker(stage, ground.tables.queue, ground.store, clock, ground.around.random).ruled(rules)
        for _ in range(_WORKERS)
    ]
    jobs = {f"notify {n}": one.run for n, one in enumerate(workers, start=1)}
    part = PartPlan(
        id="notify_workers",
        jobs={**jobs, "channels": partial(health.run, book.sweep)},
        rank=Rank.OPTIONAL,
        details=work_of([one.counts for one in workers]),
    )
    return Telling(desk=ChannelDesk(ground.database, keeper, senders, health.edited), part=part)
