import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
import hashlib
import json
import os
from pathlib import Path

from aiohttp import web
from aiohttp.test_utils import TestServer
import pytest

from home_sentry_engine.settings import ModelSettings
from home_sentry_engine.vision.catalog import Card, CardFile, Source, Task
from home_sentry_engine.vision.store import (
    DiskTooFull,
    DownloadFailed,
    FileState,
    HashMismatch,
    ModelMissing,
    ModelStore,
    Progress,
)
from home_sentry_engine.vision.store import download as download_module
from tests.fakes.patience import until

BODY = b"\x08\x07" + bytes(range(256)) * 4096
SHA = hashlib.sha256(BODY).hexdigest()
NAME = "small.onnx"


def card(*, sha256: str | None = SHA, size: int | None = len(BODY), host: str = "none", name: str = NAME) -> Card:
    return Card(
        id="small",
        name="Small",
        task=Task.DETECT,
        contract="yolox",
        licence="MIT",
        source=Source(host=host, repository="a/b", revision="r"),
        files=(CardFile(name=name, path=name, size_bytes=size, sha256=sha256),),
    )


def store(
    folder: Path, *, mirror: str | Path | None = None, offline: bool = False, floor: int = 0, **more
) -> ModelStore:
    return ModelStore(
        ModelSettings(
            folder=folder,
            mirror=str(mirror) if mirror else None,
            offline=offline,
            disk_floor_bytes=floor,
            download_timeout_s=5.0,
        ),
        **more,
    )


@dataclass
class Mirror:
    """A web server with files that can break off, ignore ranges, or answer nonsense."""

    files: dict[str, bytes] = field(default_factory=dict)
    break_after: list[int] = field(default_factory=list)
    # what comes after the first part is broken off only once that part has arrived there
    arriving: Path | None = None
    ignore_range: bool = False
    status: int | None = None
    ranges: list[str | None] = field(default_factory=list)
    url: str = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.ranges.append(request.headers.get("Range"))
        body = self.files.get(request.path.lstrip("/"))
        if self.status:
            return web.Response(status=self.status)
        if body is None:
            return web.Response(status=404)
        start = 0
        if not self.ignore_range and (wanted := request.headers.get("Range")):
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            if start >= len(body):
                return web.Response(status=416)
        response = web.StreamResponse(status=206 if start else 200)
        response.content_length = len(body) - start
        await response.prepare(request)
        if self.break_after:
            await response.write(body[start : start + self.break_after.pop(0)])
            if self.arriving is not None:
                await until(self._has_arrived)
            assert request.transport is not None
            request.transport.abort()
            return response
        await response.write(body[start:])
        return response

    def _has_arrived(self) -> bool:
        return self.arriving is not None and self.arriving.exists() and self.arriving.stat().st_size > 0


@asynccontextmanager
async def serving(mirror: Mirror) -> AsyncIterator[Mirror]:
    app = web.Application()
    app.router.add_get("/{name:.*}", mirror.handle)
    async with TestServer(app) as server:
        mirror.url = str(server.make_url("")).rstrip("/")
        yield mirror


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch):
    monkeypatch.setattr(download_module, "_RETRY_S", 0.01)


async def test_a_folder_mirror_is_used_in_place(tmp_path):
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    (mirror / NAME).write_bytes(BODY)
    model = await store(tmp_path / "own", mirror=mirror).fetch(card())
    assert model.main == mirror / NAME
    assert model.origin == "mirror"
    assert not (tmp_path / "own" / "small").exists()


async def test_the_own_folder_comes_before_the_mirror(tmp_path):
    for place in ("own/small", "mirror/small"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / NAME).write_bytes(BODY)
    model = await store(tmp_path / "own", mirror=tmp_path / "mirror").fetch(card())
    assert model.main == tmp_path / "own" / "small" / NAME
    assert model.origin == "local"


async def test_a_file_dropped_flat_into_the_model_folder_is_found(tmp_path):
    (tmp_path / NAME).write_bytes(BODY)
    found = await store(tmp_path).find(card())
    assert found is not None
    assert found.main == tmp_path / NAME


async def test_download_reports_progress_and_verifies(tmp_path):
    seen: list[Progress] = []
    async with serving(Mirror(files={NAME: BODY})) as mirror:
        model = await store(tmp_path, mirror=mirror.url, on_progress=seen.append).fetch(card())
    assert model.main.read_bytes() == BODY
    assert [one.done_bytes for one in seen] == sorted(one.done_bytes for one in seen)
    assert (seen[-1].done_bytes, seen[-1].total_bytes, seen[-1].model_id) == (len(BODY), len(BODY), "small")
    assert list(tmp_path.glob("**/*.part")) == []


