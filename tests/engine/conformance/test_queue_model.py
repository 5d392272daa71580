"""Random histories: every back-end does what a plain model in memory does, and no rule of the queue is ever broken."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
import pytest

from home_sentry_engine.broker.queue import LeaseLost, Overflow, PutOutcome, QueueLimits
from home_sentry_engine.domain.jobs import Job, NewJob
from tests.engine.conformance.backends import BACKENDS, SERVED, Backend, address, memory, opened
from tests.fakes.clock import FakeClock

KEYS = st.sampled_from([None, "yard", "yard", "yard", "door", "gate"])
UNIQUES = st.sampled_from([None, None, None, "a", "b"])

PUT = st.tuples(st.just("put"), KEYS, UNIQUES, st.sampled_from([0, 0, 10]), st.sampled_from([0, 0, 0, 5]))
CLAIM = st.tuples(st.just("claim"), st.integers(1, 3), st.sampled_from([5, 20]))
WHICH = st.integers(0, 5)
TICK = st.tuples(st.just("tick"), st.sampled_from([1, 5, 10]))
OTHER = st.one_of(
    st.tuples(st.just("ack"), WHICH),
    st.tuples(st.just("retry"), WHICH, st.sampled_from([0, 1, 10]), st.booleans()),
    st.tuples(st.just("bury"), WHICH),
    st.tuples(st.just("extend"), WHICH, st.sampled_from([5, 20])),
    st.sampled_from([("requeue_all",), ("drop_all",), ("depth",)]),
)
STEPS = st.lists(st.one_of(PUT, PUT, CLAIM, CLAIM, TICK, OTHER, OTHER), min_size=20, max_size=60)
LIMITS = st.builds(
    QueueLimits,
    limit=st.sampled_from([3, 6, 1000]),
    overflow=st.sampled_from(Overflow),
    dead_limit=st.sampled_from([2, 100]),
)


@dataclass
class History:
    """Applies steps to one queue and checks each answer against what the rules allow."""

    backend: Backend
    limits: QueueLimits
    queue: str
    number: int = 0
    claimed: list[Job] = field(default_factory=list)
    accepted: set[int] = field(default_factory=set)
    finished: set[int] = field(default_factory=set)
    refused: set[int] = field(default_factory=set)
    log: list[Any] = field(default_factory=list)

    async def step(self, name: str, *args: Any) -> None:
        self.log.append((name, await getattr(self, name)(*args)))

    async def put(self, key, unique, priority, delay_s):
        self.number += 1
        now = self.backend.clock.steady()
        new = NewJob(
            queue=self.queue,
            payload={"n": self.number},
            key=key,
            unique=unique,
            priority=priority,
            not_before=now + timedelta(seconds=delay_s) if delay_s else None,
        )
        result = await self.backend.do(lambda conn: self.backend.queue.put(conn, new, now))
        if result.outcome in {PutOutcome.ACCEPTED, PutOutcome.DEAD_LETTERED}:
            self.accepted.add(self.number)
        else:
            self.refused.add(self.number)
        if result.dropped is not None:
            self.finished.add(result.dropped["n"])
        return result.outcome, result.dropped, result.displaced

    async def claim(self, n, lease_s):
        jobs = await self.backend.queue.claim(self.queue, n, lease_s)
        now = self.backend.clock.steady()
        live = [one for one in self.claimed if one.leased_until > now and one.payload["n"] not in self.finished]
        for one in jobs:
            assert one.payload["n"] not in self.finished | self.refused
            assert one.key is None or one.key not in {other.key for other in live}, "two jobs of one key run"
            assert one.payload["n"] not in {other.payload["n"] for other in live}, "one job runs twice"
            live.append(one)
        assert [one.priority for one in jobs] == sorted((one.priority for one in jobs), reverse=True)
        assert len(jobs) <= n
        self.claimed += jobs
        return [(one.payload["n"], one.attempt, one.key) for one in jobs]

    async def _held(self, index, work):
        if not self.claimed:
            return None
        one = self.claimed[index % len(self.claimed)]
        newest = next(other for other in reversed(self.claimed) if other.payload == one.payload)
        try:
            await self.backend.do(lambda conn: work(conn, one))
        except LeaseLost:
            return "lost"
        assert newest is one, "an older lease was honoured after a takeover"
        return one

    def _let_go(self, one):
        # the lease is over, whatever its time said
        self.claimed = [other for other in self.claimed if other is not one]

    async def ack(self, index):
        one = await self._held(index, self.backend.queue.ack)
        if isinstance(one, Job):
            self.finished.add(one.payload["n"])
            self._let_go(one)
        return one == "lost"

    async def retry(self, index, after_s, counted):
        one = await self._held(
            index,
            lambda conn, one: self.backend.queue.retry(conn, one, after_s=after_s, error="x", counted=counted),
        )
        if isinstance(one, Job):
            self._let_go(one)
        return one == "lost"

    async def bury(self, index):
        one = await self._held(index, lambda conn, one: self.backend.queue.bury(conn, one, error="x", error_type="y"))
        if isinstance(one, Job):
            self._let_go(one)
        return one == "lost"

    async def extend(self, index, lease_s):
        if not self.claimed:
            return None
        position = index % len(self.claimed)
        one = self.claimed[position]
        held = await self.backend.queue.extend(one, lease_s)
        if held:
            until = self.backend.clock.steady() + timedelta(seconds=lease_s)
            self.claimed[position] = Job(
                **{**{name: getattr(one, name) for name in one.__slots__}, "leased_until": until}
            )
        return held

    async def tick(self, seconds):
        self.backend.clock.tick(seconds)

    async def requeue_all(self):
        done = await self.backend.do(lambda conn: self.backend.queue.requeue_all(conn, self.queue))
        for one in done:
            if one.result.outcome is PutOutcome.DUPLICATE:
                self.finished.add(one.letter.payload["n"])
        return [(one.letter.payload["n"], one.result.outcome) for one in done]

    async def drop_all(self):
        dead = await self.backend.do(lambda conn: self.backend.queue.dead(conn, self.queue, 1000))
        self.finished |= {letter.payload["n"] for letter in dead.items}
        return await self.backend.do(lambda conn: self.backend.queue.drop_all(conn, self.queue))

    async def depth(self):
        depth = await self.backend.queue.depth(self.queue)
        assert min(depth.pending, depth.processing, depth.delayed, depth.dead) >= 0
        assert depth.pending + depth.processing + depth.delayed <= self.limits.limit
        assert depth.dead <= self.limits.dead_limit
        if self.limits.dead_limit > 50:
            kept = depth.pending + depth.processing + depth.delayed + depth.dead
            assert kept == len(self.accepted - self.finished), "a job was lost or doubled"
        return depth.pending, depth.processing, depth.delayed, depth.dead


@pytest.mark.parametrize("name", BACKENDS)
def test_any_history_keeps_the_rules_and_equals_the_model(name, tmp_path, request):
    clock, model_clock = FakeClock(), FakeClock()
    with asyncio.Runner() as runner:
        at = runner.run(address(request, name, tmp_path))
        context = opened(name, at, clock)
        backend = runner.run(context.__aenter__())
        runs = iter(range(1_000_000))

        @settings(max_examples=50 if name in SERVED else 150, deadline=None, suppress_health_check=list(HealthCheck))
        @given(limits=LIMITS, steps=STEPS)
        def check(limits, steps):
            queue = f"queue {next(runs)}"
            tested = History(backend.limited(limits), limits, queue)
            model = History(memory(model_clock).limited(limits), limits, queue)

            async def play():
                for step in [*steps, ("depth",), ("tick", 60), ("claim", 1000, 1), ("depth",)]:
                    await tested.step(*step)
                    await model.step(*step)
                    assert tested.log == model.log

            runner.run(play())

        check()
        runner.run(context.__aexit__(None, None, None))
