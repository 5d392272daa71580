"""An enrichment server: one address for classifiers, poses, depth and actions."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
import struct
from typing import Any, Final

import cv2
import numpy as np

from home_sentry_engine.domain.box import Box
from home_sentry_engine.domain.errors import Unavailable
from home_sentry_engine.vision.session import Cancel
from home_sentry_engine.vision.tasks.action import SENTENCES
from home_sentry_engine.vision.tasks.classify import Ranked
from home_sentry_engine.vision.tasks.depth import DepthMap, decode_depth
from home_sentry_engine.vision.tasks.pictures import Frame
from home_sentry_engine.vision.tasks.pose import POINTS, Point, Pose
from home_sentry_engine.vision.tasks.sentences import Fashion

from .answers import number_in, scores_in, text_in
from .transport import Limits, Nerves, Service, picture_of

_LONGEST_ID: Final = 80
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_MOST_PIXELS: Final = 4096 * 4096
LIMITS: Final = Limits(connect_s=10.0, read_s=60.0)
CLASSIFIERS: Final = {"vehicle": "/vehicle-classify", "pet": "/pet-classify", "clothing": "/clothing-classify"}


class EnrichmentUnavailableError(Unavailable, ConnectionError):
    """The enrichment service does not answer, or its answer makes no sense."""


@dataclass(frozen=True, slots=True)
class EnrichmentClient:
    """Every call blocks and raises ``EnrichmentUnavailableError``, ``BreakerOpen`` or ``Permanent``.

    A ``box`` in pixels of the picture limits a question to a part of it. Answers are JSON objects as they came.
    """

    service: Service

    @classmethod
    def at(
        cls, url: str, *, token: str | None = None, limits: Limits = LIMITS, nerves: Nerves | None = None
    ) -> EnrichmentClient:
        """Speak with the service at an address, which may want a bearer token."""
        return cls(
            Service(
                "the enrichment service", url, EnrichmentUnavailableError, limits=limits, token=token, nerves=nerves
            )
        )

    def enrich(self, kind: str, frame: Frame, box: Box | None = None, **options: object) -> dict[str, Any]:
        """Ask everything that the service knows about a thing of a class (``person``, ``vehicle``, ``animal``)."""
        return self.service.ask("/enrich", {"detection_type": kind, "options": options, **_shown(frame, box)})

    def vehicle_classify(self, frame: Frame, box: Box | None = None) -> dict[str, Any]:
        """Ask for the type of a vehicle."""
        return self.service.ask(CLASSIFIERS["vehicle"], _shown(frame, box))

    def pet_classify(self, frame: Frame, box: Box | None = None) -> dict[str, Any]:
        """Ask whether it is a cat or a dog."""
        return self.service.ask(CLASSIFIERS["pet"], _shown(frame, box))

    def clothing_classify(self, frame: Frame, box: Box | None = None) -> dict[str, Any]:
        """Ask what a person wears."""
        return self.service.ask(CLASSIFIERS["clothing"], _shown(frame, box))

    def pose_analyze(self, frame: Frame, box: Box | None = None, *, least: float = 0.3) -> dict[str, Any]:
        """Ask for the joints of a person."""
        return self.service.ask("/pose-analyze", {"min_confidence": least, **_shown(frame, box)})

    def depth_estimate(self, frame: Frame) -> dict[str, Any]:
        """Ask for a depth map, a PNG in base64 as ``depth_map_base64`` in which brighter is nearer."""
        return self.service.ask("/depth-estimate", _shown(frame, None))

    def action_classify(self, frames: Sequence[Frame], labels: Sequence[str] = ()) -> dict[str, Any]:
        """Ask what a person does over several pictures."""
        question: dict[str, Any] = {"frames": [picture_of(frame) for frame in frames]}
        return self.service.ask("/action-classify", question | ({"labels": list(labels)} if labels else {}))

    def health(self) -> dict[str, Any]:
        """Ask how it is."""
        return self.service.health()

    def models_status(self) -> dict[str, Any]:
        """Ask which models it has in memory."""
        return self.service.read("/models/status", self.service.health_s)

    def models_preload(self, name: str) -> dict[str, Any]:
        """Ask it to load a model now, so that the first question need not wait for that."""
        return self.service.ask("/models/preload", {"model_name": name})


class ServedPose:
    """The service with the methods of ``PoseFinder``."""

    def __init__(self, client: EnrichmentClient, model_id: str) -> None:
        """Take the client and the id that its answers bear."""
        self._client, self._model_id = client, model_id

    def find(self, frame: Frame, *, cancel: Cancel | None = None) -> Pose:  # noqa: ARG002 - its deadline ends a call
        """Find the joints of one person; one that the service leaves out has no confidence."""
        answer = self._client.pose_analyze(frame, least=0.0)
        found = answer.get("keypoints")
        if not isinstance(found, list):
            raise EnrichmentUnavailableError("the answer lacks keypoints", code="service_nonsense")
        known = {str(one.get("name", "")).replace("_", " "): one for one in found if isinstance(one, dict)}
        points = (known.get(name) for name in POINTS)
        return Pose(
            points=tuple(_point(one) if one else Point(x=0.0, y=0.0, confidence=0.0) for one in points),
            model_id=teller(answer, self._model_id),
        )


class ServedClassifier:
    """One of the service's classifiers with the methods of ``Classifier``."""

    def __init__(self, client: EnrichmentClient, what: str, model_id: str) -> None:
        """Take the client, which classifier (``vehicle``, ``pet``) and the id that its answers bear."""
        self._client, self._what, self._model_id = client, what, model_id

    def rank(self, frame: Frame, *, cancel: Cancel | None = None) -> Ranked:  # noqa: ARG002 - its deadline ends a call
        """Rank the classes of a picture; a service that names only the best is taken at its word."""
        found = self._client.service.ask(CLASSIFIERS[self._what], _shown(frame, None))
        if "all_scores" in found:
            shares = scores_in(found, "all_scores", EnrichmentUnavailableError)
        else:
            best = text_in(found, f"{self._what}_type", EnrichmentUnavailableError)
            shares = {best: number_in(found, "confidence", EnrichmentUnavailableError)}
        named = ((label.replace("_", " "), share) for label, share in shares.items())
        return Ranked(scores=tuple(sorted(named, key=lambda one: -one[1])), model_id=teller(found, self._model_id))


