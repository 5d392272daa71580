"""Words of alert rules and alerts."""

from typing import Final

from .vocabulary import Vocabulary

# the factor of an event in which everybody seen is trusted
ONLY_TRUSTED: Final = "only_trusted"


class AlertDecision(Vocabulary):
    """Whether a revision of an event is a reason to alarm somebody (``due``), or why not.

    ``by_person``: a person changed the event, which is no news. ``rejected``: a look at the
    pictures found nothing, and no evidence keeps the level. ``trusted``: everybody seen is trusted, and no evidence
    keeps a level.
    """

    DUE = "due"
    BELOW_LEVEL = "below_level"
    LEARNING = "learning"
    SNOOZED = "snoozed"
    TOLD_BEFORE = "told_before"
    IN_COOLDOWN = "in_cooldown"
    BY_PERSON = "by_person"
    REJECTED = "rejected"
    TRUSTED = "trusted"
    NO_MATCH = "no_match"
    RULE_OFF = "rule_off"
    RULE_BROKEN = "rule_broken"
    IN_TRASH = "in_trash"
    NOT_EVALUATED = "not_evaluated"
    UNKNOWN = "unknown"


class AlertCondition(Vocabulary):
    """Which condition of a rule did not hold."""

    ENABLED = "enabled"
    BROKEN = "broken"
    CAMERA_IDS = "camera_ids"
    LEVELS = "levels"
    RISK_THRESHOLD = "risk_threshold"
    OBJECT_TYPES = "object_types"
    SCHEDULE = "schedule"
    MIN_CONFIDENCE = "min_confidence"
    ZONE_IDS = "zone_ids"
    MOVES = "moves"
    ZONE_SEQUENCE = "zone_sequence"
    UNKNOWN = "unknown"


class AlertStatus(Vocabulary):
    """Where an alert stands; the last two are what a person did with it."""

    PENDING = "pending"
    DELIVERED = "delivered"
    ACKNOWLEDGED = "acknowledged"
    DISMISSED = "dismissed"
    UNKNOWN = "unknown"


class PathMove(Vocabulary):
    """What somebody does at the edge of a zone."""

    ARRIVE = "arrive"
    LEAVE = "leave"
    UNKNOWN = "unknown"
