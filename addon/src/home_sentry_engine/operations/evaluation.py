"""Figures from records of verdicts; what failed or was not measured enters no mean."""

from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import Final

from home_sentry_engine.contract import (
    EvaluationStats,
    EventAudit,
    Leaderboard,
    Measured,
    Recommendation,
    RubricMean,
    SelfEvaluation,
    SourceEffect,
)
from home_sentry_engine.storage.evaluation_schema import FLAGS

MARKS: Final = (
    "context_usage", "reasoning_coherence", "risk_justification", "actionability", "consistency", "overall"
)  # fmt: skip
LISTS: Final = ("missing_context", "confusing_sections", "unused_data", "format_suggestions", "model_gaps")
_MOST: Final = 20


def stats_of(audits: Sequence[EventAudit], *, days: int, camera_id: str | None) -> EvaluationStats:
    """Sum up records."""
    done = [audit.evaluation for audit in audits if audit.evaluation is not None]
    failed = Counter(audit.evaluation_error for audit in audits if audit.evaluation_error is not None)
    return EvaluationStats(
        days=days,
        camera_id=camera_id,
        events=len(audits),
        by_state=dict(Counter(audit.state.value for audit in audits)),
        by_source={name: sum(getattr(audit.flags, name) for audit in audits) for name in FLAGS},
        utilisation=measured(audit.utilisation for audit in audits),
        prompt_chars=measured(audit.prompt_chars for audit in audits),
        prompt_tokens=measured(audit.prompt_tokens for audit in audits),
        evaluated=len(done),
        failed=dict(failed),
        rubric=tuple(_mark(done, name) for name in MARKS),
        recommendations=_recommended(done),
    )


def leaderboard_of(audits: Sequence[EventAudit], *, days: int, camera_id: str | None) -> Leaderboard:
    """Rank sources by the mean amount of points that each changed; without a measurement there is no rank."""
    effects = {name: [audit.effects[name] for audit in audits if name in audit.effects] for name in FLAGS}
    means = {name: fmean(abs(one) for one in found) for name, found in effects.items() if found}
    ranked = sorted(means, key=lambda name: (-means[name], name))
    ranks = {name: place for place, name in enumerate(ranked, start=1)}
    items = [
        SourceEffect(
            source=name,
            present=sum(getattr(audit.flags, name) for audit in audits),
            measured=len(effects[name]),
            rank=ranks.get(name),
            effect=round(means[name], 2) if name in means else None,
            shift=round(fmean(effects[name]), 2) if effects[name] else None,
        )
        for name in (*ranked, *(name for name in FLAGS if name not in ranks))
    ]
    return Leaderboard(days=days, camera_id=camera_id, events=len(audits), items=tuple(items))


def measured(values: Iterable[float | None]) -> Measured:
    """Give the mean of the values that are known, with their number."""
    known = [value for value in values if value is not None]
    return Measured(count=len(known), mean=round(fmean(known), 4) if known else None)


def _mark(done: Sequence[SelfEvaluation], name: str) -> RubricMean:
    found = measured(getattr(one, name) for one in done)
    return RubricMean(mark=name, count=found.count, mean=found.mean)


def _recommended(done: Sequence[SelfEvaluation]) -> tuple[Recommendation, ...]:
    counts = Counter((name, text.casefold()) for one in done for name in LISTS for text in set(getattr(one, name)))
    texts = {(name, text.casefold()): text for one in done for name in LISTS for text in getattr(one, name)}
    best = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:_MOST]
    return tuple(Recommendation(about=about, text=texts[about, key], count=count) for (about, key), count in best)
