"""Vectors beyond the limit: a graph beside the exact ones, kept in a file, and without the library."""

import builtins
import threading

import numpy as np
import pytest

from home_sentry_engine.context import graph_index
from home_sentry_engine.context.graph_index import GrowingIndex
from home_sentry_engine.context.index import ExactIndex

DIMENSION = 64


def looks(count: int, *, seed: int = 0) -> np.ndarray:
    """Vectors in clusters of about twenty, as looks at the same subjects are."""
    random = np.random.default_rng(seed)
    subjects = random.standard_normal((count // 20 + 1, DIMENSION))
    return (np.repeat(subjects, 20, axis=0)[:count] + 0.4 * random.standard_normal((count, DIMENSION))).astype(
        np.float32
    )


def grown(rows: np.ndarray, **options) -> GrowingIndex:
    index = GrowingIndex(DIMENSION, limit=500, **options)
    for start in range(0, len(rows), 250):
        index.add(range(start, min(start + 250, len(rows))), rows[start : start + 250])
    assert index.wait(60)
    return index


def recall(index: GrowingIndex, rows: np.ndarray, ids: list[int], *, queries: int = 100) -> float:
    exact = ExactIndex(DIMENSION)
    exact.add(ids, rows[ids])
    asked = rows[ids[:: max(1, len(ids) // queries)]] + 0.05
    hits = sum(len({h.id for h in index.top(q, 10)} & {h.id for h in exact.top(q, 10)}) for q in asked)
    return hits / (10 * len(asked))


def test_up_to_the_limit_there_is_no_graph():
    index = GrowingIndex(DIMENSION, limit=500)
    index.add(range(500), looks(500))
    assert not index.by_graph
    assert not index.wait(0)


def test_beyond_the_limit_the_right_ones_are_found_with_exact_similarities():
    rows = looks(4000)
    index = grown(rows)
    assert index.by_graph
    assert recall(index, rows, list(range(4000))) >= 0.99
    exact = ExactIndex(DIMENSION)
    exact.add(range(4000), rows)
    (best, *_), (same, *_) = index.top(rows[7], 3), exact.top(rows[7], 3)
    assert best.id == same.id
    assert best.similarity == pytest.approx(same.similarity, abs=1e-6)


def test_what_is_removed_or_replaced_is_so_in_the_graph_too():
    rows = looks(2000)
    index = grown(rows)
    assert index.remove([3, 4, 99_999]) == 2
    index.add([5], -rows[5])
    found = {hit.id for hit in index.top(rows[3], 20)}
    assert not found & {3, 4, 5}
    assert index.top(-rows[5], 1)[0].id == 5
    assert len(index) == 1998
    assert recall(index, np.where(np.arange(2000)[:, None] == 5, -rows, rows), [n for n in range(2000) if n > 4]) > 0.98


def test_work_goes_on_while_the_graph_is_built():
    rows = looks(3000)
    index = GrowingIndex(DIMENSION, limit=500)
    index.add(range(2000), rows[:2000])
    index.add(range(2000, 3000), rows[2000:])
    index.remove(range(100))
    assert index.top(rows[2500], 1)[0].id == 2500
    assert index.wait(60)
    assert recall(index, rows, list(range(100, 3000))) >= 0.99
    assert not {hit.id for hit in index.top(rows[5], 50)} & set(range(100))


def test_a_kept_graph_is_read_and_brought_up_to_date(tmp_path):
    rows, file = looks(3000), tmp_path / "index" / "m-person.usearch"
    built = grown(rows[:2500], file=file)
    assert file.exists()
    again = GrowingIndex(DIMENSION, limit=500, file=file)
    again.add(range(200, 3000), rows[200:])
    assert again.wait(60)
    assert again.built_s is not None
    assert built.built_s is not None
    assert recall(again, rows, list(range(200, 3000))) >= 0.99
    assert not {hit.id for hit in again.top(rows[5], 50)} & set(range(200))


@pytest.mark.parametrize("damage", ["other vectors", "rubbish"])
def test_a_file_that_does_not_belong_to_the_rows_is_built_anew(tmp_path, damage):
    rows, file = looks(1000), tmp_path / "m.usearch"
    grown(looks(1000, seed=9), file=file)
    if damage == "rubbish":
        file.write_bytes(b"no index at all")
    index = grown(rows, file=file)
    assert recall(index, rows, list(range(1000))) >= 0.99


def test_without_the_library_everything_is_compared_and_that_is_said_once(monkeypatch, caplog):
    real = builtins.__import__

    def missing(name, *args, **kwargs):
        if name.startswith("usearch"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", missing)
    rows = looks(2000)
    index = GrowingIndex(DIMENSION, limit=500)
    for start in range(0, 2000, 500):
        index.add(range(start, start + 500), rows[start : start + 500])
    assert not index.wait(1)
    assert recall(index, rows, list(range(2000))) == 1.0
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        "More than 500 looks are compared one by one: usearch is not installed"
    ]


def test_a_search_never_waits_for_the_build(monkeypatch):
    rows, go_on = looks(3000), threading.Event()
    real = graph_index._Graph.add

    def held_up(self, ids, rows):
        go_on.wait(60)
        real(self, ids, rows)

    monkeypatch.setattr(graph_index._Graph, "add", held_up)
    index = GrowingIndex(DIMENSION, limit=500)
    index.add(range(2500), rows[:2500])
    for number in range(5):
        assert index.top(rows[number], 10)[0].id == number
    index.add(range(2500, 3000), rows[2500:])
    assert index.remove([0]) == 1
    assert not index.by_graph
    go_on.set()
    assert index.wait(100)
    assert index.built_s is not None
    assert index.top(rows[2999], 1)[0].id == 2999
