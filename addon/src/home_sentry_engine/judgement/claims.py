"""A model's claims held against the evidence."""

import re
from typing import Final

from home_sentry_engine.domain.claims import Claim
from home_sentry_engine.domain.messages import ModelVerdict, RuleVerdict

_SUPPORT: Final[dict[Claim, frozenset[str]]] = {
    Claim.WEAPON: frozenset({"weapon"}),
    Claim.FORCED_ENTRY: frozenset({"forced_entry"}),
    Claim.TAMPERING: frozenset({"tamper"}),
    Claim.VIOLENCE: frozenset({"violence"}),
    Claim.TRYING_HANDLES: frozenset({"trying_handles", "forced_entry"}),
    Claim.COVERED_FACE: frozenset({"covered_face"}),
    Claim.SECOND_PERSON: frozenset({"count"}),
    Claim.LINGERING: frozenset({"stay", "loitering"}),
    Claim.DELIVERY: frozenset({"delivery"}),
    Claim.RESIDENT: frozenset({"resident", "visitor"}),
}
_SPOKEN: Final[dict[Claim, re.Pattern[str]]] = {
    Claim.WEAPON: re.compile(
        r"\b(?:weapon|gun|pistol|rifle|firearm|knife|machete|armed (?:man|woman|person|intruder))\b", re.IGNORECASE
    ),
    Claim.FORCED_ENTRY: re.compile(
        r"\b(?:forced entry|break(?:ing|s)?[- ]in(?:to)?|broke in(?:to)?|burglar\w*"
        r"|smash\w* (?:a |the )?(?:door|window))\b",
        re.IGNORECASE,
    ),
    Claim.TAMPERING: re.compile(
        r"\b(?:tamper\w*|camera (?:is |was )?(?:covered|blocked|moved|sprayed))\b", re.IGNORECASE
    ),
    Claim.VIOLENCE: re.compile(r"\b(?:violen\w+|fight(?:s|ing)?|assault\w*|attack(?:s|ing|ed)?)\b", re.IGNORECASE),
    Claim.TRYING_HANDLES: re.compile(
        r"\b(?:try|tries|trying|tried) (?:the |a |to open )?(?:\w+ ){0,2}(?:handles?|doors?|locks?)\b",
        re.IGNORECASE,
    ),
    Claim.COVERED_FACE: re.compile(
        r"\b(?:mask(?:ed)?|balaclava|(?:covered|hidden) face|face (?:is )?(?:covered|hidden))\b", re.IGNORECASE
    ),
}
_DENIED: Final = re.compile(
    r"\b(?:no|not|without|never|neither|nor|isn't|wasn't|aren't|nobody|none|unlikely|absence of)\b[^.;,]{0,40}$",
    re.IGNORECASE,
)


def unsupported_claims(rule: RuleVerdict, model: ModelVerdict) -> tuple[str, ...]:
    """Name what the model flags or says without any factor behind it; flags outside the vocabulary are unsupported."""
    found = {factor.id for factor in rule.factors}
    unsupported = [flag for flag in model.flags if not _supported(flag, found)]
    unsupported.extend(spoken_claims(f"{model.summary}. {model.reasoning}", found))
    return tuple(dict.fromkeys(unsupported))


def spoken_claims(text: str, found: set[str]) -> list[str]:
    """Name grave statements in free text that no factor supports; denials such as ``no weapon`` do not count."""
    return [
        claim.value
        for claim, pattern in _SPOKEN.items()
        if not _SUPPORT[claim] & found
        and any(not _DENIED.search(text[: match.start()]) for match in pattern.finditer(text))
    ]


def _supported(flag: str, found: set[str]) -> bool:
    try:
        return bool(_SUPPORT[Claim(flag)] & found)
    except ValueError:
        return False
