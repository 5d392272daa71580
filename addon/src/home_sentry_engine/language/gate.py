"""Which scenes are worth a question to a model."""

from home_sentry_engine.contract import AnalysisReason
from home_sentry_engine.domain.messages import ModelFailure, RuleVerdict


def gated(rule: RuleVerdict, least: int) -> ModelFailure | None:
    """Give why nobody is asked: the rules are sure without it, or neither score nor floor reaches ``least``."""
    if rule.settled is not None and not rule.allowed.floor:
        return ModelFailure(reason=AnalysisReason.GATED, detail=f"no model is asked: {rule.settled}")
    if max(rule.score, rule.allowed.floor) < least:
        return ModelFailure(reason=AnalysisReason.GATED, detail=f"the rule score {rule.score} is below {least}")
    return None
