"""Inputs about prompts and evaluations, the same over REST and as commands."""

from typing import Any, Final

from home_sentry_engine.contract import PromptModel
from home_sentry_engine.contract.errors import InvalidRequest
from home_sentry_engine.storage.repositories.evaluations import AuditedQuery
from home_sentry_engine.storage.repositories.prompts import HistoryQuery

from .evaluation_ports import Span
from .fields import EVENT_ID, Field, Kind
from .prompt_ports import Change, Trial
from .routes.replies import PAGE_FIELDS, page_arguments
from .triage_fields import USER

_DAYS_A_WEEK: Final = 7
MODEL: Final = Field(
    name="model",
    words=PromptModel.words(),
    text="Which model is asked",
    required=True,
)
_CONTENT: Final = Field(
    name="content", kind=Kind.OBJECT, free=True, text="What the model is asked; what is not given is as shipped"
)
CONTENT: Final = Field(name="content", kind=Kind.OBJECT, free=True, text=_CONTENT.text, required=True)
_MAYBE_CONTENT: Final = Field(
    name="content", kind=Kind.OBJECT, free=True, nullable=True, text="What is tried; what holds now without it"
)
NOTE: Final = Field(name="note", longest=500, nullable=True, text="Why")
VERSION: Final = Field(name="version", kind=Kind.WHOLE, low=1, high=10**9, text="Which version", required=True)
_MAYBE_VERSION: Final = Field(
    name="version", kind=Kind.WHOLE, low=1, high=10**9, nullable=True, text="Which version is tried"
)
WRITE_FIELDS: Final = (CONTENT, NOTE, USER)
RESTORE_FIELDS: Final = (VERSION, NOTE, USER)
TRIAL_FIELDS: Final = (EVENT_ID, _MAYBE_CONTENT, _MAYBE_VERSION, USER)
SHADOW_FIELDS: Final = (
    CONTENT,
    Field(name="limit", kind=Kind.WHOLE, low=1, high=50, default=50, text="How many events with feedback"),
    USER,
)
RUN_ID: Final = Field(name="run_id", pattern=r"^[a-z0-9_-]{1,64}$", text="Id of a trial run", required=True)
IMPORT_FIELDS: Final = (
    Field(
        name="document", kind=Kind.OBJECT, free=True, required=True, text="What an export gave; 'prompts' in it is read"
    ),
    NOTE,
    USER,
)
HISTORY_FIELDS: Final = tuple(one for one in PAGE_FIELDS if one.name != "camera")
_CAMERA: Final = PAGE_FIELDS[0]
SPAN_FIELDS: Final = (
    Field(name="days", kind=Kind.WHOLE, low=1, high=365, default=7, text="How far back"),
    _CAMERA,
)
WEEK_FIELDS: Final = (
    Field(name="weeks", kind=Kind.WHOLE, low=1, high=52, default=8, text="How many weeks"),
    _CAMERA,
)
BATCH_FIELDS: Final = (
    Field(name="days", kind=Kind.WHOLE, low=1, high=365, default=7, text="How far back"),
    Field(name="camera", pattern=r"^[a-z0-9_]{1,64}$", nullable=True, text="Only this camera"),
    Field(name="limit", kind=Kind.WHOLE, low=1, high=200, default=50, text="How many events at most"),
    USER,
)
RECORD_FILTERS: Final = (
    *PAGE_FIELDS,
    Field(name="evaluated", kind=Kind.FLAG, text="Only those with, or without, an evaluation"),
)


def change_of(values: dict[str, Any]) -> Change:
    """Give who changes something and why."""
    return Change(author=values.get("user"), note=(values.get("note") or "").strip() or None)


def model_of(values: dict[str, Any]) -> PromptModel:
    """Give the model that is meant."""
    return PromptModel(values["model"])


def trial_of(values: dict[str, Any]) -> Trial:
    """Give what is tried; raises ``InvalidRequest`` for two things at once."""
    if values["content"] is not None and values["version"] is not None:
        raise InvalidRequest("give 'content' or 'version', not both", details={"field": "version"})
    return Trial(event_id=values["event_id"], content=values["content"], version=values["version"])


def history_of(values: dict[str, Any], model: PromptModel) -> HistoryQuery:
    """Give which part of a history is wanted."""
    return HistoryQuery(model=model, **page_arguments({"camera": None, **values}))


def prompts_of(values: dict[str, Any]) -> dict[str, object]:
    """Give the configurations in an export; raises ``InvalidRequest`` where there are none."""
    prompts = values["document"].get("prompts")
    if not isinstance(prompts, dict) or not 1 <= len(prompts) <= len(MODEL.words):
        raise InvalidRequest(
            f"'document' must hold 'prompts' with 1 to {len(MODEL.words)} models", details={"field": "document"}
        )
    return {str(name): content for name, content in prompts.items()}


def span_of(values: dict[str, Any]) -> Span:
    """Give the days that are meant."""
    return Span(days=values["days"], camera_id=values["camera"])


def weeks_of(values: dict[str, Any]) -> Span:
    """Give the weeks that are meant."""
    return Span(days=values["weeks"] * _DAYS_A_WEEK, camera_id=values["camera"])


def records_of(values: dict[str, Any]) -> AuditedQuery:
    """Give which records are wanted."""
    return AuditedQuery(evaluated=values["evaluated"], **page_arguments(values))
