"""Inputs of people's dealings with events, the same over REST and as commands."""

from typing import Any, Final

from home_sentry_engine.contract import FeedbackKind
from home_sentry_engine.contract.errors import InvalidRequest

from .fields import EVENT_ID, Field, Kind
from .triage_ports import Opinion, Review

MOST_AT_ONCE: Final = 500
USER: Final = Field(
    name="user", longest=64, pattern=r"[\w.@-]+", nullable=True, text="Who does it: an id of the client's world"
)
_NAMED: Final = frozenset({FeedbackKind.THIS_IS, FeedbackKind.NOT_THIS})
_MARKS: Final = (
    Field(name="reviewed", kind=Kind.FLAG, text="A person has looked at it", nullable=True),
    Field(name="flagged", kind=Kind.FLAG, text="To be looked at again", nullable=True),
    Field(name="favourite", kind=Kind.FLAG, text="Never cleaned up", nullable=True),
    Field(
        name="snoozed_until",
        kind=Kind.TIME,
        nullable=True,
        text="Not to be reminded of before; a time that is over ends it",
    ),
    USER,
)
REVIEW_FIELDS: Final = (
    *_MARKS,
    Field(name="notes", longest=4000, text="What the person says about it; empty removes the notes", nullable=True),
)
BULK_FIELDS: Final = (
    Field(name="event_ids", kind=Kind.LIST, items=EVENT_ID, low=1, high=MOST_AT_ONCE, required=True, text="Which"),
    *_MARKS,
)
FEEDBACK_FIELDS: Final = (
    Field(
        name="kind",
        words=FeedbackKind.words(),
        required=True,
        text="What is said of the verdict",
    ),
    Field(name="subject", longest=64, nullable=True, text="Who it is or is not"),
    Field(name="comment", longest=1000, nullable=True, text="In words"),
    USER,
)


def review_of(values: dict[str, Any]) -> Review:
    """Make the change from checked values; raises ``InvalidRequest`` for an empty one."""
    names = [field.name for field in REVIEW_FIELDS]
    given = {name: values[name] for name in names if values.get(name) is not None}
    if not given.keys() - {"user"}:
        raise InvalidRequest("nothing to change: give 'reviewed', 'flagged', 'favourite', 'snoozed_until' or 'notes'")
    return Review(**given)


def opinion_of(values: dict[str, Any]) -> Opinion:
    """Make feedback from checked values; raises ``InvalidRequest`` where the name is missing."""
    kind = FeedbackKind(values["kind"])
    subject = (values["subject"] or "").strip() or None
    if (kind in _NAMED) != (subject is not None):
        wanted = "is missing" if kind in _NAMED else "belongs to 'this_is' and 'not_this' only"
        raise InvalidRequest(f"'subject' {wanted}", details={"field": "subject"})
    return Opinion(kind=kind, subject=subject, comment=values["comment"] or None, user=values["user"])
