"""Errors of a model as the reasons that events tell."""

from home_sentry_engine.contract import AnalysisReason
from home_sentry_engine.domain.messages import ModelFailure
from home_sentry_engine.resilience.breaker import BreakerOpen

from .errors import LanguageError

_LONGEST = 500


def failure_of(err: BreakerOpen | LanguageError) -> ModelFailure:
    """Say why there is no answer."""
    if isinstance(err, BreakerOpen):
        return ModelFailure(reason=AnalysisReason.BREAKER_OPEN, detail=err.reason)
    return ModelFailure(reason=err.reason, detail=str(err)[:_LONGEST])
