import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
import json
from pathlib import Path

import pytest

from home_sentry_engine.contract import MediaKind
from home_sentry_engine.domain.errors import Rejected, RejectReason
from home_sentry_engine.domain.messages import Arrival
from home_sentry_engine.ingest.intake import Accepted, CopyFailed, Duplicate, Refused, Unfinished
from home_sentry_engine.telemetry.logs import JsonFormatter
from home_sentry_engine.telemetry.redaction import Redactor
from tests.fakes import pictures
from tests.fakes.intake import BookKeeper, intake
from tests.fakes.patience import until

AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture
def books():
    return BookKeeper()


@pytest.fixture
def door(tmp_path, books):
    (tmp_path / "root" / "yard").mkdir(parents=True)
    with ThreadPoolExecutor(2) as pool:
        yield intake(tmp_path / "root", tmp_path / "data", books, pool)


def _file(tmp_path, name: str, data: bytes, kind: MediaKind = MediaKind.IMAGE) -> Arrival:
    path: Path = tmp_path / "root" / "yard" / name
    path.write_bytes(data)
    return Arrival(camera_id="yard", camera_name="yard", kind=kind, seen_at=AT, path=path, source_key=f"key-{name}")


def _upload(data: bytes, kind: MediaKind) -> Arrival:
    return Arrival(
        camera_id="front_door",
        camera_name="Front Door",
        kind=kind,
        seen_at=AT,
        data=data,
        captured_at=AT,
        origin="upload",
    )


def _copies(tmp_path) -> list[Path]:
    return [path for path in (tmp_path / "data").rglob("*") if path.is_file()]


async def test_accepted_still_has_a_copy_and_all_facts(tmp_path, door, books):
    outcome = await door.take(_file(tmp_path, "snap_20261120-081530.jpg", pictures.jpeg()))
    assert isinstance(outcome, Accepted)
    media = outcome.media
    assert [media] == books.accepted
    assert (media.width, media.height, media.kind) == (640, 480, MediaKind.IMAGE)
    assert media.captured_at == datetime(2026, 11, 20, 8, 15, 30, tzinfo=UTC)
    assert media.received_at == AT
    assert media.size_bytes == len(pictures.jpeg())
    assert _copies(tmp_path) == [media.path]


async def test_upload_is_taken_from_memory(tmp_path, door, books):
    outcome = await door.take(_upload(pictures.jpeg(), MediaKind.IMAGE))
    assert isinstance(outcome, Accepted)
    assert (outcome.media.camera_id, outcome.media.captured_at) == ("front_door", AT)
    assert outcome.media.path.read_bytes() == pictures.jpeg()
    assert (outcome.media.mime, outcome.media.codec) == ("image/jpeg", None)


async def test_uploaded_video_gets_a_copy(tmp_path, door):
    data = pictures.clip(tmp_path / "a.mp4", seconds=2).read_bytes()
    outcome = await door.take(_upload(data, MediaKind.VIDEO))
    assert isinstance(outcome, Accepted)
    assert outcome.media.path.suffix == ".mp4"
    assert outcome.media.path.read_bytes() == data
    assert outcome.media.duration_s == pytest.approx(2.0, abs=0.2)
    assert (outcome.media.mime, outcome.media.codec) == ("video/mp4", "mpeg4")


async def test_duplicate_leaves_no_copy(tmp_path, door, books):
    await door.take(_file(tmp_path, "a.jpg", pictures.jpeg()))
    assert isinstance(await door.take(_file(tmp_path, "b.jpg", pictures.jpeg())), Duplicate)
    assert len(_copies(tmp_path)) == 1


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", RejectReason.EMPTY),
        (pictures.jpeg(16, 16, quality=5)[:-2] + bytes(10), RejectReason.TRUNCATED),
        (pictures.damaged(pictures.jpeg(), "truncated"), RejectReason.TRUNCATED),
        (b"<html>" * 999, RejectReason.NOT_MEDIA),
    ],
)
async def test_refused_files_are_booked_with_their_reason(tmp_path, door, books, data, reason):
    arrival = _file(tmp_path, "a.jpg", data)
    with pytest.raises(Unfinished):
        await door.take(arrival, final=False)
    assert books.rejected == []
    outcome = await door.take(arrival)
    assert isinstance(outcome, Refused)
    assert books.reasons() == [reason.value] == [outcome.rejected.reason.value]
    assert (books.rejected[0][2] is None) == (data == b"")
    assert str(tmp_path) not in outcome.rejected.detail
    assert _copies(tmp_path) == []


