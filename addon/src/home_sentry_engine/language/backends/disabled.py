"""No model: every assessment says why there is none."""

from home_sentry_engine.contract import AnalysisReason
from home_sentry_engine.domain.messages import ModelFailure, RuleVerdict, Scene


class Disabled:
    """Assessor without a model: switched off, or its file is missing or does not fit."""

    def __init__(
        self, reason: AnalysisReason = AnalysisReason.DISABLED, detail: str = "switched off in the settings"
    ) -> None:
        """Take what every event is told."""
        self.failure = ModelFailure(reason=reason, detail=detail)

    async def assess(self, scene: Scene, rule: RuleVerdict) -> ModelFailure:
        """Give the reason."""
        del scene, rule
        return self.failure
