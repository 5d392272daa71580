"""From a picture to detections that may count: thresholds, bad pictures, doubts, all through the pipeline."""

from dataclasses import replace
import json

import pytest

from home_sentry_engine.contract import CameraStatus, RiskLevel
from home_sentry_engine.domain.quality import PictureQuality
from home_sentry_engine.storage.repositories.scenes import NewChange
from tests.fakes.household import household

SOUND = PictureQuality(score=10, grade="excellent")
COVERED = PictureQuality(score=90, grade="poor", defects=("covered",), covered=True, bad=True)
BLURRED = PictureQuality(score=70, grade="poor", defects=("blurred",), bad=True)


class Meter:
    def __init__(self) -> None:
        self.quality = SOUND

    async def measure(self, pictures):
        return [self.quality for _ in pictures]


class Confirmer:
    def __init__(self) -> None:
        self.refutes = True
        self.asked = 0

    async def confirm(self, frame, doubtful):
        self.asked += 1
        return [replace(one, doubted=self.refutes) for one in doubtful]


@pytest.fixture
def meter():
    return Meter()


@pytest.fixture
def confirmer():
    return Confirmer()


@pytest.fixture
async def home(tmp_path, meter, confirmer):
    rules = {"door": {"person": {"confidence": 0.45}, "car": {"confidence": 0.8}}}
    async with household(tmp_path, senses={"meter": meter, "confirmer": confirmer}, box_rules=rules) as opened:
        yield opened


async def dropped_of(home, media_id):
    rows = await home.database.read(
        lambda conn: conn.exec_driver_sql(
            "SELECT dropped, quality FROM inspections WHERE media_id = ?", (media_id,)
        ).all()
    )
    return [json.loads(column) for column in rows[0]]


async def test_thresholds_of_the_camera_and_class(home):
    await home.deliver(("person", 0.46), ("car", 0.75))
    await home.work()
    (event,) = await home.events()
    assert event.object_types == ("person",)


async def test_a_covered_view_makes_no_event_and_degrades_the_camera(home, meter):
    meter.quality = COVERED
    media_id = await home.deliver(("person", 0.9))
    await home.work()
    assert await home.events() == []
    dropped, quality = await dropped_of(home, media_id)
    assert dropped["view_covered"] == 1
    assert quality["covered"] is True
    camera = await home.database.read(lambda conn: home.tables.cameras.get(conn, "door"))
    assert camera.status is CameraStatus.DEGRADED
    assert "covered" in camera.status_reason
    meter.quality = SOUND
    await home.deliver(("person", 0.9))
    await home.work()
    camera = await home.database.read(lambda conn: home.tables.cameras.get(conn, "door"))
    assert camera.status is CameraStatus.ONLINE


async def test_a_blurred_picture_lowers_confidence_and_says_so(home, meter):
    meter.quality = BLURRED
    await home.deliver(("person", 0.9), ("person", 0.5))
    await home.pass_time(40)
    (event,) = await home.events()
    assert event.detection_count == 1
    assert not event.is_fast_path
    assert "quality" in {factor.id for factor in event.factors}
    assert home.mind.asked[-1].legs["quality"]["verdict"] == "bad quality"


async def test_nobody_looks_closer_where_nothing_depends_on_it(home, confirmer):
    await home.deliver(("person", 0.6))
    await home.work()
    assert confirmer.asked == 0
    (event,) = await home.events()
    assert event.risk_level in {RiskLevel.LOW, RiskLevel.MEDIUM}


@pytest.mark.parametrize("refutes", [True, False])
async def test_a_doubtful_person_that_would_make_it_high_is_looked_at_again(home, confirmer, refutes):
    confirmer.refutes = refutes
    empty = await home.deliver()
    await home.work()
    at = home.clock.now()
    tampered = NewChange(camera_id="door", kind="view_tampered", at=at, media_id=empty)
    await home.database.write(lambda conn: home.tables.scenes.add_change(conn, tampered))
    await home.deliver(("person", 0.6))
    await home.work()
    (event,) = await home.events()
    assert confirmer.asked == 1
    factors = {factor.id: factor for factor in event.factors}
    assert ("second_look" in factors) is refutes
    assert (event.rule_score >= 60) is not refutes


async def camera_of(home):
    return await home.database.read(lambda conn: home.tables.cameras.get(conn, "door"))


async def usual_pictures(home, meter, count=6):
    meter.quality = SOUND
    for _ in range(count):
        await home.deliver()
        await home.pass_time(30)


async def test_a_camera_whose_picture_is_suddenly_bad_says_so_until_it_is_good_again(home, meter):
    await usual_pictures(home, meter)
    meter.quality = BLURRED
    for _ in range(3):
        media_id = await home.deliver(("person", 0.9))
        await home.pass_time(10)
        camera = await camera_of(home)
        assert camera.status is CameraStatus.DEGRADED
        assert camera.status_reason == "the picture is suddenly blurred, as it usually is not here"
    assert (await dropped_of(home, media_id))[1]["usual"] == 10
    await home.pass_time(40)
    (event,) = await home.events()
    assert "suddenly blurred" in next(factor.text for factor in event.factors if factor.id == "quality")
    leg = home.mind.asked[-1].legs["quality"]
    assert leg["suddenly_worse"] is True
    assert leg["usual_score"] == 10
    meter.quality = SOUND
    await home.deliver()
    await home.work()
    assert (await camera_of(home)).status is CameraStatus.ONLINE


async def test_a_camera_that_was_always_so_or_is_new_is_not_suddenly_bad(home, meter):
    meter.quality = BLURRED
    for _ in range(8):
        await home.deliver(("person", 0.9))
        await home.pass_time(10)
        assert (await camera_of(home)).status is CameraStatus.ONLINE
    await home.pass_time(40)
    assert "suddenly_worse" not in home.mind.asked[-1].legs["quality"]


async def test_what_another_camera_shows_is_not_this_cameras_history(home, meter):
    await usual_pictures(home, meter)
    meter.quality = BLURRED
    await home.deliver(camera="yard")
    await home.work()
    yard = await home.database.read(lambda conn: home.tables.cameras.get(conn, "yard"))
    assert yard.status is CameraStatus.ONLINE
