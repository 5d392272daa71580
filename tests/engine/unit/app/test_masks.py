"""Privacy masks through the whole engine: what comes, is kept, is shown, and what stays in the camera's folder."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
import os
from pathlib import Path

import aiohttp
import numpy as np
import pytest

from home_sentry_engine.app.engine import Engine
from home_sentry_engine.app.mask_state import MaskState
from home_sentry_engine.app.masking import UploadMasking
from home_sentry_engine.app.masks import MaskBook
from home_sentry_engine.app.parts import make_queue, make_tables
from home_sentry_engine.contract import Component, ComponentState, Mask
from home_sentry_engine.ingest.source import CameraFolders, Stamp, source_key
from home_sentry_engine.media.frames import Frames, Rules
from home_sentry_engine.media.limits import Limits
from home_sentry_engine.media.paths import MediaPaths
from home_sentry_engine.media.picture import decode
from home_sentry_engine.media.video import Sampling, VideoReader
from home_sentry_engine.settings import load_settings
from home_sentry_engine.storage.database import Database, sqlite_url
from home_sentry_engine.storage.query import MediaQuery
from tests.fakes import pictures
from tests.fakes.clock import FakeClock

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


@asynccontextmanager
async def desk(tmp_path: Path, clock: FakeClock):
    """Rows, a camera and what burns masks into its files, without an engine around."""
    async with Database(sqlite_url(tmp_path / "masks.db"), clock) as database:
        settings = load_settings(data=tmp_path)
        tables = make_tables(settings, clock, make_queue(settings.storage, database, clock, "engine"))
        await database.write(
            lambda conn: tables.cameras.ensure(conn, camera_id="door", name="Door", folder="Door", now=clock.now())
        )
        yield database, tables


async def test_an_upload_that_cannot_be_replaced_is_told_and_replaced_later(tmp_path: Path):
    clock, heard = FakeClock(), list[Component]()
    folders = CameraFolders(tmp_path / "cameras")
    folder = tmp_path / "cameras" / "Door"
    folder.mkdir(parents=True)
    file = folder / "a.jpg"
    async with desk(tmp_path, clock) as (database, tables):
        book = MaskBook(database, tables, clock, lambda _camera: None)
        await book.set_masks("door", (Mask(name="m", points=WINDOW),))
        with ThreadPoolExecutor(1) as pool:
            frames = Frames(MediaPaths(tmp_path), Rules(limits=Limits(min_image_bytes=1)), pool, veils=book.veil_of)
            masking = UploadMasking(folders, frames, database, tables, MaskState(heard.append), clock)

            async def booked(name: str) -> None:
                key = source_key(f"Door/{name}", Stamp.of(folders.look(f"Door/{name}")))
                await database.write(lambda conn: tables.masks.expose(conn, "door", folder / name, key, clock.now()))

            file.write_bytes(pictures.jpeg())
            await booked("a.jpg")
            (folder / "b.jpg").write_bytes(pictures.jpeg(seed=2))
            await booked("b.jpg")
            # another file has come in its place: that one is not known yet and takes the usual way
            (folder / "b.jpg").write_bytes(pictures.jpeg(seed=3, quality=70))
            assert await masking.once(clock.now()) == 0
            clock.tick(61)
            folder.chmod(0o500)
            try:
                readable = os.access(folder, os.W_OK)
                if not readable:
                    await masking.once(clock.now())
                    assert heard[-1].state is ComponentState.DEGRADED
                    assert "door" in (heard[-1].reason or "")
                    assert heard[-1].fix
                    assert len(await database.read(tables.masks.exposed)) == 1
            finally:
                folder.chmod(0o700)
            assert await masking.once(clock.now()) == 1
            assert await database.read(tables.masks.exposed) == ()
    assert hidden(decode(file.read_bytes()).pixels)
    assert not hidden(decode((folder / "b.jpg").read_bytes()).pixels)
    assert all(one.state is ComponentState.HEALTHY for one in heard[-1:])
    assert sorted(one.name for one in folder.iterdir()) == ["a.jpg", "b.jpg"]


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
