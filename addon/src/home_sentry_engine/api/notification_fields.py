"""Inputs about channels and deliveries, the same over REST and as commands."""

from typing import Any, Final

from home_sentry_engine.contract import AlertSchedule, ChannelFilters
from home_sentry_engine.contract.notifications import ChannelKind, DeliveryState, MailSecurity
from home_sentry_engine.contract.vocabulary import RiskLevel
from home_sentry_engine.storage.repositories.deliveries import DeliveryQuery

from .fields import CAMERA_ID, Field, Kind
from .notification_ports import ChannelDraft
from .routes.replies import PAGE_FIELDS, page_arguments
from .routing import JsonBody

NEVER: Final = "never"
CHANNEL_ID: Final = Field(name="channel_id", pattern=r"^[a-zA-Z0-9_-]{1,64}$", text="Id of a channel", required=True)

_LEVELS: Final = RiskLevel.words()
_CLOCK: Final = r"^([01]\d|2[0-3]):[0-5]\d$"
_QUIET: Final = Field(
    name="span",
    kind=Kind.OBJECT,
    fields=(
        Field(
            name="days", kind=Kind.LIST, low=0, high=7, default=[], text="0 is Monday; every day, if empty",
            items=Field(name="day", kind=Kind.WHOLE, low=0, high=6),
        ),
        Field(name="start", pattern=_CLOCK, required=True),
        Field(name="end", pattern=_CLOCK, required=True, text="On the next day where it is not after start"),
    ),
)  # fmt: skip
_FILTERS: Final = Field(
    name="filters",
    kind=Kind.OBJECT,
    nullable=True,
    text="Which alerts it tells; replaces all of them",
    fields=(
        Field(name="level", words=_LEVELS, default="high", text="From which level on"),
        Field(name="cameras", kind=Kind.LIST, low=0, high=256, default=[], items=CAMERA_ID, text="All, if empty"),
        Field(name="quiet_hours", kind=Kind.LIST, low=0, high=28, default=[], items=_QUIET, text="By the home's clock"),
        Field(
            name="breaks_quiet", words=(*_LEVELS, NEVER), default="critical", text="Told in quiet hours all the same"
        ),
        Field(name="per_hour", kind=Kind.WHOLE, low=0, high=1000, default=6, text="Of one camera; 0 for any number"),
    ),
)
_TARGET: Final = (
    Field(name="url", longest=2048, nullable=True, text="Of a webhook; never shown again"),
    Field(name="signing_key", longest=256, nullable=True, text="Signs a webhook; never shown again"),
    Field(name="host", longest=253, nullable=True, text="Mail server"),
    Field(name="port", kind=Kind.WHOLE, low=1, high=65535, nullable=True, text="587 or 465 by encryption, if absent"),
    Field(name="security", words=(MailSecurity.STARTTLS.value, MailSecurity.TLS.value), nullable=True),
    Field(name="username", nullable=True, text="For the mail server; never shown again"),
    Field(name="password", longest=1024, nullable=True, text="For the mail server; never shown again"),
    Field(name="sender", longest=320, nullable=True, text="Mail address"),
    Field(
        name="recipients", kind=Kind.LIST, low=1, high=20, nullable=True,
        items=Field(name="recipient", longest=320), text="Mail addresses",
    ),
)  # fmt: skip
_COMMON: Final = (
    Field(name="enabled", kind=Kind.FLAG, nullable=True, text="Whether it tells anything"),
    _FILTERS,
    *_TARGET,
)
NEW_CHANNEL: Final = JsonBody(
    fields=(
        Field(name="kind", words=(ChannelKind.WEBHOOK.value, ChannelKind.EMAIL.value), required=True),
        Field(name="name", longest=64, pattern=r"^.*\S.*$", required=True),
        *_COMMON,
    )
)
CHANGED_CHANNEL: Final = JsonBody(fields=(Field(name="name", longest=64, pattern=r"^.*\S.*$", nullable=True), *_COMMON))
DELIVERY_FILTERS: Final = (
    *PAGE_FIELDS,
    Field(name="channel_id", pattern=CHANNEL_ID.pattern, text="Only of this channel"),
    Field(name="alert_id", pattern=r"^[a-zA-Z0-9_-]{1,64}$", text="Only of this alert"),
    Field(name="event_id", pattern=r"^[a-z0-9_-]{1,64}$", text="Only of this event"),
    Field(
        name="state",
        words=DeliveryState.words(),
        text="Only in this state",
    ),
)
SPAN: Final = (
    Field(name="since", kind=Kind.TIME, text="Only from this time on"),
    Field(name="until", kind=Kind.TIME, text="Only before this time"),
)


def draft_of(values: dict[str, Any]) -> ChannelDraft:
    """Make a draft from the checked values of ``NEW_CHANNEL`` or ``CHANGED_CHANNEL``."""
    filters, name = values["filters"], values["name"]
    return ChannelDraft(
        kind=ChannelKind(values["kind"]) if values.get("kind") is not None else None,
        name=" ".join(name.split()) if name is not None else None,
        enabled=values["enabled"],
        filters=_filters(filters) if filters is not None else None,
        given={field.name: value for field in _TARGET if (value := values[field.name]) is not None},
    )


def delivery_query(values: dict[str, Any]) -> DeliveryQuery:
    """Make a query from the checked values of ``DELIVERY_FILTERS``."""
    state = values["state"]
    return DeliveryQuery(
        **page_arguments(values),
        channel_id=values["channel_id"],
        alert_id=values["alert_id"],
        event_id=values["event_id"],
        state=DeliveryState(state) if state is not None else None,
    )


def _filters(values: dict[str, Any]) -> ChannelFilters:
    breaks = values["breaks_quiet"]
    return ChannelFilters(
        level=RiskLevel(values["level"]),
        cameras=tuple(dict.fromkeys(values["cameras"])),
        quiet_hours=tuple(
            AlertSchedule(days=tuple(sorted(set(span["days"]))), start=span["start"], end=span["end"])
            for span in values["quiet_hours"]
        ),
        breaks_quiet=RiskLevel(breaks) if breaks != NEVER else None,
        per_hour=values["per_hour"],
    )
