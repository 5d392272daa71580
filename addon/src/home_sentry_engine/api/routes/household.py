"""The household: members, vehicles, their samples, facts, and number plates that were read."""

from typing import Any, Final

from aiohttp import web

from home_sentry_engine.api.bodies import BodyReader
from home_sentry_engine.api.household_fields import (
    ENROLMENT,
    FACT,
    FACT_ID,
    MEMBER,
    OWNER_ID,
    SAMPLE_ID,
    VEHICLE,
    fact_of,
    owner_of,
)
from home_sentry_engine.api.household_ports import Enrolment, HouseholdDesk
from home_sentry_engine.api.limits import LimitClass
from home_sentry_engine.api.routing import Answer, Call, JsonBody, Respond, Route
from home_sentry_engine.contract import (
    EnrolledSample,
    Erased,
    Household,
    HouseholdMember,
    HouseholdVehicle,
    OwnerFact,
    PlatePage,
    SampleList,
)
from home_sentry_engine.contract.errors import (
    Forbidden,
    NotFound,
    ServiceUnavailable,
    TooLarge,
    Unprocessable,
    UnsupportedType,
)
from home_sentry_engine.storage.query import PageQuery

from .replies import PAGE_FIELDS, json_reply, page_arguments

_BASE: Final = "/api/v1/household"
_BODY_ERRORS: Final = (TooLarge, UnsupportedType, Unprocessable)


