"""What models found in the pictures of events: the newest closer look of each."""

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from home_sentry_engine import contract
from home_sentry_engine.contract import from_plain, to_plain
from home_sentry_engine.domain.enrichment import EnrichmentResult, Finding
from home_sentry_engine.storage.context_schema import enrichments
from home_sentry_engine.storage.rows import insert_into


class Enrichments:
    """One record per event; a later look replaces an earlier one, and keeps what only the earlier one found."""

    def save(
        self,
        conn: Connection,
        event_id: str,
        *,
        batch_id: str,
        at: datetime,
        result: EnrichmentResult,
        legs: Mapping[str, object],
    ) -> None:
        """Store a look and the legs that follow from it; legs of earlier looks stay where this one gives none."""
        record = record_of(result, at)
        values = {
            "batch_id": batch_id,
            "at": at,
            "status": record.status.value,
            "document": to_plain(record),
            "legs": {**self.legs(conn, event_id), **legs},
        }
        statement = insert_into(conn, enrichments).values(event_id=event_id, **values)
        conn.execute(statement.on_conflict_do_update(index_elements=["event_id"], set_=values))

    def of(self, conn: Connection, event_id: str) -> contract.Enrichment | None:
        """Give what is known of an event, None while nobody looked closely."""
        found = conn.execute(sa.select(enrichments.c.document).where(enrichments.c.event_id == event_id)).scalar()
        return from_plain(contract.Enrichment, found) if found is not None else None

    def legs(self, conn: Connection, event_id: str) -> dict[str, object]:
        """Give the legs that the looks at an event found, empty before the first one."""
        found = conn.execute(sa.select(enrichments.c.legs).where(enrichments.c.event_id == event_id)).scalar()
        return dict(found) if found is not None else {}


def record_of(result: EnrichmentResult, at: datetime) -> contract.Enrichment:
    """Give the record of a look as clients see it."""
    surest: dict[str, float] = {}
    for finding in result.findings:
        if finding.confidence is not None:
            surest[finding.about] = max(surest.get(finding.about, 0.0), finding.confidence)
    return contract.Enrichment(
        status=contract.EnrichmentStatus(result.status.value),
        at=at,
        success_rate=round(result.success_rate, 3),
        successful_models=result.successful_models,
        failed_models=result.failed_models,
        errors=dict(result.errors),
        steps=tuple(
            contract.EnrichmentStep(
                about=one.about,
                outcome=contract.StepOutcome(one.outcome.value),
                model_id=one.model_id,
                confidence=surest.get(one.about),
                reason=one.reason,
                looks=one.looks,
                duration_ms=one.duration_ms,
            )
            for one in result.attempts
        ),
        findings=tuple(_finding(one) for one in result.findings),
        unreadable=dict(result.unreadable),
    )


def _finding(one: Finding) -> contract.EnrichmentFinding:
    box = one.box
    return contract.EnrichmentFinding(
        about=one.about,
        model_id=one.model_id,
        value=dict(one.value),
        confidence=one.confidence,
        subject=one.subject,
        detection_id=one.detection_id,
        box=None if box is None else contract.Box(x=box.x, y=box.y, width=box.width, height=box.height),
    )
