"""Exports over a real database: made in the background, after a restart too, within bounds, gone after a week."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
import json
import zipfile

import pytest

from home_sentry_engine.api.summary_ports import ExportWish
from home_sentry_engine.app.evidence import noted
from home_sentry_engine.app.exports import MOST_OPEN, ExportDesk, ExportLimits, ExportMeans
from home_sentry_engine.app.housekeeping import Housekeeping
from home_sentry_engine.contract import ExportFilters, ExportKind, ExportState, RiskLevel
from home_sentry_engine.contract.errors import Conflict, NotFound
from home_sentry_engine.domain.errors import Permanent, Unavailable
from home_sentry_engine.operations.disk import DiskFull, DiskGuard, DiskLimits
from home_sentry_engine.operations.evidence import check_chain, check_pack
from tests.fakes.household import household

MIB = 1024 * 1024
_OPEN = {ExportState.QUEUED, ExportState.RUNNING}


class FakeGallery:
    def __init__(self) -> None:
        self.fails = False

    async def original(self, media, *, offset_s=None):
        if self.fails:
            raise Permanent("the file is gone", code="file_gone")
        return b"\xff\xd8" + media.media_id.encode()

    async def stored(self, media, *, offset_s=None):
        return await self.original(media, offset_s=offset_s) + b" as it is stored"


class FakeShared:
    def __init__(self) -> None:
        self.away = False
        self.persons: list[int] = []

    async def check(self) -> None:
        if self.away:
            raise Unavailable("the model that finds faces is away", code="no_face_model")

    async def picture(self, media, offset_s, persons):
        await self.check()
        self.persons.append(len(persons))
        return b"\xff\xd8blurred"


class Office:
    """A household with an export desk."""

    def __init__(self, home, folder) -> None:
        self.home, self.folder = home, folder
        self.gallery, self.shared, self.free = FakeGallery(), FakeShared(), 10_000 * MIB
        self.guard = DiskGuard(folder, DiskLimits.above(MIB), lambda _: self.free)
        self.limits = ExportLimits()
        self._numbers = iter(range(1000))
        self._threads = ThreadPoolExecutor(1)
        self.restart()

    def restart(self, node: str = "node") -> None:
        means = ExportMeans(
            folder=self.folder / "exports",
            node=node,
            gallery=self.gallery,
            shared=self.shared,
            guard=self.guard,
            free=lambda: self.free,
            executor=self._threads,
            limits=self.limits,
        )
        home = self.home
        self.desk = ExportDesk(home.database, home.tables, home.clock, lambda: f"x{next(self._numbers)}", means)

    async def make(self, kind=ExportKind.CSV, *, share=False, **filters):
        export = await self.desk.create(ExportWish(kind=kind, filters=ExportFilters(**filters), share=share))
        await self.work()
        return await self.desk.get(export.id)

    async def work(self) -> None:
        task = asyncio.create_task(self.desk.run())
        async with asyncio.timeout(60):
            while any(one.state in _OPEN for one in await self.desk.all()):  # noqa: ASYNC110 rows of a database
                await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    def close(self) -> None:
        self._threads.shutdown()


@asynccontextmanager
async def open_office(folder):
    async with household(folder) as home:
        office = Office(home, folder)
        try:
            yield office
        finally:
            office.close()


@pytest.fixture
async def office(tmp_path):
    async with open_office(tmp_path) as office:
        for camera in ("door", "gate"):
            await office.home.deliver(("person", 0.9), ("car", 0.8), camera=camera)
            await office.home.work()
        yield office


async def text_of(office, export) -> str:
    return (await office.desk.file(export.id)).path.read_text(encoding="utf-8-sig")


async def test_a_table_holds_the_events_that_fit(office):
    export = await office.make()
    assert (export.state, export.events, export.reason) == (ExportState.READY, 2, None)
    text = await text_of(office, export)
    assert len(text.splitlines()) == 3
    assert "person 0.90" in text
    assert export.size_bytes == (await office.desk.file(export.id)).path.stat().st_size
    only = await office.make(camera_id="gate")
    assert only.events == 1
    assert (await office.make(level=RiskLevel.CRITICAL)).events == 0


async def test_a_zip_holds_pictures_and_says_which_are_gone(office):
    export = await office.make(ExportKind.ZIP)
    assert (export.state, export.pictures) == (ExportState.READY, 2)
    with zipfile.ZipFile((await office.desk.file(export.id)).path) as archive:
        names = [name for name in archive.namelist() if name.startswith("pictures/")]
        assert len(names) == 2
        assert json.loads(archive.read("about.json"))["pictures_that_are_gone"] == []
    office.gallery.fails = True
    without = await office.make(ExportKind.ZIP)
    assert (without.state, without.pictures) == (ExportState.READY, 0)
    with zipfile.ZipFile((await office.desk.file(without.id)).path) as archive:
        assert len(json.loads(archive.read("about.json"))["pictures_that_are_gone"]) == 2


async def test_pictures_for_others_are_blurred_or_there_are_none(office):
    export = await office.make(ExportKind.ZIP, share=True)
    assert office.shared.persons == [1, 1]
    with zipfile.ZipFile((await office.desk.file(export.id)).path) as archive:
        names = [name for name in archive.namelist() if name.startswith("pictures/")]
        assert {archive.read(name) for name in names} == {b"\xff\xd8blurred"}
    office.shared.away = True
    with pytest.raises(Unavailable, match="finds faces is away"):
        await office.desk.create(ExportWish(kind=ExportKind.ZIP, filters=ExportFilters(), share=True))
    assert (await office.make(ExportKind.CSV, share=True)).state is ExportState.READY


async def test_a_face_model_that_goes_away_meanwhile_fails_the_export(office):
    export = await office.desk.create(ExportWish(kind=ExportKind.ZIP, filters=ExportFilters(), share=True))
    office.shared.away = True
    await office.work()
    failed = await office.desk.get(export.id)
    assert (failed.state, failed.reason) == (ExportState.FAILED, "the model that finds faces is away")
    assert list((office.folder / "exports").iterdir()) == []
    with pytest.raises(Conflict):
        await office.desk.file(export.id)


async def test_what_was_interrupted_is_made_after_a_restart(tmp_path):
    async with open_office(tmp_path) as office:
        await office.home.deliver(("person", 0.9))
        await office.home.work()
        export = await office.desk.create(ExportWish(kind=ExportKind.JSON, filters=ExportFilters()))
        running = replace(export, state=ExportState.RUNNING)
        await office.home.database.write(lambda conn: office.home.tables.exports.save(conn, running))
        half = tmp_path / "exports" / export.id
        half.mkdir(parents=True)
        (half / "events.json").write_text('{"events": [')
        (tmp_path / "exports" / "nobodys").mkdir()
    async with open_office(tmp_path) as office:
        await office.work()
        made = await office.desk.get(export.id)
        assert made.state is ExportState.READY
        assert len(json.loads(await text_of(office, made))["events"]) == 1
        assert [one.name for one in (tmp_path / "exports").iterdir()] == [export.id]


async def test_bounds_are_kept(office):
    office.limits = ExportLimits(events=1)
    office.restart()
    assert "more than 1 events" in (await office.make()).reason
    office.limits = ExportLimits(size_bytes=10)
    office.restart()
    assert "larger than" in (await office.make()).reason
    office.limits = ExportLimits()
    office.restart()
    office.free = 20 * MIB
    assert "too little room" in (await office.make()).reason
    office.free = 0
    office.guard.check()
    with pytest.raises(DiskFull):
        await office.desk.create(ExportWish(kind=ExportKind.CSV, filters=ExportFilters()))


async def test_evidence_is_chained_and_any_change_is_found(office):
    first, second = await office.make(ExportKind.EVIDENCE), await office.make(ExportKind.EVIDENCE, camera_id="gate")
    assert (first.state, first.pictures, second.events) == (ExportState.READY, 2, 1)
    paths = [(await office.desk.file(one.id)).path for one in (first, second)]
    with zipfile.ZipFile(paths[0]) as archive:
        names = archive.namelist()
        assert {name.split("/")[0] for name in names} == {
            "SHA256SUMS", "chain.json", "report.html", "shared", "stills", "timeline.json",
        }  # fmt: skip
        assert any(archive.read(name).endswith(b"as it is stored") for name in names)
        report = archive.read("report.html").decode()
        assert "<img alt='' src='shared/" in report
        assert "src='stills/" not in report
    known = await office.home.database.read(noted)
    packs = [check_pack(path) for path in paths]
    assert [pack.faults for pack in packs] == [(), ()]
    assert check_chain(packs, known) == ()
    assert [known[number]["sha256"] for number in (1, 2)] == [first.sha256, second.sha256]
    office.shared.away = True
    with pytest.raises(Unavailable):
        await office.desk.create(ExportWish(kind=ExportKind.EVIDENCE, filters=ExportFilters()))


async def test_only_so_many_wait(office):
    for _ in range(MOST_OPEN):
        await office.desk.create(ExportWish(kind=ExportKind.CSV, filters=ExportFilters()))
    with pytest.raises(Conflict, match="wait"):
        await office.desk.create(ExportWish(kind=ExportKind.CSV, filters=ExportFilters()))
    with pytest.raises(NotFound):
        await office.desk.create(ExportWish(kind=ExportKind.CSV, filters=ExportFilters(property_id="moon")))


async def test_an_export_goes_after_a_week_with_its_file_or_when_somebody_wants_it(office):
    export, other = await office.make(), await office.make()
    assert await office.desk.remove(other.id)
    assert not await office.desk.remove(other.id)
    assert [one.name for one in (office.folder / "exports").iterdir()] == [export.id]
    office.home.clock.tick(timedelta(days=7).total_seconds() - 60)
    assert await office.desk.get(export.id) is not None
    office.home.clock.tick(120)
    assert await office.desk.get(export.id) is None
    assert await office.desk.all() == ()
    with pytest.raises(NotFound):
        await office.desk.file(export.id)
    home = office.home
    await Housekeeping(home.store, home.database, home.tables, home.settings, home.clock).tidy()
    await office.make()
    assert export.id not in {one.name for one in (office.folder / "exports").iterdir()}


async def test_another_engine_says_who_has_the_file(office):
    export = await office.make()
    office.folder = office.folder / "elsewhere"
    office.restart("other")
    with pytest.raises(Conflict, match="another engine"):
        await office.desk.file(export.id)