class HouseholdRoutes:
    """Reads and changes the household; every change is audited, without names."""

    def __init__(self, desk: HouseholdDesk, bodies: BodyReader) -> None:
        """Take the port."""
        self._desk = desk
        self._bodies = bodies

    def routes(self) -> tuple[Route, ...]:
        """Declare the operations."""
        return (
            Route(
                method="GET",
                path=_BASE,
                name="get_household",
                text="Everybody who belongs to the house",
                respond=self._view,
                answer=Answer(shape=Household),
            ),
            *self._owners("member", "members", MEMBER, HouseholdMember, self._save_member),
            *self._owners("vehicle", "vehicles", VEHICLE, HouseholdVehicle, self._save_vehicle),
            *self._samples(),
            *self._faces_and_plates(),
            *self._facts(),
        )

    def _owners(self, one: str, many: str, body: JsonBody, shape: type, save: Respond) -> tuple[Route, ...]:
        return (
            Route(
                method="POST",
                path=f"{_BASE}/{many}",
                name=f"add_{one}",
                text=f"Add a {one}",
                respond=save,
                answer=Answer(status=201, shape=shape),
                body=body,
                errors=_BODY_ERRORS,
                audited=f"household.add_{one}",
            ),
            Route(
                method="PUT",
                path=f"{_BASE}/{many}/{{owner_id}}",
                name=f"change_{one}",
                text=f"Change a {one}",
                respond=save,
                answer=Answer(shape=shape),
                fields=(OWNER_ID,),
                body=body,
                errors=(NotFound, *_BODY_ERRORS),
                audited=f"household.change_{one}",
            ),
            Route(
                method="DELETE",
                path=f"{_BASE}/{many}/{{owner_id}}",
                name=f"erase_{one}",
                text=f"Erase a {one} with every sample",
                respond=self._remove,
                answer=Answer(shape=Erased),
                fields=(OWNER_ID,),
                errors=(NotFound,),
                audited=f"household.erase_{one}",
            ),
        )

    def _samples(self) -> tuple[Route, ...]:
        path = f"{_BASE}/samples/{{owner_id}}"
        return (
            Route(
                method="GET",
                path=path,
                name="list_samples",
                text="What somebody was enrolled from",
                respond=self._list_samples,
                answer=Answer(shape=SampleList),
                fields=(OWNER_ID,),
                errors=(NotFound,),
            ),
            Route(
                method="POST",
                path=path,
                name="enrol",
                text="Learn somebody from a detection, or say that it is not this one",
                respond=self._enrol,
                answer=Answer(status=201, shape=EnrolledSample),
                fields=(OWNER_ID,),
                body=ENROLMENT,
                errors=(NotFound, Forbidden, ServiceUnavailable, *_BODY_ERRORS),
                limit=LimitClass.AI,
                deadline_s=60.0,
                audited="household.enrol",
            ),
            Route(
                method="DELETE",
                path=path,
                name="erase_samples",
                text="Erase everything that somebody was enrolled from",
                respond=self._erase_samples,
                answer=Answer(shape=Erased),
                fields=(OWNER_ID,),
                errors=(NotFound,),
                audited="household.erase_samples",
            ),
            Route(
                method="DELETE",
                path=f"{path}/{{sample_id}}",
                name="erase_sample",
                text="Erase one sample",
                respond=self._erase_samples,
                answer=Answer(shape=Erased),
                fields=(OWNER_ID, SAMPLE_ID),
                errors=(NotFound,),
                audited="household.erase_sample",
            ),
        )

    def _faces_and_plates(self) -> tuple[Route, ...]:
        return (
            Route(
                method="DELETE",
                path=f"{_BASE}/faces",
                name="erase_faces",
                text="Erase every enrolled face",
                respond=self._erase_faces,
                answer=Answer(shape=Erased),
                audited="household.erase_faces",
            ),
            Route(
                method="GET",
                path=f"{_BASE}/plates",
                name="list_plates",
                text="Number plates that were read, newest first",
                respond=self._plates,
                answer=Answer(shape=PlatePage),
                query=PAGE_FIELDS,
                limit=LimitClass.SEARCH,
            ),
            Route(
                method="DELETE",
                path=f"{_BASE}/plates",
                name="erase_plates",
                text="Erase every number plate that was read",
                respond=self._erase_plates,
                answer=Answer(shape=Erased),
                audited="household.erase_plates",
            ),
        )

    def _facts(self) -> tuple[Route, ...]:
        return (
            Route(
                method="POST",
                path=f"{_BASE}/facts",
                name="add_fact",
                text="Tell of guests, an expected visitor or something else, until when it holds",
                respond=self._save_fact,
                answer=Answer(status=201, shape=OwnerFact),
                body=FACT,
                errors=_BODY_ERRORS,
                audited="household.add_fact",
            ),
            Route(
                method="PUT",
                path=f"{_BASE}/facts/{{fact_id}}",
                name="put_fact",
                text="Change a fact, or make it under this id, such as a calendar's",
                respond=self._save_fact,
                answer=Answer(shape=OwnerFact),
                fields=(FACT_ID,),
                body=FACT,
                errors=_BODY_ERRORS,
                audited="household.change_fact",
            ),
            Route(
                method="DELETE",
                path=f"{_BASE}/facts/{{fact_id}}",
                name="remove_fact",
                text="Take a fact back",
                respond=self._remove_fact,
                answer=Answer(shape=Erased),
                fields=(FACT_ID,),
                errors=(NotFound,),
                audited="household.remove_fact",
            ),
        )

    async def _view(self, call: Call) -> web.Response:
        del call
        return json_reply(await self._desk.view())

    async def _save_member(self, call: Call) -> web.Response:
        draft = owner_of(await self._bodies.json(call.request, MEMBER.fields), call.path.get("owner_id"))
        return _saved(call, await self._desk.save_member(draft))

    async def _save_vehicle(self, call: Call) -> web.Response:
        draft = owner_of(await self._bodies.json(call.request, VEHICLE.fields), call.path.get("owner_id"))
        return _saved(call, await self._desk.save_vehicle(draft))

    async def _remove(self, call: Call) -> web.Response:
        return _erased(int(await self._desk.remove(call.path["owner_id"])))

    async def _list_samples(self, call: Call) -> web.Response:
        return json_reply(SampleList(items=_found(await self._desk.samples(call.path["owner_id"]))))

    async def _enrol(self, call: Call) -> web.Response:
        body: dict[str, Any] = await self._bodies.json(call.request, ENROLMENT.fields)
        return json_reply(await self._desk.enrol(Enrolment(owner_id=call.path["owner_id"], **body)), status=201)

    async def _erase_samples(self, call: Call) -> web.Response:
        sample_id = call.path.get("sample_id")
        return json_reply(Erased(erased=_found(await self._desk.erase_samples(call.path["owner_id"], sample_id))))

    async def _erase_faces(self, call: Call) -> web.Response:
        del call
        return json_reply(Erased(erased=await self._desk.erase_faces()))

    async def _plates(self, call: Call) -> web.Response:
        page = await self._desk.plates(PageQuery(**page_arguments(call.query)))
        return json_reply(PlatePage(items=page.items, next_cursor=page.next_cursor, total=page.total))

    async def _erase_plates(self, call: Call) -> web.Response:
        del call
        return json_reply(Erased(erased=await self._desk.erase_plates()))

    async def _save_fact(self, call: Call) -> web.Response:
        draft = fact_of(await self._bodies.json(call.request, FACT.fields), call.path.get("fact_id"))
        return _saved(call, await self._desk.save_fact(draft))

    async def _remove_fact(self, call: Call) -> web.Response:
        return _erased(int(await self._desk.remove_fact(call.path["fact_id"])))


def _saved(call: Call, value: object | None) -> web.Response:
    return json_reply(_found(value), status=200 if call.path else 201)


def _erased(count: int) -> web.Response:
    if not count:
        raise NotFound("there is nothing with this id")
    return json_reply(Erased(erased=count))


def _found[T](value: T | None) -> T:
    if value is None:
        raise NotFound("there is nothing with this id")
    return value
