import pytest

from home_sentry_engine.operations.bench.intake import NoPictures, bench_intake
from tests.fakes import pictures


async def test_one_read_and_one_decode_against_the_naive_chain(tmp_path):
    (tmp_path / "a.jpg").write_bytes(pictures.photographs(1, 1280, 720)[0])
    result = await bench_intake(pictures=[tmp_path / "a.jpg"], rounds=12, crowd=40)
    # of processor time, in the best of the rounds; the limit itself is for a quiet machine
    assert result.best_ratio < 2 * result.limit
    assert result.crowd_missed == 0
    document = result.document()
    assert document["bench"] == "intake"
    assert document["passed"] is result.passed
    assert set(result.engine_steps_ms) == {"read and hash", "strict decode", "own copy", "tensor", "thumbnail"}
    assert result.masks_ms > 0
    assert any("missed" in what for what, _, _ in result.rows())


async def test_nothing_to_measure(tmp_path):
    (tmp_path / "a.jpg").write_text("no picture")
    with pytest.raises(NoPictures):
        await bench_intake(pictures=[tmp_path / "a.jpg"])
