"""Where the head is, which way its turns go, and what light and backdrop are."""

import numpy as np
import pytest

from painlab.alignment.pose import head_angles
from painlab.datasets.synthpain.appearance import make_body
from painlab.datasets.synthpain.head import NECK, PIVOT
from painlab.datasets.synthpain.render import _part, place_body, project_landmarks
from painlab.datasets.synthpain.scene import draw_scene, place_head
from painlab.datasets.synthpain.subjects import draw_subject

SIZE = 224
STILL = (0.0,) * 6


def scene_of(*poses, index=0, level=1, trial=0, size=SIZE):
    return draw_scene(
        draw_subject(0, index), np.array(poses, np.float32), level=level, trial=trial, size=size
    )


def landmarks(*poses, index=0, size=SIZE, **clip):
    """The landmarks of a calm face in these poses; the camera's zoom is held still."""
    scene = scene_of(*poses, index=index, size=size, **clip)
    scene.focal[:] = scene.focal[0]
    k = len(poses)
    body = make_body(draw_subject(0, index))
    calm, ahead = np.zeros((k, 52), np.float32), np.zeros((k, 2), np.float32)
    positions = place_body(body, calm, ahead, scene)
    return project_landmarks(positions, scene, size)


def towards(rotation, direction):
    return rotation.astype(np.float64) @ direction


# ---- signs, as one sees them in the picture


def test_yaw_turns_the_nose_to_the_images_left():
    still, left, right = landmarks(STILL, (15, 0, 0, 0, 0, 0), (-15, 0, 0, 0, 0, 0))
    for moved, sign in ((right, 1), (left, -1)):
        shift = moved[30, 0] - moved[36:48, 0].mean() - (still[30, 0] - still[36:48, 0].mean())
        assert shift * sign > 2  # pixels
        # the far half of the face looks narrower
        near, far = (0, 16) if sign > 0 else (16, 0)
        assert abs(moved[near, 0] - moved[30, 0]) > abs(moved[far, 0] - moved[30, 0]) + 10


def test_pitch_lowers_the_chin_and_the_nose():
    still, down, up = landmarks(STILL, (0, 12, 0, 0, 0, 0), (0, -12, 0, 0, 0, 0))

    def nose(points):  # above (positive) the line of the ears, in pixels
        return points[[0, 16], 1].mean() - points[30, 1]

    assert nose(up) > nose(still) + 5
    assert nose(down) < nose(still) - 5
    assert up[8, 1] < still[8, 1] < down[8, 1]


def test_roll_leans_the_head_to_the_images_right():
    still, leant = landmarks(STILL, (0, 0, 10, 0, 0, 0))

    def upright(points):  # from the chin to between the brows
        return points[27, :2] - points[8, :2]

    assert upright(leant)[0] > upright(still)[0] + 5
    angles = [np.degrees(np.arctan2(u[0], -u[1])) for u in (upright(still), upright(leant))]
    assert angles[1] - angles[0] == pytest.approx(10, abs=0.7)
    # the eye on the image's right is lower
    assert leant[45, 1] - leant[36, 1] > still[45, 1] - still[36, 1] + 5


def test_shifts_go_right_down_and_away():
    still, right, down, away = landmarks(
        STILL, (0, 0, 0, 10, 0, 0), (0, 0, 0, 0, 10, 0), (0, 0, 0, 0, 0, 60)
    )
    assert (right[:48, 0] - still[:48, 0] > 4).all()
    assert (down[17:48, 1] - still[17:48, 1] > 4).all()
    spread = [np.ptp(points[36:46, 0]) for points in (still, away)]
    assert spread[1] < 0.98 * spread[0]


