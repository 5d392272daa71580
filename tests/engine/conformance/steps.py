"""What the suites do with a queue, in few words."""

from home_sentry_engine.domain.jobs import NewJob
from tests.engine.conformance.backends import Backend

Q = "detect"


def job(n: int, **fields) -> NewJob:
    return NewJob(queue=fields.pop("queue", Q), payload={"n": n}, **fields)


async def put(backend: Backend, *jobs: NewJob):
    now = backend.clock.steady()
    return await backend.do(lambda conn: [backend.queue.put(conn, one, now) for one in jobs])


async def claim(backend: Backend, n: int = 100, lease_s: float = 60.0, queue: str = Q):
    return await backend.queue.claim(queue, n, lease_s)


def numbers(jobs) -> list[int]:
    return [one.payload["n"] for one in jobs]


async def ack(backend: Backend, one) -> None:
    await backend.do(lambda conn: backend.queue.ack(conn, one))


async def retry(backend: Backend, one, after_s: float = 0.0, *, counted: bool = True, error: str = "later") -> None:
    await backend.do(lambda conn: backend.queue.retry(conn, one, after_s=after_s, error=error, counted=counted))


async def bury(backend: Backend, one, error: str = "broken", stack: str | None = None) -> None:
    await backend.do(lambda conn: backend.queue.bury(conn, one, error=error, error_type="corrupt", stack=stack))
