"""Persons of one visit told apart by what they look like: views, dwell and counts follow, and nothing waits for it."""

import asyncio
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from home_sentry_engine.context.association import associate
from home_sentry_engine.context.visits import stays_in
from home_sentry_engine.context.zones import ZoneMap
from home_sentry_engine.contract import MediaKind, Zone, ZoneType
from home_sentry_engine.domain.box import Box
from home_sentry_engine.domain.detection import Detection
from home_sentry_engine.domain.embedded import Embedded
from home_sentry_engine.domain.errors import Unavailable
from home_sentry_engine.domain.messages import Absent, Media
from home_sentry_engine.pipeline.closely import VisitPictures
from home_sentry_engine.pipeline.likeness import Likeness, LikenessRules
from home_sentry_engine.pipeline.subject_views import CloseLeg, SceneViews
from home_sentry_engine.pipeline.whereabouts import whereabouts
from tests.engine.unit.pipeline.views import scene_of, shot
from tests.fakes.clock import START

SIZE = (640, 480)
RED, BLUE = (255, 0, 0), (0, 0, 255)
LEFT, RIGHT = 200, 330
STEP_S = 6.0


def person(x: int, *, height: int = 160) -> Detection:
    return Detection(label="person", confidence=0.9, box=Box(x=x, y=200, width=60, height=height))


