"""Factors, limits and sentences of the rule judge."""

from hypothesis import given
from hypothesis import strategies as st
import pytest

from home_sentry_engine.domain.messages import Absent
from home_sentry_engine.judgement.evidence import EVIDENCE_TABLE, Condition, EvidenceRule
from home_sentry_engine.judgement.explain import reasoning_of
from home_sentry_engine.judgement.judge import Judge
from tests.fakes.scenes import person_scene, scene_of

PORCH = {"name": "Porch", "type": "entry_point", "labels": ["person"]}
NIGHT = "2026-06-11T02:20:00"
ANN = {"persons": [{"name": "Ann", "outcome": "match", "role": "resident", "trust": "full"}]}


def ids_of(verdict):
    return {factor.id for factor in verdict.factors}


def test_equal_scenes_give_equal_verdicts():
    scene = person_scene(legs={"zones": [PORCH], "baseline": {"state": "ready", "tail": 0.001}})
    judge = Judge()
    first = judge.rule(scene)
    assert all(Judge().rule(scene) == first for _ in range(500))
    assert all(judge.rule(scene) == first for _ in range(500))


def test_the_summary_says_who_where_when_and_how_long():
    person, dog = ["person", 0.9, [860, 430, 140, 360]], ["dog", 0.8, [700, 700, 120, 90]]
    scene = scene_of({"at": NIGHT, "frames": [{"t": 0, "objects": [person, dog]}, {"t": 40, "objects": [person]}]})
    assert Judge().rule(scene).summary == "1 person and 1 dog at Front Door at night, staying 40 s"


def test_a_person_by_day_without_context_is_a_passer_by():
    assert 20 <= Judge().rule(person_scene()).score <= 30


@pytest.mark.parametrize(
    ("changes", "floor", "ceiling"),
    [
        ({"frames": [{"t": 0, "objects": [["cat", 0.9, [1, 1, 50, 50]]]}]}, 0, 29),
        ({"legs": {"household": ANN}}, 0, 29),
        ({"at": NIGHT, "legs": {"zones": [PORCH]}}, 30, 100),
        ({"at": "2026-06-11T05:10:00", "legs": {"zones": [PORCH]}}, 0, 100),
        ({"at": NIGHT, "legs": {"zones": [PORCH], "household": ANN}}, 0, 29),
        ({"legs": {"arm_mode": "armed_away", "camera": {"inside": True}}}, 60, 100),
        ({"legs": {"arm_mode": "armed_home", "camera": {"inside": True}}}, 0, 100),
        ({"legs": {"behaviour": [{"kind": "forced_entry", "confidence": 0.9, "source": "vlm"}]}}, 85, 100),
        ({"legs": {"tamper": {"kind": "view_blocked"}}}, 30, 100),
    ],
)
def test_evidence_sets_floor_and_ceiling(changes, floor, ceiling):
    allowed = Judge().rule(person_scene(**changes)).allowed
    assert (allowed.floor, allowed.ceiling) == (floor, ceiling)
    assert (allowed.floor_reason is not None) == (floor > 0)
    assert (allowed.ceiling_reason is not None) == (ceiling < 100)


CAT, FAINT_CAT = ["cat", 0.86, [1, 1, 50, 50]], ["cat", 0.84, [1, 1, 50, 50]]
SURE_ROW, UNSURE_ROW = {"species": "cat", "household_pet": True}, {"species": "cat"}


@pytest.mark.parametrize(
    ("animal", "legs", "ceiling"),
    [
        (CAT, {}, 29),
        (FAINT_CAT, {}, 100),
        (FAINT_CAT, {"pets": [SURE_ROW]}, 29),
        (FAINT_CAT, {"pets": [SURE_ROW, UNSURE_ROW]}, 29),
        (FAINT_CAT, {"pets": [UNSURE_ROW]}, 100),
        (CAT, {"pets": Absent(reason="nobody looked")}, 29),
        (CAT, {"tamper": {"kind": "view_blocked"}}, 100),
    ],
)
def test_only_a_sure_pet_caps_the_score(animal, legs, ceiling):
    verdict = Judge().rule(person_scene(frames=[{"t": 0, "objects": [animal]}], legs=legs))
    assert verdict.allowed.ceiling == ceiling
    assert "tamper" in legs or verdict.score < 15


