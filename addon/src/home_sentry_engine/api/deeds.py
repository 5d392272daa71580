"""Commands that do something: to events, to parts of the engine, to jobs that were given up."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from home_sentry_engine.contract import EventPage, PartList
from home_sentry_engine.contract.errors import NotFound
from home_sentry_engine.domain.jobs import ASSESS, DETECT, NOTIFY
from home_sentry_engine.storage.query import EventQuery

from .fields import EVENT_ID, Field, Kind
from .limits import LimitClass
from .ports import Parts, Queues
from .routes.replies import PAGE_FIELDS, page_arguments
from .triage_fields import BULK_FIELDS, FEEDBACK_FIELDS, USER, opinion_of, review_of
from .triage_ports import Triage

type Answering = Callable[[dict[str, Any]], Awaitable[object]]

_PART: Final = Field(name="component_id", pattern=r"^[a-z0-9_]{1,64}$", text="Id of a component", required=True)
_QUEUE: Final = Field(name="queue", words=(DETECT, ASSESS, NOTIFY), text="Name of a queue", required=True)
_LETTER: Final = Field(
    name="letter_id", kind=Kind.WHOLE, low=1, high=2**53, nullable=True, text="Id of a given-up job; all without it"
)
_LETTERS: Final = (
    _QUEUE,
    Field(name="limit", kind=Kind.WHOLE, low=1, high=1000, default=100, text="How many"),
    Field(name="cursor", longest=20, nullable=True, text="next_cursor of the page before"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandRule:
    """One command: its arguments and what answers it with a contract dataclass or None; ``audited`` names its deed.

    It counts as one of ``limit`` too, besides one of all commands.
    """

    name: str
    fields: tuple[Field, ...]
    answer: Answering
    audited: str | None = None
    limit: LimitClass | None = None


def triage_rules(triage: Triage) -> tuple[CommandRule, ...]:
    """Give the commands about events beyond one review."""

    async def review(args: dict[str, Any]) -> object:
        return await triage.review_all(args["event_ids"], review_of(args))

    async def say(args: dict[str, Any]) -> object:
        return _found(await triage.say(args["event_id"], opinion_of(args)))

    async def discard(args: dict[str, Any]) -> object:
        return _found(await triage.discard(args["event_id"]))

    async def restore(args: dict[str, Any]) -> object:
        return _found(await triage.restore(args["event_id"]))

    async def thrown_away(args: dict[str, Any]) -> object:
        page = await triage.trash(EventQuery(**page_arguments(args)))
        return EventPage(items=page.items, next_cursor=page.next_cursor, total=page.total)

    said, one = (EVENT_ID, *FEEDBACK_FIELDS), (EVENT_ID, USER)
    return (
        CommandRule(
            name="review_events", fields=BULK_FIELDS, answer=review, audited="event.bulk_review", limit=LimitClass.BULK
        ),
        CommandRule(name="give_feedback", fields=said, answer=say, audited="event.feedback"),
        CommandRule(name="delete_event", fields=one, answer=discard, audited="event.delete"),
        CommandRule(name="restore_event", fields=one, answer=restore, audited="event.restore"),
        CommandRule(name="list_trash", fields=PAGE_FIELDS, answer=thrown_away, limit=LimitClass.SEARCH),
    )


def operating_rules(parts: Parts, queues: Queues) -> tuple[CommandRule, ...]:
    """Give the commands about parts and given-up jobs."""

    async def listed(_args: dict[str, Any]) -> object:
        return PartList(items=await parts.all())

    async def restart(args: dict[str, Any]) -> object:
        return await parts.restart(args["component_id"])

    async def start(args: dict[str, Any]) -> object:
        return await parts.start(args["component_id"])

    async def stop(args: dict[str, Any]) -> object:
        return await parts.stop(args["component_id"])

    async def enable(args: dict[str, Any]) -> object:
        return await parts.switch(args["component_id"], on=True)

    async def disable(args: dict[str, Any]) -> object:
        return await parts.switch(args["component_id"], on=False)

    async def requeue(args: dict[str, Any]) -> object:
        return await queues.requeue(args["queue"], args["letter_id"])

    async def drop(args: dict[str, Any]) -> object:
        return await queues.drop(args["queue"], args["letter_id"])

    async def given_up(args: dict[str, Any]) -> object:
        return await queues.dead(args["queue"], args["limit"], args["cursor"])

    part, letters = (_PART, USER), (_QUEUE, _LETTER, USER)
    return (
        CommandRule(name="list_components", fields=(), answer=listed),
        CommandRule(name="restart_component", fields=part, answer=restart, audited="component.restart"),
        CommandRule(name="start_component", fields=part, answer=start, audited="component.start"),
        CommandRule(name="stop_component", fields=part, answer=stop, audited="component.stop"),
        CommandRule(name="enable_component", fields=part, answer=enable, audited="component.enable"),
        CommandRule(name="disable_component", fields=part, answer=disable, audited="component.disable"),
        CommandRule(name="requeue_dead_letters", fields=letters, answer=requeue, audited="dead_letters.requeue"),
        CommandRule(name="drop_dead_letters", fields=letters, answer=drop, audited="dead_letters.drop"),
        CommandRule(name="list_dead_letters", fields=_LETTERS, answer=given_up),
    )


def _found[T](thing: T | None) -> T:
    if thing is None:
        raise NotFound("there is no such event")
    return thing