async def test_the_log_names_a_refused_file_and_says_why(tmp_path, door, caplog):
    caplog.set_level("INFO", "home_sentry_engine.ingest.intake")
    await door.take(_file(tmp_path, "a\nb.jpg", b""))
    await door.take(_upload(b"no picture", MediaKind.IMAGE))
    formatter = JsonFormatter(Redactor())
    lines = [json.loads(formatter.format(record)) for record in caplog.records]
    told = [(line.get("file"), line["camera_id"], line["origin"], line["reason"]) for line in lines]
    assert told == [("a\ufffdb.jpg", "yard", "folder", "empty"), (None, "front_door", "upload", "not_media")]


async def test_hopeless_content_is_refused_at_the_first_look(tmp_path, door, books):
    bomb = pictures.with_stated_size(pictures.jpeg(), 60_000, 60_000)
    assert isinstance(await door.take(_file(tmp_path, "a.jpg", bomb), final=False), Refused)
    assert books.reasons() == ["too_many_pixels"]


async def test_refused_camera_leaves_no_copy(tmp_path, door, books):
    books.fault = Rejected(RejectReason.CAMERA_REFUSED, "ignored by its owner")
    with pytest.raises(Rejected):
        await door.take(_file(tmp_path, "a.jpg", pictures.jpeg()))
    assert _copies(tmp_path) == []


async def test_trouble_of_the_store_leaves_nothing_and_may_be_repeated(tmp_path, door, books):
    arrival = _file(tmp_path, "a.jpg", pictures.jpeg())
    books.fault = ConnectionError("away")
    with pytest.raises(ConnectionError):
        await door.take(arrival)
    assert _copies(tmp_path) == []
    books.fault = None
    assert isinstance(await door.take(arrival), Accepted)


async def test_copy_stays_where_the_answer_is_unknown(tmp_path, door, books):
    books.fault = TimeoutError("no answer")
    with pytest.raises(TimeoutError):
        await door.take(_file(tmp_path, "a.jpg", pictures.jpeg()))
    assert len(_copies(tmp_path)) == 1


async def test_full_disk_is_not_a_vanished_file(tmp_path, door, monkeypatch):
    def full(*_):
        raise FileNotFoundError(2, "the data folder is gone")

    monkeypatch.setattr("home_sentry_engine.app.copies.write_atomic", full)
    with pytest.raises(CopyFailed):
        await door.take(_file(tmp_path, "a.jpg", pictures.jpeg()))


async def test_no_more_than_twenty_at_once(tmp_path, door, books):
    books.delay_s = 0.02
    arrivals = [_file(tmp_path, f"{seed}.jpg", pictures.jpeg(64, 48, seed)) for seed in range(60)]
    outcomes = await asyncio.gather(*(door.take(arrival) for arrival in arrivals))
    assert all(isinstance(outcome, Accepted) for outcome in outcomes)
    assert books.most_at_once <= 20


async def test_a_picture_of_a_quiet_camera_passes_by_those_of_one_that_floods(tmp_path, door, books):
    flood = [_file(tmp_path, f"{seed}.jpg", pictures.jpeg(640, 480, seed)) for seed in range(60)]
    async with asyncio.TaskGroup() as group:
        for arrival in flood:
            group.create_task(door.take(arrival))
        await until(lambda: len(books.accepted) >= 5)
        before = len(books.accepted)
        await door.take(_upload(pictures.jpeg(640, 480, 1000), MediaKind.IMAGE))
        # those that were being looked at or booked already come first
        assert len(books.accepted) - before <= 12
    assert len(books.accepted) == 61
    assert [media.camera_id for media in books.accepted].count("yard") == 60
