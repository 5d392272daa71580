"""Errors of a model as the reasons that events tell, and what they say about its being there."""

from typing import Final

from home_sentry_engine.contract import AnalysisReason
from home_sentry_engine.domain.messages import ModelFailure
from home_sentry_engine.resilience.breaker import BreakerOpen, BreakerPolicy

from .errors import BadOutput, ContextOverflow, LanguageError, ModelMissing, ModelTimeout, ModelTooLarge

# a model that is away is asked at most once a minute; slow or useless answers are no sign that it is away
BREAKER: Final = BreakerPolicy(
    failures=5,
    open_s=60.0,
    half_open_calls=1,
    successes=2,
    excluded=(BadOutput, ContextOverflow, ModelTimeout, ModelMissing, ModelTooLarge),
)
_LONGEST = 500


def failure_of(err: BreakerOpen | LanguageError) -> ModelFailure:
    """Say why there is no answer."""
    if isinstance(err, BreakerOpen):
        return ModelFailure(reason=AnalysisReason.BREAKER_OPEN, detail=err.reason)
    return ModelFailure(reason=err.reason, detail=str(err)[:_LONGEST])
