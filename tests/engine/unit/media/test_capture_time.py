from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from home_sentry_engine.domain.files import CaptureTime, Provenance, TimeSource
from home_sentry_engine.media.capture_time import capture_time, time_in_name

SEEN = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
TAKEN = datetime(2026, 11, 20, 8, 15, 30)  # noqa: DTZ001 - a camera's local time


@pytest.mark.parametrize(
    "name",
    [
        "Schedule_20261120-081530.jpg",
        "MDAlarm_20261120-081530.jpg",
        "MDalarm_20261120_081530.mkv",
        "snap_20261120081530.jpg",
        "Front Door_00_20261120081530.jpg",
        "192.168.1.64_01_20261120081530123_MOTION_DETECTION.jpg",
        "2026-11-20_08-15-30.png",
        "2026-11-20T08:15:30.jpg",
        "2026-11-20 08.15.30.jpg",
        "alarm_20261120-081530-0.jpg",
    ],
)
def test_time_in_the_name(name):
    assert time_in_name(name) == TAKEN


@pytest.mark.parametrize(
    "name", ["a.jpg", "20269920-081530.jpg", "2026112008153.jpg", "IMG_0001.jpg", "", "1763626530.jpg"]
)
def test_names_without_a_time(name):
    assert time_in_name(name) is None


def test_order_of_the_sources():
    modified = SEEN - timedelta(minutes=5)
    exif = TAKEN - timedelta(hours=1)
    named = Provenance(seen_at=SEEN, name="snap_20261120-081530.jpg", modified_at=modified)
    assert capture_time(named, exif=exif).source is TimeSource.EXIF
    assert capture_time(named, exif=exif).at == exif.replace(tzinfo=UTC)
    assert capture_time(named).source is TimeSource.NAME
    plain = Provenance(seen_at=SEEN, name="snap.jpg", modified_at=modified)
    assert (capture_time(plain).source, capture_time(plain).at) == (TimeSource.MODIFIED, modified)
    bare = capture_time(Provenance(seen_at=SEEN))
    assert (bare.source, bare.at) == (TimeSource.ARRIVAL, SEEN)


def test_local_times_are_read_in_the_home_zone():
    named = Provenance(seen_at=SEEN, name="snap_20261120-081530.jpg")
    assert capture_time(named, zone=ZoneInfo("Europe/Berlin")).at == datetime(2026, 11, 20, 7, 15, 30, tzinfo=UTC)
    exif = TAKEN.replace(tzinfo=timezone(timedelta(hours=-5)))
    assert capture_time(named, exif=exif).at == datetime(2026, 11, 20, 13, 15, 30, tzinfo=UTC)


@pytest.mark.parametrize("year", [1970, 2000, 2031, 9999, 1])
def test_clock_that_is_not_set_is_passed_over(year):
    exif = datetime(year, 1, 1, 0, 0)  # noqa: DTZ001
    named = Provenance(seen_at=SEEN, name="snap_20261120-081530.jpg")
    assert capture_time(named, exif=exif, zone=ZoneInfo("Asia/Tokyo")).source is TimeSource.NAME


def test_a_camera_clock_years_behind_does_not_send_todays_visit_into_the_past():
    seen = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    stuck = datetime(2013, 4, 13, 15, 0, tzinfo=UTC)
    fresh = Provenance(seen_at=seen, modified_at=seen - timedelta(seconds=2))
    assert capture_time(fresh, exif=stuck).source is TimeSource.MODIFIED
    archived = Provenance(seen_at=seen, modified_at=stuck + timedelta(minutes=3))
    assert capture_time(archived, exif=stuck) == CaptureTime(at=stuck, source=TimeSource.EXIF)
    late = seen - timedelta(hours=7)
    assert capture_time(fresh, exif=late) == CaptureTime(at=late, source=TimeSource.EXIF)