async def test_a_broken_download_resumes_where_it_stopped(tmp_path):
    part = tmp_path / "small" / f"{NAME}.part"
    async with serving(Mirror(files={NAME: BODY}, break_after=[300_000], arriving=part)) as mirror:
        model = await store(tmp_path, mirror=mirror.url).fetch(card())
    assert model.main.read_bytes() == BODY
    assert mirror.ranges[0] is None
    resumed = mirror.ranges[1]
    assert resumed is not None
    assert resumed.startswith("bytes=")
    assert int(resumed.removeprefix("bytes=").rstrip("-")) > 0


async def test_a_server_without_ranges_starts_over(tmp_path):
    async with serving(Mirror(files={NAME: BODY}, break_after=[300_000], ignore_range=True)) as mirror:
        model = await store(tmp_path, mirror=mirror.url).fetch(card())
    assert model.main.read_bytes() == BODY


async def test_a_process_that_died_before_the_rename_finishes_without_a_second_download(tmp_path):
    (tmp_path / "small").mkdir()
    (tmp_path / "small" / f"{NAME}.part").write_bytes(BODY)
    async with serving(Mirror(files={NAME: BODY})) as mirror:
        model = await store(tmp_path, mirror=mirror.url).fetch(card())
    assert model.main.read_bytes() == BODY
    assert mirror.ranges == [f"bytes={len(BODY)}-"]


async def test_wrong_bytes_are_deleted_and_named(tmp_path):
    async with serving(Mirror(files={NAME: BODY[:-1] + b"!"})) as mirror:
        with pytest.raises(HashMismatch, match=r"small\.onnx from 127\.0\.0\.1 has sha256 .*expected.*deleted"):
            await store(tmp_path, mirror=mirror.url).fetch(card())
    assert list(tmp_path.glob("**/small.onnx*")) == []


async def test_too_many_bytes_are_refused_without_a_hash(tmp_path):
    async with serving(Mirror(files={NAME: BODY + b"more"})) as mirror:
        with pytest.raises(HashMismatch, match="longer than"):
            await store(tmp_path, mirror=mirror.url).fetch(card(sha256=None))
    assert list(tmp_path.glob("**/small.onnx*")) == []


async def test_too_few_bytes_stay_for_a_resume(tmp_path):
    async with serving(Mirror(files={NAME: BODY[:1000]})) as mirror:
        with pytest.raises(DownloadFailed, match="stopped after 1000"):
            await store(tmp_path, mirror=mirror.url).fetch(card())
    assert (tmp_path / "small" / f"{NAME}.part").stat().st_size == 1000


@pytest.mark.parametrize(
    ("name", "body"), [(NAME, b"<!DOCTYPE html>"), (NAME, b'{"error": 1}'), ("x.gguf", b"\x08\x07abc"), (NAME, b"")]
)
async def test_what_is_no_model_is_never_pinned(tmp_path, name, body):
    async with serving(Mirror(files={name: body})) as mirror:
        with pytest.raises(HashMismatch, match="no model file"):
            await store(tmp_path, mirror=mirror.url).fetch(card(sha256=None, size=None, name=name))
    assert not (tmp_path / "models.lock.json").exists()


async def test_an_unknown_hash_is_pinned_at_first_sight(tmp_path):
    unknown = card(sha256=None, size=None)
    async with serving(Mirror(files={NAME: BODY})) as mirror:
        await store(tmp_path, mirror=mirror.url).fetch(unknown)
    assert json.loads((tmp_path / "models.lock.json").read_text())["pins"][NAME]["sha256"] == SHA
    (tmp_path / "small" / NAME).write_bytes(BODY[:-1] + b"!")
    with pytest.raises(HashMismatch, match="it was deleted"):
        await store(tmp_path, offline=True).fetch(unknown)
    assert not (tmp_path / "small" / NAME).exists()


async def test_a_damaged_own_file_is_replaced_from_the_mirror(tmp_path):
    (tmp_path / "small").mkdir()
    (tmp_path / "small" / NAME).write_bytes(b"\x08damaged")
    async with serving(Mirror(files={NAME: BODY})) as mirror:
        model = await store(tmp_path, mirror=mirror.url).fetch(card())
    assert model.main.read_bytes() == BODY


async def test_a_wrong_file_in_a_folder_mirror_is_not_used_and_not_deleted(tmp_path):
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    (mirror / NAME).write_bytes(b"\x08other")
    with pytest.raises(HashMismatch, match="mirror's copy is not used"):
        await store(tmp_path / "own", mirror=mirror, offline=True).fetch(card())
    assert (mirror / NAME).read_bytes() == b"\x08other"


async def test_a_change_of_the_file_is_noticed_at_the_next_start(tmp_path):
    (tmp_path / "small").mkdir()
    file = tmp_path / "small" / NAME
    file.write_bytes(BODY)
    await store(tmp_path).fetch(card())
    file.write_bytes(BODY[:-1] + b"!")
    os.utime(file, (1, 1))
    with pytest.raises(HashMismatch):
        await store(tmp_path).find(card())


