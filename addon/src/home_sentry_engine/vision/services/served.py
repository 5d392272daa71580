"""Models of which some are served elsewhere, behind the same call."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from home_sentry_engine.resilience.breaker import Breaker
from home_sentry_engine.vision.models import Adapter, NotSwitchedOn
from home_sentry_engine.vision.session import Cancel, Runner

from .clip import CLIPClient, ServedImageText
from .enrichment import EnrichmentClient, ServedAction, ServedClassifier, ServedDepth, ServedFashion, ServedPose
from .florence import FlorenceClient, ServedFlorence
from .sight import Ask, ServedSight

FLORENCE: Final = "service:florence"
SIGHT: Final = "vlm"
CLIP: Final = "service:clip"
POSE: Final = "service:pose-analyze"
PET: Final = "service:pet-classify"
VEHICLE: Final = "service:vehicle-classify"
CLOTHING: Final = "service:clothing-classify"
DEPTH: Final = "service:depth-estimate"
ACTION: Final = "service:action-classify"
SERVED: Final = (FLORENCE, SIGHT, CLIP, POSE, PET, VEHICLE, CLOTHING, DEPTH, ACTION)


class Models(Protocol):
    """This engine's own models."""

    async def use[A: Adapter, T](
        self, model_id: str, kind: type[A], work: Callable[[A, Cancel], T],
        *, priority: int = 0, timeout_s: float | None = None,
    ) -> T:  # fmt: skip
        """Do ``work`` with a model."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Addresses of services, with the tokens that they want; None where this engine's own models answer.

    ``sight`` is the way to a vision-language model, wherever that runs.
    """

    florence_url: str | None = None
    florence_token: str | None = field(default=None, repr=False)
    clip_url: str | None = None
    clip_token: str | None = field(default=None, repr=False)
    enrichment_url: str | None = None
    enrichment_token: str | None = field(default=None, repr=False)
    sight: Ask | None = None


class ServedModels:
    """``Models`` that also know the ids of services; ``ids`` are those that have an address.

    ``breakers`` are theirs by a short name: ``florence``, ``clip``, ``enrichment``.
    """

    def __init__(self, own: Models, services: Services, runner: Runner) -> None:
        """Take this engine's models, the addresses, and who runs blocking calls."""
        self._own = own
        self._runner = runner
        self.breakers: dict[str, Breaker] = {}
        self._served: dict[str, Any] = _served(services, self.breakers)

    @property
    def ids(self) -> frozenset[str]:
        """Services that can be asked."""
        return frozenset(self._served)

    async def use[A: Adapter, T](
        self, model_id: str, kind: type[A], work: Callable[[A, Cancel], T],
        *, priority: int = 0, timeout_s: float | None = None,
    ) -> T:  # fmt: skip
        """Do ``work`` with a model or a service; raises as ``Models.use``, and what the clients raise."""
        if model_id not in SERVED:
            return await self._own.use(model_id, kind, work, priority=priority, timeout_s=timeout_s)
        adapter = self._served.get(model_id)
        if adapter is None:
            raise NotSwitchedOn(f"no setting names an address for {model_id}", code="off")
        return await self._runner.run(lambda cancel: work(adapter, cancel), priority=priority, timeout_s=timeout_s)


def _served(services: Services, breakers: dict[str, Breaker]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if services.florence_url is not None:
        florence = FlorenceClient.at(services.florence_url, token=services.florence_token)
        breakers["florence"] = florence.service.breaker
        found[FLORENCE] = ServedFlorence(florence)
    if services.sight is not None:
        found[SIGHT] = ServedSight(services.sight)
    if services.clip_url is not None:
        clip = CLIPClient.at(services.clip_url, token=services.clip_token)
        breakers["clip"] = clip.service.breaker
        found[CLIP] = ServedImageText(clip, CLIP)
    if services.enrichment_url is not None:
        client = EnrichmentClient.at(services.enrichment_url, token=services.enrichment_token)
        breakers["enrichment"] = client.service.breaker
        found |= {
            POSE: ServedPose(client, POSE),
            PET: ServedClassifier(client, "pet", PET),
            VEHICLE: ServedClassifier(client, "vehicle", VEHICLE),
            CLOTHING: ServedFashion(client, CLOTHING),
            DEPTH: ServedDepth(client),
            ACTION: ServedAction(client, ACTION),
        }
    return found
