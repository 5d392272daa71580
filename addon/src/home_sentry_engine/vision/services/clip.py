"""CLIP as a service: pictures to vectors, sentences to pictures, and how unusual a picture is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from home_sentry_engine.domain.errors import Permanent, Unavailable
from home_sentry_engine.vision.session import Cancel
from home_sentry_engine.vision.tasks.classify import Ranked
from home_sentry_engine.vision.tasks.embeddings import Embedding, unit
from home_sentry_engine.vision.tasks.pictures import Frame

from .answers import number_in, numbers_in, scores_in
from .transport import Limits, Nerves, Service, picture_of

LIMITS: Final = Limits(connect_s=10.0, read_s=15.0)


class CLIPUnavailableError(Unavailable, ConnectionError):
    """The CLIP service does not answer, or its answer makes no sense."""


@dataclass(frozen=True, slots=True)
class CLIPClient:
    """Every call blocks and raises ``CLIPUnavailableError``, ``BreakerOpen`` or ``Permanent``."""

    service: Service

    @classmethod
    def at(
        cls, url: str, *, token: str | None = None, limits: Limits = LIMITS, nerves: Nerves | None = None
    ) -> CLIPClient:
        """Speak with the service at an address, which may want a bearer token."""
        return cls(Service("the CLIP service", url, CLIPUnavailableError, limits=limits, token=token, nerves=nerves))

    def embed(self, frame: Frame) -> list[float]:
        """Give the vector of a picture as the service sent it."""
        found = self.service.ask("/embed", {"image": picture_of(frame)})
        return numbers_in(found, "embedding", CLIPUnavailableError)

    def similarity(self, frame: Frame, sentence: str) -> float:
        """Tell how well a sentence fits a picture."""
        found = self.service.ask("/similarity", {"image": picture_of(frame), "text": sentence})
        return number_in(found, "similarity", CLIPUnavailableError)

    def batch_similarity(self, frame: Frame, sentences: Sequence[str]) -> dict[str, float]:
        """Tell how well each sentence fits a picture."""
        question = {"image": picture_of(frame), "texts": list(sentences)}
        return self._of_all(self.service.ask("/batch-similarity", question), "similarities", sentences)

    def classify(self, frame: Frame, labels: Sequence[str]) -> dict[str, float]:
        """Give the share of each label."""
        question = {"image": picture_of(frame), "labels": list(labels)}
        return self._of_all(self.service.ask("/classify", question), "scores", labels)

    def anomaly_score(self, frame: Frame, usual: Sequence[float]) -> float:
        """Tell 0..1 how far a picture is from the usual vector of its camera."""
        question = {"image": picture_of(frame), "baseline_embedding": list(usual)}
        return number_in(self.service.ask("/anomaly-score", question), "anomaly_score", CLIPUnavailableError)

    def health(self) -> dict[str, Any]:
        """Ask how it is."""
        return self.service.health()

    @staticmethod
    def _of_all(found: Mapping[str, Any], name: str, wanted: Sequence[str]) -> dict[str, float]:
        scores = scores_in(found, name, CLIPUnavailableError)
        missing = [one for one in wanted if one not in scores]
        if missing:
            raise CLIPUnavailableError(
                f"the answer leaves out {len(missing)} of {len(wanted)}", code="service_nonsense"
            )
        return {one: scores[one] for one in wanted}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Seen(Embedding):
    """A vector with its picture: the service compares pictures with sentences, not vectors."""

    frame: Frame


class ServedImageText:
    """The service with the methods of ``ImageText``; its vectors carry the service's own model id."""

    def __init__(self, client: CLIPClient, model_id: str) -> None:
        """Take the client and the id of its vectors."""
        self._client = client
        self.model_id = model_id

    def embed(self, frame: Frame, *, cancel: Cancel | None = None) -> Embedding:  # noqa: ARG002 - see ServedFlorence
        """Look at one picture."""
        vector = unit(np.asarray(self._client.embed(frame), np.float32), self.model_id)
        return _Seen(model_id=vector.model_id, values=vector.values, frame=frame)

    def rank(self, frame: Frame, sentences: Mapping[str, str], *, cancel: Cancel | None = None) -> Ranked:  # noqa: ARG002
        """Rank labels by how well their sentences fit the picture."""
        shares = self._client.classify(frame, list(sentences.values()))
        ranked = sorted(((label, shares[said]) for label, said in sentences.items()), key=lambda one: -one[1])
        return Ranked(scores=tuple(ranked), model_id=self.model_id)

    def rank_embedding(self, seen: Embedding, sentences: Mapping[str, str], *, cancel: Cancel | None = None) -> Ranked:
        """Rank labels for a picture that this service embedded; raises ``Permanent`` for another vector."""
        if not isinstance(seen, _Seen):
            raise Permanent("the CLIP service ranks pictures, and this vector has none", code="no_picture")
        return self.rank(seen.frame, sentences, cancel=cancel)
