"""Which questions a visit raises, what becomes of each, and what the rules and the prompt are told."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from home_sentry_engine.context.trust import quality_leg
from home_sentry_engine.domain.enrichment import QUESTIONS, EnrichmentStatus, Outcome
from home_sentry_engine.domain.errors import Permanent, Unavailable
from home_sentry_engine.domain.messages import Absent
from home_sentry_engine.domain.quality import PictureQuality
from home_sentry_engine.judgement.judge import Judge
from home_sentry_engine.judgement.legs import known_of
from home_sentry_engine.language.sections import lines_of
from home_sentry_engine.pipeline.closely import CloseGather
from home_sentry_engine.pipeline.enrich.desk import EnrichmentRules
from home_sentry_engine.pipeline.enrich.enrichment import BRANCHES, Enrichment
from home_sentry_engine.pipeline.enrich.legs import legs_of
from home_sentry_engine.vision.session import InferenceTimeout
from home_sentry_engine.vision.store import ModelMissing
from tests.engine.unit.pipeline.views import scene_of, seen, shot, views_of
from tests.fakes.clock import START
from tests.fakes.deadlines import Deadlines
from tests.fakes.models import Faces, Meter, Plates, Poses, Ranks, Reader, Says, Shelf, Things

PERSON, CAR, DOG = seen("person"), seen("car", 300, width=240, height=120), seen("dog", 100, width=80, height=60)


async def asked(shelf: Shelf, views, **rules):
    result = await Enrichment(shelf, EnrichmentRules(**rules))(views)
    return result, {one.about: one for one in result.attempts}, legs_of(result)


def full(**more) -> Shelf:
    usual = {"yunet": Faces(), "movenet_lightning": Poses(), "lpd_yunet": Plates(), "pp_ocr": Reader()}
    return Shelf(**{**usual, "image_quality": Meter(), **more})


def test_every_question_can_be_switched_off_by_its_name():
    assert tuple(step.about for branch in BRANCHES for step in branch) == QUESTIONS


async def test_a_person_asks_no_model_for_vehicles_and_a_car_none_for_people():
    shelf = full()
    await asked(shelf, views_of(shot(START, [PERSON])))
    assert set(shelf.asked) == {"yunet", "movenet-lightning", "image-quality"}
    shelf = full()
    await asked(shelf, views_of(shot(START, [CAR])))
    assert set(shelf.asked) == {"lpd-yunet", "pp-ocr", "image-quality"}
    shelf = full()
    await asked(shelf, views_of(shot(START, [DOG])))
    assert set(shelf.asked) == {"image-quality"}


async def test_boxes_in_cut_outs_lie_in_the_whole_picture():
    result, _, _ = await asked(full(), views_of(shot(START, [PERSON, CAR])))
    by_about = {one.about: one for one in result.findings}
    left, top = 100 - round(0.08 * 120), 100 - round(0.08 * 240)
    face = by_about["faces"].box
    assert (face.x - left - 10, face.y - top - 5) in {(0, 0), (0, 1), (1, 0), (1, 1), (-1, 0), (0, -1)}
    assert (face.width, face.height) == (30, 40)
    assert by_about["faces"].detection_id == 1
    plate = by_about["plates"]
    assert plate.detection_id == 2
    assert abs(plate.box.x - (300 - 12 + 10)) <= 1
    assert abs(plate.box.y - (100 - 6 + 40)) <= 1


async def test_a_plate_is_brought_to_one_form_and_other_text_is_scene_text():
    _, _, legs = await asked(full(), views_of(shot(START, [CAR])))
    assert legs["plates"] == [{"subject": 1, "text": "KRW301", "confidence": pytest.approx(0.92)}]
    (text,) = legs["texts"]
    assert (text["scene_text"], text["subject"]) == ("ACME Parcels", 1)


async def test_a_slogan_on_a_plate_is_no_plate():
    _, _, legs = await asked(full(pp_ocr=Reader("DRIVE SAFELY")), views_of(shot(START, [CAR])))
    assert legs["plates"] == [{"plates_not_readable": 1}]


async def test_one_failing_model_stops_no_other():
    shelf = full(yunet=Unavailable("the file of YuNet is broken"), ultraface_320=Permanent("no"))
    result, steps, legs = await asked(shelf, views_of(shot(START, [PERSON])))
    assert result.status is EnrichmentStatus.PARTIAL
    assert result.errors == {"faces": "the file of YuNet is broken; no"}
    assert result.failed_models == ("ultraface-320",)
    assert set(result.successful_models) == {"movenet-lightning", "image-quality"}
    assert 0 < result.success_rate < 1
    assert steps["faces"].outcome is Outcome.UNAVAILABLE
    assert legs["faces"] == Absent(reason="the file of YuNet is broken; no")
    assert legs["pose"][0]["posture"] == "standing"


async def test_nothing_answered_is_failed_and_nothing_asked_is_success():
    broken = Unavailable("broken")
    shelf = Shelf(yunet=broken, movenet_lightning=broken, image_quality=broken)
    result, _, _ = await asked(shelf, views_of(shot(START, [PERSON])))
    assert (result.status, result.success_rate) == (EnrichmentStatus.FAILED, 0.0)
    result, _, _ = await asked(Shelf(), views_of(shot(START, [PERSON])))
    assert (result.status, result.success_rate) == (EnrichmentStatus.SUCCESS, 1.0)


async def test_the_next_card_is_asked_where_the_first_cannot():
    shelf = Shelf(
        vitpose_plus_small=Unavailable("no room"),
        movenet_lightning=ModelMissing("the file of MoveNet Lightning is not here", code="missing"),
        movenet_lightning_dequant=Poses(),
    )
    _, steps, _ = await asked(shelf, views_of(shot(START, [PERSON])))
    assert (steps["pose"].outcome, steps["pose"].model_id) == (Outcome.RAN, "movenet-lightning-dequant")


async def test_a_slow_model_is_not_followed_by_another_one():
    shelf = Shelf(movenet_lightning=InferenceTimeout("too slow", code="timeout"), movenet_lightning_dequant=Poses())
    _, steps, _ = await asked(shelf, views_of(shot(START, [PERSON])))
    assert (steps["pose"].outcome, steps["pose"].reason) == (Outcome.UNAVAILABLE, "too slow")
    assert shelf.asked == ["movenet-lightning"]


async def test_a_question_past_its_deadline_keeps_what_it_has_and_says_what_is_missing(monkeypatch):
    calls, deadlines = 0, Deadlines(monkeypatch)

    async def second_is_slow(work):
        nonlocal calls
        calls += 1
        if calls > 1:
            assert deadlines.end(3600.0)
            await asyncio.Event().wait()
        return work(Faces(), None)

    views = views_of(shot(START, [PERSON, seen("person", 400)]))
    result = await Enrichment(Shelf(yunet=second_is_slow), EnrichmentRules(deadline_s=3600.0))(views)
    faces = next(one for one in result.attempts if one.about == "faces")
    assert (faces.outcome, faces.looks) == (Outcome.RAN, 1)
    assert faces.reason == "no answer within 3600 s"
    assert len(result.findings) == 1


async def test_an_unexpected_fault_is_told_by_its_kind_alone():
    class Rotten:
        def find(self, frame, *, confidence=None, cancel=None):
            raise ValueError("secret path /home/x")

    _, steps, _ = await asked(full(yunet=Rotten()), views_of(shot(START, [PERSON])))
    assert steps["faces"].reason == "it failed (ValueError)"


async def test_questions_run_at_the_same_time():
    together = asyncio.Barrier(2)

    async def waits(work):
        async with asyncio.timeout(60):
            await together.wait()
        return work(Faces(), None)

    async def waits_too(work):
        async with asyncio.timeout(60):
            await together.wait()
        return work(Poses(), None)

    _, steps, _ = await asked(Shelf(yunet=waits, movenet_lightning=waits_too), views_of(shot(START, [PERSON])))
    assert steps["faces"].outcome is steps["pose"].outcome is Outcome.RAN


async def test_what_is_switched_off_is_skipped_and_says_so():
    shelf = full()
    _, steps, legs = await asked(shelf, views_of(shot(START, [PERSON])), switched_off=frozenset({"faces"}))
    assert steps["faces"].outcome is Outcome.SKIPPED
    assert legs["faces"] == Absent(reason="it is switched off")
    assert "yunet" not in shelf.asked


async def test_violence_is_asked_only_about_two_people_and_action_only_about_three_pictures():
    calm = Ranks(("calm", 0.9), ("violent", 0.1))
    shelf = full(violence_vit=calm, stgcn_ntu60=Ranks(("walking", 1.0)))
    _, steps, _ = await asked(shelf, views_of(shot(START, [PERSON])))
    assert steps["violence"].outcome is steps["action"].outcome is Outcome.SKIPPED
    shots = [shot(START + timedelta(seconds=2 * n), [PERSON, seen("person", 400)], 10 * n) for n in range(3)]
    _, steps, legs = await asked(shelf, views_of(*shots))
    assert steps["violence"].outcome is steps["action"].outcome is Outcome.RAN
    assert legs["violence"]["confidence"] == pytest.approx(0.1)
    assert [row["action"] for row in legs["action"]] == ["walking", "walking"]


async def test_an_alert_of_a_single_picture_is_told_and_only_one_of_more_is_repeated():
    raised = Poses({0: (50, 30), 9: (30, 10), 10: (70, 10)})
    _, _, legs = await asked(full(movenet_lightning=raised), views_of(shot(START, [PERSON])))
    (row,) = legs["pose"]
    assert row["alerts"] == ["hands_raised"]
    assert "repeated" not in row
    shots = [shot(START + timedelta(seconds=2 * n), [PERSON], n + 1) for n in range(2)]
    _, _, legs = await asked(full(movenet_lightning=raised), views_of(*shots))
    assert legs["pose"][0]["repeated"] == ["hands_raised"]
    assert known_of(scene_of(*shots, **legs)).stances == {"hands_raised"}


class Crowbar(Things):
    def find(self, frame, names=("crowbar",), *, confidence=None, cancel=None):
        return tuple(replace(one, label="crowbar") for one in super().find(frame, confidence=confidence, cancel=cancel))


@pytest.mark.parametrize(
    ("tool", "kinds", "floor"), [(True, {"trying_handles", "forced_entry"}, 85), (False, {"trying_handles"}, 60)]
)
async def test_a_forced_way_in_takes_two_models_that_agree(tool, kinds, floor):
    shots = [shot(START + timedelta(seconds=2 * n), [PERSON], n + 1) for n in range(3)]
    shelf = full(xclip_base=Ranks(("forcing door", 0.9)), **({"owlv2_base": Crowbar(again=True)} if tool else {}))
    _, _, legs = await asked(shelf, views_of(*shots))
    assert {look["kind"] for look in legs["behaviour"]} == kinds
    assert Judge().rule(scene_of(*shots, **legs)).allowed.floor == floor


async def test_a_tool_alone_forces_nothing():
    _, _, legs = await asked(full(owlv2_base=Crowbar(again=True)), views_of(shot(START, [PERSON])))
    assert isinstance(legs["behaviour"], Absent)
    assert Judge().rule(scene_of(shot(START, [PERSON]), **legs)).allowed.floor == 0


@pytest.mark.parametrize(
    ("action", "share", "kind"),
    [
        ("looking into window", 0.8, "looking_in"),
        ("hiding", 0.8, "hiding"),
        ("looking into window", 0.55, None),
        ("hiding", 0.55, None),
    ],
)
async def test_peering_and_hiding_count_only_where_the_model_is_sure(action, share, kind):
    shots = [shot(START + timedelta(seconds=2 * n), [PERSON], n + 1) for n in range(3)]
    _, _, legs = await asked(full(xclip_base=Ranks((action, share))), views_of(*shots))
    found = {factor.id for factor in Judge().rule(scene_of(*shots, **legs)).factors}
    assert (found & {"looking_in", "hiding"}) == ({kind} if kind else set())
    assert Judge().rule(scene_of(*shots, **legs)).allowed.floor == 0


async def test_of_two_acts_that_exclude_each_other_the_surer_one_stays():
    sitting = Poses({13: (90, 125), 14: (95, 125), 15: (90, 165), 16: (95, 165)})
    shots = [shot(START + timedelta(seconds=2 * n), [PERSON], n + 1) for n in range(3)]
    shelf = full(movenet_lightning=sitting, stgcn_ntu60=Ranks(("running", 0.95)))
    result, _, legs = await asked(shelf, views_of(*shots))
    acts = [one.value for one in result.findings if one.about in {"pose", "action"}]
    assert [act.get("action") for act in acts] == ["running"]
    assert legs["behaviour"] == [{"kind": "running", "confidence": 0.95, "source": "stgcn-ntu60"}]


async def test_a_caption_of_something_else_does_not_count_against_a_sure_detector():
    shelf = full(florence_2_base_ft=Says("A street at night.", "A red car parked in a driveway."))
    result, _, legs = await asked(shelf, views_of(shot(START, [PERSON])))
    (row,) = legs["caption"]
    assert row["conflict"] == {
        "detector": "person",
        "caption_says": ["vehicle"],
        "severity": "critical",
        "kept": "detector",
    }
    assert not any("color" in one.value for one in result.findings)
    assert legs["scene"]["time_of_day"] == "night"


async def test_captions_with_raw_tokens_are_dropped_and_counted():
    shelf = full(florence_2_base_ft=Says("", ""))
    _, steps, legs = await asked(shelf, views_of(shot(START, [PERSON])))
    assert steps["caption"].reason == "2 answers held raw task tokens and were dropped"
    assert isinstance(legs["caption"], Absent)
    assert isinstance(legs["scene"], Absent)


async def test_no_caption_makes_anybody_a_courier():
    says = Says("A porch.", "A delivery man in uniform holding a package.")
    result, _, legs = await asked(full(florence_2_base_ft=says), views_of(shot(START, [PERSON])))
    assert any(one.value.get("is_service_worker") for one in result.findings)
    assert legs["attributes"] == {"carrying": ["package"]}
    assert not known_of(scene_of(shot(START, [PERSON]), **legs)).courier


async def test_what_nobody_looked_at_is_no_negative_finding_anywhere():
    result, steps, legs = await asked(Shelf(), views_of(shot(START, [PERSON, CAR, DOG])))
    assert {name for name, leg in legs.items() if not isinstance(leg, Absent)} == {"pets"}
    assert all(one.reason for one in steps.values() if one.outcome is not Outcome.RAN)
    scene = scene_of(shot(START, [PERSON, CAR, DOG]), **legs)
    rule = Judge().rule(scene)
    text = "\n".join(line.text for line in lines_of(scene, rule))
    for name in ("dangerous objects", "faces", "violence", "plates read", "covered face"):
        assert f"\n{name}:" not in text
    assert "dangerous objects (owlv2-base is off until somebody switches it on)" in text
    bare = Judge().rule(scene_of(shot(START, [PERSON, CAR, DOG])))
    assert rule.score == bare.score
    assert not result.failed_models


async def test_weather_that_home_assistant_tells_is_not_asked_of_a_model():
    views = views_of(shot(START, [PERSON]), home_weather={"condition": "rain"})
    shelf = full(weather_siglip2=Ranks(("clear", 1.0)))
    _, steps, _ = await asked(shelf, views)
    assert (steps["weather"].outcome, steps["weather"].reason) == (Outcome.SKIPPED, "Home Assistant tells the weather")
    assert "weather-siglip2" not in shelf.asked
    _, _, legs = await asked(shelf, views_of(shot(START, [PERSON])))
    assert (legs["weather"]["condition"], legs["weather"]["source"]) == ("clear", "weather-siglip2")


async def test_what_a_visit_knew_before_is_kept_where_nothing_is_found_now():
    views = views_of(shot(START, [PERSON]), pose=[{"subject": 1, "posture": "crouching"}])

    async def make(_scene):
        return views

    seen_again = await CloseGather((), make, enrich=Enrichment(full(movenet_lightning=Unavailable("away"))))(
        views.scene
    )
    assert seen_again.legs["pose"] == [{"subject": 1, "posture": "crouching"}]
    assert seen_again.legs["faces"] == {"people_looked_at": 1, "faces_visible": 1}
    assert seen_again.enrichment is not None


async def test_pictures_that_were_measured_when_they_came_are_not_measured_again():
    quality = PictureQuality(score=71.0, grade="poor", defects=("striped",), bad=True, covered=False)
    measured = replace(shot(START, [PERSON]), quality=quality)
    shelf = full()
    _, steps, legs = await asked(shelf, views_of(measured, quality=quality_leg(quality)))
    assert legs["quality"]["verdict"] == "bad quality"
    assert (steps["quality"].outcome, steps["quality"].model_id) == (Outcome.RAN, "image-quality")
    assert "image-quality" not in shelf.asked


async def test_a_colour_is_named_by_day_and_not_under_infrared():
    red = np.full((480, 640, 3), (180, 20, 20), np.uint8)
    _, _, legs = await asked(Shelf(), views_of(shot(START, [CAR]), pixels=red))
    assert legs["vehicle"] == [{"subject": 1, "colour": "red"}]
    grey = np.full((480, 640, 3), 120, np.uint8)
    _, steps, legs = await asked(Shelf(), views_of(shot(START, [CAR]), pixels=grey))
    assert steps["vehicle_colour"].reason == "the picture shows no colours"
    assert isinstance(legs["vehicle"], Absent)


async def test_what_the_detector_says_of_a_person_is_carried_if_more_than_one_of_many_pictures_shows_it():
    bag = replace(PERSON, carried=(("backpack", 0.7),))
    parcel = replace(PERSON, carried=(("backpack", 0.6), ("suitcase", 0.8)))
    known = frozenset({"person", "backpack", "suitcase"})
    later = [START + timedelta(seconds=n) for n in range(4)]
    _, _, legs = await asked(Shelf(), views_of(shot(START, [bag])), reported=known)
    assert legs["attributes"] == {"carrying": ["backpack"]}
    assert isinstance(legs["behaviour"], Absent)
    shots = [
        shot(at, [one], first_id=n + 1) for n, (at, one) in enumerate(zip(later, [bag, PERSON, parcel], strict=False))
    ]
    _, _, legs = await asked(Shelf(), views_of(*shots), reported=known)
    assert legs["attributes"] == {"carrying": ["backpack"]}
    shots.append(shot(later[3], [parcel], first_id=4))
    _, _, legs = await asked(Shelf(), views_of(*shots), reported=known)
    assert legs["attributes"] == {"carrying": ["backpack", "suitcase"]}
    assert legs["behaviour"] == [{"kind": "carrying_package", "confidence": 0.8, "source": "detector"}]


async def test_bags_are_carried_only_where_the_detector_may_report_them():
    held = seen("suitcase", 120, width=40, height=60)
    views = views_of(shot(START, [PERSON, held]))
    _, steps, _ = await asked(Shelf(), views)
    assert steps["carrying"].reason == "the detector knows no bags and parcels"
    _, _, legs = await asked(Shelf(), views, reported=frozenset({"person", "suitcase"}))
    assert legs["attributes"] == {"carrying": ["suitcase"]}
    assert legs["behaviour"][0]["kind"] == "carrying_package"


async def test_tiny_objects_are_not_looked_at_and_that_is_said():
    views = views_of(shot(START, [seen("person", width=8, height=20)]))
    shelf = full()
    _, steps, _ = await asked(shelf, views)
    assert steps["faces"].reason == "every person is too small in the picture"
    assert "yunet" not in shelf.asked


async def test_somebody_who_was_seen_is_never_said_not_to_have_been():
    views = views_of(shot(START, [PERSON]))
    _, steps, _ = await asked(full(), replace(views, subjects={}))
    assert steps["faces"].reason == "what was seen is too uncertain for a closer look"
    gone = replace(views, subjects={}, pictures={}, unreadable={"m1": "the file is gone"})
    _, steps, legs = await asked(full(), gone)
    assert steps["faces"].outcome is Outcome.UNAVAILABLE
    assert legs["faces"] == Absent(reason="its picture could not be read: the file is gone")
    assert steps["quality"].reason == "no picture of the visit could be read: the file is gone"


def test_two_questions_of_one_name_are_refused():
    with pytest.raises(ValueError, match="same name"):
        Enrichment(Shelf(), branches=[BRANCHES[0], BRANCHES[0]])
