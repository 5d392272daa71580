"""Privacy masks through the whole engine: what comes, is kept, is shown, and what stays in the camera's folder."""

import asyncio
import os
from pathlib import Path
import threading

import aiohttp
import numpy as np
import pytest

from home_sentry_engine.app.engine import Engine
from home_sentry_engine.contract import ComponentState, Mask
from home_sentry_engine.ingest.source import CameraFolders
from home_sentry_engine.media.limits import Limits
from home_sentry_engine.media.picture import decode
from home_sentry_engine.media.video import Sampling, VideoReader
from home_sentry_engine.storage.query import MediaQuery
from tests.fakes import pictures
from tests.fakes.masked import masked_home

from .test_engine import running, settings_in, until

WINDOW = ((0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75))
MASK = {"name": "neighbour", "points": [list(point) for point in WINDOW], "modes": []}


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
        assert "a mask: the outline crosses itself" in await answer.text()
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


async def _is_hidden(path: Path) -> bool:
    return hidden(decode(await asyncio.to_thread(path.read_bytes)).pixels)


def _assert_others_go_first() -> None:
    """What burns masks into older files yields the processor to whoever looks at new ones."""
    niceness = {one.name: os.getpriority(os.PRIO_PROCESS, one.native_id or 0) for one in threading.enumerate()}
    usual = os.getpriority(os.PRIO_PROCESS, 0)
    assert niceness["masks_0"] > usual
    assert niceness["decode_0"] == usual


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
            await until(lambda: _is_hidden(early.media.path))
            _assert_others_go_first()
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


async def test_an_upload_that_cannot_be_replaced_is_told_and_replaced_later(tmp_path: Path):
    async with masked_home(tmp_path) as home:
        folder = home.root / "Door"
        await home.accept(pictures.jpeg(seed=9), "first.jpg")
        await home.book.set_masks("door", (Mask(name="m", points=WINDOW),))

        async def lost(_camera: str, _path: Path, _content: bytes) -> bool:
            return False

        # the process ends between the booking and the replacing
        home.replace_by(lost)
        await home.accept(pictures.jpeg(), "a.jpg")
        await home.accept(pictures.jpeg(seed=2), "b.jpg")
        # another file has come in its place: that one is not known yet and takes the usual way
        (folder / "b.jpg").write_bytes(pictures.jpeg(seed=3, quality=70))
        home.clock.tick(61)
        folder.chmod(0o500)
        try:
            if not os.access(folder, os.W_OK):
                await home.uploads.once(home.clock.steady())
                assert home.heard[-1].state is ComponentState.DEGRADED
                assert "door" in (home.heard[-1].reason or "")
                assert home.heard[-1].fix
        finally:
            folder.chmod(0o700)
        home.clock.tick(61)
        assert await home.uploads.once(home.clock.steady()) <= 1
        assert await home.database.read(home.tables.masks.exposed_cameras) == frozenset()
    assert hidden(decode((folder / "a.jpg").read_bytes()).pixels)
    assert not hidden(decode((folder / "b.jpg").read_bytes()).pixels)
    assert all(one.state is ComponentState.HEALTHY for one in home.heard[-1:])
    assert sorted(one.name for one in folder.iterdir()) == ["a.jpg", "b.jpg", "first.jpg"]


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
