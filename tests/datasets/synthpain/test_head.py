"""The head model in use: people at rest, and that each action does what its name says."""

import numpy as np
import pytest

from painlab.alignment.pose import load_template
from painlab.datasets.synthpain.actions import ACTIONS, COLUMN
from painlab.datasets.synthpain.head import LOOKS, PIVOT, load_head, looks

MOVED = 1.0  # millimetres: less is not counted as a movement


@pytest.fixture(scope="module")
def head():
    return load_head()


@pytest.fixture(scope="module")
def neutral(head):
    """The mean young adult, through the ways that a person is made by."""
    young = np.array([name.endswith("young") for name in head.names["macros"]])
    average = np.zeros(len(head.names["builds"]))
    average[[n.endswith("young-averageweight") for n in head.names["builds"]]] = 0.5
    return head.shape(macros=young / young.sum(), builds=average, modes=np.zeros(len(head.modes)))


def moved(head, neutral, gaze=(0.0, 0.0), **actions):
    """All vertices with some actions at these weights."""
    weights = np.zeros((1, len(ACTIONS)), np.float32)
    for name, weight in actions.items():
        weights[0, COLUMN[name]] = weight
    return head.move(neutral, actions=weights, gaze=np.array([gaze], np.float32))[0]


def change(head, neutral, name, weight=1.0):
    """How far each landmark goes with one action: to the image's right, up, and forward."""
    there = moved(head, neutral, **{name: weight})
    return ((there - neutral)[head.landmarks] * [1, -1, -1]).astype(np.float64)


def test_the_mean_head_is_the_template(head, neutral):
    """Weights of its six young adults; average builds of MakeHuman change little."""
    apart = np.linalg.norm(neutral[head.landmarks] - load_template().points, axis=1)
    assert apart.max() < 4
    mean = np.linalg.norm(head.mean()[head.landmarks] - load_template().points, axis=1)
    assert mean.max() < 0.5


def test_the_pivot_lies_inside_the_head_above_the_neck(head):
    mean = head.mean()
    assert mean[:, 2].min() < PIVOT[2] < mean[mean[:, 1] < 60, 2].max()
    assert mean[head.landmarks[30], 1] < PIVOT[1]
    assert PIVOT[1] < mean[:, 1].max() - 100


def test_eyes_lie_about_the_origin_whatever_the_person(head):
    rng = np.random.default_rng(0)
    for _ in range(5):
        person = head.shape(
            macros=rng.dirichlet(np.ones(12)),
            builds=rng.dirichlet(np.ones(12)),
            modes=rng.normal(0, 0.2, len(head.modes)),
        )
        assert person.dtype == np.float32
        assert np.abs(person[head.landmarks[36:48]].mean(0)).max() < 1e-3


def test_shape_is_the_sum_of_its_parts(head):
    """In float64, one part at a time, up to where the eyes are put."""
    rng = np.random.default_rng(1)
    weights = [rng.random(len(part)) for part in (head.macros, head.builds, head.modes)]
    macros, builds, modes = weights
    shape = head.shape(macros=macros, builds=builds, modes=modes)
    expected = head.base.astype(np.float64)
    for part, weight in zip((head.macros, head.builds, head.modes), weights, strict=True):
        expected = expected + np.tensordot(weight, part.astype(np.float64), 1)
    expected -= expected[head.landmarks[36:48]].mean(0)
    np.testing.assert_allclose(shape, expected, atol=1e-3)