@pytest.mark.parametrize(
    ("pose", "looks_at"),
    [
        ((20, 0, 0), (-np.sin(np.pi / 9), 0, -np.cos(np.pi / 9))),
        ((0, 20, 0), (0, np.sin(np.pi / 9), -np.cos(np.pi / 9))),
        ((0, 0, 20), (0, 0, -1)),
    ],
)
def test_one_turn_at_a_time_by_hand(pose, looks_at):
    scene = scene_of((*pose, 0, 0, 0))
    turn = scene.tilt.T.astype(np.float64) @ scene.rotation[0]
    np.testing.assert_allclose(turn @ [0, 0, -1], looks_at, atol=1e-6)
    if pose[2]:
        np.testing.assert_allclose(
            turn @ [0, -1, 0], (np.sin(np.pi / 9), -np.cos(np.pi / 9), 0), atol=1e-6
        )


def test_turns_are_those_of_scipy():
    """About the ears' axis first, then the vertical, then the line of sight, all fixed axes."""
    from scipy.spatial.transform import Rotation

    yaw, pitch, roll = 17.0, -9.0, 6.0
    scene = scene_of((yaw, pitch, roll, 0, 0, 0))
    expected = Rotation.from_euler("xyz", [pitch, yaw, roll], degrees=True).as_matrix()
    turn = scene.tilt.T.astype(np.float64) @ scene.rotation[0]
    np.testing.assert_allclose(turn, expected, atol=1e-6)
    for rotation in (scene.tilt, scene.rotation[0]):
        np.testing.assert_allclose(towards(rotation, rotation.T), np.eye(3), atol=1e-6)


def test_the_aligners_angles_follow():
    """`head_angles` reads from the landmarks what the head was told."""
    poses = [STILL, (12, 0, 0, 0, 0, 0), (0, 9, 0, 0, 0, 0), (0, 0, 8, 0, 0, 0)]
    angles = head_angles(landmarks(*poses)).astype(np.float64)
    change = angles[1:] - angles[0]
    np.testing.assert_allclose(change[0], [12, 0, 0], atol=2.0)
    np.testing.assert_allclose(change[1], [0, 9, 0], atol=2.0)
    np.testing.assert_allclose(change[2], [0, 0, 8], atol=2.0)


# ---- placing


def test_head_turns_shoulders_stay_neck_between():
    scene = scene_of(STILL, (25, 10, -8, 12, -6, 30))
    heights = np.array([-120, 0, NECK[0] - 1, (NECK[0] + NECK[1]) / 2, NECK[1] + 1, 290.0])
    rest = np.stack([np.full(6, 40.0), heights, np.full(6, 60.0)], 1).astype(np.float32)
    placed = place_head(np.stack([rest, rest]), rest, scene).astype(np.float64)
    for frame in range(2):
        free = (rest - PIVOT) @ scene.rotation[frame].astype(np.float64).T
        free += scene.translation[frame]
        still = (rest - PIVOT) @ scene.tilt.astype(np.float64).T + scene.body_translation
        np.testing.assert_allclose(placed[frame, :3], free[:3], atol=1e-3)
        np.testing.assert_allclose(placed[frame, 4:], still[4:], atol=1e-3)
        np.testing.assert_allclose(placed[frame, 3], (free[3] + still[3]) / 2, atol=1e-3)
    np.testing.assert_allclose(placed[0], (rest - PIVOT) @ scene.tilt.astype(np.float64).T
                               + scene.body_translation, atol=1e-3)  # fmt: skip


def test_a_frame_does_not_depend_on_its_company():
    poses = np.random.default_rng(0).normal(0, 8, (6, 6)).astype(np.float32)
    scene = scene_of(*poses)
    points = np.random.default_rng(1).normal(0, 80, (6, 300, 3)).astype(np.float32)
    together = place_head(points, points[0], scene)
    for i in range(6):
        alone = place_head(points[i : i + 1], points[0], _part(scene, slice(i, i + 1)))
        assert alone[0].tobytes() == together[i].tobytes()


@pytest.mark.parametrize("size", [64, 112, 448])
def test_the_size_of_the_picture_scales_everything(size):
    full = landmarks(STILL, (9, -4, 3, 5, 5, 5))
    scaled = landmarks(STILL, (9, -4, 3, 5, 5, 5), size=size)
    np.testing.assert_allclose(scaled * (SIZE / size), full, atol=2e-3)


