"""Supervision of the child process with real processes that behave well or badly."""

import asyncio
import os

import pytest

from home_sentry_engine.domain.clock import SystemClock
from home_sentry_engine.language.errors import (
    ModelDied,
    ModelMissing,
    ModelOutOfMemory,
    ModelTimeout,
    ModelUnreachable,
)
from home_sentry_engine.language.process import ModelProcess, ProcessPolicy, ProcessState
from home_sentry_engine.resilience.backoff import Backoff
from tests.fakes import workers
from tests.fakes.patience import until

QUICK = Backoff(base_s=0.01, cap_s=0.05)


@pytest.fixture
async def start():
    started = []

    def starter(command, **policy):
        states: list[ProcessState] = []
        process = ModelProcess(
            command,
            clock=SystemClock(),
            policy=ProcessPolicy(backoff=QUICK, **policy),
            on_change=lambda state, _reason: states.append(state),
        )
        started.append(process)
        return process, states

    yield starter
    for process in started:
        await process.aclose()


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_a_call_starts_the_child_and_uses_it_again(start):
    process, states = start(workers.ECHO)
    assert process.pid is None
    assert (await process.call("count", {}, timeout_s=60))["tokens"] == 7
    pid = process.pid
    await process.call("count", {}, timeout_s=60)
    assert process.pid == pid
    assert states == [
        ProcessState.STARTING,
        ProcessState.READY,
        ProcessState.BUSY,
        ProcessState.READY,
        ProcessState.BUSY,
        ProcessState.READY,
    ]
    assert process.facts == {"window": 4096}


async def test_a_hanging_child_is_killed_at_the_deadline(start):
    process, states = start(workers.HANGS)
    await process.ready()
    pid = process.pid
    with pytest.raises(ModelTimeout, match="gave no answer within"):
        await process.call("complete", {}, timeout_s=0.3)
    assert not alive(pid)
    assert states[-1] is ProcessState.CRASHED


async def test_a_child_that_never_gets_ready_is_killed(start):
    process, _ = start(workers.HANGS_AT_START, start_timeout_s=0.3)
    with pytest.raises(ModelTimeout, match="not loaded within"):
        await process.ready()
    assert process.pid is None


async def test_a_death_in_mid_answer_is_retryable_and_a_new_child_answers(start):
    process, _ = start(workers.DIES)
    with pytest.raises(ModelDied, match="exit status 3") as died:
        await process.call("complete", {}, timeout_s=60)
    assert died.value.retryable
    await process.ready()
    assert process.restarts == 1
    assert process.state is ProcessState.READY


async def test_the_last_words_reach_the_reason(start):
    process, _ = start(workers.DIES_AT_START)
    with pytest.raises(ModelDied, match=r"exit status 4.*no such device"):
        await process.ready()


async def test_killed_while_loading_reads_as_memory(start):
    process, _ = start(workers.KILLED_AT_START)
    with pytest.raises(ModelOutOfMemory):
        await process.ready()


@pytest.mark.parametrize("command", [workers.RAMBLES, workers.FLOODS, workers.MIXES_UP])
async def test_nonsense_on_the_pipe_ends_the_child(start, command):
    process, _ = start(command)
    await process.ready()
    pid = process.pid
    with pytest.raises(ModelDied):
        await process.call("complete", {}, timeout_s=60)
    assert not alive(pid)


async def test_what_the_child_reports_keeps_its_kind(start):
    missing, states = start(workers.NO_PACKAGE)
    with pytest.raises(ModelMissing, match="no llama_cpp"):
        await missing.ready()
    assert states[-1] is ProcessState.FAILED
    full, _ = start(workers.NO_MEMORY)
    with pytest.raises(ModelOutOfMemory):
        await full.call("complete", {}, timeout_s=60)


async def test_too_many_deaths_rest_the_model(start):
    process, states = start(workers.DIES, deaths=3, window_s=3600.0)
    for _ in range(3):
        with pytest.raises(ModelDied):
            await process.call("complete", {}, timeout_s=60)
    with pytest.raises(ModelUnreachable, match="died 3 times"):
        await process.call("complete", {}, timeout_s=60)
    assert states[-1] is ProcessState.FAILED


async def test_a_child_that_died_while_idle_is_replaced(start):
    process, _ = start(workers.ECHO)
    await process.ready()
    pid = process.pid
    os.kill(pid, 9)
    await until(lambda: not alive(pid))
    assert (await process.call("count", {}, timeout_s=60))["tokens"] == 7


async def test_a_cancelled_call_ends_the_child_and_the_next_one_works(start):
    process, states = start(workers.HANGS)
    await process.ready()
    pid = process.pid
    task = asyncio.create_task(process.call("complete", {}, timeout_s=60))
    await until(lambda: states[-1] is ProcessState.BUSY)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not alive(pid)


async def test_calls_take_turns(start):
    process, _ = start(workers.ECHO)
    answers = await asyncio.gather(*(process.call("count", {}, timeout_s=60) for _ in range(20)))
    assert len({answer["id"] for answer in answers}) == 20


async def test_closing_ends_the_child(start):
    process, states = start(workers.ECHO)
    await process.ready()
    pid = process.pid
    await process.aclose()
    assert not alive(pid)
    assert states[-1] is ProcessState.STOPPED


async def test_the_child_gets_none_of_our_settings(start, monkeypatch):
    monkeypatch.setenv("HOME_SENTRY_LLM_API_KEY", "secret")
    tells = workers.program(
        workers.READY,
        'ours = [key for key in os.environ if "SENTRY" in key]',
        body='print(json.dumps({"id": request["id"], "ok": True, "env": ours}), flush=True)',
    )
    process, _ = start(tells)
    assert (await process.call("env", {}, timeout_s=60))["env"] == []