# what an action does to a landmark: (landmark, axis 0 right 1 up 2 forward of the image, sign)
DOES = {
    "browDownLeft": [(22, 1, -1), (23, 1, -1)],
    "browDownRight": [(21, 1, -1), (20, 1, -1)],
    "browInnerUp": [(21, 1, 1), (22, 1, 1)],
    "browOuterUpLeft": [(25, 1, 1)],
    "browOuterUpRight": [(18, 1, 1)],
    "jawForward": [(8, 2, 1)],
    "jawLeft": [(8, 0, 1)],
    "jawRight": [(8, 0, -1)],
    "jawOpen": [(8, 1, -1), (57, 1, -1), (66, 1, -1)],
    "mouthLeft": [(51, 0, 1), (57, 0, 1)],
    "mouthRight": [(51, 0, -1), (57, 0, -1)],
    "mouthSmileLeft": [(54, 0, 1), (54, 1, 1)],
    "mouthSmileRight": [(48, 0, -1), (48, 1, 1)],
    "mouthFrownLeft": [(54, 1, -1)],
    "mouthFrownRight": [(48, 1, -1)],
    "mouthStretchLeft": [(54, 0, 1)],
    "mouthStretchRight": [(48, 0, -1)],
    "mouthDimpleLeft": [(54, 0, 1)],
    "mouthDimpleRight": [(48, 0, -1)],
    "mouthUpperUpLeft": [(52, 1, 1)],
    "mouthUpperUpRight": [(50, 1, 1)],
    "mouthLowerDownLeft": [(56, 1, -1)],
    "mouthLowerDownRight": [(58, 1, -1)],
    "mouthPucker": [(48, 0, 1), (54, 0, -1)],
    "mouthFunnel": [(48, 0, 1), (54, 0, -1)],
    "mouthShrugLower": [(57, 1, 1)],
    "noseSneerLeft": [(35, 1, 1)],
    "noseSneerRight": [(31, 1, 1)],
}


@pytest.mark.parametrize("name", DOES)
def test_an_action_moves_what_it_says(head, neutral, name):
    moves = change(head, neutral, name)
    for landmark, axis, sign in DOES[name]:
        assert moves[landmark, axis] * sign > MOVED, (landmark, moves[landmark])
    lids = [37, 38, 40, 41, 43, 44, 46, 47]  # these never pass each other
    half = change(head, neutral, name, 0.5)
    np.testing.assert_allclose(np.delete(half, lids, 0), np.delete(moves, lids, 0) / 2, atol=1e-4)


PAIRED = [name.removesuffix("Left") for name in ACTIONS if name.endswith("Left")]
PAIRED = [name for name in PAIRED if name not in ("jaw", "mouth")]
LEFT_HALF = [*range(9, 17), *range(22, 27), *range(42, 48), 35, 53, 54, 55, 64]
RIGHT_HALF = [*range(8), *range(17, 22), *range(36, 42), 31, 48, 49, 59, 60]


@pytest.mark.parametrize("name", PAIRED)
def test_left_is_the_persons_left(head, neutral, name):
    """The person's left is the image's right; the halves mirror each other."""
    left = np.linalg.norm(moved(head, neutral, **{name + "Left": 1.0}) - neutral, axis=1)
    right = np.linalg.norm(moved(head, neutral, **{name + "Right": 1.0}) - neutral, axis=1)
    x = neutral[:, 0]
    assert x @ left > 0
    assert x @ right < 0
    assert left.sum() == pytest.approx(right.sum(), rel=0.15)
    at = head.landmarks
    assert left[at[LEFT_HALF]].max() > 3 * left[at[RIGHT_HALF]].max()


def gap(points, head, side):
    """How far the lids are apart, in millimetres."""
    start = 42 if side == "Left" else 36
    eye = points[head.landmarks[start : start + 6]]
    return float((eye[[4, 5], 1] - eye[[2, 1], 1]).mean())


@pytest.mark.parametrize("side", ["Left", "Right"])
def test_lids(head, neutral, side):
    other = "Right" if side == "Left" else "Left"
    open_ = gap(neutral, head, side)
    assert 6 < open_ < 14  # millimetres
    closed = moved(head, neutral, **{f"eyeBlink{side}": 1.0})
    assert -0.12 * open_ < gap(closed, head, side) < 0
    half = moved(head, neutral, **{f"eyeBlink{side}": 0.5})
    assert gap(half, head, side) == pytest.approx(open_ / 2, rel=0.15)
    assert gap(closed, head, other) == pytest.approx(gap(neutral, head, other), rel=0.02)
    assert gap(moved(head, neutral, **{f"eyeWide{side}": 1.0}), head, side) > 1.1 * open_
    assert gap(moved(head, neutral, **{f"eyeSquint{side}": 1.0}), head, side) < 0.8 * open_


