"""Commands about the household, as over REST; what they change is audited without names."""

from typing import Any, Final

from home_sentry_engine.contract import Erased, SampleList
from home_sentry_engine.contract.errors import NotFound

from .deeds import CommandRule
from .fields import Field, Kind
from .household_fields import ENROLMENT, FACT, FACT_ID, MEMBER, OWNER_ID, VEHICLE, fact_of, owner_of
from .household_ports import Enrolment, HouseholdDesk
from .limits import LimitClass
from .triage_fields import USER

_KNOWN_OWNER: Final = Field(
    name="owner_id", pattern=r"^[a-zA-Z0-9_-]{1,64}$", nullable=True, text="Who is changed; somebody new without it"
)
_SAMPLE: Final = Field(name="sample_id", kind=Kind.WHOLE, low=1, nullable=True, text="Which one; all without it")


def household_rules(desk: HouseholdDesk) -> tuple[CommandRule, ...]:
    """Give the commands about members, vehicles, what they were enrolled from, and facts."""
    return (*_owner_rules(desk), *_sample_rules(desk), *_fact_rules(desk))


def _owner_rules(desk: HouseholdDesk) -> tuple[CommandRule, ...]:
    async def view(_args: dict[str, Any]) -> object:
        return await desk.view()

    async def save_member(args: dict[str, Any]) -> object:
        return _found(await desk.save_member(owner_of(args, args["owner_id"])))

    async def save_vehicle(args: dict[str, Any]) -> object:
        return _found(await desk.save_vehicle(owner_of(args, args["owner_id"])))

    async def remove(args: dict[str, Any]) -> object:
        return _erased(int(await desk.remove(args["owner_id"])))

    member, vehicle = (_KNOWN_OWNER, *MEMBER.fields, USER), (_KNOWN_OWNER, *VEHICLE.fields, USER)
    return (
        CommandRule(name="get_household", fields=(), answer=view),
        CommandRule(name="save_member", fields=member, answer=save_member, audited="household.save_member"),
        CommandRule(name="save_vehicle", fields=vehicle, answer=save_vehicle, audited="household.save_vehicle"),
        CommandRule(name="erase_owner", fields=(OWNER_ID, USER), answer=remove, audited="household.erase_owner"),
    )


def _sample_rules(desk: HouseholdDesk) -> tuple[CommandRule, ...]:
    async def listed(args: dict[str, Any]) -> object:
        return SampleList(items=_found(await desk.samples(args["owner_id"])))

    async def enrol(args: dict[str, Any]) -> object:
        return await desk.enrol(Enrolment(**{name: value for name, value in args.items() if name != "user"}))

    async def erase(args: dict[str, Any]) -> object:
        return Erased(erased=_found(await desk.erase_samples(args["owner_id"], args["sample_id"])))

    async def erase_faces(_args: dict[str, Any]) -> object:
        return Erased(erased=await desk.erase_faces())

    enrolment, erasure = (OWNER_ID, *ENROLMENT.fields, USER), (OWNER_ID, _SAMPLE, USER)
    return (
        CommandRule(name="list_samples", fields=(OWNER_ID,), answer=listed),
        CommandRule(name="enrol", fields=enrolment, answer=enrol, audited="household.enrol", limit=LimitClass.AI),
        CommandRule(name="erase_samples", fields=erasure, answer=erase, audited="household.erase_samples"),
        CommandRule(name="erase_faces", fields=(USER,), answer=erase_faces, audited="household.erase_faces"),
    )


def _fact_rules(desk: HouseholdDesk) -> tuple[CommandRule, ...]:
    async def save(args: dict[str, Any]) -> object:
        given = {field.name: args[field.name] for field in FACT.fields}
        return _found(await desk.save_fact(fact_of(given, args["fact_id"])))

    async def remove(args: dict[str, Any]) -> object:
        return _erased(int(await desk.remove_fact(args["fact_id"])))

    return (
        CommandRule(
            name="put_fact", fields=(FACT_ID, *FACT.fields, USER), answer=save, audited="household.change_fact"
        ),
        CommandRule(name="remove_fact", fields=(FACT_ID, USER), answer=remove, audited="household.remove_fact"),
    )


def _erased(count: int) -> Erased:
    if not count:
        raise NotFound("there is nothing with this id")
    return Erased(erased=count)


def _found[T](value: T | None) -> T:
    if value is None:
        raise NotFound("there is nothing with this id")
    return value
