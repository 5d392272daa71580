import asyncio
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
import pytest

from home_sentry_engine.ingest.turns import Gate, Turns
from tests.fakes.patience import turns as let_run


def _filled(*names: str) -> Turns[str]:
    turns = Turns[str]()
    for name in names:
        turns.append(name.partition("/")[0], name)
    return turns


def _all(turns: Turns[str]) -> list[str]:
    found = []
    while turns:
        found.append(turns.popleft())
    return found


def test_a_camera_that_floods_does_not_keep_the_others_waiting():
    turns = _filled(*(f"yard/{number}" for number in range(100)), "door/a", "door/b", "garden/c")
    assert _all(turns)[:7] == ["yard/0", "door/a", "garden/c", "yard/1", "door/b", "yard/2", "yard/3"]


def test_who_has_just_come_goes_before_those_that_wait_for_their_next_turn():
    turns = _filled("yard/1", "yard/2", "garden/1", "garden/2")
    assert [turns.popleft(), turns.popleft()] == ["yard/1", "garden/1"]
    assert not turns.fresh
    assert "door" not in turns
    turns.append("door", "door/1")
    turns.append("yard", "yard/3")
    assert turns.fresh
    assert "yard" in turns
    assert _all(turns) == ["door/1", "yard/2", "garden/2", "yard/3"]


def test_nothing_waits():
    turns = Turns[str]()
    assert not turns
    with pytest.raises(IndexError):
        turns.popleft()


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.booleans()), max_size=60))
def test_everything_comes_out_once_and_in_order_by_camera_and_nobody_waits_for_the_backlog_of_another(steps):
    turns, waiting, put, got = Turns[str](), Counter[str](), [], []
    passed = Counter[tuple[str, str]]()
    behind: set[str] = set()
    for number, (camera, takes) in enumerate(steps):
        if takes and turns:
            name = turns.popleft()
            got.append(name)
            waiting[name[0]] -= 1
            for other in waiting:
                if other != name[0] and waiting[other] and name in behind:
                    passed[other, name[0]] += 1
                    assert passed[other, name[0]] <= 1
            passed = Counter({pair: count for pair, count in passed.items() if pair[0] != name[0]})
        else:
            thing = f"{camera}/{number}"
            if waiting[camera]:
                behind.add(thing)
            turns.append(camera, thing)
            put.append(thing)
            waiting[camera] += 1
    got += _all(turns)
    assert Counter(got) == Counter(put)
    for camera in "abcd":
        assert [name for name in got if name[0] == camera] == [name for name in put if name[0] == camera]


async def test_a_gate_lets_so_many_in_and_the_others_in_turn():
    gate, order = Gate(2), list[str]()
    doors = {name: asyncio.Event() for name in ("yard 0", "yard 1", "yard 2", "yard 3", "door 0")}

    async def enter(name: str) -> None:
        async with gate.entered(name.partition(" ")[0]):
            order.append(name)
            await doors[name].wait()

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(enter(name)) for name in doors]
        await let_run()
        assert order == ["yard 0", "yard 1"]
        doors["yard 0"].set()
        await let_run()
        doors["yard 2"].set()
        await let_run()
        assert order == ["yard 0", "yard 1", "yard 2", "door 0"]
        for door in doors.values():
            door.set()
    assert order[-1] == "yard 3"
    assert all(task.done() for task in tasks)


async def test_who_gives_up_at_the_gate_leaves_the_place_to_others():
    gate = Gate(1)
    async with gate.entered("yard"):
        first = asyncio.create_task(gate._enter("door"))
        second = asyncio.create_task(gate._enter("yard"))
        await let_run()
        first.cancel()
    await second
    third = asyncio.create_task(gate._enter("yard"))
    await let_run()
    gate._leave()
    third.cancel()
    await asyncio.wait([third])
    async with asyncio.timeout(60), gate.entered("door"):
        pass
