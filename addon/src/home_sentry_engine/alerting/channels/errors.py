"""What goes wrong between a channel and its target."""

from home_sentry_engine.contract.notifications import DeliveryReason
from home_sentry_engine.domain.errors import HomeSentryError


class SendFailed(HomeSentryError, OSError):
    """A message did not get through; ``again`` tells whether another try may, ``retry_after_s`` when at the soonest.

    ``detail`` names no secret.
    """

    def __init__(
        self, reason: DeliveryReason, detail: str, *, again: bool = False, retry_after_s: float | None = None
    ) -> None:
        """Keep why, and what to do about it."""
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.again = again
        self.retry_after_s = retry_after_s
