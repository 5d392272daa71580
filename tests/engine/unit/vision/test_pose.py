from collections.abc import Mapping
import math
from types import MappingProxyType

from hypothesis import given
from hypothesis import strategies as st
import numpy as np
from PIL import Image
import pytest

from home_sentry_engine.vision.eyes import draw_canary
from home_sentry_engine.vision.tasks.errors import MalformedOutput, UnsupportedGraph
from home_sentry_engine.vision.tasks.pictures import RgbFrame
from home_sentry_engine.vision.tasks.pose import POINTS, Point, Pose, PoseFinder, decode_heatmaps, decode_movenet
from home_sentry_engine.vision.tasks.posture import PoseAlert, Posture, stance_of
from tests.engine.unit.vision.graphs import fixed_graph
from tests.engine.unit.vision.loading import real, tiny

FRAME = RgbFrame.of(draw_canary(100, 200))


def test_movenet_gives_fractions_row_first():
    value = np.random.default_rng(3).uniform(0, 1, (1, 1, 17, 3)).astype(np.float32)
    found = decode_movenet(value, (192, 96))
    for index in range(17):
        y, x, score = (float(one) for one in value[0, 0, index])
        assert found[index] == pytest.approx((x * 192, y * 96, score))
    with pytest.raises(MalformedOutput, match="keypoints has the shape"):
        decode_movenet(value[:, :, :16], (192, 192))


def test_heat_maps_peak_joint_by_joint():
    maps = np.random.default_rng(4).uniform(0, 0.9, (1, 17, 16, 12)).astype(np.float32)
    found = decode_heatmaps(maps, (192, 256))
    for joint in range(17):
        one = maps[0, joint]
        best = max((float(one[y, x]), -y, -x) for y in range(16) for x in range(12))
        y, x = -best[1], -best[2]
        dx = dy = 0.0
        if 0 < x < 11 and 0 < y < 15:
            dx = math.copysign(0.25, one[y, x + 1] - one[y, x - 1])
            dy = math.copysign(0.25, one[y + 1, x] - one[y - 1, x])
        assert found[joint] == pytest.approx(((x + dx + 0.5) * 16, (y + dy + 0.5) * 16, best[0]))


def test_a_heat_map_graph_is_undone_to_the_picture(tmp_path):
    maps = np.zeros((1, 17, 64, 48), np.float32)
    maps[0, :, 32, 24] = 0.8
    path = fixed_graph(
        tmp_path / "v.onnx",
        {"pixel_values": ("float32", ["batch", 3, 256, 192]), "dataset_index": ("int64", ["batch"])},
        {"heatmaps": maps},
    )
    pose = PoseFinder(tiny("vitpose-plus-small", path)).find(FRAME)
    # 100 x 200 becomes 128 x 256 with 32 columns of padding; cell (24, 32) lies at (98, 130)
    assert (pose.points[0].x, pose.points[0].y) == pytest.approx(((98 - 32) / 1.28, 130 / 1.28))
    assert pose.points[0].confidence == pytest.approx(0.8)
    assert pose.model_id == "vitpose-plus-small"
    moved = pose.moved(10, 20)
    assert moved.point("nose").x == pytest.approx(pose.point("nose").x + 10)


def test_a_graph_with_other_joints_is_refused(tmp_path):
    path = fixed_graph(
        tmp_path / "v.onnx",
        {"pixel_values": ("float32", ["b", 3, 256, 192])},
        {"heatmaps": np.zeros((1, 133, 64, 48), np.float32)},
    )
    with pytest.raises(UnsupportedGraph, match="gives 133 points, not 17"):
        PoseFinder(tiny("vitpose-plus-small", path))


