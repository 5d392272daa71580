"""What the pictures themselves do to a verdict: a bad one is named, who was not found again lifts nothing to high."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from home_sentry_engine.contract import Factor
from home_sentry_engine.domain.messages import RuleVerdict, Scene, Sighting
from home_sentry_engine.domain.risk import Bands, ScoreRange

_NOT_CONFIRMED: Final = "a closer look did not confirm the person"

type Score = Callable[[Scene], RuleVerdict]


def score_pictures(scene: Scene, score: Score, bands: Bands) -> RuleVerdict:
    """Score a scene; what only unconfirmed detections lift to high stays below it, also for a model."""
    verdict = score(scene)
    named = (*verdict.factors, *_quality(scene))
    doubted = tuple(
        f"detection:{number}"
        for sighting in scene.batch.sightings
        for one, number in zip(sighting.detections, sighting.detection_ids, strict=False)
        if one.doubted
    )
    if not doubted:
        return replace(verdict, factors=named)
    most = max(bands.high - 1, score(_sure(scene)).score)
    held = min(0, most - verdict.score)
    note = Factor(id="second_look", points=held, text=_NOT_CONFIRMED, evidence=doubted[:8])
    if not held:
        return replace(verdict, factors=(*named, note))
    allowed = replace(verdict.allowed, floor=min(verdict.allowed.floor, most))
    return replace(
        verdict,
        score=most,
        factors=(*named, note),
        allowed=allowed.merged(ScoreRange(ceiling=most, ceiling_reason=_NOT_CONFIRMED)),
    )


def _sure(scene: Scene) -> Scene:
    return replace(scene, batch=replace(scene.batch, sightings=tuple(map(_without_doubts, scene.batch.sightings))))


def _without_doubts(sighting: Sighting) -> Sighting:
    kept = [index for index, one in enumerate(sighting.detections) if not one.doubted]
    ids = sighting.detection_ids
    return replace(
        sighting,
        detections=tuple(sighting.detections[index] for index in kept),
        detection_ids=tuple(ids[index] for index in kept if index < len(ids)),
    )


def _quality(scene: Scene) -> tuple[Factor, ...]:
    bad = {
        sighting.media_id: sighting.quality
        for sighting in scene.batch.sightings
        if sighting.quality is not None and sighting.quality.bad
    }
    if not bad:
        return ()
    defects = ", ".join(sorted({defect for quality in bad.values() for defect in quality.defects}))
    suddenly = "suddenly " if any(quality.usual is not None for quality in bad.values()) else ""
    text = f"the picture is {suddenly}{defects}: what it shows counts for less"
    return (Factor(id="quality", points=0, text=text, evidence=tuple(f"media:{one}" for one in sorted(bad)[:8])),)
