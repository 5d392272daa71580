"""The fake engine's answers about looking back, over REST."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
import json
from typing import Any

from aiohttp import web

from custom_components.home_sentry.contract import (
    AnalysisReason,
    BlindPeriod,
    BlindReason,
    Export,
    ExportFilters,
    ExportKind,
    ExportState,
    Problem,
    Summary,
    SummaryPeriod,
    SummarySource,
    encode,
)

START = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
FILE = b"event_id\r\ne1\r\n"


def summary(**changes: Any) -> Summary:
    """Give the report of a day."""
    made = Summary(
        id="daily-1",
        period=SummaryPeriod.DAILY,
        since=START - timedelta(days=1),
        until=START,
        made_at=START,
        text="Somebody tried the garden door at 03:10. Nobody watched Garage 03:20-03:35 (offline).",
        language="en",
        source=SummarySource.RULES,
        reason=AnalysisReason.DISABLED,
        all_clear=False,
        looked=12,
        by_level={"high": 1},
        event_ids=("e1",),
        blind=(
            BlindPeriod(
                camera_id="garage", since=START, until=START + timedelta(minutes=15), reason=BlindReason.OFFLINE
            ),
        ),
    )
    return replace(made, **changes)


def export(state: ExportState = ExportState.READY, **changes: Any) -> Export:
    """Give an export of a table."""
    made = Export(
        id="x1",
        kind=ExportKind.CSV,
        state=state,
        filters=ExportFilters(),
        created_at=START,
        expires_at=START + timedelta(days=7),
    )
    return replace(made, **changes)


class Reports:
    """Answers for summaries and exports; ``asked`` holds what was to be summarised."""

    def __init__(self, refusal: Callable[[web.Request], web.Response | None]) -> None:
        self._refusal = refusal
        self.asked: list[dict[str, Any]] = []
        self.problem: Problem | None = None

    def add(self, app: web.Application) -> None:
        """Serve them."""
        app.router.add_post("/api/v1/summaries", self._summarise)
        app.router.add_get("/api/v1/exports/{id}/file", self._file)

    async def _summarise(self, request: web.Request) -> web.Response:
        if refusal := self._refusal(request):
            return refusal
        self.asked.append(json.loads(await request.read()))
        if self.problem is not None:
            body, kind = encode(self.problem), "application/problem+json"
            return web.Response(status=self.problem.status, body=body, content_type=kind)
        made = summary(id="s1", period=SummaryPeriod.CUSTOM)
        return web.Response(status=201, body=encode(made), content_type="application/json")

    async def _file(self, request: web.Request) -> web.StreamResponse:
        if refusal := self._refusal(request):
            return refusal
        if request.match_info["id"] == "gone":
            return web.Response(status=404)
        headers = {"Content-Type": "application/octet-stream", "Content-Disposition": 'attachment; filename="e.csv"'}
        if request.match_info["id"] == "broken":
            response = web.StreamResponse(headers=headers | {"Content-Length": "100"})
            await response.prepare(request)
            await response.write(FILE)
            request.transport.close()  # type: ignore[union-attr]
            return response
        return web.Response(body=FILE, headers=headers)
