"""Prompts: what models are asked, their history, trials, export and import."""

from typing import Final

from aiohttp import web

from home_sentry_engine.api.bodies import BodyReader
from home_sentry_engine.api.limits import LimitClass
from home_sentry_engine.api.prompt_fields import (
    HISTORY_FIELDS,
    IMPORT_FIELDS,
    MODEL,
    RESTORE_FIELDS,
    RUN_ID,
    SHADOW_FIELDS,
    TRIAL_FIELDS,
    WRITE_FIELDS,
    change_of,
    history_of,
    model_of,
    prompts_of,
    trial_of,
)
from home_sentry_engine.api.prompt_ports import Change, Prompts
from home_sentry_engine.api.routing import Answer, Call, JsonBody, Route
from home_sentry_engine.contract import (
    PromptConfig,
    PromptDiff,
    PromptExport,
    PromptImport,
    PromptList,
    PromptTest,
    PromptVersionPage,
    ShadowRun,
)
from home_sentry_engine.contract.errors import (
    Conflict,
    NotFound,
    ServiceUnavailable,
    TooLarge,
    Unprocessable,
    UnsupportedType,
)

from .replies import json_reply

_BASE: Final = "/api/v1/prompts"
_ONE: Final = f"{_BASE}/{{model}}"
_BODY_ERRORS: Final = (TooLarge, UnsupportedType, Unprocessable)
# a model may think for two minutes
_TRIAL_S: Final = 180.0


