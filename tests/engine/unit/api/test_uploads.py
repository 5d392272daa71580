"""Files that come over HTTP."""

import asyncio
import io
from typing import cast

import aiohttp
from aiohttp import web
from PIL import Image
import pytest

from home_sentry_engine.api.bodies import BodyReader
from home_sentry_engine.contract import Look, Problem, Uploaded, decode
from home_sentry_engine.contract.errors import DeadlineExceeded, ServiceUnavailable
from home_sentry_engine.domain.errors import Rejected, RejectReason, Unavailable
from home_sentry_engine.domain.filetypes import FileType
from home_sentry_engine.settings import ApiSettings
from tests.fakes.api import FakeEngine, serving, speaking
from tests.fakes.records import jpeg

FRAMES = "/api/v1/cameras/front_door/frames"
MP4 = b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2" + b"\0" * 64


def png() -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(stream, "PNG")
    return stream.getvalue()


async def send(client, data, path=FRAMES, **headers) -> tuple[int, bytes]:
    async with client.post(path, data=data, headers={k.replace("_", "-"): v for k, v in headers.items()}) as response:
        body = await response.read()
        if response.status >= 400:
            assert decode(Problem, body).status == response.status
        return response.status, body


async def test_a_raw_picture_is_accepted_once(engine, client):
    status, body = await send(client, jpeg(), Content_Type="image/jpeg")
    uploaded = decode(Uploaded, body)
    assert (status, uploaded.camera_id, uploaded.kind) == (202, "front_door", "image")
    status, body = await send(client, jpeg())
    assert status == 409
    assert decode(Problem, body).details == {"media_id": uploaded.media_id}
    assert [upload.data for upload in engine.uploads] == [jpeg()]


async def test_a_form_is_accepted_with_fields_around_the_file(engine, client):
    form = aiohttp.FormData()
    form.add_field("comment", "taken by hand")
    form.add_field("file", jpeg(), filename="../../etc/passwd", content_type="image/jpeg")
    status, _ = await send(client, form)
    assert status == 202
    assert engine.uploads[0].data == jpeg()


@pytest.mark.parametrize(("data", "file_type"), [(jpeg(), FileType.JPEG), (png(), FileType.PNG), (MP4, FileType.MOV)])
async def test_the_type_comes_from_the_bytes(engine, client, data, file_type):
    assert (await send(client, data, Content_Type="application/octet-stream"))[0] == 202
    assert engine.uploads[0].file_type is file_type


async def test_the_capture_time_travels_along(engine, client):
    status, _ = await send(client, jpeg(), path=f"{FRAMES}?captured_at=2026-11-20T08:00:00Z")
    assert status == 202
    assert engine.uploads[0].captured_at is not None
    assert engine.uploads[0].captured_at.hour == 8


@pytest.mark.parametrize(
    ("data", "headers", "status"),
    [
        (b"", {}, 400),
        (b"<html>not a picture</html>", {}, 415),
        (b"<html>not a picture</html>", {"Content_Type": "image/jpeg"}, 415),
        (jpeg(), {"Content_Type": "image/png"}, 415),
        (jpeg(), {"Content_Type": "text/html"}, 415),
        (jpeg(), {"Content_Encoding": "gzip"}, 415),
        (b"GIF89a" + b"\0" * 100, {}, 415),
        (b"#EXTM3U\n/etc/passwd", {"Content_Type": "video/mp4"}, 415),
        (b"\xff\xd8\xff" + b"\0" * 50, {}, 422),
        (b"x", {"Content_Type": "multipart/form-data"}, 400),
        (b"x", {"Content_Type": "multipart/form-data; boundary=abc"}, 400),
        (b"--abc\r\n\r\n--abc--", {"Content_Type": "multipart/form-data; boundary=abc"}, 400),
        (b"--abc\r\n" * 50, {"Content_Type": "multipart/form-data; boundary=abc"}, 400),
        (b"x", {"Content_Type": "multipart/mixed; boundary=" + "b" * 200}, 400),
    ],
)
async def test_what_is_no_picture_is_refused(engine, client, data, headers, status):
    assert (await send(client, data, **headers))[0] == status
    assert engine.uploads == []


