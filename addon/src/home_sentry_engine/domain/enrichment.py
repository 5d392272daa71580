"""What models found in the pictures of a visit beyond boxes, and what became of each that was asked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from .box import Box

QUESTIONS: Final = (
    "faces", "pose", "action", "clothing", "clothes_segments", "carrying", "violence",
    "plates", "texts", "vehicle_type", "vehicle_colour", "damage",
    "pets", "quality", "weather", "depth", "threats", "caption",
)  # fmt: skip
# tasks of vision-language models, each with a flag; what nobody set is captions of the scene and of its subjects
VISION_TASKS: Final = (
    "caption", "detailed_caption", "more_detailed_caption", "vqa", "ocr", "ocr_with_region", "od",
    "dense_region_caption",
)  # fmt: skip
USUAL_VISION_TASKS: Final = frozenset({"caption", "detailed_caption"})


class Outcome(StrEnum):
    """What became of one question: ``skipped`` was not asked, ``unavailable`` was asked in vain."""

    RAN = "ran"
    SKIPPED = "skipped"
    UNAVAILABLE = "unavailable"


class EnrichmentStatus(StrEnum):
    """Whether everything that was asked was answered, some of it, or nothing."""

    SUCCESS = "success"
    PARTIAL = "partial"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One answer about the visit, a subject, or a part of a picture.

    ``about`` is the question (``pose``, ``plate`` …), ``value`` holds JSON values, ``box`` lies in original pixels of
    the picture in which the detection ``detection_id`` was made.
    """

    about: str
    model_id: str
    value: Mapping[str, object]
    confidence: float | None = None
    subject: int | None = None
    detection_id: int | None = None
    box: Box | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What became of one question; ``looks`` counts the cut-outs or pictures that were looked at.

    ``reason`` says why nobody looked, or what was left out although somebody did.
    """

    about: str
    outcome: Outcome
    model_id: str | None = None
    reason: str | None = None
    looks: int = 0
    duration_ms: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrichmentResult:
    """All answers of one visit; ``unreadable`` gives a reason for each picture that could not be looked at."""

    findings: tuple[Finding, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    unreadable: Mapping[str, str] = field(default_factory=dict)

    @property
    def successful_models(self) -> tuple[str, ...]:
        """Models that answered."""
        ran = (one.model_id for one in self.attempts if one.outcome is Outcome.RAN and one.model_id)
        return tuple(dict.fromkeys(ran))

    @property
    def errors(self) -> Mapping[str, str]:
        """Reason by question for everything that was asked in vain."""
        return {one.about: one.reason or "" for one in self.attempts if one.outcome is Outcome.UNAVAILABLE}

    @property
    def failed_models(self) -> tuple[str, ...]:
        """Models that were asked in vain, by the question where no model got as far as being asked."""
        failed = (one.model_id or one.about for one in self.attempts if one.outcome is Outcome.UNAVAILABLE)
        return tuple(dict.fromkeys(failed))

    @property
    def success_rate(self) -> float:
        """Share of the questions asked that were answered, 1 where nothing was asked."""
        asked = [one for one in self.attempts if one.outcome is not Outcome.SKIPPED]
        return sum(one.outcome is Outcome.RAN for one in asked) / len(asked) if asked else 1.0

    @property
    def status(self) -> EnrichmentStatus:
        """Verdict over all questions asked."""
        if self.success_rate == 1.0:
            return EnrichmentStatus.SUCCESS
        return EnrichmentStatus.PARTIAL if self.success_rate else EnrichmentStatus.FAILED
