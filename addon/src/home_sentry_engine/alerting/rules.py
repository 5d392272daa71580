"""What a valid rule is, and why a stored one cannot hold any more."""

from collections.abc import Mapping
from dataclasses import dataclass, field
import re
from typing import Final

from home_sentry_engine.contract import AlertRule, PathMove, RiskLevel
from home_sentry_engine.domain.errors import HomeSentryError

from .dedup import InvalidTemplate, checked_template
from .schedule import InvalidSchedule, checked_schedule

MOST_RULES: Final = 100
MOST_NAMES: Final = 32
LONGEST_COOLDOWN_S: Final = 7 * 86_400
_MAX_NAME: Final = 64
_ID: Final = re.compile(r"[a-z0-9_-]{1,64}")
_WORD: Final = re.compile(r"[A-Za-z0-9_. :-]{1,64}")

BUILTIN: Final = AlertRule(
    id="builtin", name="High or critical risk", builtin=True, levels=(RiskLevel.HIGH, RiskLevel.CRITICAL)
)


class InvalidRule(HomeSentryError, ValueError):
    """The rule cannot be used; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """The cameras, each with the ids of its zones; ``switched_off`` are zones that never match."""

    zones: Mapping[str, frozenset[str]] = field(default_factory=dict)
    switched_off: Mapping[str, frozenset[str]] = field(default_factory=dict)


def checked_rule(rule: AlertRule) -> AlertRule:
    """Give a rule as it is; raises ``InvalidRule`` for what no home could use."""
    if not _ID.fullmatch(rule.id):
        raise InvalidRule("a rule's id has 1 to 64 characters a-z 0-9 _ -")
    if not 1 <= len(rule.name) <= _MAX_NAME or not rule.name.isprintable() or rule.name != rule.name.strip():
        raise InvalidRule(f"a rule needs a name of 1 to {_MAX_NAME} plain characters")
    _check_numbers(rule)
    for name in ("object_types", "camera_ids", "zone_ids", "zone_sequence", "channels"):
        words: tuple[str, ...] = getattr(rule, name)
        if len(words) > MOST_NAMES or not all(map(_WORD.fullmatch, words)):
            raise InvalidRule(f"{name} has at most {MOST_NAMES} plain names")
    reason = _malformed(rule)
    if reason is not None:
        raise InvalidRule(reason)
    return rule


def broken_reason(rule: AlertRule, places: Places) -> str | None:
    """Say why a rule cannot hold in this home as it is now; None where it can."""
    malformed = _malformed(rule)
    if malformed is not None:
        return malformed
    gone = [camera for camera in rule.camera_ids if camera not in places.zones]
    if gone:
        return f"there is no camera {gone[0]}"
    cameras = rule.camera_ids or tuple(places.zones)
    for zone in dict.fromkeys((*rule.zone_ids, *rule.zone_sequence)):
        if any(zone in places.zones[camera] for camera in cameras):
            continue
        if any(zone in places.switched_off.get(camera, ()) for camera in cameras):
            return f"the zone {zone} is switched off"
        where = f" of {', '.join(rule.camera_ids[:3])}" if rule.camera_ids else ""
        return f"there is no zone {zone}{where}"
    return None


def _check_numbers(rule: AlertRule) -> None:
    for name, value, most in (
        ("risk_threshold", rule.risk_threshold or 0, 100),
        ("min_confidence", rule.min_confidence or 0.0, 1),
        ("cooldown_s", rule.cooldown_s, LONGEST_COOLDOWN_S),
    ):
        if not 0 <= value <= most:
            raise InvalidRule(f"{name} must be 0 to {most}")


def _malformed(rule: AlertRule) -> str | None:
    if RiskLevel.UNKNOWN in rule.levels or rule.severity is RiskLevel.UNKNOWN or PathMove.UNKNOWN in rule.moves:
        return "it names a level or a move that this release does not know"
    if len(rule.zone_sequence) == 1:
        return "an order of zones needs two zones at least"
    try:
        checked_template(rule.dedup_key)
        if rule.schedule is not None:
            checked_schedule(rule.schedule)
    except (InvalidTemplate, InvalidSchedule) as err:
        return str(err)
    return None