@pytest.mark.parametrize("blink", [0.0, 0.5, 1.0])
def test_lids_never_pass_each_other(head, blink):
    """People of all eyes, with all else that narrows them: closed is closed and no more."""
    rng = np.random.default_rng(4)
    narrowing = {
        name + side: 1.0 for name in ("eyeSquint", "cheekSquint") for side in ("Left", "Right")
    }
    for _ in range(20):
        person = head.shape(
            macros=rng.dirichlet(np.ones(12)),
            builds=rng.dirichlet(np.ones(12)),
            modes=np.clip(rng.normal(0, 0.2, len(head.modes)), -0.4, 0.4),
        )
        for others, gaze in (({}, (0, 0)), (narrowing, (0, -12))):
            there = moved(head, person, gaze, eyeBlinkLeft=blink, eyeBlinkRight=blink, **others)
            for upper, lower in ((37, 41), (38, 40), (43, 47), (44, 46)):
                apart = np.subtract(*there[head.landmarks[[lower, upper]], 1])
                assert apart > -3.0  # millimetres: lids are arcs, they meet at their widest
            for side in ("Left", "Right"):
                assert gap(there, head, side) > -2.0
                if blink == 1:
                    assert gap(there, head, side) < 0.2


def test_the_mouth_opens_and_closes(head, neutral):
    def opening(**actions):
        inner = moved(head, neutral, **actions)[head.landmarks[[61, 62, 63, 65, 66, 67]], 1]
        return float(inner[3:].mean() - inner[:3].mean())

    shut = opening()
    assert abs(shut) < 3
    assert opening(jawOpen=1.0) > shut + 12
    assert opening(jawOpen=1.0, mouthClose=1.0) < 0.5 * opening(jawOpen=1.0)
    assert opening(jawOpen=0.3) < opening(jawOpen=0.6) < opening(jawOpen=1.0)


def test_cheeks_puff_and_the_tongue_comes_out(head, neutral):
    skin = np.unique(head.triangles[head.part == head.names["parts"].index("skin")])
    for side in (-1, 1):
        cheek = skin[np.argmin(np.linalg.norm(neutral[skin] - [35 * side, 62, 5], axis=1))]
        puffed = moved(head, neutral, cheekPuff=1.0)
        assert neutral[cheek, 2] - puffed[cheek, 2] > 5
    tongue = np.unique(head.triangles[head.part == head.names["parts"].index("tongue")])
    out = moved(head, neutral, tongueOut=1.0)
    assert neutral[tongue, 2].min() - out[tongue, 2].min() > 10


def test_pain_actions_leave_the_skull_alone(head, neutral):
    """Ears, crown and neck stay: what pain moves is the face."""
    names = ("browDown", "eyeSquint", "cheekSquint", "noseSneer", "mouthUpperUp", "eyeBlink",
             "mouthStretch")  # fmt: skip
    everything = {name + side: 1.0 for name in names for side in ("Left", "Right")}
    far = np.linalg.norm(moved(head, neutral, jawOpen=1.0, **everything) - neutral, axis=1)
    skull = (neutral[:, 2] > 90) | (neutral[:, 1] < -75)
    assert far[skull].max() < 0.5
    assert far.max() < 60


# ---- gaze


def eyeball_turn(head, before, after, side):
    """The rotation (Kabsch) of an eyeball, as where the eye then looks: degrees right and up."""
    ball = np.unique(head.triangles[head.part == head.names["parts"].index("eye")])
    ball = ball[np.sign(before[ball, 0]) == side]
    p, q = (points[ball].astype(np.float64) for points in (before, after))
    p, q = p - p.mean(0), q - q.mean(0)
    left, _, right = np.linalg.svd(q.T @ p)
    axis = left @ np.diag([1, 1, np.linalg.det(left @ right)]) @ right @ [0, 0, -1]
    return np.degrees([np.arctan2(axis[0], -axis[2]), np.arctan2(-axis[1], np.hypot(*axis[::2]))])


@pytest.mark.parametrize("gaze", [(20, 0), (-20, 0), (0, 15), (0, -15), (12, 8), (-12, -8)])
def test_both_eyes_look_where_gaze_says(head, neutral, gaze):
    there = moved(head, neutral, gaze=gaze)
    for side in (-1, 1):
        turn = eyeball_turn(head, neutral, there, side)
        np.testing.assert_allclose(turn, gaze, atol=0.1)


