"""What models may take on this machine, by its devices and the settings."""

from typing import Final

from home_sentry_engine.domain.clock import SystemClock
from home_sentry_engine.operations.gpu import FreeMemory, NoGpu, NvmlReader
from home_sentry_engine.settings import Settings
from home_sentry_engine.vision.models import ModelRules
from home_sentry_engine.vision.session import (
    Room,
    available_providers,
    choose_provider,
    has_accelerator,
    host_free_bytes,
)
from home_sentry_engine.vision.tiers import Tier, tier_of

_CARD: Final = 0


def model_rules(settings: Settings) -> ModelRules:
    """Ask the devices and give the rules of models; blocks for a moment.

    With an NVIDIA card in use its own free memory limits what is loaded, otherwise the machine's (a container's limit
    counts). ``model_memory_mb`` limits it further, whatever is free.
    """
    models, choice = settings.models, choose_provider(settings.detect.provider, available_providers())
    on_card = has_accelerator(choice.wanted)
    room = Room(
        budget_bytes=models.memory_bytes,
        free_bytes=FreeMemory(_CARD) if on_card else host_free_bytes,
        reserve_bytes=models.reserve_bytes,
    )
    return ModelRules(
        switched_on=models.on,
        room=room,
        provider=settings.detect.provider,
        idle_s=models.idle_s,
        tier=tier_of(_card_bytes()) if on_card else Tier.CPU,
    )


def _card_bytes() -> int | None:
    try:
        reader = NvmlReader()
    except NoGpu:
        return None
    try:
        cards = reader.read(SystemClock().now())
    except NoGpu:
        return None
    finally:
        reader.close()
    return cards[_CARD].memory_total_bytes
