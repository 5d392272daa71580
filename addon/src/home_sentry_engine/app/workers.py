"""What the workers of a part did since the start of this process, as details of its component."""

from collections.abc import Callable, Sequence

from home_sentry_engine.operations.registry import Details
from home_sentry_engine.pipeline.worker import WorkerCounts


def work_of(counts: Sequence[WorkerCounts]) -> Callable[[], Details]:
    """Give what tells ``items_processed``, ``errors``, ``last_processed_at`` and ``state`` of some workers together.

    ``errors`` are tries that failed; waiting for a dependency is none, it is counted as ``waits``.
    """

    def told() -> Details:
        last = max((one.last_processed_at for one in counts if one.last_processed_at is not None), default=None)
        return {
            "items_processed": sum(one.processed for one in counts),
            "errors": sum(one.retried + one.buried for one in counts),
            "waits": sum(one.stalled for one in counts),
            "last_processed_at": last.isoformat() if last is not None else None,
            "state": "working" if any(one.running for one in counts) else "idle",
            "workers": len(counts),
        }

    return told
