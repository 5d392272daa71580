"""The comparison of pictures and the search of vectors, each against its limit in the same run."""

import pytest

from home_sentry_engine.operations.bench.identity import bench_graph, bench_identity
from home_sentry_engine.operations.bench.similarity import bench_similarity


def test_similarity_is_right_and_several_times_as_fast_as_the_reference():
    found = bench_similarity(rounds=12)
    assert found.largest_error <= 1e-4
    assert found.ratio >= 5
    assert found.document()["bench"] == "similarity"
    assert len(found.rows()) == 5


def test_the_exact_search_is_right():
    found = bench_identity(rounds=1)
    assert [one.vectors for one in found.counts] == [10_000, 100_000]
    assert all(one.right for one in found.counts)
    assert found.document()["bench"] == "identity"
    assert len(found.rows()) == 4


@pytest.mark.full
def test_the_exact_search_is_hardly_slower_than_the_product():
    # the limit is for a quiet machine: where others compute beside it both sides jump
    found = bench_identity(rounds=12)
    assert min(one.ratio for one in found.counts) <= found.limit


def test_the_graph_beyond_the_limit_finds_the_right_ones():
    found = bench_graph(3000)
    assert found is not None
    assert found.recall >= 0.99
    assert found.build_s > 0