# a stick figure of 100 pixels torso; each part hangs on the one before it
STANDING = {
    "nose": (0, -35), "left eye": (-4, -39), "right eye": (4, -39), "left ear": (-9, -37), "right ear": (9, -37),
    "left shoulder": (-30, 0), "right shoulder": (30, 0), "left elbow": (-38, 45), "right elbow": (38, 45),
    "left wrist": (-40, 90), "right wrist": (40, 90), "left hip": (-18, 100), "right hip": (18, 100),
    "left knee": (-19, 180), "right knee": (19, 180), "left ankle": (-20, 260), "right ankle": (20, 260),
}  # fmt: skip


def figure(
    moved: Mapping[str, tuple[float, float]] = MappingProxyType({}),
    *,
    unseen: tuple[str, ...] = (),
    turn_deg: float = 0,
) -> Pose:
    angle = math.radians(turn_deg)
    points = []
    for name in POINTS:
        x, y = moved.get(name.replace(" ", "_"), STANDING[name])
        turned = (x * math.cos(angle) - y * math.sin(angle), x * math.sin(angle) + y * math.cos(angle))
        points.append(Point(x=500 + turned[0], y=400 + turned[1], confidence=0.1 if name in unseen else 0.9))
    return Pose(points=tuple(points), model_id="drawn")


WALKING = {"left_knee": (-45, 178), "left_ankle": (-75, 252), "right_knee": (35, 180), "right_ankle": (40, 258)}
RUNNING = {"left_knee": (-5, 165), "left_ankle": (-85, 175), "right_knee": (30, 175), "right_ankle": (20, 255)}
SITTING = {
    "left_knee": (60, 112), "right_knee": (95, 112), "left_ankle": (62, 195), "right_ankle": (97, 195),
}  # fmt: skip
CROUCHING = {
    "left_knee": (-70, 95), "right_knee": (70, 95), "left_ankle": (-30, 165), "right_ankle": (30, 165),
}  # fmt: skip
GUARD = {
    "left_elbow": (-45, 40), "right_elbow": (45, 40), "left_wrist": (-15, -5), "right_wrist": (18, -5),
    "left_ankle": (-60, 255), "right_ankle": (45, 258),
}  # fmt: skip
RAISED = {"left_wrist": (-45, -90), "right_wrist": (45, -90), "left_elbow": (-50, -45), "right_elbow": (50, -45)}


@pytest.mark.parametrize(
    ("pose", "posture", "alerts"),
    [
        (figure(), Posture.STANDING, ()),
        (figure(WALKING), Posture.WALKING, ()),
        (figure(RUNNING), Posture.RUNNING, ()),
        (figure(SITTING), Posture.SITTING, ()),
        (figure(CROUCHING), Posture.CROUCHING, (PoseAlert.CROUCHING,)),
        (figure(turn_deg=85), Posture.LYING_DOWN, (PoseAlert.LYING_DOWN,)),
        (figure(turn_deg=-95), Posture.LYING_DOWN, (PoseAlert.LYING_DOWN,)),
        (figure(RAISED), Posture.STANDING, (PoseAlert.HANDS_RAISED,)),
        (figure(GUARD), Posture.WALKING, (PoseAlert.FIGHTING_STANCE,)),
    ],
)
def test_postures(pose, posture, alerts):
    stance = stance_of(pose)
    assert (stance.posture, stance.alerts) == (posture, alerts)
    assert stance.confidence == pytest.approx(0.9)


def test_nothing_is_said_about_what_is_not_seen():
    headless = figure(unseen=("left shoulder", "right shoulder"))
    assert stance_of(headless).posture is Posture.UNKNOWN
    assert stance_of(headless).confidence == 0
    behind_a_fence = figure(unseen=("left knee", "right knee", "left ankle", "right ankle"))
    assert stance_of(behind_a_fence) == stance_of(behind_a_fence, min_confidence=0.3)
    assert stance_of(behind_a_fence).posture is Posture.UNKNOWN
    assert stance_of(figure(RAISED, unseen=("left wrist",))).alerts == ()
    assert stance_of(figure(), min_confidence=0.95).posture is Posture.UNKNOWN


