"""What the pipeline needs to keep of what models found."""

from collections.abc import Mapping
from typing import Protocol

from home_sentry_engine.domain.enrichment import EnrichmentResult


class EnrichmentRows(Protocol):
    """What models found in the pictures of visits, inside one transaction."""

    def save(self, event_id: str, *, batch_id: str, result: EnrichmentResult, legs: Mapping[str, object]) -> None:
        """Keep a look and the legs that follow from it."""
        ...

    def legs(self, event_id: str) -> Mapping[str, object]:
        """Give the legs that earlier looks at a visit found."""
        ...
