"""Rule verdict and model opinion become one verdict."""

from home_sentry_engine.contract import AnalysisState
from home_sentry_engine.domain.messages import ModelFailure, ModelVerdict, RuleVerdict, Verdict
from home_sentry_engine.domain.risk import MAX_SCORE, MIN_SCORE

from .claims import spoken_claims, unsupported_claims
from .explain import reasoning_of
from .visual import with_visual


def fuse(rule: RuleVerdict, model: ModelVerdict | ModelFailure | None) -> Verdict:
    """Give the final verdict; None for ``model`` means that its answer is still awaited.

    A model's score is clamped to what the evidence allows; a rise that rests on unsupported claims is not taken. What
    a vision model rejects stays low unless a floor keeps it up.
    """
    if isinstance(model, ModelVerdict):
        return _revised(with_visual(rule, model), model)
    return Verdict(
        rule=rule,
        model=model,
        score=rule.allowed.clamp(rule.score),
        state=AnalysisState.PROVISIONAL if model is None else AnalysisState.RULES,
        reason=None if model is None else model.reason,
        detail=None if model is None else model.detail,
        summary=rule.summary,
        reasoning=reasoning_of(rule),
        recommended_action=None,
        confidence=None,
    )


def _revised(rule: RuleVerdict, model: ModelVerdict) -> Verdict:
    unsupported = unsupported_claims(rule, model)
    score, notes = _limited(rule, model, unsupported)
    found = {factor.id for factor in rule.factors}
    invented = bool(spoken_claims(model.summary, found))
    return Verdict(
        rule=rule,
        model=model,
        score=score,
        state=model.state,
        reason=None,
        detail="; ".join(notes) or None,
        summary=rule.summary if invented or not model.summary.strip() else model.summary,
        reasoning=model.reasoning,
        recommended_action=model.recommended_action or None,
        confidence=model.confidence,
        flags=tuple(flag for flag in model.flags if flag not in unsupported),
        unsupported=unsupported,
    )


def _limited(rule: RuleVerdict, model: ModelVerdict, unsupported: tuple[str, ...]) -> tuple[int, list[str]]:
    notes = [model.note] if model.note else []
    score = max(MIN_SCORE, min(model.score, MAX_SCORE))
    if unsupported and score > rule.score:
        notes.append(f"the model's {score} was lowered to {rule.score}: no evidence for {', '.join(unsupported)}")
        score = rule.score
    clamped = rule.allowed.clamp(score)
    if clamped > score:
        notes.append(f"the model's {score} was raised to {clamped}: {rule.allowed.floor_reason}")
    elif clamped < score:
        notes.append(f"the model's {score} was lowered to {clamped}: {rule.allowed.ceiling_reason}")
    return clamped, notes
