"""What workers tell of their work."""

from datetime import timedelta

from home_sentry_engine.app.workers import work_of
from home_sentry_engine.domain.errors import Transient, Unavailable
from home_sentry_engine.domain.jobs import Job
from home_sentry_engine.pipeline.ports import Tx
from home_sentry_engine.pipeline.worker import Commit, Worker, WorkerCounts
from tests.fakes.clock import START, FakeClock


class Once:
    """A queue, its rows and a stage in one: each job ends as its id says."""

    queue = "detect"

    def __init__(self, *outcomes: str) -> None:
        self.waiting = list(outcomes)
        self.during: list[object] = []
        self.told = work_of([])

    async def claim(self, queue: str, n: int, lease_s: float) -> list[Job]:
        taken, self.waiting = self.waiting[:n], self.waiting[n:]
        return [Job(id=one, queue=queue, key="door", attempt=1, enqueued_at=START, leased_until=START) for one in taken]

    async def extend(self, job: Job, lease_s: float) -> bool:
        return True

    async def wait(self, queue: str, timeout_s: float) -> None:
        return

    async def write(self, commit: Commit) -> None:
        commit(self)  # type: ignore[arg-type]

    @property
    def jobs(self) -> Once:
        return self

    def ack(self, job: Job) -> None:
        return

    def retry(self, job: Job, *, after_s: float, error: str, counted: bool = True) -> None:
        return

    async def __call__(self, job: Job) -> Commit:
        self.during.append(self.told()["state"])
        if job.id == "fails":
            raise Transient("it broke")
        if job.id == "waits":
            raise Unavailable("nobody there")
        return _nothing

    def abandoned(self, job: Job, error: object) -> Commit:
        return _nothing

    stalled = abandoned


def _nothing(_tx: Tx) -> None:
    return


async def test_items_errors_waits_and_the_last_time_are_told():
    clock = FakeClock()
    stage = Once("ok", "fails", "waits", "ok")
    worker = Worker(stage, stage, stage, clock, lambda: 0.0)  # type: ignore[arg-type]
    stage.told = work_of([worker.counts])
    assert (stage.told()["state"], stage.told()["last_processed_at"]) == ("idle", None)
    await clock.advance(10)
    for _ in range(3):
        await worker.step()
    assert stage.told()["last_processed_at"] == (START + timedelta(seconds=10)).isoformat()
    await clock.advance(5)
    await worker.step()
    assert stage.during == ["working"] * 4
    assert stage.told() == {
        "items_processed": 2,
        "errors": 1,
        "waits": 1,
        "last_processed_at": (START + timedelta(seconds=15)).isoformat(),
        "state": "idle",
        "workers": 1,
    }


def test_several_workers_are_told_as_one():
    counts = [
        WorkerCounts(processed=3, retried=1, buried=1, last_processed_at=START),
        WorkerCounts(processed=4, running={"job"}, last_processed_at=START + timedelta(seconds=1)),
        WorkerCounts(),
    ]
    told = work_of(counts)()
    assert (told["items_processed"], told["errors"], told["state"], told["workers"]) == (7, 2, "working", 3)
    assert told["last_processed_at"] == (START + timedelta(seconds=1)).isoformat()
