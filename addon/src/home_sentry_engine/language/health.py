"""The language model as a component of the engine's status."""

from collections.abc import Callable

from home_sentry_engine.contract import AnalysisReason, Component, ComponentState
from home_sentry_engine.domain.messages import ModelFailure

from .process import ModelProcess

type Report = Callable[[Component], None]

COMPONENT = "llm"

_STATES = {
    AnalysisReason.DISABLED: ComponentState.DISABLED,
    AnalysisReason.MODEL_MISSING: ComponentState.DEGRADED,
    AnalysisReason.OUT_OF_MEMORY: ComponentState.FAILED,
    AnalysisReason.UNREACHABLE: ComponentState.UNHEALTHY,
    AnalysisReason.BREAKER_OPEN: ComponentState.UNHEALTHY,
}
_FIXES = {
    AnalysisReason.MODEL_MISSING: ("run `home-sentry models get nemotron-3-nano-4b`, set llm_url, or switch llm off"),
    AnalysisReason.OUT_OF_MEMORY: "choose a smaller model or a smaller llm_context_tokens",
    AnalysisReason.UNREACHABLE: "check that the model's server runs and that llm_url is right",
    AnalysisReason.TIMEOUT: "choose a smaller model or raise llm_timeout_seconds",
    AnalysisReason.CONTEXT_OVERFLOW: "raise llm_context_tokens or choose a model with a larger window",
    AnalysisReason.BAD_OUTPUT: "choose another model: this one does not keep to the answer's form",
}


def component(
    model_id: str | None, failure: ModelFailure | None, *, starting: bool = False, process: ModelProcess | None = None
) -> Component:
    """Describe the model by how its last use ended, and its child process; a gated call says nothing about it."""
    details: dict[str, str | int | float | bool | None] = {"model": model_id}
    if process is not None:
        details |= {"process": process.state.value, "process_restarts": process.restarts}
    if starting:
        return Component(id=COMPONENT, state=ComponentState.STARTING, details=details)
    if failure is None:
        return Component(id=COMPONENT, state=ComponentState.HEALTHY, details=details)
    return Component(
        id=COMPONENT,
        state=_STATES.get(failure.reason, ComponentState.DEGRADED),
        reason=f"{failure.reason}: {failure.detail}",
        fix=_FIXES.get(failure.reason),
        details=details,
    )