@pytest.mark.parametrize(("looks", "sure", "ceiling"), [(3, 0.7, 29), (2, 0.84, 100), (5, 0.69, 100)])
def test_pictures_that_agree_on_a_pet_cap_the_score_too(looks, sure, ceiling):
    frames = [{"t": 2 * number, "objects": [["dog", sure, [1, 1, 50, 50]]]} for number in range(looks)]
    assert Judge().rule(person_scene(frames=frames)).allowed.ceiling == ceiling


def test_the_floor_wins_a_clash():
    legs = {"household": ANN, "arm_mode": "armed_away", "camera": {"inside": True}}
    verdict = Judge().rule(person_scene(legs=legs))
    assert (verdict.allowed.floor, verdict.allowed.ceiling) == (60, 29)
    assert verdict.score >= 60
    assert sum(factor.points for factor in verdict.factors) == verdict.score


def test_one_look_at_a_weapon_moves_nothing_and_two_sources_do():
    look = {"label": "knife", "confidence": 0.9, "source": "open_vocabulary"}
    plain = Judge().rule(person_scene())
    one = Judge().rule(person_scene(legs={"threats": [look, look]}))
    two = Judge().rule(person_scene(legs={"threats": [look, {**look, "source": "vlm"}]}))
    assert one.score == plain.score
    assert "weapon_unconfirmed" in ids_of(one)
    assert two.score >= 85
    assert two.allowed.floor == 70


def test_violence_alone_sets_no_floor_and_needs_two_people():
    legs = {"violence": {"confidence": 0.95}}
    assert "violence" not in ids_of(Judge().rule(person_scene(legs=legs)))
    two = {"t": 0, "objects": [["person", 0.9, [1, 1, 50, 90]], ["person", 0.9, [100, 1, 50, 90]]]}
    verdict = Judge().rule(person_scene(frames=[two], legs=legs))
    assert "violence" in ids_of(verdict)
    assert verdict.allowed.floor == 0


@pytest.mark.parametrize(
    ("damage", "hour", "counts"),
    [
        (("glass shatter", "lamp broken"), 12, True),
        (("glass shatter",), 2, True),
        (("glass shatter",), 12, False),
        (("dent", "scratch"), 2, False),
    ],
)
def test_broken_glass_and_lamps_raise_the_risk_together_or_at_night(damage, hour, counts):
    car = [{"t": 0, "objects": [["car", 0.9, [400, 300, 500, 300]]]}]
    legs = {"damage": [{"subject": 1, "damage": one, "high_security": True, "confidence": 0.8} for one in damage]}
    plain = Judge().rule(person_scene(at=f"2026-06-11T{hour:02d}:20:00", frames=car))
    broken = Judge().rule(person_scene(at=f"2026-06-11T{hour:02d}:20:00", frames=car, legs=legs))
    assert ("vehicle_damage" in ids_of(broken)) is counts
    assert broken.score - plain.score == (18 if counts else 0)


def test_a_learning_baseline_gives_no_points():
    assert Judge().rule(person_scene(legs={"baseline": {"state": "learning", "tail": 0.0001}})).factors == (
        Judge().rule(person_scene()).factors
    )


def test_household_facts_count_until_they_expire():
    fact = {"id": "plumber", "text": "a plumber is expected", "points": -6}
    plain = Judge().rule(person_scene()).score
    valid = {**fact, "expires_at": "2026-06-11T00:00:00+00:00"}
    stale = {**fact, "expires_at": "2026-06-09T00:00:00+00:00"}
    assert Judge().rule(person_scene(legs={"household": {"facts": [valid]}})).score == plain - 6
    assert Judge().rule(person_scene(legs={"household": {"facts": [stale]}})).score == plain