class PromptRoutes:
    """Reads and changes what models are asked; every change is a version and is audited."""

    def __init__(self, prompts: Prompts, bodies: BodyReader) -> None:
        """Take the port."""
        self._prompts = prompts
        self._bodies = bodies

    def routes(self) -> tuple[Route, ...]:
        """Declare the operations."""
        return (*self._reading(), *self._changing(), *self._carrying(), *self._trying(), *self._shadowing())

    def _reading(self) -> tuple[Route, ...]:
        return (
            Route(
                method="GET",
                path=_BASE,
                name="list_prompts",
                text="What every model is asked",
                respond=self._all,
                answer=Answer(shape=PromptList),
            ),
            Route(
                method="GET",
                path=_ONE,
                name="get_prompt",
                text="What a model is asked",
                respond=self._one,
                answer=Answer(shape=PromptConfig),
                fields=(MODEL,),
            ),
            Route(
                method="GET",
                path=f"{_ONE}/history",
                name="get_prompt_history",
                text="Every version by author and time, the newest first",
                respond=self._history,
                answer=Answer(shape=PromptVersionPage),
                fields=(MODEL,),
                query=HISTORY_FIELDS,
            ),
        )

    def _changing(self) -> tuple[Route, ...]:
        return (
            Route(
                method="PUT",
                path=_ONE,
                name="put_prompt",
                text="Ask a model something else from now on",
                respond=self._put,
                answer=Answer(shape=PromptConfig),
                fields=(MODEL,),
                body=JsonBody(fields=WRITE_FIELDS),
                errors=_BODY_ERRORS,
                audited="prompt.write",
            ),
            Route(
                method="DELETE",
                path=_ONE,
                name="delete_prompt",
                text="Go back to what is shipped; the history stays",
                respond=self._delete,
                answer=Answer(shape=PromptConfig),
                fields=(MODEL,),
                audited="prompt.reset",
            ),
            Route(
                method="POST",
                path=f"{_ONE}/restore",
                name="restore_prompt",
                text="Use an earlier version as a new one",
                respond=self._restore,
                answer=Answer(shape=PromptConfig),
                fields=(MODEL,),
                body=JsonBody(fields=RESTORE_FIELDS),
                errors=(NotFound, *_BODY_ERRORS),
                audited="prompt.restore",
            ),
        )

    def _carrying(self) -> tuple[Route, ...]:
        return (
            Route(
                method="GET",
                path=f"{_BASE}/export",
                name="export_prompts",
                text="Everything that was changed, to carry elsewhere",
                respond=self._export,
                answer=Answer(shape=PromptExport),
                limit=LimitClass.EXPORT,
            ),
            Route(
                method="POST",
                path=f"{_BASE}/import/preview",
                name="preview_prompt_import",
                text="What an import would change, and what is wrong with it",
                respond=self._preview,
                answer=Answer(shape=PromptImport),
                body=JsonBody(fields=IMPORT_FIELDS),
                errors=_BODY_ERRORS,
            ),
            Route(
                method="POST",
                path=f"{_BASE}/import",
                name="import_prompts",
                text="Use an export; nothing at all while any of it is wrong",
                respond=self._import,
                answer=Answer(shape=PromptImport),
                body=JsonBody(fields=IMPORT_FIELDS),
                errors=_BODY_ERRORS,
                limit=LimitClass.BULK,
                audited="prompt.import",
            ),
        )

    def _trying(self) -> tuple[Route, ...]:
        return (
            Route(
                method="POST",
                path=f"{_ONE}/diff",
                name="diff_prompt",
                text="What another content would change",
                respond=self._diff,
                answer=Answer(shape=PromptDiff),
                fields=(MODEL,),
                body=JsonBody(fields=WRITE_FIELDS),
                errors=_BODY_ERRORS,
            ),
            Route(
                method="POST",
                path=f"{_ONE}/test",
                name="test_prompt",
                text="Try a prompt on an event; nothing of it is kept",
                respond=self._test,
                answer=Answer(shape=PromptTest),
                fields=(MODEL,),
                body=JsonBody(fields=TRIAL_FIELDS),
                errors=(NotFound, ServiceUnavailable, *_BODY_ERRORS),
                limit=LimitClass.AI,
                deadline_s=_TRIAL_S,
                audited="prompt.test",
            ),
        )

    def _shadowing(self) -> tuple[Route, ...]:
        return (
            Route(
                method="POST",
                path=f"{_ONE}/shadow",
                name="start_shadow_run",
                text="Try a prompt on the newest events with feedback, in the background",
                respond=self._shadow,
                answer=Answer(status=202, shape=ShadowRun, text="It has begun"),
                fields=(MODEL,),
                body=JsonBody(fields=SHADOW_FIELDS),
                errors=(Conflict, ServiceUnavailable, *_BODY_ERRORS),
                limit=LimitClass.AI,
                audited="prompt.shadow",
            ),
            Route(
                method="GET",
                path=f"{_BASE}/shadow/{{run_id}}",
                name="get_shadow_run",
                text="How a trial run stands",
                respond=self._run,
                answer=Answer(shape=ShadowRun),
                fields=(RUN_ID,),
                errors=(NotFound,),
            ),
        )

    async def _all(self, _call: Call) -> web.Response:
        return json_reply(PromptList(items=await self._prompts.all()))

    async def _one(self, call: Call) -> web.Response:
        return json_reply(await self._prompts.one(model_of(call.path)))

    async def _history(self, call: Call) -> web.Response:
        page = await self._prompts.history(history_of(call.query, model_of(call.path)))
        return json_reply(PromptVersionPage(items=page.items, next_cursor=page.next_cursor, total=page.total))

    async def _put(self, call: Call) -> web.Response:
        body = await self._bodies.json(call.request, WRITE_FIELDS)
        return json_reply(await self._prompts.write(model_of(call.path), body["content"], change_of(body)))

    async def _delete(self, call: Call) -> web.Response:
        return json_reply(await self._prompts.reset(model_of(call.path), Change()))

    async def _restore(self, call: Call) -> web.Response:
        body = await self._bodies.json(call.request, RESTORE_FIELDS)
        return json_reply(await self._prompts.restore(model_of(call.path), body["version"], change_of(body)))

    async def _export(self, _call: Call) -> web.Response:
        return json_reply(await self._prompts.export())

    async def _preview(self, call: Call) -> web.Response:
        body = await self._bodies.json(call.request, IMPORT_FIELDS)
        return json_reply(await self._prompts.take(prompts_of(body), change_of(body), apply=False))

    async def _import(self, call: Call) -> web.Response:
        body = await self._bodies.json(call.request, IMPORT_FIELDS)
        return json_reply(await self._prompts.take(prompts_of(body), change_of(body), apply=True))

    async def _diff(self, call: Call) -> web.Response:
        body = await self._bodies.json(call.request, WRITE_FIELDS)
        return json_reply(await self._prompts.difference(model_of(call.path), body["content"]))

    async def _test(self, call: Call) -> web.Response:
        body = await self._bodies.json(call.request, TRIAL_FIELDS)
        return json_reply(tried(await self._prompts.test(model_of(call.path), trial_of(body))))

    async def _shadow(self, call: Call) -> web.Response:
        body = await self._bodies.json(call.request, SHADOW_FIELDS)
        run = await self._prompts.shadow(model_of(call.path), body["content"], body["limit"])
        return json_reply(run, 202)

    async def _run(self, call: Call) -> web.Response:
        return json_reply(found_run(await self._prompts.shadow_run(call.path["run_id"])))


def tried(test: PromptTest | None) -> PromptTest:
    """Give what a trial made; raises ``NotFound`` for None."""
    if test is None:
        raise NotFound("there is no such event")
    return test


def found_run(run: ShadowRun | None) -> ShadowRun:
    """Give a trial run; raises ``NotFound`` for None."""
    if run is None:
        raise NotFound("there is no such trial run")
    return run
