import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import subprocess
import sys
import threading

import numpy as np
import pytest

from home_sentry_engine.vision.session import (
    AcceleratorGate,
    BudgetExceeded,
    Cancel,
    InferenceFailed,
    InferenceTimeout,
    ProviderChoice,
    Rank,
    Room,
    Runner,
    SessionFailed,
    SessionPool,
    SessionSpec,
    choose_provider,
    has_accelerator,
    open_session,
)
from tests.engine.unit.vision.graphs import contract_a
from tests.fakes.clock import FakeClock

CPU = ProviderChoice(wanted=("cpu",), reason="test")
DOG = [(16, 0.9, (0.1, 0.2, 0.5, 0.6))]


@pytest.fixture
def executor():
    with ThreadPoolExecutor(max_workers=4) as threads:
        yield threads


def feeds(count: int = 1) -> dict[str, np.ndarray]:
    return {
        "images": np.zeros((count, 3, 32, 32), np.float32),
        "orig_target_sizes": np.array([[100, 50]] * count, np.int64),
    }


class TestProviders:
    @pytest.mark.parametrize(
        ("wanted", "available", "chain"),
        [
            ("auto", ("tensorrt", "cuda", "cpu"), ("cuda", "cpu")),
            ("auto", ("openvino", "cpu"), ("openvino", "cpu")),
            ("auto", ("cpu",), ("cpu",)),
            ("auto", (), ("cpu",)),
            ("tensorrt", ("tensorrt", "cuda", "cpu"), ("tensorrt", "cuda", "cpu")),
            ("cpu", ("cuda", "cpu"), ("cpu",)),
        ],
    )
    def test_choice(self, wanted, available, chain):
        assert choose_provider(wanted, available).wanted == chain

    def test_a_machine_without_accelerator_knows_it_before_onnx_runtime_is_loaded(self):
        program = (
            "import sys\n"
            "from home_sentry_engine.vision.session import Cancel, available_providers\n"
            "cancel = Cancel()\n"
            "cancel.cancel()\n"
            "print(*available_providers(), cancel.cancelled, 'onnxruntime.capi' in sys.modules)\n"
        )
        run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        *providers, cancelled, loaded = run.stdout.split()
        assert cancelled == "True"
        assert providers[-1] == "cpu"
        assert (loaded == "True") == (len(providers) > 1)

    def test_what_is_missing_is_told(self):
        choice = choose_provider("cuda", ("cpu",))
        assert choice.wanted == ("cpu",)
        assert "cuda was asked for but is not here" in choice.reason
        assert not has_accelerator(choice.wanted)


class TestSession:
    def test_a_session_tells_its_graph_and_provider(self, tmp_path):
        session = open_session(contract_a(tmp_path / "a.onnx", DOG), choice=CPU)
        assert session.provider == "cpu"
        assert session.output_names == ("labels", "boxes", "scores")
        assert session.inputs[0].shape == (None, 3, 32, 32)
        assert session.inputs[1].dtype == "int64"
        labels, boxes, _ = session.run(feeds(3))
        assert labels.shape == (3, 1)
        assert boxes[2, 0] == pytest.approx([10, 10, 50, 30])

    def test_a_wanted_provider_that_did_not_come_is_reported(self, tmp_path):
        choice = ProviderChoice(wanted=("cuda", "cpu"), reason="cuda was asked for")
        with pytest.warns(UserWarning, match="CUDAExecutionProvider"):
            session = open_session(contract_a(tmp_path / "a.onnx", DOG), choice=choice)
        assert session.provider == "cpu"
        assert "cuda was wanted" in session.provider_reason

    @pytest.mark.parametrize("body", [b"", b"\x08\x07 no graph", b"<html>"])
    def test_a_corrupt_file_is_a_clear_error(self, tmp_path, body):
        file = tmp_path / "bad.onnx"
        file.write_bytes(body)
        with pytest.raises(SessionFailed, match=r"bad\.onnx cannot be loaded") as caught:
            open_session(file, choice=CPU)
        assert str(tmp_path) not in caught.value.reason

    def test_a_wrong_feed_is_a_typed_error(self, tmp_path):
        session = open_session(contract_a(tmp_path / "a.onnx", DOG), choice=CPU)
        with pytest.raises(InferenceFailed, match="could not compute"):
            session.run({"images": np.zeros((1, 3, 8, 8), np.float32)})

    def test_a_cancelled_call_stops(self, tmp_path):
        session = open_session(contract_a(tmp_path / "a.onnx", DOG), choice=CPU)
        cancel = Cancel()
        cancel.cancel()
        with pytest.raises(InferenceFailed):
            session.run(feeds(), cancel)