@pytest.mark.parametrize("name", [n for n in ACTIONS if n.startswith("eyeLook")])
def test_the_lids_are_told_how_far_the_eyes_have_turned(head, neutral, name):
    """MakeHuman's own eyeLook actions, eyeballs and all, turn by what `LOOKS` says."""
    there = neutral + head.actions[COLUMN[name]]
    turn = eyeball_turn(head, neutral, there, 1 if name.endswith("Left") else -1)
    kind = name.removeprefix("eyeLook").removesuffix("Left").removesuffix("Right")
    axis = 0 if kind in ("In", "Out") else 1
    sign = {"Up": 1, "Down": -1, "In": -1, "Out": 1}[kind]
    if axis == 0 and name.endswith("Right"):
        sign = -sign
    assert turn[axis] * sign == pytest.approx(LOOKS[kind], abs=0.1)
    assert abs(turn[1 - axis]) < 0.3


def test_eyeballs_keep_their_shape(head, neutral):
    there = moved(head, neutral, gaze=(25, -15))
    ball = np.unique(head.triangles[head.part == head.names["parts"].index("eye")])
    for side in (-1, 1):
        one = ball[np.sign(neutral[ball, 0]) == side][::7]
        before, after = (
            np.linalg.norm(points[one, None] - points[None, one], axis=-1)
            for points in (neutral.astype(np.float64), there.astype(np.float64))
        )
        np.testing.assert_allclose(after, before, atol=1e-4)


def test_lids_follow_the_eyes(head, neutral):
    for side in ("Left", "Right"):
        start = 42 if side == "Left" else 36
        upper = head.landmarks[[start + 1, start + 2]]
        assert moved(head, neutral, gaze=(0, -20))[upper, 1].mean() > neutral[upper, 1].mean() + 1
        assert moved(head, neutral, gaze=(0, 20))[upper, 1].mean() < neutral[upper, 1].mean()


def test_looks_are_weights_of_the_eyes_alone():
    weights = looks(np.array([[7.1, -30.0], [90.0, 0.0], [0.0, 0.0]], np.float32))
    assert weights.dtype == np.float32
    assert weights.min() >= 0
    assert weights.max() == 1  # further than MakeHuman's eyes turn, nobody looks
    named = {ACTIONS[i]: round(float(weights[0, i]), 4) for i in np.flatnonzero(weights[0])}
    assert named == {
        "eyeLookOutLeft": 0.5, "eyeLookInRight": 0.4797, "eyeLookDownLeft": 1.0,
        "eyeLookDownRight": 1.0,
    }  # fmt: skip
    assert not weights[2].any()


# ---- arithmetic


def test_actions_add_up(head, neutral):
    """Against one float64 sum over all actions."""
    rng = np.random.default_rng(2)
    weights = rng.random((3, len(ACTIONS))).astype(np.float32)
    weights[:, [i for i, name in enumerate(ACTIONS) if name.startswith("eye")]] = 0
    gaze = rng.uniform(-20, 20, (3, 2)).astype(np.float32)
    total = weights.astype(np.float64) + looks(gaze)
    expected = neutral + np.einsum("ka,avx->kvx", total, head.actions.astype(np.float64))
    given = head.move(neutral, actions=weights, gaze=gaze)
    ball = np.unique(head.triangles[head.part == head.names["parts"].index("eye")])
    lids = np.abs(head.actions[[COLUMN["eyeBlinkLeft"], COLUMN["eyeBlinkRight"]]]).max((0, 2)) > 0
    face = np.setdiff1d(np.arange(len(neutral)), [*ball, *np.flatnonzero(lids)])
    np.testing.assert_allclose(given[:, face], expected[:, face], atol=1e-3)
    assert given.dtype == np.float32


def test_a_frame_does_not_depend_on_its_company(head, neutral):
    rng = np.random.default_rng(3)
    weights = rng.random((5, len(ACTIONS))).astype(np.float32) * (rng.random((5, 52)) < 0.5)
    weights, gaze = weights.astype(np.float32), rng.normal(0, 9, (5, 2)).astype(np.float32)
    together = head.move(neutral, actions=weights, gaze=gaze)
    for i in range(5):
        alone = head.move(neutral, actions=weights[i : i + 1], gaze=gaze[i : i + 1])
        assert alone[0].tobytes() == together[i].tobytes()


def test_at_rest_nothing_moves(head, neutral):
    assert moved(head, neutral).tobytes() == neutral.tobytes()


def test_outside_its_range_an_action_moves_nothing(head):
    for action in range(len(ACTIONS)):
        still = np.ones(len(head.base), bool)
        still[head.moved_by(action)] = False
        assert not head.actions[action, still].any()
