"""Commands that do something: to events, to parts of the engine, to jobs that were given up."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from home_sentry_engine.contract import PartList
from home_sentry_engine.contract.errors import NotFound
from home_sentry_engine.domain.jobs import ASSESS, DETECT

from .fields import EVENT_ID, Field
from .ports import Parts, Queues
from .triage_fields import BULK_FIELDS, FEEDBACK_FIELDS, opinion_of, review_of
from .triage_ports import Triage

type Answering = Callable[[dict[str, Any]], Awaitable[object]]

_PART: Final = Field(name="component_id", pattern=r"^[a-z0-9_]{1,64}$", text="Id of a component", required=True)
_QUEUE: Final = Field(name="queue", words=(DETECT, ASSESS), text="Name of a queue", required=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandRule:
    """One command: its arguments and what answers it with a contract dataclass or None; ``audited`` names its deed."""

    name: str
    fields: tuple[Field, ...]
    answer: Answering
    audited: str | None = None


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

    said = (EVENT_ID, *FEEDBACK_FIELDS)
    mine = (EVENT_ID, next(field for field in FEEDBACK_FIELDS if field.name == "user"))
    return (
        CommandRule(name="review_events", fields=BULK_FIELDS, answer=review, audited="event.bulk_review"),
        CommandRule(name="give_feedback", fields=said, answer=say, audited="event.feedback"),
        CommandRule(name="delete_event", fields=mine, answer=discard, audited="event.delete"),
        CommandRule(name="restore_event", fields=mine, answer=restore, audited="event.restore"),
    )


def operating_rules(parts: Parts, queues: Queues) -> tuple[CommandRule, ...]:
    """Give the commands about parts and given-up jobs."""

    async def listed(_args: dict[str, Any]) -> object:
        return PartList(items=await parts.all())

    async def restart(args: dict[str, Any]) -> object:
        return await parts.restart(args["component_id"])

    async def enable(args: dict[str, Any]) -> object:
        return await parts.switch(args["component_id"], on=True)

    async def disable(args: dict[str, Any]) -> object:
        return await parts.switch(args["component_id"], on=False)

    async def requeue(args: dict[str, Any]) -> object:
        return await queues.requeue(args["queue"], None)

    async def drop(args: dict[str, Any]) -> object:
        return await queues.drop(args["queue"], None)

    part, queue = (_PART,), (_QUEUE,)
    return (
        CommandRule(name="list_components", fields=(), answer=listed),
        CommandRule(name="restart_component", fields=part, answer=restart, audited="component.restart"),
        CommandRule(name="enable_component", fields=part, answer=enable, audited="component.enable"),
        CommandRule(name="disable_component", fields=part, answer=disable, audited="component.disable"),
        CommandRule(name="requeue_dead_letters", fields=queue, answer=requeue, audited="dead_letters.requeue"),
        CommandRule(name="drop_dead_letters", fields=queue, answer=drop, audited="dead_letters.drop"),
    )


def _found[T](thing: T | None) -> T:
    if thing is None:
        raise NotFound("there is no such event")
    return thing
