"""F9 and F10: a language model that talks rubbish, hangs, trickles, crashes or answers too late.

The whole pipeline runs over a real database, and the model is a real server or a real child process.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
import json
import random
import time

from aiohttp import web
import pytest

from home_sentry_engine.contract import AnalysisReason, AnalysisState, Event, EventUpdated, decode_server, encode
from home_sentry_engine.domain.clock import SystemClock
from home_sentry_engine.language.assessor import LanguageAssessor
from home_sentry_engine.language.backends.http import JsonClient
from home_sentry_engine.language.backends.llama_process import LlamaCppProcess
from home_sentry_engine.language.backends.openai import OpenAICompatible
from home_sentry_engine.language.process import ModelProcess
from home_sentry_engine.settings import LanguageSettings
from tests.engine.faults.invariants import check_invariants, sha256
from tests.fakes import workers
from tests.fakes.clock import FakeClock
from tests.fakes.garbage import garbage, serving
from tests.fakes.household import household
from tests.fakes.language import answer

CAMERAS = 20
DEADLINE_S, PATIENT_S = 2.0, 60.0
COUNTED = 'print(json.dumps({"id": request["id"], "ok": True, "tokens": 7}), flush=True)'


@asynccontextmanager
async def remote(url: str, clock, **limits) -> AsyncIterator[LanguageAssessor]:
    client = JsonClient(url, api_key=None, connect_timeout_s=PATIENT_S)
    backend = OpenAICompatible(client, model="m", window_tokens=16_384, prefix="/v1")
    made = LanguageAssessor(backend, settings=LanguageSettings(**limits), clock=clock)
    try:
        yield made
    finally:
        await made.aclose()


async def visit(home, number: int, *, cameras: int = 1) -> list[Event]:
    """Let a person come and go at each camera; gives what became of that."""
    home.media_root.mkdir(exist_ok=True)
    for camera in range(cameras):
        body = f"picture {number} of {camera}".encode()
        media_id = await home.deliver(("person", 0.9), camera=f"cam{camera}", sha256=sha256(body))
        (home.media_root / f"{media_id}.jpg").write_bytes(body)
    await home.pass_time(130, step=65)
    return (await home.events())[-cameras:]


def limit_s(reason: AnalysisReason) -> float:
    """Give the deadline for a fault: only who never answers needs one that ends soon."""
    return DEADLINE_S if reason is AnalysisReason.TIMEOUT else PATIENT_S


def be_patient(mind: LanguageAssessor) -> None:
    """Give a model that answers all the time that it needs on a machine in a hurry."""
    mind.asking._settings = replace(mind.asking._settings, timeout_s=PATIENT_S)


def whole(event: Event) -> bool:
    """Tell whether an event reads back from the wire as it is, with a score that is one."""
    said = decode_server(encode(EventUpdated(seq=1, event=event)))
    return said == EventUpdated(seq=1, event=event) and 0 <= event.risk_score <= 100


@pytest.mark.timeout(600)
async def test_f09_rubbish_is_never_taken_for_a_verdict(tmp_path, rounds):
    cases = rounds(150, 2000)
    dice, clock = random.Random(9), FakeClock()
    sent = 0

    def reply(_request: web.Request) -> web.Response:
        nonlocal sent
        sent += 1
        body, status = garbage(dice)
        return web.Response(body=body, status=status, content_type="application/json")

    outcomes: Counter[str] = Counter()
    async with serving(reply) as url, remote(url, clock) as mind, household(tmp_path, clock=clock, mind=mind) as home:
        home.media_root = tmp_path / "media"
        number = 0
        while sent < cases:
            for event in await visit(home, number, cameras=CAMERAS):
                assert whole(event)
                if event.analysis_state is AnalysisState.LLM:
                    outcomes["a verdict after all"] += 1
                else:
                    assert event.analysis_state is AnalysisState.RULES
                    assert event.analysis_detail
                    outcomes[str(event.analysis_reason)] += 1
            number += 1
        page = await home.database.read(lambda conn: home.tables.queue.dead(conn, None))
        assert page.items == ()
    account = check_invariants(tmp_path, file="home.db")
    assert account.stored == account.accepted == number * CAMERAS
    # a few wrong types are lists that may be cut to a valid length, nothing more
    assert outcomes["a verdict after all"] <= outcomes.total() // 20
    print(f"  {sent} useless answers, 0 exceptions, {account.events} whole events: {dict(outcomes)}")


async def _stall(_request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(3600)
    return web.Response()


async def _trickle(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(1000):
        await response.write(b" ")
        await asyncio.sleep(0.05)
    return response


async def _late(_request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(DEADLINE_S + 0.4)
    return _good(_request)


async def _hang_up(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


def _good(_request: web.Request) -> web.Response:
    choice = {"message": {"content": answer(risk_score=77)}, "finish_reason": "stop"}
    return web.json_response({"choices": [choice]})


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (_stall, AnalysisReason.TIMEOUT),
        (_trickle, AnalysisReason.TIMEOUT),
        (_late, AnalysisReason.TIMEOUT),
        (_hang_up, AnalysisReason.UNREACHABLE),
    ],
)
async def test_f10_a_server_that_does_not_answer_in_time_is_cut_and_the_next_visit_is_judged(tmp_path, fault, reason):
    handlers = iter([fault, _good])
    clock = FakeClock()

    def reply(request: web.Request) -> object:
        return next(handlers)(request)

    async with (
        serving(reply) as url,
        remote(url, SystemClock(), timeout_s=limit_s(reason), tries=1) as mind,
        household(tmp_path, clock=clock, mind=mind) as home,
    ):
        home.media_root = tmp_path / "media"
        began = time.monotonic()
        (cut,) = await visit(home, 1)
        took_s = time.monotonic() - began
        assert (cut.analysis_state, cut.analysis_reason) == (AnalysisState.RULES, reason)
        be_patient(mind)
        # what comes later is for nobody: the event stays as it is
        await asyncio.sleep(0.6 if fault is _late else 0)
        (judged,) = await visit(home, 2)
        assert (judged.analysis_state, judged.llm_score) == (AnalysisState.LLM, 77)
        again = {event.event_id: event for event in await home.events()}
        assert again[cut.event_id] == cut
    account = check_invariants(tmp_path, file="home.db")
    assert (account.stored, account.events) == (2, 2)
    if reason is AnalysisReason.TIMEOUT:
        assert took_s >= DEADLINE_S * 0.9
    print(f"  {fault.__name__}: {took_s:.2f} s of {DEADLINE_S} s, {reason}; the next visit was judged")


HANG, DIE, RAMBLE = "time.sleep(3600)", "os.kill(os.getpid(), signal.SIGKILL)", 'print("no json", flush=True)'
GOOD = json.dumps(
    {"ok": True, "text": answer(risk_score=77), "truncated": False, "prompt_tokens": 1, "answer_tokens": 1}
)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [(HANG, AnalysisReason.TIMEOUT), (DIE, AnalysisReason.UNREACHABLE), (RAMBLE, AnalysisReason.UNREACHABLE)],
)
async def test_f10_a_child_process_that_hangs_or_dies_is_replaced(tmp_path, fault, reason):
    mark = tmp_path / "failed"
    good = f'print(json.dumps(json.loads({GOOD!r}) | {{"id": request["id"]}}), flush=True)'
    failing = f'(open({str(mark)!r}, "w"), {fault})'
    body = f'{COUNTED} if request["op"] == "count" else {good} if os.path.exists({str(mark)!r}) else {failing}'
    process = ModelProcess(workers.program(workers.READY.replace("4096", "16384"), body=body), clock=SystemClock())
    settings = LanguageSettings(timeout_s=limit_s(reason), tries=1)
    mind = LanguageAssessor(LlamaCppProcess(process, model_id="child"), settings=settings, clock=SystemClock())
    try:
        async with household(tmp_path, mind=mind) as home:
            home.media_root = tmp_path / "media"
            (cut,) = await visit(home, 1)
            first = process.pid
            be_patient(mind)
            (judged,) = await visit(home, 2)
            assert (cut.analysis_state, cut.analysis_reason) == (AnalysisState.RULES, reason)
            assert (judged.analysis_state, judged.llm_score) == (AnalysisState.LLM, 77)
            assert process.restarts == 1
            assert first is None
    finally:
        await mind.aclose()
    account = check_invariants(tmp_path, file="home.db")
    assert (account.stored, account.events) == (2, 2)
    print(f"  {fault}: {reason}; replaced, and the next visit was judged")