async def test_one_file_at_a_time_and_no_forms_within_forms(engine, client):
    form = aiohttp.FormData()
    form.add_field("a", jpeg(), filename="a.jpg", content_type="image/jpeg")
    form.add_field("b", jpeg(colour="red"), filename="b.jpg", content_type="image/jpeg")
    assert (await send(client, form))[0] == 400
    with aiohttp.MultipartWriter("form-data", boundary="outer") as outer:
        outer.append(aiohttp.MultipartWriter("mixed", boundary="inner"))
    assert (await send(client, outer))[0] == 400
    many = aiohttp.FormData(default_to_multipart=True)
    for number in range(20):
        many.add_field(f"f{number}", "x")
    assert (await send(client, many))[0] == 400
    assert engine.uploads == []


async def test_an_unknown_camera_is_404(client):
    assert (await send(client, jpeg(), path="/api/v1/cameras/back_yard/frames"))[0] == 404


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        (RejectReason.TOO_LARGE, 413),
        (RejectReason.TOO_MANY_PIXELS, 413),
        (RejectReason.NOT_MEDIA, 415),
        (RejectReason.FORBIDDEN_FORMAT, 415),
        (RejectReason.TRUNCATED, 422),
        (RejectReason.CORRUPT, 422),
    ],
)
async def test_a_refusal_of_intake_keeps_its_reason(engine, client, reason, status):
    engine.failure = Rejected(reason, "seen with own eyes")
    got, body = await send(client, jpeg())
    assert got == status
    problem = decode(Problem, body)
    assert (problem.detail, problem.details) == ("seen with own eyes", {"reason": reason.value})


@pytest.fixture
async def small():
    """A server that takes 100,000 bytes at most."""
    engine = FakeEngine()
    settings = ApiSettings(port=0, max_upload_bytes=100_000)
    async with serving(engine, settings=settings) as server, speaking(server) as session:
        yield session


async def test_a_declared_or_streamed_excess_is_413(small):
    head = jpeg()
    assert (await send(small, head + b"\0" * (100_000 - len(head)), Content_Type="image/jpeg"))[0] == 202
    assert (await send(small, head + b"\0" * 300_000))[0] == 413

    async def stream():
        yield head
        for _ in range(20):
            yield b"\0" * 10_000

    assert (await send(small, stream()))[0] == 413
    form = aiohttp.FormData()
    form.add_field("file", head + b"\0" * 150_000, filename="a.jpg", content_type="image/jpeg")
    assert (await send(small, form))[0] == 413


async def test_a_look_stores_nothing(engine, client):
    status, body = await send(client, jpeg(), path="/api/v1/analyze")
    assert status == 200
    look = decode(Look, body)
    assert [seen.label for seen in look.objects] == ["person"]
    assert engine.uploads == []
    engine.failure = Unavailable("no detector is loaded", code="model_missing")
    status, body = await send(client, jpeg(), path="/api/v1/analyze")
    assert status == 503
    assert decode(Problem, body).details == {"reason": "model_missing"}


async def test_a_body_that_never_ends_ends_at_its_deadline_and_frees_its_place(server, monkeypatch):
    reader = BodyReader(max_json_bytes=100, max_file_bytes=100, files_at_once=1)
    reader._file_timeout_s = 600
    reader._slot_timeout_s = 0.05

    class Never:
        def __init__(self):
            self.headers = {}
            self.content_type = "image/jpeg"
            self.content_length = None
            self.content = self

        async def readany(self):
            await asyncio.Event().wait()

    never = cast("web.BaseRequest", Never())
    first = asyncio.create_task(reader.file(never))
    await asyncio.sleep(0)
    with pytest.raises(ServiceUnavailable):
        await reader.file(never)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    reader._file_timeout_s = 0.05
    for _ in range(2):
        with pytest.raises(DeadlineExceeded):
            await reader.file(never)
    reader._file_timeout_s = 600
    # pictures of a batch are files too
    batch = asyncio.create_task(reader.pictures(never, most=16, max_bytes=100))
    await asyncio.sleep(0)
    with pytest.raises(ServiceUnavailable):
        await reader.pictures(never, most=16, max_bytes=100)
    batch.cancel()
    with pytest.raises(asyncio.CancelledError):
        await batch
    reader._file_timeout_s = 0.05
    with pytest.raises(DeadlineExceeded):
        await reader.pictures(never, most=16, max_bytes=100)
