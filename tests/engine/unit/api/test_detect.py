"""The detector for other programs: forms, base64, limits."""

from base64 import b64encode
from io import BytesIO

import aiohttp
import pytest

from tests.fakes import pictures

JPEG = pictures.jpeg(320, 240)


def form(*files, name="files"):
    data = aiohttp.FormData()
    for number, file in enumerate(files):
        data.add_field(name, file, filename=f"{number}.jpg", content_type="image/jpeg")
    return data


@pytest.mark.parametrize(
    "given",
    [
        lambda: {"data": form(JPEG, name="file")},
        lambda: {"json": {"image": b64encode(JPEG).decode()}},
        lambda: {"json": {"image": "data:image/jpeg;base64," + b64encode(JPEG).decode()}},
        lambda: {"data": JPEG, "headers": {"Content-Type": "image/jpeg"}},
    ],
)
async def test_one_picture(client, given):
    async with client.post("/detect", **given()) as response:
        assert response.status == 200
        found = await response.json()
    assert found["detections"] == [
        {"class": "person", "confidence": 0.9, "bbox": {"x": 1, "y": 2, "width": 3, "height": 4}}
    ]
    assert (found["inference_time_ms"], found["image_width"], found["image_height"]) == (1.5, 64, 48)


async def test_several_pictures(client):
    encoded = b64encode(JPEG).decode()
    for given in ({"data": form(JPEG, JPEG, JPEG)}, {"json": {"images": [encoded] * 3}}):
        async with client.post("/detect/batch", **given) as response:
            assert response.status == 200
            assert len((await response.json())["results"]) == 3
    for path, given in (
        ("/detect/batch", {"data": form(*[JPEG] * 17)}),
        ("/detect/batch", {"json": {"images": []}}),
        ("/detect", {"data": form(JPEG, JPEG)}),
        ("/detect", {"json": {"image": "no base64!"}}),
        ("/detect", {"json": {"picture": encoded}}),
        ("/detect", {"json": [encoded]}),
        ("/detect", {"data": b"{", "headers": {"Content-Type": "application/json"}}),
    ):
        async with client.post(path, **given) as response:
            assert response.status == 400, (path, await response.text())


async def test_what_is_no_picture_or_too_large(client, tmp_path):
    clip = pictures.clip(tmp_path / "a.mp4", seconds=1).read_bytes()
    for data, status in ((b"<html>", 415), (clip, 415), (JPEG + bytes(11 * 1024 * 1024), 413)):
        async with client.post("/detect", data=form(BytesIO(data), name="file")) as response:
            assert response.status == status


async def test_an_engine_that_asks_for_each_of_its_pictures_is_not_held_up(client):
    answers = []
    for _ in range(60):
        async with client.post("/detect", data=JPEG, headers={"Content-Type": "image/jpeg"}) as response:
            answers.append(response.status)
    assert answers == [200] * 60
