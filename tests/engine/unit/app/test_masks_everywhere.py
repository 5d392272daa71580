"""Nothing under a mask reaches a model, a file or an answer: a colour planted there is looked for everywhere."""

from dataclasses import replace
from pathlib import Path

import cv2
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from home_sentry_engine.api.ports import Upload
from home_sentry_engine.app.looking import DetectorLook
from home_sentry_engine.app.uploads import UploadEntrance
from home_sentry_engine.app.views import CameraViews
from home_sentry_engine.contract import ComponentState
from home_sentry_engine.domain.filetypes import FileType
from home_sentry_engine.media.mask import no_veils, veiled
from home_sentry_engine.media.picture import decode
from home_sentry_engine.media.video import Sampling, VideoReader
from tests.fakes import pictures
from tests.fakes.masked import LIMITS, MIDDLE, MaskedHome, Shape, leaks, mask, masked_home, planted, planted_jpeg

CORNER = ((0.0, 0.0), (0.2, 0.0), (0.2, 0.2), (0.0, 0.2))
CALM = settings(
    max_examples=5, deadline=None, suppress_health_check=list(HealthCheck), phases=(Phase.explicit, Phase.generate)
)


@st.composite
def shapes(draw) -> Shape:
    left, top = draw(st.floats(0, 0.7)), draw(st.floats(0, 0.7))
    right, bottom = draw(st.floats(left + 0.1, 1.0)), draw(st.floats(top + 0.1, 1.0))
    return draw(
        st.sampled_from(
            [
                ((left, top), (right, top), (right, bottom)),
                ((left, top), (right, top), (right, bottom), (left, bottom)),
                ((left, bottom), ((left + right) / 2, top), (right, bottom)),
            ]
        )
    )


def encoded(kind: str, drawn: tuple[Shape, ...], size: tuple[int, int], folder: Path, seed: int) -> tuple[bytes, str]:
    """A file as a camera delivers it, with its name."""
    pixels = planted(drawn, size, seed)
    if kind == "avi":
        return pictures.clip_of([pixels] * 6, folder / f"made{seed}.avi").read_bytes(), f"{seed}.avi"
    if kind == "png":
        return cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))[1].tobytes(), f"{seed}.png"
    return planted_jpeg(drawn, size, seed), f"{seed}.jpg"


def shown_by(path: Path) -> bool:
    """Tell whether a file of the engine or of a camera shows the secret."""
    data = path.read_bytes()
    if data[:4] == b"RIFF" or data[4:8] == b"ftyp":
        with path.open("rb") as file:
            return any(leaks(one.pixels) for one in VideoReader(LIMITS).frames(file, Sampling(interval_s=0.5)))
    return leaks(decode(data).pixels)


async def _look_everywhere(home: MaskedHome) -> None:
    assert home.onlooker.shown
    for picture in home.onlooker.shown:
        assert not leaks(picture.pixels)
        assert not leaks(picture.full().pixels)
        assert not leaks(decode(picture.source).pixels)
    for path in home.files():
        assert not shown_by(path), path
    served = await home.served()
    assert len(served) >= 5
    assert not any(leaks(one) for one in served)
    held = await home.database.read(home.tables.masks.exposed_cameras)
    assert held == frozenset()


@CALM
@given(
    drawn=st.lists(shapes(), min_size=1, max_size=2).map(tuple),
    size=st.sampled_from([(640, 480), (641, 479), (1283, 721), (320, 240)]),
    kinds=st.lists(st.sampled_from(["jpg", "png", "avi"]), min_size=1, max_size=2, unique=True),
)
async def test_no_pixel_under_a_mask_is_seen_anywhere(tmp_path_factory, drawn, size, kinds):
    assume("avi" not in kinds or (size[0] % 2 == 0 and size[1] % 2 == 0))
    folder = tmp_path_factory.mktemp("home")
    async with masked_home(folder) as home:
        await home.set_up(tuple(mask(*shape) for shape in drawn))
        for seed, kind in enumerate(kinds):
            content, name = encoded(kind, drawn, size, folder, seed)
            await home.accept(content, name)
        await home.home.work()
        await home.home.pass_time(200, step=50)
        await _look_everywhere(home)


async def test_the_test_would_see_it(tmp_path):
    """Without masks the colour is everywhere."""
    async with masked_home(tmp_path) as home:
        await home.accept(planted_jpeg())
        await home.home.work()
        await home.home.pass_time(200, step=50)
        assert all(leaks(one.pixels) for one in home.onlooker.shown)
        assert all(shown_by(one) for one in home.files())
        served = await home.served()
        assert len(served) == 7
        assert all(leaks(one) for one in served)


