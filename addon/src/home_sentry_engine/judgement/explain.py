"""Sentences for people, made from facts and factors only."""

from collections.abc import Sequence
from typing import Final

from home_sentry_engine.contract import Factor
from home_sentry_engine.domain.messages import RuleVerdict

from .factors import BEHAVIOUR, all_known, stay_s
from .facts import Facts
from .legs import Known
from .words import counted, duration, listed

_STAY_WORTH_TELLING_S: Final = 10.0
_ALARMS: Final = (
    ("weapon", "two looks agree on a weapon"),
    ("inside_armed_away", "inside while armed away"),
    ("tamper", "camera tampered with"),
    ("violence", "possibly violent"),
    ("covered_face", "face covered"),
)


def summary_of(facts: Facts, known: Known, factors: Sequence[Factor]) -> str:
    """Say in one line who was where, when and for how long, then what stands out."""
    if not facts.counts:
        parts = [f"Nothing detected at {facts.camera}"]
    else:
        known_words = " (known)" if all_known(facts, known) else ""
        what = listed(
            [counted(label, count) + (known_words if label == "person" else "") for label, count in facts.counts]
        )
        parts = [f"{what} at {facts.camera}{' at night' if facts.night else ''}"]
    seconds = stay_s(facts, known)
    if seconds >= _STAY_WORTH_TELLING_S:
        parts.append(f"staying {duration(seconds)}")
    found = {factor.id for factor in factors}
    parts.extend(text for factor_id, text in (*BEHAVIOUR, *_ALARMS) if factor_id in found)
    if "delivery" in found:
        parts.append("probably a delivery")
    return ", ".join(parts)


def reasoning_of(rule: RuleVerdict) -> str:
    """List the factors with their points and the limits that the evidence sets."""
    reasons = "; ".join(f"{factor.text} ({factor.points:+d})" for factor in rule.factors)
    sentences = [f"Rule score {rule.score}: {reasons}."]
    if rule.allowed.floor_reason:
        sentences.append(f"Not below {rule.allowed.floor}: {rule.allowed.floor_reason}.")
    if rule.allowed.ceiling_reason:
        sentences.append(f"Not above {rule.allowed.ceiling}: {rule.allowed.ceiling_reason}.")
    return " ".join(sentences)
