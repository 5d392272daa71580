"""One way to each kind of target."""

from dataclasses import dataclass

from home_sentry_engine.alerting.message import Message

from .mail import MailSender
from .targets import Target, WebhookTarget
from .webhook import WebhookSender


@dataclass(frozen=True, slots=True, kw_only=True)
class Senders:
    """What sends to each kind."""

    webhook: WebhookSender
    mail: MailSender

    async def send(self, target: Target, message: Message) -> None:
        """Return when the target took the message; raises ``SendFailed``."""
        if isinstance(target, WebhookTarget):
            await self.webhook.send(target, message)
        else:
            await self.mail.send(target, message)