def test_faces_lie_in_the_picture():
    """Of all 87 people, one clip each: the landmarks at rest, and how large the face is."""
    widths = []
    for index in range(87):
        scene = scene_of(STILL, index=index, level=index % 5)
        rigid = np.array([[-50, -30, 30], [50, -30, 30], [0, 95, 0], [0, 0, 0]], np.float32)
        placed = place_head(rigid[None], rigid, scene)[0].astype(np.float64)
        flat = scene.focal[0] * placed[:, :2] / placed[:, 2:] + SIZE / 2
        assert flat.min() > 10
        assert flat.max() < SIZE - 10
        widths.append(flat[1, 0] - flat[0, 0])
    assert min(widths) > 55
    assert max(widths) < 85
    assert np.std(widths) > 3  # cameras differ


# ---- light and backdrop


CLIPS = [(index, level, trial) for index in (0, 5) for level in (0, 4) for trial in (0, 3)]


def clips():
    poses = np.zeros((30, 6), np.float32)
    for index, level, trial in CLIPS:
        yield draw_scene(draw_subject(0, index), poses, level=level, trial=trial, size=SIZE)


def test_light_is_light():
    for scene in clips():
        light = scene.light
        np.testing.assert_allclose(np.linalg.norm(light.direction, axis=-1), 1, atol=1e-5)
        assert all(array.dtype == np.float32 for array in light)
        assert all((array > 0).all() for array in (light.colour, light.sky, light.ground))
        assert (light.direction[:, 0, 2] < 0).all()  # the key light stands before the face
        assert (light.direction[:, 0, 1] < 0).all()  # and above it
        assert (light.sky.sum(1) > light.ground.sum(1)).all()
        assert (light.colour[:, 0].sum(1) > light.colour[:, 1].sum(1)).all()
        # lamps and flicker are gentle: no frame stands out
        assert np.ptp(light.colour[:, 0, 1]) < 0.12 * light.colour[:, 0, 1].mean()


def test_the_backdrop_is_wide_enough_for_its_sway():
    for scene in clips():
        rows, cols = scene.backdrop.picture.shape[:2]
        corner = scene.backdrop.corner
        assert corner.min() >= 0
        assert (corner[:, 0] + SIZE).max() <= cols
        assert (corner[:, 1] + SIZE).max() <= rows
        assert 0 < scene.backdrop.picture.min() < scene.backdrop.picture.max() < 1
        assert np.abs(np.diff(corner, axis=0)).max() < 2  # it drifts, it does not jump


def test_every_clip_has_a_scene_of_its_own_and_always_the_same():
    one, other = list(clips()), list(clips())
    seeds = [scene.grain_seed for scene in one]
    assert len(set(seeds)) == len(CLIPS)
    for a, b in zip(one, other, strict=True):
        assert a.grain_seed == b.grain_seed
        assert a.backdrop.picture.tobytes() == b.backdrop.picture.tobytes()
        assert a.light.colour.tobytes() == b.light.colour.tobytes()
        assert a.rotation.tobytes() == b.rotation.tobytes()
    assert len({scene.backdrop.picture.tobytes() for scene in one}) == len(CLIPS)
    assert len({scene.light.direction.tobytes() for scene in one}) == len(CLIPS)


def test_scenes_know_nothing_of_pain():
    """Means over people at each level: all within the spread that chance leaves."""
    poses = np.zeros((1, 6), np.float32)
    told = np.array([
        [
            [s.light.colour.sum(), s.backdrop.picture.mean(), float(s.focal[0]), s.grain]
            for s in (
                draw_scene(draw_subject(0, index), poses, level=level, trial=0, size=32)
                for index in range(40)
            )
        ]
        for level in range(5)
    ])  # (level subject measure)  # fmt: skip
    of_levels = told.mean(1)
    error = told.reshape(-1, 4).std(0) / np.sqrt(told.shape[1])
    assert (np.abs(of_levels - of_levels.mean(0)) < 3.5 * error).all()