class Street:
    """Stills in which somebody in red and somebody in blue change places; rows and decoder in one."""

    def __init__(self, places: list[tuple[int, int]]) -> None:
        self.places = places
        self.zones: tuple[Zone, ...] = (
            Zone(
                id="z", name="Door", type=ZoneType.ENTRY_POINT,
                points=((0.3, 0.5), (0.42, 0.5), (0.42, 1.0), (0.3, 1.0)),
            ),
        )  # fmt: skip

    @property
    def shots(self):
        return [
            shot(START + timedelta(seconds=STEP_S * n), [person(red), person(blue)], first_id=10 * n + 1)
            for n, (red, blue) in enumerate(self.places)
        ]

    @property
    def media(self):
        return self

    def get(self, media_id: str) -> Media:
        return Media(
            media_id=media_id, camera_id="door", path=None, sha256="0" * 64, kind=MediaKind.IMAGE,  # type: ignore[arg-type]
            captured_at=START, received_at=START, size_bytes=1, width=SIZE[0], height=SIZE[1],
        )  # fmt: skip

    async def read(self, work):
        return work(self)

    async def write(self, work):
        raise AssertionError("a look writes nothing")

    async def whole(self, media: Media, offset_s: float | None):
        picture = np.full((SIZE[1], SIZE[0], 3), 90, np.uint8)
        red, blue = self.places[int(media.media_id[1:]) // 10]
        for x, colour in ((red, RED), (blue, BLUE)):
            picture[200:360, x : x + 60] = colour
        return picture


class Rows:
    def __init__(self, street: Street) -> None:
        self._zones = street.zones

    @property
    def places(self):
        return self

    def zones(self, camera_id: str):
        return self._zones

    async def read(self, work):
        return work(self)

    async def write(self, work):
        raise AssertionError("a look writes nothing")


class ColourEyes:
    """What somebody looks like is the mean colour of the middle of the box."""

    def __init__(self, *, model_id: str = "colours", same_above: float = 0.7) -> None:
        self.asked = 0
        self.model_id = model_id
        self.same_above = same_above
        self.trouble: Exception | None = None
        self.delay_s = 0.0

    async def embed(self, kind: str, looks):
        assert kind == "person"
        self.asked += 1
        await asyncio.sleep(self.delay_s)
        if self.trouble is not None:
            raise self.trouble
        ((picture, box),) = looks
        middle = picture[box.y + 20 : box.bottom - 20, box.x + 10 : box.right - 10].reshape(-1, 3).mean(0) + 1.0
        vector = (middle / np.linalg.norm(middle)).astype(np.float32)
        return Embedded(model_id=self.model_id, vector=vector, same_above=self.same_above)


async def views_of(street: Street, eyes: ColourEyes | None, rules: LikenessRules | None = None):
    likeness = Likeness(eyes, rules) if eyes is not None else None
    return await VisitPictures(street, street, likeness=likeness)(scene_of(*street.shots))


async def records(leg: CloseLeg, views: SceneViews) -> list[dict[str, Any]]:
    found = await leg.look(views)
    assert isinstance(found, list)
    return found


def colours(views) -> list[set[tuple[int, ...]]]:
    return [
        {tuple(int(v) for v in view.picture[280, view.look.detection.box.x + 30]) for view in seen}
        for seen in views.subjects.values()
    ]


SWAPPED = [(LEFT, RIGHT), (RIGHT, LEFT), (LEFT, RIGHT)]


async def test_persons_who_change_places_are_not_mixed_where_their_looks_are_compared():
    mixed = await views_of(Street(SWAPPED), None)
    assert colours(mixed) == [{RED, BLUE}, {RED, BLUE}]
    assert mixed.compared is None
    told_apart = await views_of(Street(SWAPPED), ColourEyes())
    assert sorted(map(sorted, colours(told_apart))) == [[BLUE], [RED]]
    assert told_apart.compared is not None
    assert len(told_apart.compared) == 2
    assert all(len(seen) == 3 for seen in told_apart.subjects.values())


async def test_a_model_with_another_scale_compares_by_its_own_threshold():
    # in these vectors red and blue have a cosine near 0: a model that calls even that the same tells nobody apart
    views = await views_of(Street(SWAPPED), ColourEyes(same_above=-1.0))
    assert [len(seen) for seen in views.subjects.values()] == [3, 3]
    strict = await views_of(Street(SWAPPED), ColourEyes(same_above=0.99))
    assert sorted(map(sorted, colours(strict))) == [[BLUE], [RED]]


@pytest.mark.parametrize("trouble", [Unavailable("switched off", code="off"), None])
async def test_without_an_answer_of_the_model_boxes_tell_persons_apart_as_before(trouble, caplog):
    eyes = ColourEyes()
    eyes.trouble, eyes.delay_s = trouble, 0.0 if trouble else 5.0
    views = await views_of(Street(SWAPPED), eyes, LikenessRules(timeout_s=0.05))
    assert eyes.asked == 1
    assert views.compared is None
    assert colours(views) == colours(await views_of(Street(SWAPPED), None))
    assert ("took too long" in caplog.text) is (trouble is None)


async def test_one_picture_and_tiny_persons_are_not_compared():
    eyes = ColourEyes()
    await views_of(Street(SWAPPED[:1]), eyes)
    assert eyes.asked == 0
    small = Likeness(eyes, LikenessRules(least_height=200))
    street = Street(SWAPPED)
    assert (await VisitPictures(street, street, likeness=small)(scene_of(*street.shots))).compared is None
    assert eyes.asked == 0


async def test_zones_and_counts_are_said_again_for_those_who_were_told_apart():
    street = Street(SWAPPED)
    legs = {leg.name: leg for leg in whereabouts(Rows(street), counted=0.3)}
    views = await views_of(street, ColourEyes())
    (zone,) = await records(legs["zones"], views)
    # both were in the zone, neither in two pictures one after the other: nobody stayed
    assert zone["subjects"] == 2
    assert zone.get("dwell_s") is None
    routes = await records(legs["routes"], views)
    assert [route["zones"] for route in routes] == [["Door"], ["Door"]]
    assert [one["looks"] for one in await records(legs["subjects"], views)] == [3, 3]
    unseen = await views_of(street, None)
    for leg in legs.values():
        assert isinstance(await leg.look(unseen), Absent)
    street.zones = ()
    drawn = {leg.name: leg for leg in whereabouts(Rows(street), counted=0.3)}
    assert isinstance(await drawn["zones"].look(views), Absent)
    assert not isinstance(await drawn["subjects"].look(views), Absent)


def test_boxes_alone_do_not_claim_that_somebody_stayed_where_two_could_have_swapped():
    beside = LEFT + 65
    street = Street([(LEFT, beside), (LEFT, beside), (LEFT, beside)])
    subjects = associate(street.shots)
    assert all(one.unsure == {1, 2} for one in subjects)
    assert all(not one.unsure for one in associate(Street([(LEFT, RIGHT)] * 3).shots))
    (stay, *_) = stays_in(ZoneMap(street.zones), subjects)
    assert stay.dwell_s is None
    alone = [shot(START + timedelta(seconds=STEP_S * n), [person(LEFT)], first_id=n + 1) for n in range(3)]
    (subject,) = associate(alone)
    assert subject.unsure == frozenset()
    (stay,) = stays_in(ZoneMap(street.zones), [subject])
    assert stay.dwell_s == 2 * STEP_S


def test_close_pictures_need_no_proof():
    quick = [shot(START + timedelta(seconds=n), [person(LEFT), person(RIGHT)], first_id=10 * n + 1) for n in range(4)]
    subjects = associate(quick)
    assert len(subjects) == 2
    assert all(one.unsure == frozenset() and len(one.parts) == 1 for one in subjects)