async def test_what_is_drawn_at_another_engine_holds_for_the_next_picture(tmp_path, postgres_server):
    url = await postgres_server.migrated()
    async with masked_home(tmp_path / "one", url=url) as one, masked_home(tmp_path / "two", url=url) as two:
        before = await two.accept(planted_jpeg(), "before.jpg")
        assert leaks(decode(before.path.read_bytes()).pixels)
        await one.book.set_masks("door", (mask(),))
        assert two.book.veil_of("door") is None
        # its memory still holds the picture as it came
        await two.home.work()
        assert not leaks(two.onlooker.shown[0].pixels)
        await one.book.set_masks("door", (mask(), mask(*CORNER)))
        after = await two.accept(planted_jpeg((MIDDLE, CORNER), seed=2), "after.jpg")
        assert not leaks(decode(after.path.read_bytes()).pixels)
        assert not shown_by(two.root / "Door" / "after.jpg")
        assert not any(leaks(shown) for shown in await two.served())


async def test_masks_follow_the_arm_mode(tmp_path):
    async with masked_home(tmp_path) as home:
        await home.set_up((mask(modes=("disarmed", "armed_home")),))

        async def covered(name: str, seed: int) -> bool:
            media = await home.accept(planted_jpeg(seed=seed), name)
            await home.home.work()
            seen = leaks(home.onlooker.shown[-1].pixels)
            assert {leaks(decode(media.path.read_bytes()).pixels), shown_by(home.root / "Door" / name)} == {seen}
            return not seen

        assert await covered("unknown.jpg", 1), "while the mode is not known all masks hold"
        await home.alarm("armed_away")
        assert not await covered("away.jpg", 2)
        assert leaks((await home.served())[0])
        await home.alarm("armed_home")
        assert await covered("home.jpg", 3)
        # what came while nobody was home is not shown to who is
        assert not any(leaks(one) for one in await home.served())
        await home.alarm("armed_away")
        home.clock.tick(1801)
        await home.book.read()
        assert await covered("silent.jpg", 4), "Home Assistant is silent: the mode is not known any more"


async def test_masks_that_come_and_go_are_no_change_of_the_view(tmp_path):
    async with masked_home(tmp_path) as home:
        await home.set_up((mask((0.0, 0.0), (0.6, 0.0), (0.6, 1.0), (0.0, 1.0), modes=("disarmed",)),))
        await home.accept(pictures.jpeg())
        for covers, changed in ((home.book.widest_of, False), (no_veils, True)):
            assert await _told_of_a_change(home, covers) is changed


async def _told_of_a_change(home: MaskedHome, covers) -> bool:
    views = CameraViews(home.database, home.tables.scenes, home.burner._executor, veils=covers)
    (media, *_) = await home.media()
    told, picture = [], decode(pictures.photographs(1)[0])
    for state in ("armed_away", "disarmed"):
        await home.alarm(state)
        for _ in range(8):
            at = home.clock.now()
            home.clock.tick(30)
            veil = home.book.veil_of("door")
            shown = replace(picture, pixels=veiled(picture.pixels, veil), veil=veil.key) if veil else picture
            told.append((await views.look(replace(media, captured_at=at), shown)).change)
    return any(told)


async def test_a_look_without_storing_and_a_snapshot_wear_masks(tmp_path):
    async with masked_home(tmp_path) as home:
        await home.set_up((mask(),))
        await home.accept(planted_jpeg(seed=7))
        look = DetectorLook(
            frames=home.frames,
            reader=VideoReader(LIMITS),
            sampling=Sampling(),
            detector=home.onlooker,  # type: ignore[arg-type]
            executor=home.burner._executor,
            clock=home.clock,
        )
        clip = pictures.clip_of([planted(size=(320, 240))] * 4, tmp_path / "clip.avi").read_bytes()
        await look.look(planted_jpeg(), FileType.JPEG, "door")
        await look.look(clip, FileType.AVI, "door")
        assert len(home.onlooker.shown) >= 2
        assert not any(leaks(one.pixels) or leaks(one.full().pixels) for one in home.onlooker.shown)
        await look.look(planted_jpeg(), FileType.JPEG, "elsewhere")
        assert leaks(home.onlooker.shown[-1].pixels)
        assert home.files("media") == [(await home.media())[0].path]

        async def camera(camera_id):
            return await home.database.read(lambda conn: home.tables.cameras.get(conn, camera_id))

        entrance = UploadEntrance(
            take=home.intake.take, find_camera=camera, clock=home.clock, auto_create_cameras=False
        )
        upload = Upload(camera_id="door", file_type=FileType.JPEG, data=planted_jpeg(seed=8))
        await entrance.offer(upload)
        assert not any(shown_by(one) for one in home.files("media"))
        assert all(one.state is ComponentState.HEALTHY for one in home.heard)
