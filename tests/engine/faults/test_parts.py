"""Parts of a real engine that a person restarts, switches off and on, or whose model is broken (F22): work waits."""

import pytest

from home_sentry_engine.vision.catalog import load_catalogue
from tests.engine.faults.invariants import check_invariants
from tests.engine.faults.programs import QUICK, deliver, engine

PARTS = "/api/v1/system/components"


def _state(status, part: str) -> str:
    return next(one["state"] for one in status["components"] if one["id"] == part)


@pytest.mark.timeout(900)
def test_what_is_switched_off_stays_off_over_a_restart_and_files_wait_for_it(tmp_path, model_mirror, stock):
    first, second = stock(5), stock(5, first=5)
    with engine(tmp_path / "data", model_mirror) as served:
        served.start()
        for number, picture in enumerate(first):
            deliver(served.cameras / "yard", f"{number}.jpg", picture)
        served.drained(5)
        assert served.get("/ready") == "ready"
        part = served.get(f"{PARTS}/detect_workers/disable", method="POST")
        assert part["enabled"] is False
        served.stop()
        served.start()
        for number, picture in enumerate(second, start=5):
            deliver(served.cameras / "yard", f"{number}.jpg", picture)
        status = served.until(lambda status: status["accounting"]["accepted"] == 10)
        assert (_state(status, "detect_workers"), status["mode"]) == ("disabled", "minimal")
        assert "detection" in status["missing"]
        assert status["accounting"]["queued"] == 5
        served.get(f"{PARTS}/detect_workers/enable", method="POST")
        served.drained(10)
        served.get(f"{PARTS}/detector/restart", method="POST")
        status = served.until(lambda status: _state(status, "detector") == "healthy")
        assert served.get(f"{PARTS}/detector")["restarts"] == 1
        assert served.get(f"{PARTS}/api/disable", method="POST")["code"] == "conflict"
        deeds = [(one["action"], one["target"], one["outcome"]) for one in served.get("/api/v1/audit")["items"]]
        assert deeds == [
            ("component.disable", "api", "conflict"),
            ("component.restart", "detector", "done"),
            ("component.enable", "detect_workers", "done"),
            ("component.disable", "detect_workers", "done"),
        ]
        served.stop()
    account = check_invariants(served.data)
    assert account.stored == 10


@pytest.mark.timeout(900)
def test_f22_pictures_wait_for_a_detector_whose_file_is_broken_until_it_is_whole(tmp_path, model_mirror, stock):
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    for path in model_mirror.iterdir():
        (mirror / path.name).symlink_to(path)
    (name,) = [file.name for file in load_catalogue().get(QUICK["DETECTOR"]).files]
    whole = (mirror / name).read_bytes()
    (mirror / name).unlink()
    (mirror / name).write_bytes(whole[: len(whole) // 2])
    with engine(tmp_path / "data", mirror, OFFLINE="true") as served:
        served.start()
        for number, picture in enumerate(stock(5)):
            deliver(served.cameras / "yard", f"{number}.jpg", picture)
        served.until(lambda status: status["accounting"]["accepted"] == 5)
        told = served.until(lambda status: _state(status, "detector") == "unhealthy")
        broken = next(one for one in told["components"] if one["id"] == "detector")
        assert told["accounting"]["queued"] == 5
        assert name in broken["reason"]
        assert broken["fix"]
        (mirror / name).write_bytes(whole)
        served.get(f"{PARTS}/detector/restart", method="POST")
        served.drained(5)
        served.stop()
    account = check_invariants(served.data)
    assert (account.accepted, account.stored) == (5, 5)
    print(f"  5 pictures waited while {broken['reason']}; all stored with the whole file")