class TestGate:
    async def test_the_most_urgent_waiter_goes_first(self):
        gate = AcceleratorGate(1)
        await gate.acquire()
        order: list[str] = []

        async def one(name: str, priority: int) -> None:
            async with gate.slot(priority):
                order.append(name)

        async with asyncio.TaskGroup() as group:
            for name, priority in (("low", 0), ("low too", 0), ("urgent", 10)):
                group.create_task(one(name, priority))
            await asyncio.sleep(0)
            assert (gate.busy, gate.waiting) == (1, 3)
            gate.release()
        assert order == ["urgent", "low", "low too"]
        assert gate.busy == 0

    async def test_a_waiter_that_gave_up_costs_no_slot(self):
        gate = AcceleratorGate(1)
        await gate.acquire()
        waiting = asyncio.create_task(gate.acquire())
        await asyncio.sleep(0)
        waiting.cancel()
        gate.release()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        async with asyncio.timeout(60):
            await gate.acquire()
        assert gate.busy == 1

    async def test_a_waiter_cancelled_after_its_turn_passes_it_on(self):
        gate = AcceleratorGate(1)
        await gate.acquire()
        first, second = asyncio.create_task(gate.acquire()), asyncio.create_task(gate.acquire())
        await asyncio.sleep(0)
        gate.release()
        first.cancel()
        async with asyncio.timeout(60):
            await second
        assert gate.busy == 1

    def test_no_slots_make_no_gate(self):
        with pytest.raises(ValueError, match="at least 1 slot"):
            AcceleratorGate(0)


class TestRunner:
    async def test_a_late_call_is_transient_and_keeps_its_slot_until_it_ends(self, executor):
        gate, end = AcceleratorGate(1), threading.Event()
        runner = Runner(executor, gate, timeout_s=0.02)
        stopped: list[bool] = []

        def work(cancel: Cancel) -> None:
            end.wait(60)
            stopped.append(cancel.cancelled)

        with pytest.raises(InferenceTimeout, match="longer than"):
            await runner.run(work)
        assert gate.busy == 1
        end.set()
        async with asyncio.timeout(60):
            await gate.acquire()
        assert stopped == [True]

    async def test_a_time_out_inside_the_work_is_its_own(self, executor):
        gate = AcceleratorGate(1)

        def work(cancel: Cancel) -> None:
            raise TimeoutError("inner")

        with pytest.raises(TimeoutError, match="inner"):
            await Runner(executor, gate, timeout_s=60).run(work)
        await asyncio.sleep(0)
        assert gate.busy == 0

    async def test_no_more_calls_at_once_than_slots(self, executor):
        gate, busiest = AcceleratorGate(2), 0
        lock, running, together = threading.Lock(), [0], threading.Barrier(2)

        def work(cancel: Cancel) -> None:
            nonlocal busiest
            with lock:
                running[0] += 1
                busiest = max(busiest, running[0])
            together.wait(60)
            with lock:
                running[0] -= 1

        runner = Runner(executor, gate, timeout_s=60)
        await asyncio.gather(*(runner.run(work) for _ in range(8)))
        assert busiest == 2

    async def test_the_loop_stays_free(self, executor):
        runner, end = Runner(executor, AcceleratorGate(1), timeout_s=100), threading.Event()
        call = asyncio.create_task(runner.run(lambda cancel: end.wait(60)))
        for _ in range(5):
            await asyncio.sleep(0.005)
        end.set()
        assert await call


class FakeSession:
    def __init__(self, memory_bytes: int) -> None:
        self.memory_bytes = memory_bytes
        self.provider = "cpu"