def test_an_absent_leg_is_never_a_finding():
    names = ("zones", "baseline", "household", "threats", "behaviour", "tamper", "arm_mode", "presence", "violence")
    absent = {name: {"absent": "not configured"} for name in names}
    assert isinstance(person_scene(legs=absent).legs["zones"], Absent)
    assert Judge().rule(person_scene(legs=absent)) == Judge().rule(person_scene())


def test_coming_closer_and_going_away_need_two_timed_positions():
    far = {"t": 0, "objects": [["person", 0.9, [900, 420, 70, 180]]]}
    near = {"t": 4, "objects": [["person", 0.9, [760, 400, 260, 640]]]}
    same_moment = {**near, "t": 0}
    closer = Judge().rule(person_scene(frames=[far, near]))
    away = Judge().rule(person_scene(frames=[{**near, "t": 0}, {**far, "t": 4}]))
    assert [f.text for f in closer.factors if f.id == "approach"] == ["comes closer"]
    assert [f.text for f in away.factors if f.id == "approach"] == ["goes away"]
    assert "approach" not in ids_of(Judge().rule(person_scene(frames=[far, same_moment])))


def test_every_factor_names_evidence_except_clamps():
    legs = {"zones": [PORCH], "arm_mode": "armed_away", "household": {"persons": [{"name": "", "outcome": "no_match"}]}}
    verdict = Judge().rule(person_scene(at=NIGHT, legs=legs))
    clamps = {"saturation", "range", "floor", "ceiling", "empty"}
    assert all(factor.evidence for factor in verdict.factors if factor.id not in clamps)
    assert any(factor.evidence == ("detection:1",) for factor in verdict.factors)


def test_the_reasoning_lists_points_and_limits():
    text = reasoning_of(Judge().rule(person_scene(at=NIGHT, legs={"zones": [PORCH]})))
    assert "1 person seen (+24)" in text
    assert "Not below 30" in text


def test_an_evidence_row_is_checked():
    with pytest.raises(ValueError, match="limits of 'pet_only'"):
        EvidenceRule(when=Condition.PET_ONLY, reason="", floor=40, ceiling=20)


def test_the_table_can_be_edited():
    table = tuple(row for row in EVIDENCE_TABLE if row.when is not Condition.PET_ONLY)
    cat = person_scene(frames=[{"t": 0, "objects": [["cat", 0.9, [1, 1, 50, 50]]]}])
    assert Judge(table=table).rule(cat).allowed.ceiling == 100


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-200, 200) | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
_legs = st.dictionaries(
    st.sampled_from(
        ["zones", "camera", "visit", "baseline", "household", "arm_mode", "presence", "threats", "behaviour", "tamper"]
    ),
    _json,
)
_objects = st.lists(
    st.tuples(
        st.sampled_from(["person", "car", "dog", "bear", "chair", "package"]),
        st.floats(0.01, 1.0),
        st.tuples(st.integers(0, 1800), st.integers(0, 1000), st.integers(1, 120), st.integers(1, 80)),
    ),
    max_size=5,
)
_frames = st.lists(st.fixed_dictionaries({"t": st.integers(0, 600), "objects": _objects}), max_size=6)


@given(frames=_frames, legs=_legs, hour=st.integers(0, 23))
def test_any_scene_is_judged_and_adds_up(frames, legs, hour):
    scene = scene_of({"at": f"2026-06-11T{hour:02d}:00:00", "frames": frames})
    scene = type(scene)(batch=scene.batch, local_time=scene.local_time, legs=legs)
    verdict = Judge().rule(scene)
    assert sum(factor.points for factor in verdict.factors) == verdict.score
    assert verdict.allowed.clamp(verdict.score) == verdict.score
    assert 0 <= verdict.score <= 100
