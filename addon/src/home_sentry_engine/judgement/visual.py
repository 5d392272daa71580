"""What the word of a vision model does to a verdict: it is named as a factor, and a rejection lowers the ceiling."""

from dataclasses import replace
from typing import Final

from home_sentry_engine.contract import Factor, VisualVerdict
from home_sentry_engine.domain.messages import ModelVerdict, RuleVerdict
from home_sentry_engine.domain.risk import ScoreRange

REJECTED_CEILING: Final = 29
VISION: Final = "vision"

_WORDS: Final = {
    VisualVerdict.CONFIRMED: "the vision model confirms what was detected",
    VisualVerdict.REJECTED: "the vision model sees nothing of what was detected",
    VisualVerdict.UNCERTAIN: "the vision model cannot tell whether anything is there",
}


def with_visual(rule: RuleVerdict, model: ModelVerdict) -> RuleVerdict:
    """Add what the vision model said, if one looked; after a rejection only a floor keeps the score above 29."""
    words = _WORDS.get(model.visual) if model.visual is not None else None
    if words is None:
        return rule
    stills = tuple(f"media:{one}" for one in dict.fromkeys(model.stills))
    factors = (*rule.factors, Factor(id=VISION, points=0, text=words, evidence=stills))
    if model.visual is not VisualVerdict.REJECTED:
        return replace(rule, factors=factors)
    allowed = rule.allowed.merged(ScoreRange(ceiling=REJECTED_CEILING, ceiling_reason=words))
    return replace(rule, factors=factors, allowed=allowed)
