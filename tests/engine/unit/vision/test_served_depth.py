"""Depth maps of a service elsewhere: what one may cost is known before it is decoded."""

import base64
from typing import Any

import pytest

from home_sentry_engine.vision.eyes import draw_canary
from home_sentry_engine.vision.services import EnrichmentUnavailableError
from home_sentry_engine.vision.services.enrichment import ServedDepth
from home_sentry_engine.vision.tasks.pictures import RgbFrame
from tests.fakes import pictures

FRAME = RgbFrame.of(draw_canary(64, 48))


class Says:
    """A service that answers every question about depth with the same bytes."""

    def __init__(self, sent: bytes) -> None:
        self._sent = sent

    def depth_estimate(self, _frame: RgbFrame) -> dict[str, Any]:
        return {"depth_map_base64": base64.b64encode(self._sent).decode()}


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (pictures.black_png(5000), "has 5000x5000 pixels"),
        (pictures.black_png(8)[:16] + b"\x7f\xff\xff\xff" * 2, "has 2147483647x2147483647 pixels"),
        (pictures.jpeg(64, 48), "no PNG"),
        (b"\x89PNG\r\n\x1a\n", "no PNG"),
        (b"", "no PNG"),
    ],
    ids=["bomb", "beyond all", "jpeg", "crumb", "empty"],
)
def test_a_depth_map_that_costs_too_much_is_not_decoded(sent, reason):
    with pytest.raises(EnrichmentUnavailableError, match=reason):
        ServedDepth(Says(sent)).measure(FRAME)  # type: ignore[arg-type]
