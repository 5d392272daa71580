"""Privacy masks through the whole engine: what comes, is kept, is shown, and what stays in the camera's folder."""

from pathlib import Path

import aiohttp
import numpy as np
import pytest

from home_sentry_engine.app.engine import Engine
from home_sentry_engine.app.masks import Replacing
from home_sentry_engine.contract import Component, ComponentState
from home_sentry_engine.ingest.source import CameraFolders
from home_sentry_engine.media.limits import Limits
from home_sentry_engine.media.picture import decode
from home_sentry_engine.media.video import Sampling, VideoReader
from home_sentry_engine.storage.query import MediaQuery
from tests.fakes import pictures

from .test_engine import running, settings_in, until

MASK = {"name": "neighbour", "points": [[0.25, 0.25], [0.75, 0.25], [0.75, 0.75], [0.25, 0.75]]}


def hidden(pixels: np.ndarray, tolerance: int = 0) -> bool:
    rows, columns = pixels.shape[:2]
    inside = pixels[-(-rows // 4) : rows * 3 // 4, -(-columns // 4) : columns * 3 // 4]
    return int(inside.max()) <= tolerance and int(pixels.max()) > 100


async def _media(engine: Engine, count: int):
    async def stored():
        page = await engine.database.read(lambda conn: engine.tables.media.page(conn, MediaQuery()))
        done = [one for one in page.items if one.state != "queued"]
        return done if len(done) == count else None

    return await until(stored)


async def _set_masks(session: aiohttp.ClientSession, media_id: str) -> None:
    async with session.put("/api/v1/cameras/nobody/masks", json={"masks": [MASK]}) as answer:
        assert answer.status == 404
    crossed = {"points": [[0.0, 0.0], [1.0, 1.0], [1.0, 0.0], [0.0, 1.0]]}
    async with session.put("/api/v1/cameras/door/masks", json={"masks": [crossed]}) as answer:
        assert answer.status == 422
    assert not hidden(await _shown(session, f"media/{media_id}/picture.jpg"))
    async with session.put("/api/v1/cameras/door/masks", json={"masks": [MASK]}) as answer:
        assert answer.status == 200
        assert (await answer.json())["masks"] == [MASK]
    async with session.get("/api/v1/audit") as answer:
        assert "masks.replace" in {one["action"] for one in (await answer.json())["items"]}
    # what was stored before is not shown without the mask either, nor kept by the API
    assert hidden(await _shown(session, f"media/{media_id}/picture.jpg"))


async def _shown(session: aiohttp.ClientSession, place: str) -> np.ndarray:
    async with session.get(f"/api/v1/{place}") as answer:
        assert answer.status == 200
        return decode(await answer.read()).pixels


def _assert_hidden_in_the_folder(folder: Path) -> None:
    assert hidden(decode((folder / "late.jpg").read_bytes()).pixels)
    with (folder / "clip.mp4").open("rb") as file:
        (frame, *_) = VideoReader(Limits()).frames(file, Sampling())
    assert int(frame.pixels[60:180, 80:240].max()) <= 3


async def _assert_known_again(engine: Engine, headers: dict[str, str], media_id: str) -> None:
    async with aiohttp.ClientSession(engine.url, headers=headers) as session:
        async with session.get("/api/v1/cameras/door/masks") as answer:
            assert (await answer.json())["masks"] == [MASK]
        assert hidden(await _shown(session, f"media/{media_id}/picture.jpg"))

    async def repeated():
        account = await engine.database.read(engine.tables.media.accounting)
        return account if account.duplicate == 2 else None

    assert (await until(repeated)).accepted == 4


async def test_masks_from_the_api_to_every_picture(tmp_path, model_mirror):
    async with running(settings_in(tmp_path, model_mirror)) as engine:
        headers = {"Authorization": f"Bearer {(tmp_path / 'token').read_text().strip()}"}
        folder = tmp_path / "cameras" / "Door"
        folder.mkdir(parents=True)
        (folder / "early.jpg").write_bytes(pictures.jpeg(seed=1))
        (early,) = await _media(engine, 1)
        async with aiohttp.ClientSession(engine.url, headers=headers) as session:
            await _set_masks(session, early.media.media_id)
            (folder / "late.jpg").write_bytes(pictures.jpeg(seed=2))
            clip = pictures.clip(tmp_path / "clip.mp4", seconds=5)
            (folder / "clip.mp4").write_bytes(clip.read_bytes())
            await _media(engine, 3)
            async with session.post(
                "/api/v1/cameras/door/frames", data=pictures.jpeg(seed=3), headers={"Content-Type": "image/jpeg"}
            ) as answer:
                assert answer.status in {200, 202}
            found = await _media(engine, 4)
            assert hidden(await _shown(session, "cameras/door/latest.jpg"))
        _assert_hidden_in_the_folder(folder)
        stills = [one.media.path for one in found if one.media.path.suffix == ".jpg" and one.media != early.media]
        assert len(stills) == 2
        assert all(hidden(decode(path.read_bytes()).pixels) for path in stills)
        account = await engine.database.read(engine.tables.media.accounting)
        assert (account.accepted, account.rejected) == (4, 0)
    # a new start takes the masked uploads for what they are
    async with running(settings_in(tmp_path, model_mirror)) as engine:
        await _assert_known_again(engine, headers, early.media.media_id)


def test_an_upload_that_cannot_be_replaced_is_told(tmp_path: Path):
    folder = tmp_path / "Door"
    folder.mkdir()
    file = folder / "a.jpg"
    heard: list[Component] = []
    replacing = Replacing(CameraFolders(tmp_path), heard.append)
    assert not replacing("door", file, b"masked")
    assert [one.state for one in heard] == [ComponentState.DEGRADED]
    assert "door" in (heard[-1].reason or "")
    assert heard[-1].fix
    file.write_bytes(b"open")
    assert replacing("door", file, b"masked")
    assert file.read_bytes() == b"masked"
    assert [one.state for one in heard][1:] == [ComponentState.HEALTHY]
    assert sorted(one.name for one in folder.iterdir()) == ["a.jpg"]


def test_no_link_leads_the_replacement_elsewhere(tmp_path: Path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a.jpg").write_bytes(b"mine")
    root = tmp_path / "root"
    root.mkdir()
    (root / "Door").symlink_to(outside)
    with pytest.raises(OSError, match="directory"):
        CameraFolders(root).replace(root / "Door" / "a.jpg", b"masked")
    assert (outside / "a.jpg").read_bytes() == b"mine"