class TestPool:
    def make(self, executor, clock, opened: list[str], *, budget: int | None = None, sizes=None):
        def opener(spec):
            opened.append(spec.key)
            return FakeSession((sizes or {}).get(spec.key, 0))

        return SessionPool(executor, clock, room=Room(budget_bytes=budget), idle_s=300, opener=opener)

    def spec(self, key: str, need: int = 10, **more) -> SessionSpec:
        return SessionSpec(key=key, path=Path(key), choice=CPU, need_bytes=need, **more)

    async def test_one_load_serves_all_who_ask_at_once(self, executor):
        opened: list[str] = []
        pool = self.make(executor, FakeClock(), opened)

        async def use():
            async with pool.lease(self.spec("a")) as session:
                await asyncio.sleep(0.01)
                return session

        sessions = await asyncio.gather(*(use() for _ in range(5)))
        assert opened == ["a"]
        assert len({id(session) for session in sessions}) == 1

    async def test_the_least_recently_used_makes_room(self, executor):
        opened: list[str] = []
        clock = FakeClock()
        pool = self.make(executor, clock, opened, budget=25)
        for key in ("a", "b", "a"):
            async with pool.lease(self.spec(key)):
                clock.tick(1)
        async with pool.lease(self.spec("c")):
            assert {entry.spec.key for entry in pool.entries} == {"a", "c"}

    async def test_a_lower_priority_goes_before_an_older_use(self, executor):
        clock = FakeClock()
        pool = self.make(executor, clock, [], budget=25)
        for key, priority in (("important", 5), ("lesser", 0)):
            async with pool.lease(self.spec(key, priority=priority)):
                clock.tick(1)
        async with pool.lease(self.spec("c")):
            assert {entry.spec.key for entry in pool.entries} == {"important", "c"}

    async def test_what_does_not_fit_is_refused_with_figures_and_not_attempted(self, executor):
        opened: list[str] = []
        pool = self.make(executor, FakeClock(), opened, budget=15_000_000)
        async with pool.lease(self.spec("a", 10_000_000)):
            with pytest.raises(BudgetExceeded, match="b needs 10 MB, free 5 MB"):
                async with pool.lease(self.spec("b", 10_000_000)):
                    pass
        assert opened == ["a"]

    async def test_what_was_measured_counts(self, executor):
        pool = self.make(executor, FakeClock(), [], budget=100, sizes={"a": 70})
        async with pool.lease(self.spec("a")):
            assert pool.bytes_used == 70

    async def test_the_need_is_what_the_first_load_took(self, executor):
        pool = self.make(executor, FakeClock(), [], budget=100_000_000, sizes={"a": 30_000_000})
        async with pool.lease(self.spec("a", 90_000_000)):
            assert pool.bytes_used == 30_000_000
        pool.clear()
        async with pool.lease(self.spec("b", 60_000_000)), pool.lease(self.spec("a", 90_000_000)):
            assert pool.bytes_used == 90_000_000

    async def test_a_measurement_below_the_size_of_the_file_is_not_believed(self, executor):
        pool = self.make(executor, FakeClock(), [], sizes={"a": 3})
        async with pool.lease(self.spec("a", 40, file_bytes=20)):
            assert pool.bytes_used == 40

    async def test_nobody_makes_room_at_the_cost_of_a_higher_rank(self, executor):
        opened: list[str] = []
        pool = self.make(executor, FakeClock(), opened, budget=25_000_000)
        async with pool.lease(self.spec("detector", 20_000_000, priority=Rank.CRITICAL)):
            pass
        with pytest.raises(BudgetExceeded, match="pet needs 10 MB, free 5 MB"):
            async with pool.lease(self.spec("pet", 10_000_000, priority=Rank.LOW)):
                pass
        async with pool.lease(self.spec("other", 10_000_000, priority=Rank.CRITICAL)):
            assert [entry.spec.key for entry in pool.entries] == ["other"]
        assert (opened, pool.loads, pool.refusals) == (
            ["detector", "other"], {"detector": 1, "other": 1}, {"pet": 1}
        )  # fmt: skip

    async def test_what_is_free_on_the_device_counts_less_the_reserve(self, executor):
        taken: list[int] = []

        def opener(spec):
            taken.append(40_000_000)
            return FakeSession(0)

        room = Room(free_bytes=lambda: 100_000_000 - sum(taken), reserve_bytes=30_000_000)
        pool = SessionPool(executor, FakeClock(), room=room, opener=opener)
        pool.on_unload(lambda key: taken.clear())
        async with pool.lease(self.spec("a", 10_000_000)):
            assert pool.bytes_used == 40_000_000
            with pytest.raises(BudgetExceeded, match="b needs 50 MB, free 30 MB"):
                async with pool.lease(self.spec("b", 50_000_000)):
                    pass
        async with pool.lease(self.spec("b", 50_000_000)):
            assert [entry.spec.key for entry in pool.entries] == ["b"]

    async def test_a_device_that_does_not_tell_sets_no_limit(self, executor):
        def opener(spec):
            return FakeSession(0)

        pool = SessionPool(executor, FakeClock(), room=Room(free_bytes=lambda: None), opener=opener)
        async with pool.lease(self.spec("a", 10**15)):
            assert pool.loads == {"a": 1}

    async def test_idle_sessions_are_unloaded_and_used_or_pinned_ones_stay(self, executor):
        clock = FakeClock()
        pool = self.make(executor, clock, [])
        async with pool.lease(self.spec("idle")), pool.lease(self.spec("pinned", pinned=True)):
            pass
        async with pool.lease(self.spec("used")):
            clock.tick(301)
            assert pool.unload_idle() == ("idle",)
            assert {entry.spec.key for entry in pool.entries} == {"pinned", "used"}

    async def test_a_failed_load_can_be_tried_again(self, executor):
        tries: list[int] = []

        def opener(spec):
            tries.append(1)
            if len(tries) == 1:
                raise SessionFailed("broken", code="session_failed")
            return FakeSession(0)

        pool = SessionPool(executor, FakeClock(), opener=opener)
        with pytest.raises(SessionFailed):
            async with pool.lease(self.spec("a")):
                pass
        async with pool.lease(self.spec("a")):
            assert len(tries) == 2
