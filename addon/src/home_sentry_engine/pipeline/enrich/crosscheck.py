"""Cross-checks: detector against caption, and attributes that cannot both be true."""

from collections.abc import Iterable
from typing import Final

from home_sentry_engine.context.tracks import Subject
from home_sentry_engine.domain.enrichment import Finding
from home_sentry_engine.domain.labels import group_of
from home_sentry_engine.vision.tasks.captions import contradicts, groups_said

DETECTOR_WINS_FROM: Final = 0.70
_ACTS: Final = ("posture", "action")


def conflict_of(subject: Subject, caption: str) -> dict[str, object] | None:
    """Tell where a caption speaks of another kind of thing than the detector saw; None where they agree.

    The detector is right from 0.70 on, below that nobody is; a person taken for a vehicle, or the other way round, is
    critical.
    """
    said = groups_said(caption)
    own = group_of(subject.label).value
    if not said or own in said:
        return None
    grave = {own, *said} >= {"person", "vehicle"} and len(said) == 1
    return {
        "detector": subject.label,
        "caption_says": sorted(said),
        "severity": "critical" if grave else "warning",
        "kept": "detector" if subject.confidence >= DETECTOR_WINS_FROM else "neither",
    }


def settle(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Drop of two contradicting acts of one subject (running and sitting) the one that is less sure."""
    kept = list(findings)
    acts = [(one, act) for one in kept for act in _acts(one) if one.subject is not None]
    for index, (one, act) in enumerate(acts):
        for other, another in acts[index + 1 :]:
            if one.subject == other.subject and one is not other and contradicts(act, another):
                weaker = one if (one.confidence or 0.0) < (other.confidence or 0.0) else other
                kept = [item for item in kept if item is not weaker]
    return tuple(kept)


def _acts(finding: Finding) -> tuple[str, ...]:
    return tuple(str(finding.value[name]) for name in _ACTS if name in finding.value)