async def test_a_known_file_is_not_read_again(tmp_path, monkeypatch):
    (tmp_path / NAME).write_bytes(BODY)
    await store(tmp_path).fetch(card())

    def forbidden(path):
        raise AssertionError(f"{path} was read again")

    monkeypatch.setattr("home_sentry_engine.vision.store.ledger.digest_of", forbidden)
    assert (await store(tmp_path).fetch(card())).main == tmp_path / NAME


async def test_offline_forbids_the_source_but_not_the_mirror(tmp_path):
    with pytest.raises(ModelMissing, match="offline mode forbids"):
        await store(tmp_path, offline=True).fetch(card(host="huggingface"))
    async with serving(Mirror(files={NAME: BODY})) as mirror:
        model = await store(tmp_path, mirror=mirror.url, offline=True).fetch(card(host="huggingface"))
    assert model.origin == "mirror"


async def test_missing_everywhere_says_what_helps(tmp_path):
    async with serving(Mirror()) as mirror:
        with pytest.raises(ModelMissing, match=r"has no small\.onnx \(404\).*put small\.onnx into the model folder"):
            await store(tmp_path, mirror=mirror.url).fetch(card())


async def test_a_server_in_trouble_is_a_failed_download(tmp_path):
    async with serving(Mirror(status=503)) as mirror:
        with pytest.raises(DownloadFailed, match="answered 503"):
            await store(tmp_path, mirror=mirror.url).fetch(card())
    assert len(mirror.ranges) == 6


async def test_the_disk_floor_is_kept(tmp_path):
    async with serving(Mirror(files={NAME: BODY})) as mirror:
        with pytest.raises(DiskTooFull, match="stay free"):
            await store(tmp_path, mirror=mirror.url, floor=1 << 60).fetch(card())
    assert not (tmp_path / "small" / NAME).exists()


async def test_two_fetches_at_once_download_once(tmp_path):
    async with serving(Mirror(files={NAME: BODY})) as mirror:
        models = store(tmp_path, mirror=mirror.url)
        one, two = await asyncio.gather(models.fetch(card()), models.fetch(card()))
    assert one.main == two.main
    assert len(mirror.ranges) == 1


async def test_a_second_process_does_not_write_into_the_same_download(tmp_path):
    part = tmp_path / "small" / f"{NAME}.part"
    with download_module._exclusive(part):
        async with serving(Mirror(files={NAME: BODY})) as mirror:
            with pytest.raises(DownloadFailed, match="another process"):
                await store(tmp_path, mirror=mirror.url).fetch(card())


async def test_verify_reads_again_and_tells_states(tmp_path):
    (tmp_path / "small").mkdir()
    file = tmp_path / "small" / NAME
    models = store(tmp_path)
    assert [one.state for one in await models.verify(card())] == [FileState.MISSING]
    file.write_bytes(BODY)
    assert [one.state for one in await models.verify(card())] == [FileState.VERIFIED]
    stamp = file.stat().st_mtime_ns
    file.write_bytes(BODY[:-1] + b"!")
    os.utime(file, ns=(stamp, stamp))
    (report,) = await models.verify(card())
    assert (report.state, report.expected) == (FileState.CORRUPT, SHA)
    assert file.exists()


async def test_listing_tells_where_a_model_is(tmp_path):
    models = store(tmp_path, offline=True)
    assert [one.place for one in await models.listing([card()])] == ["none"]
    (tmp_path / NAME).write_bytes(BODY)
    (listed,) = await models.listing([card()])
    assert (listed.place, listed.size_bytes) == ("local", len(BODY))
    assert [one.place for one in await store(tmp_path / "x").listing([card(host="github")])] == ["source"]


async def test_remove_frees_our_copy_and_leaves_the_mirror(tmp_path):
    (tmp_path / "mirror").mkdir()
    (tmp_path / "own" / "small").mkdir(parents=True)
    for place in (tmp_path / "mirror" / NAME, tmp_path / "own" / "small" / NAME):
        place.write_bytes(BODY)
    models = store(tmp_path / "own", mirror=tmp_path / "mirror")
    await models.fetch(card())
    assert await models.remove(card()) == len(BODY)
    assert (await models.fetch(card())).main == tmp_path / "mirror" / NAME


async def test_a_broken_lock_file_costs_its_memory_only(tmp_path):
    (tmp_path / "models.lock.json").write_text("{")
    (tmp_path / NAME).write_bytes(BODY)
    assert (await store(tmp_path).fetch(card())).main == tmp_path / NAME


async def test_a_card_without_files_has_nothing_to_fetch(tmp_path):
    empty = Card(
        id="none",
        name="None",
        task=Task.DETECT,
        contract="opencv",
        licence="MIT",
        source=Source(host="package", repository="x", revision="1"),
        files=(),
    )
    with pytest.raises(ModelMissing, match="has no files"):
        await store(tmp_path).fetch(empty)
