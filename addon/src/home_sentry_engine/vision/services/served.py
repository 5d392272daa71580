"""Models of which some are served elsewhere, behind the same call."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
import logging
from typing import Any, Final, Protocol

from home_sentry_engine.domain.errors import Permanent, Unavailable
from home_sentry_engine.resilience.breaker import Breaker
from home_sentry_engine.vision.models import Adapter, NotSwitchedOn
from home_sentry_engine.vision.session import Cancel, Runner

from .clip import LIMITS as CLIP_LIMITS
from .clip import CLIPClient, ServedImageText
from .enrichment import LIMITS as ENRICHMENT_LIMITS
from .enrichment import EnrichmentClient, ServedAction, ServedClassifier, ServedDepth, ServedFashion, ServedPose
from .florence import LIMITS as FLORENCE_LIMITS
from .florence import FlorenceClient, ServedFlorence
from .peers import PeerModels
from .sight import Ask, ServedSight
from .transport import Limits, ServiceLacks
from .waiting import waited_for

_LOGGER = logging.getLogger(__name__)
FLORENCE: Final = "service:florence"
SIGHT: Final = "vlm"
CLIP: Final = "service:clip"
POSE: Final = "service:pose-analyze"
PET: Final = "service:pet-classify"
VEHICLE: Final = "service:vehicle-classify"
CLOTHING: Final = "service:clothing-classify"
DEPTH: Final = "service:depth-estimate"
ACTION: Final = "service:action-classify"
_OF_ONE_SERVER: Final = (POSE, PET, VEHICLE, CLOTHING, DEPTH, ACTION)
SERVED: Final = (FLORENCE, SIGHT, CLIP, *_OF_ONE_SERVER)
# what one answer may take, the pauses and connecting included
PATIENCE_S: Final[Mapping[str, float]] = {
    FLORENCE: FLORENCE_LIMITS.patience_s,
    CLIP: CLIP_LIMITS.patience_s,
    **dict.fromkeys(_OF_ONE_SERVER, ENRICHMENT_LIMITS.patience_s),
}


class _NotThere(Exception):
    """The own model has to answer."""


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

    ``sight`` is the way to a vision-language model, wherever that runs; ``limits`` are those of every other one in
    the place of its own.
    """

    florence_url: str | None = None
    florence_token: str | None = field(default=None, repr=False)
    clip_url: str | None = None
    clip_token: str | None = field(default=None, repr=False)
    enrichment_url: str | None = None
    enrichment_token: str | None = field(default=None, repr=False)
    sight: Ask | None = None
    limits: Limits | None = None


class ServedModels:
    """``Models`` that also know the ids of services; ``ids`` are those that have an address.

    ``breakers`` are theirs by a short name: ``florence``, ``clip``, ``enrichment``.
    """

    def __init__(self, own: Models, services: Services, runner: Callable[[], Runner]) -> None:
        """Take this engine's models, the addresses, and what makes who runs blocking calls, one for each server.

        A server that hangs keeps nobody from asking another one.
        """
        self._own = own
        elsewhere = runner()
        self._runners = {FLORENCE: runner(), SIGHT: runner(), CLIP: runner()} | dict.fromkeys(_OF_ONE_SERVER, elsewhere)
        self._peers = runner()
        self.breakers: dict[str, Breaker] = {}
        client = None
        if services.enrichment_url is not None:
            client = EnrichmentClient.at(
                services.enrichment_url, token=services.enrichment_token, limits=services.limits or ENRICHMENT_LIMITS
            )
        self._peer = PeerModels(client) if client is not None else None
        self._served: dict[str, Any] = _served(services, client, self.breakers)

    @property
    def ids(self) -> frozenset[str]:
        """Services that can be asked."""
        return frozenset(self._served)

    async def use[A: Adapter, T](
        self, model_id: str, kind: type[A], work: Callable[[A, Cancel], T],
        *, priority: int = 0, timeout_s: float | None = None,
    ) -> T:  # fmt: skip
        """Do ``work`` with a model or a service; raises as ``Models.use``, and what the clients raise.

        Models that the enrichment service has as well work there, and here when that fails.
        """
        if model_id not in SERVED:
            if self._peer is not None and self._peer.answers(kind):
                try:
                    return await self._there(self._peer, model_id, kind, work, priority, timeout_s)
                except _NotThere:
                    pass
            return await self._own.use(model_id, kind, work, priority=priority, timeout_s=timeout_s)
        adapter = self._served.get(model_id)
        if adapter is None:
            raise NotSwitchedOn(f"no setting names an address for {model_id}", code="off")

        def ask(cancel: Cancel) -> T:
            with waited_for(cancel):
                return work(adapter, cancel)

        try:
            return await self._runners[model_id].run(ask, priority=priority, timeout_s=timeout_s)
        except ServiceLacks as err:
            if err.skipped:
                raise NotSwitchedOn(err.reason, code="off") from err
            raise

    async def _there[A: Adapter, T](
        self, peer: PeerModels, model_id: str, kind: type[A], work: Callable[[A, Cancel], T],
        priority: int, timeout_s: float | None,
    ) -> T:  # fmt: skip
        def ask(cancel: Cancel) -> T:
            try:
                with waited_for(cancel):
                    adapter = peer.adapter(model_id, kind)
                    if adapter is None:
                        raise _NotThere
                    return work(adapter, cancel)
            except ServiceLacks as err:
                raise _NotThere from err
            except (Permanent, Unavailable) as err:
                _LOGGER.debug("The own model answers: %s", err)
                if isinstance(err, Unavailable):
                    peer.trouble()
                raise _NotThere from err

        return await self._peers.run(ask, priority=priority, timeout_s=timeout_s)


def _served(services: Services, client: EnrichmentClient | None, breakers: dict[str, Breaker]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if services.florence_url is not None:
        florence = FlorenceClient.at(
            services.florence_url, token=services.florence_token, limits=services.limits or FLORENCE_LIMITS
        )
        breakers["florence"] = florence.service.breaker
        found[FLORENCE] = ServedFlorence(florence)
    if services.sight is not None:
        found[SIGHT] = ServedSight(services.sight)
    if services.clip_url is not None:
        clip = CLIPClient.at(services.clip_url, token=services.clip_token, limits=services.limits or CLIP_LIMITS)
        breakers["clip"] = clip.service.breaker
        found[CLIP] = ServedImageText(clip, CLIP)
    if client is not None:
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