class ServedFashion:
    """The service as what tells people's clothes."""

    def __init__(self, client: EnrichmentClient, model_id: str) -> None:
        """Take the client and the id that its answers bear."""
        self._client, self._model_id = client, model_id

    def tell(self, person: Frame) -> Fashion:
        """Tell what a cut-out person wears; what the service leaves out is unknown, not denied."""
        found = self._client.clothing_classify(person)
        garment = text_in(found, "clothing_type", EnrichmentUnavailableError).replace("_", " ")
        sure = number_in(found, "confidence", EnrichmentUnavailableError)
        colour = found.get("color")
        return Fashion(
            garment=Ranked(scores=((garment, min(1.0, max(0.0, sure))),), model_id=teller(found, self._model_id)),
            colour=colour if isinstance(colour, str) and colour else None,
            is_service_uniform=_told(found.get("is_service_uniform")),
            hides_face=_told(found.get("is_suspicious")),
        )


class ServedDepth:
    """The service with the methods of ``DepthGauge``."""

    def __init__(self, client: EnrichmentClient) -> None:
        """Take the client."""
        self._client = client

    def measure(self, frame: Frame, *, cancel: Cancel | None = None) -> DepthMap:  # noqa: ARG002 - see above
        """Tell how near each part of a picture is."""
        found = self._client.depth_estimate(frame)
        sent = text_in(found, "depth_map_base64", EnrichmentUnavailableError)
        try:
            data = base64.b64decode(sent, validate=True)
            _refuse_large(data)
            plane = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_ANYDEPTH | cv2.IMREAD_GRAYSCALE)
        except (binascii.Error, cv2.error) as err:
            raise EnrichmentUnavailableError("the depth map is no picture", code="service_nonsense") from err
        if plane is None:
            raise EnrichmentUnavailableError("the depth map is no picture", code="service_nonsense")
        depth = decode_depth(plane[np.newaxis], larger_is_closer=True, frame=(frame.width, frame.height))
        return replace(depth, model_id=teller(found, "") or None)


class ServedAction:
    """The service with the methods of ``ClipAction``."""

    def __init__(self, client: EnrichmentClient, model_id: str) -> None:
        """Take the client and the id that its answers bear."""
        self._client, self._model_id = client, model_id

    def rank(
        self,
        frames: Sequence[Frame],
        sentences: Mapping[str, str] = SENTENCES,
        *,
        cancel: Cancel | None = None,  # noqa: ARG002
    ) -> Ranked:
        """Rank sentences for cut-outs of one person."""
        found = self._client.action_classify(frames, list(sentences.values()))
        shares = scores_in(found, "all_scores", EnrichmentUnavailableError)
        ranked = ((label, shares.get(said, shares.get(label, 0.0))) for label, said in sentences.items())
        return Ranked(scores=tuple(sorted(ranked, key=lambda one: -one[1])), model_id=teller(found, self._model_id))


def _refuse_large(data: bytes) -> None:
    if not data.startswith(_PNG) or len(data) < 24:
        raise EnrichmentUnavailableError("the depth map is no PNG", code="service_nonsense")
    width, height = struct.unpack_from(">II", data, 16)
    if width * height > _MOST_PIXELS:
        raise EnrichmentUnavailableError(f"the depth map has {width}x{height} pixels", code="service_nonsense")


def teller(found: Mapping[str, Any], otherwise: str) -> str:
    """Give the model that an answer names, or the id of the service."""
    told = found.get("model_id")
    return told[:_LONGEST_ID] if isinstance(told, str) and told else otherwise


def _shown(frame: Frame, box: Box | None) -> dict[str, Any]:
    shown: dict[str, Any] = {"image": picture_of(frame)}
    return shown if box is None else {**shown, "bbox": [box.x, box.y, box.right, box.bottom]}


def _told(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _point(found: Mapping[str, Any]) -> Point:
    x, y, sure = (number_in(found, name, EnrichmentUnavailableError) for name in ("x", "y", "confidence"))
    return Point(x=x, y=y, confidence=min(1.0, max(0.0, sure)))
