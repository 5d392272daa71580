"""The pipeline's view of what models found, inside one transaction."""

from collections.abc import Mapping
from datetime import datetime

from home_sentry_engine.domain.enrichment import EnrichmentResult
from home_sentry_engine.storage.database import Connection
from home_sentry_engine.storage.repositories.enrichments import Enrichments


class BoundEnrichments:
    """``pipeline.enrichment_ports.EnrichmentRows`` over the repository."""

    def __init__(self, conn: Connection, rows: Enrichments, now: datetime) -> None:
        """Take the connection of the transaction, the repository and the time."""
        self._conn, self._rows, self._now = conn, rows, now

    def save(self, event_id: str, *, batch_id: str, result: EnrichmentResult, legs: Mapping[str, object]) -> None:
        """Keep a look and the legs that follow from it."""
        self._rows.save(self._conn, event_id, batch_id=batch_id, at=self._now, result=result, legs=legs)

    def legs(self, event_id: str) -> Mapping[str, object]:
        """Give the legs that earlier looks at a visit found."""
        return self._rows.legs(self._conn, event_id)
