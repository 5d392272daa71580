"""Upkeep: copy the database and clean up now; what became of a component."""

from typing import Final

from aiohttp import web

from home_sentry_engine.api.fields import Field
from home_sentry_engine.api.limits import LimitClass
from home_sentry_engine.api.routing import Answer, Call, Route
from home_sentry_engine.api.upkeep_ports import Upkeep
from home_sentry_engine.contract import BackupMade, CleanedUp, ComponentHistory
from home_sentry_engine.contract.errors import Conflict, NotFound, ServiceUnavailable

from .replies import json_reply

_ID: Final = Field(name="component_id", pattern=r"^[a-z0-9_]{1,64}$", text="Id of a component", required=True)
_SLOW_S: Final = 300.0


class UpkeepRoutes:
    """Keeps the data folder safe and small when a person wishes."""

    def __init__(self, upkeep: Upkeep) -> None:
        """Take the port."""
        self._upkeep = upkeep

    def routes(self) -> tuple[Route, ...]:
        """Declare the operations."""
        return (
            Route(
                method="POST",
                path="/api/v1/system/backup",
                name="back_up",
                text="Copy the SQLite database while it is in use; of all copies the newest are kept, as many as set",
                respond=self._back_up,
                answer=Answer(status=201, shape=BackupMade, text="Copied and checked"),
                errors=(Conflict, ServiceUnavailable),
                limit=LimitClass.EXPORT,
                deadline_s=_SLOW_S,
                audited="system.backup",
            ),
            Route(
                method="POST",
                path="/api/v1/system/cleanup",
                name="clean_up",
                text="Delete now what is older than 'retention_days' or lay in the trash for 30 days, and stray files",
                respond=self._clean_up,
                answer=Answer(shape=CleanedUp),
                limit=LimitClass.BULK,
                deadline_s=_SLOW_S,
                audited="system.cleanup",
            ),
            Route(
                method="GET",
                path="/api/v1/system/components/{component_id}/history",
                name="list_component_history",
                text="The last 100 changes of a component since the start of the engine, newest first",
                respond=self._history,
                answer=Answer(shape=ComponentHistory),
                fields=(_ID,),
                errors=(NotFound,),
            ),
        )

    async def _back_up(self, _call: Call) -> web.Response:
        return json_reply(await self._upkeep.back_up(), status=201)

    async def _clean_up(self, _call: Call) -> web.Response:
        return json_reply(await self._upkeep.clean_up())

    async def _history(self, call: Call) -> web.Response:
        return json_reply(await self._upkeep.history(call.path["component_id"]))