@given(scale=st.floats(0.2, 5), left=st.floats(-500, 500), mirror=st.booleans(), which=st.integers(0, 4))
def test_size_place_and_side_do_not_matter(scale, left, mirror, which):
    pose = (
        figure(),
        figure(WALKING),
        figure(SITTING),
        figure(CROUCHING),
        figure(RAISED),
    )[which]
    changed = Pose(
        points=tuple(
            Point(x=left + (-one.x if mirror else one.x) * scale, y=one.y * scale, confidence=one.confidence)
            for one in pose.points
        ),
        model_id="drawn",
    )
    assert stance_of(changed).posture is stance_of(pose).posture
    assert stance_of(changed).alerts == stance_of(pose).alerts


@given(points=st.lists(st.tuples(st.floats(0, 1000), st.floats(0, 1000), st.floats(0, 1)), min_size=17, max_size=17))
def test_any_points_give_a_stance(points):
    pose = Pose(points=tuple(Point(x=x, y=y, confidence=score) for x, y, score in points), model_id="drawn")
    stance = stance_of(pose)
    assert 0 <= stance.confidence <= 1
    assert (stance.posture is Posture.CROUCHING) == (PoseAlert.CROUCHING in stance.alerts)
    assert (stance.posture is Posture.LYING_DOWN) == (PoseAlert.LYING_DOWN in stance.alerts)


def test_a_real_model_answers(model_mirror):
    finder = PoseFinder(real("movenet-lightning-dequant", model_mirror))
    pose = finder.find(FRAME)
    assert len(pose.points) == 17
    assert all(0 <= one.confidence <= 1 for one in pose.points)
    assert stance_of(pose).posture is Posture.UNKNOWN


def _people(test_media):
    """Give cut-outs of labelled people in photographs with their joints, [17,3] of x, y in pixels and 2 = seen."""
    for notes in sorted((test_media / "labels/coco_val2017_person_keypoints").glob("*.txt")):
        with Image.open(test_media / f"images/coco_val2017/{notes.stem}.jpg") as opened:
            picture = opened.convert("RGB")
        scale = np.asarray(picture.size)
        for line in notes.read_text().splitlines():
            row = np.asarray(line.split()[1:], np.float64)
            centre, half = row[:2] * scale, row[2:4] * scale * 0.6
            corners = np.rint(np.clip([centre - half, centre + half], 0, scale)).astype(int).ravel()
            joints = row[4:].reshape(17, 3)
            joints[:, :2] = joints[:, :2] * scale - corners[:2]
            if min(half) > 40 and (joints[:, 2] == 2).sum() >= 10:
                yield picture.crop(tuple(corners)), joints


def test_a_real_model_finds_the_joints_in_photographs_as_its_bare_graph_does(model_mirror, test_media):
    loaded = real("movenet-lightning-dequant", model_mirror)
    finder, graph = PoseFinder(loaded), loaded.graph()
    apart, wrong = [], []
    for person, joints in _people(test_media):
        pose = finder.find(RgbFrame.of(np.asarray(person)))
        side = max(person.size)
        shift = ((side - person.width) // 2, (side - person.height) // 2)
        square = Image.new("RGB", (side, side))
        square.paste(person, shift)
        small = np.asarray(square.resize((192, 192), Image.Resampling.BILINEAR))
        (bare,) = graph.run({graph.inputs[0].name: small[np.newaxis]})
        theirs = bare[0, 0, :, 1::-1] * side - np.asarray(shift)
        ours = np.asarray([(one.x, one.y) for one in pose.points])
        seen, size = joints[:, 2] == 2, math.sqrt(person.width * person.height)
        apart.append(np.linalg.norm(ours - theirs, axis=1)[seen].mean() / size)
        wrong.append(np.linalg.norm(ours - joints[:, :2], axis=1)[seen].mean() / size)
    assert len(wrong) > 15
    assert np.median(apart) < 0.01
    assert np.median(wrong) < 0.07
