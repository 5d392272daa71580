"""Rules of alerts: read, write, try out."""

from typing import Final

from aiohttp import web

from home_sentry_engine.api.bodies import BodyReader
from home_sentry_engine.api.limits import LimitClass
from home_sentry_engine.api.routing import Answer, Call, JsonBody, Route
from home_sentry_engine.api.rule_fields import (
    CREATE_FIELDS,
    PATCH_FIELDS,
    PUT_FIELDS,
    RULE_ID,
    TEST_FIELDS,
    changes_of,
    rule_of,
    trial_of,
)
from home_sentry_engine.api.rule_ports import RuleDesk
from home_sentry_engine.contract import AlertRule, AlertRuleList, AlertRuleRemoved, RuleTest
from home_sentry_engine.contract.errors import Conflict, NotFound, TooLarge, Unprocessable, UnsupportedType

from .replies import json_reply

_BASE: Final = "/api/v1/rules"
_RULE: Final = f"{_BASE}/{{rule_id}}"
_BODY_ERRORS: Final = (Unprocessable, TooLarge, UnsupportedType)


class RuleRoutes:
    """Keeps the owner's rules."""

    def __init__(self, desk: RuleDesk, bodies: BodyReader) -> None:
        """Take the port."""
        self._desk = desk
        self._bodies = bodies

    def routes(self) -> tuple[Route, ...]:
        """Declare the operations."""
        return (*self._reading(), *self._writing())

    def _reading(self) -> tuple[Route, ...]:
        return (
            Route(
                method="GET",
                path=_BASE,
                name="list_rules",
                text="All rules of alerts, the built-in one first; 'broken' says why one cannot hold",
                respond=self._list,
                answer=Answer(shape=AlertRuleList),
            ),
            Route(
                method="GET",
                path=_RULE,
                name="get_rule",
                text="One rule",
                respond=self._get,
                answer=Answer(shape=AlertRule),
                fields=(RULE_ID,),
                errors=(NotFound,),
            ),
            Route(
                method="POST",
                path=f"{_RULE}/test",
                name="test_rule",
                text="Hold a rule against stored events; nobody is told",
                respond=self._test,
                answer=Answer(shape=RuleTest),
                fields=(RULE_ID,),
                body=JsonBody(fields=TEST_FIELDS),
                errors=(NotFound, TooLarge, UnsupportedType),
                limit=LimitClass.SEARCH,
                replays=False,
            ),
        )

    def _writing(self) -> tuple[Route, ...]:
        return (
            Route(
                method="POST",
                path=_BASE,
                name="create_rule",
                text="Make a rule",
                respond=self._create,
                answer=Answer(status=201, shape=AlertRule, text="Made"),
                body=JsonBody(fields=CREATE_FIELDS),
                errors=(Conflict, *_BODY_ERRORS),
                audited="rule.create",
            ),
            Route(
                method="PUT",
                path=_RULE,
                name="put_rule",
                text="Write a rule anew, or make it",
                respond=self._put,
                answer=Answer(shape=AlertRule),
                fields=(RULE_ID,),
                body=JsonBody(fields=PUT_FIELDS),
                errors=(Conflict, *_BODY_ERRORS),
                audited="rule.put",
            ),
            Route(
                method="PATCH",
                path=_RULE,
                name="change_rule",
                text="Change what is given; of the built-in rule whether, where to and how often it tells",
                respond=self._patch,
                answer=Answer(shape=AlertRule),
                fields=(RULE_ID,),
                body=JsonBody(fields=PATCH_FIELDS),
                errors=(NotFound, *_BODY_ERRORS),
                audited="rule.change",
            ),
            Route(
                method="DELETE",
                path=_RULE,
                name="delete_rule",
                text="Delete a rule; its alerts stay",
                respond=self._delete,
                answer=Answer(shape=AlertRuleRemoved),
                fields=(RULE_ID,),
                errors=(NotFound, Conflict),
                audited="rule.delete",
            ),
        )

    async def _list(self, call: Call) -> web.Response:
        del call
        return json_reply(AlertRuleList(items=await self._desk.all()))

    async def _get(self, call: Call) -> web.Response:
        return json_reply(_found(await self._desk.one(call.path["rule_id"])))

    async def _test(self, call: Call) -> web.Response:
        trial = trial_of(await self._bodies.json(call.request, TEST_FIELDS))
        return json_reply(_found(await self._desk.test(call.path["rule_id"], trial)))

    async def _create(self, call: Call) -> web.Response:
        rule = rule_of(await self._bodies.json(call.request, CREATE_FIELDS))
        return json_reply(await self._desk.create(rule), status=201)

    async def _put(self, call: Call) -> web.Response:
        rule = rule_of(await self._bodies.json(call.request, PUT_FIELDS), call.path["rule_id"])
        return json_reply(await self._desk.put(rule))

    async def _patch(self, call: Call) -> web.Response:
        changes = changes_of(await self._bodies.json(call.request, PATCH_FIELDS))
        return json_reply(_found(await self._desk.patch(call.path["rule_id"], changes)))

    async def _delete(self, call: Call) -> web.Response:
        rule_id: str = call.path["rule_id"]
        if not await self._desk.delete(rule_id):
            raise NotFound("there is no such rule")
        return json_reply(AlertRuleRemoved(rule_id=rule_id))


def _found[T](thing: T | None) -> T:
    if thing is None:
        raise NotFound("there is no such rule")
    return thing
