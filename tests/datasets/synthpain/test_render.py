"""Clips as they are drawn: where the truth says things are, and always the same bytes."""

import subprocess
import sys
from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest
import torch
from scenes import plain

from painlab.datasets.synthpain import render
from painlab.datasets.synthpain.appearance import make_body
from painlab.datasets.synthpain.head import NECK, PIVOT, load_head
from painlab.datasets.synthpain.pain import draw_motion
from painlab.datasets.synthpain.people import draw_person
from painlab.datasets.synthpain.rasterise import rasterise
from painlab.datasets.synthpain.rasterise_torch import rasterise_torch
from painlab.datasets.synthpain.render import render_clip
from painlab.datasets.synthpain.subjects import draw_subject
from painlab.errors import PainLabError

# an expressive subject with long hair, one who is bald, one with short hair
CLIPS = [(0, 4, 0), (1, 0, 0), (4, 3, 2)]


def clip(index, level, trial, *, frames=6, **changes):
    subject = draw_subject(0, index)
    motion = draw_motion(subject, level=level, trial=trial, frames=frames)
    return render_clip(subject, motion, level=level, trial=trial, **changes)


@pytest.fixture
def drawn(monkeypatch):
    """What `render_clip` hands to the rasteriser, call by call."""
    calls = []

    def spy(positions, **rest):
        calls.append({"positions": positions, **rest})
        return rasterise(positions, **rest)

    monkeypatch.setattr(render, "rasterise", spy)
    return calls


def test_what_comes_back():
    rendered = clip(0, 4, 0, frames=5, size=97)
    assert rendered.frames.shape == (5, 97, 97, 3)
    assert rendered.frames.dtype == torch.uint8
    assert rendered.frames.device.type == "cpu"
    for name, shape in {
        "landmarks": (5, 68, 3), "rotation": (5, 3, 3), "translation": (5, 3), "focal": (5,),
    }.items():  # fmt: skip
        array = getattr(rendered, name)
        assert array.shape == shape
        assert array.dtype == np.float32
    assert rendered.frames.float().std() > 20  # a picture, not a plane


# ---- truth


def magnified(call, frame, vertex, at, *, pixels=32, times=4096):
    """Where a tiny square, put on one of the vertices that were drawn, is seen in the picture.

    The rasteriser draws it into a frame whose middle is the place `at` in the clip's picture,
    `times` larger, so that one pixel of it is a 4096th of the clip's.
    """
    x, y, z = call["positions"][frame, vertex].astype(np.float64)
    focal = float(call["focal"][frame])
    half = 0.002 * z / focal  # a 500th of a pixel to each side, in millimetres
    corners = [(x + i * half, y + j * half, z) for i, j in ((-1, -1), (-1, 1), (1, 1), (1, -1))]
    scene = plain(
        corners,
        [[0, 1, 2], [0, 2, 3]],
        size=(pixels, pixels),
        kind=1,
        focal=np.array([focal * times], np.float32),
        centre=tuple(pixels / 2 - times * (at - call["centre"][0])),
    )
    lit = rasterise(**scene)[0, ..., 0] > 0
    assert 200 < lit.sum() < 340  # 16.4 pixels wide and high
    border = np.ones_like(lit)
    border[1:-1, 1:-1] = False
    assert not lit[border].any()
    seen = np.argwhere(lit)[:, ::-1].mean(0) + 0.5
    return at + (seen - pixels / 2) / times


@pytest.mark.parametrize("key", CLIPS)
def test_landmarks_are_where_their_vertices_are_drawn(key, drawn):
    """Seen through the rasteriser itself: to 1e-3 pixels, all 68, in two frames."""
    rendered = clip(*key, frames=3)
    vertices = load_head().landmarks
    for frame in (0, 2):
        for j in range(68):
            told = rendered.landmarks[frame, j, :2].astype(np.float64)
            there = magnified(drawn[0], frame, vertices[j], told)
            np.testing.assert_allclose(there, told, rtol=0, atol=1e-3)


@pytest.mark.parametrize("key", CLIPS)
@pytest.mark.parametrize("size", [224, 96])
def test_landmarks_follow_from_the_truth_in_float64(key, size):
    """`rotation @ (p - PIVOT) + translation`, then the pinhole; the neck holds back the lowest."""
    subject = draw_subject(0, key[0])
    motion = draw_motion(subject, level=key[1], trial=key[2], frames=4)
    rendered = render_clip(subject, motion, level=key[1], trial=key[2], size=size)
    head, neutral = load_head(), make_body(subject).neutral
    moved = head.move(neutral, actions=motion.actions, gaze=motion.gaze).astype(np.float64)
    free = np.flatnonzero(neutral[head.landmarks, 1] < NECK[0])
    assert len(free) > 50
    for i in range(4):
        rotation, translation = rendered.rotation[i].astype(float), rendered.translation[i]
        points = (moved[i, head.landmarks] - PIVOT) @ rotation.T + translation
        flat = float(rendered.focal[i]) * points[:, :2] / points[:, 2:] + size / 2
        told = rendered.landmarks[i]
        np.testing.assert_allclose(told[free, :2], flat[free], rtol=0, atol=1e-3)
        scale = rendered.focal[i] / translation[2]
        np.testing.assert_allclose(
            told[free, 2], scale * (points[free, 2] - translation[2]), atol=1e-3
        )


def test_rotation_is_one_and_the_face_looks_at_the_camera():
    rendered = clip(4, 3, 2)
    product = rendered.rotation @ rendered.rotation.transpose(0, 2, 1)
    np.testing.assert_allclose(product, np.broadcast_to(np.eye(3), product.shape), atol=1e-5)
    assert (np.linalg.det(rendered.rotation) > 0.999).all()
    assert (rendered.rotation @ [0, 0, -1])[:, 2].max() < -0.7
    assert (rendered.translation[:, 2] > 500).all()
    z = rendered.landmarks[..., 2]
    assert (z[:, 30] == z[:, 27:36].min(1)).all()  # the tip of the nose is nearest
    assert (z[:, 30] < 0).all()


def test_eyes_are_dark_where_the_landmarks_say(drawn):
    """In the picture itself: the middle of an open eye is darker than the cheek below it."""
    rendered = clip(0, 0, 0, frames=1, size=448)
    picture = rendered.frames[0].float().mean(-1).numpy()
    for eye in (slice(36, 42), slice(42, 48)):
        x, y = rendered.landmarks[0, eye, :2].mean(0).astype(int)
        pupil = picture[y - 3 : y + 4, x - 3 : x + 4].mean()
        cheek = picture[y + 45 : y + 55, x - 5 : x + 6].mean()
        assert pupil < 0.7 * cheek


# ---- the same bytes


def digest(rendered):
    """All that a clip is, in one number."""
    told = sha256(rendered.frames.numpy().tobytes())
    for name in ("landmarks", "rotation", "translation", "focal"):
        told.update(getattr(rendered, name).tobytes())
    return told.hexdigest()


def draw_alone(key):
    return digest(clip(*key, size=96))


def forget():
    for cache in (make_body, draw_person):
        cache.cache_clear()


@pytest.fixture(scope="module")
def known():
    return {key: draw_alone(key) for key in CLIPS}


def test_a_clip_is_the_same_in_any_order(known):
    for key in reversed(CLIPS):
        forget()
        assert draw_alone(key) == known[key]
    assert len(set(known.values())) == len(CLIPS)


@pytest.mark.parametrize("step", [1, 4, 5, 100])
def test_a_clip_is_the_same_in_any_chunks(known, step, monkeypatch):
    monkeypatch.setattr(render, "CHUNK", step)
    assert draw_alone(CLIPS[0]) == known[CLIPS[0]]


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_a_clip_is_the_same_on_any_number_of_threads(known, threads):
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        forget()
        assert draw_alone(CLIPS[2]) == known[CLIPS[2]]
    finally:
        torch.set_num_threads(before)


def test_a_long_clip_goes_through_several_chunks():
    whole = clip(0, 4, 0, frames=render.CHUNK + 3, size=48)
    assert len(whole.frames) == render.CHUNK + 3
    assert digest(whole) == digest(clip(0, 4, 0, frames=render.CHUNK + 3, size=48))


# ---- pain


def test_without_pain_level_0_is_what_it_was():
    for index in (0, 1):
        assert digest(clip(index, 0, 1, size=96)) == digest(clip(index, 0, 1, size=96, pain=False))


def most_expressive():
    return max((draw_subject(0, i) for i in range(20)), key=lambda s: s.expressiveness)


def test_pain_moves_the_face_and_nothing_else():
    subject = most_expressive()
    trials = [draw_motion(subject, level=4, trial=t, frames=12) for t in range(6)]
    trial = int(np.argmax([motion.intensity.max() for motion in trials]))
    motion = trials[trial]
    assert motion.intensity.max() > 0.5
    key = {"level": 4, "trial": trial}
    pain, calm = (render_clip(subject, motion, **key, pain=pain) for pain in (True, False))
    np.testing.assert_array_equal(pain.rotation, calm.rotation)
    np.testing.assert_array_equal(pain.translation, calm.translation)
    apart = (pain.frames.int() - calm.frames.int()).abs().amax(-1) >= 2  # (k height width)
    apex = int(motion.intensity.argmax())
    assert 0.01 < apart[apex].float().mean() < 0.35
    # what moved lies in the face's box, a little around it, and where brows pull at the hairline
    points = np.concatenate([calm.landmarks[apex, :, :2], pain.landmarks[apex, :, :2]])
    low, high = points.min(0) - [25, 55], points.max(0) + 15
    y, x = np.nonzero(apart[apex].numpy())
    inside = (x > low[0]) & (x < high[0]) & (y > low[1]) & (y < high[1])
    assert inside.mean() > 0.995
    # the same as a motion that never had any
    never = render_clip(subject, replace(motion, actions=motion.without_pain), **key)
    assert digest(never) == digest(calm)
    lid = lambda r: (r.landmarks[apex, [40, 41, 46, 47], 1]  # noqa: E731
                     - r.landmarks[apex, [38, 37, 44, 43], 1]).mean()  # fmt: skip
    assert lid(pain) < lid(calm)
    assert pain.landmarks[apex, 17:27, 1].mean() > calm.landmarks[apex, 17:27, 1].mean()


def test_frames_without_pain_are_equal_in_both():
    subject = most_expressive()
    for trial in range(6):
        motion = draw_motion(subject, level=4, trial=trial, frames=12)
        same = (motion.actions == motion.without_pain).all(1)
        if same.any() and not same.all():
            break
    else:
        pytest.fail("no clip of the first six begins or ends without pain")
    pain, calm = (
        render_clip(subject, motion, level=4, trial=trial, size=96, pain=pain)
        for pain in (True, False)
    )
    assert (pain.frames[same] == calm.frames[same]).all()
    assert not (pain.frames[~same] == calm.frames[~same]).all()


# ---- torch beside numba


def alike(one, other):
    """The share of values at most one grey level apart."""
    return float(((one.int() - other.int()).abs() <= 1).float().mean())


def on(device, array):
    return torch.from_numpy(np.ascontiguousarray(array)).to(device)


@pytest.mark.parametrize("key", CLIPS)
def test_torch_draws_what_numba_draws(key, drawn):
    rendered = clip(*key, frames=3)
    (call,) = drawn
    tensors = {name: on("cpu", call.pop(name)) for name in ("positions", "focal", "wrinkles")}
    for name in ("surface", "light", "backdrop"):
        call[name] = type(call[name])(*(on("cpu", array) for array in call[name]))
    again = rasterise_torch(**tensors, **call)
    assert alike(again, rendered.frames) >= 0.999


@pytest.mark.gpu
@pytest.mark.parametrize("key", CLIPS)
def test_the_gpu_draws_what_the_cpu_draws(key):
    here, there = clip(*key, frames=40), clip(*key, frames=40, device="cuda")
    assert there.frames.device.type == "cuda"
    assert alike(there.frames.cpu(), here.frames) >= 0.999
    np.testing.assert_array_equal(there.landmarks, here.landmarks)


def test_auto_takes_what_there_is():
    rendered = clip(*CLIPS[1], frames=1, size=32, device="auto")
    expected = "cuda" if torch.cuda.is_available() else "cpu"
    assert rendered.frames.device.type == expected


WITHOUT_NUMBA = """
import sys
sys.modules["numba"] = None
import torch
from painlab.datasets.synthpain.pain import draw_motion
from painlab.datasets.synthpain.render import render_clip
from painlab.datasets.synthpain.subjects import draw_subject
subject = draw_subject(0, 1)
motion = draw_motion(subject, level=0, trial=0, frames=1)
rendered = render_clip(subject, motion, level=0, trial=0, size=64)
sys.stdout.write(rendered.frames.numpy().tobytes().hex())
"""


@pytest.mark.slow
def test_without_numba_torch_draws_and_says_so():
    run = subprocess.run(
        [sys.executable, "-c", WITHOUT_NUMBA], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert "numba is not installed" in run.stderr
    there = np.frombuffer(bytes.fromhex(run.stdout), np.uint8).reshape(1, 64, 64, 3)
    here = clip(1, 0, 0, frames=1, size=64).frames
    assert alike(torch.from_numpy(there.copy()), here) >= 0.999


# ---- refusals


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"level": 5}, "level 5"),
        ({"level": -1}, "level -1"),
        ({"trial": -1}, "trial -1"),
        ({"size": 0}, "size=0"),
        ({"size": -3}, "size=-3"),
        ({"supersample": 0}, "supersample=0"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_a_sentence(changes, told):
    subject = draw_subject(0, 0)
    motion = draw_motion(subject, level=0, trial=0, frames=1)
    with pytest.raises(PainLabError, match=told) as caught:
        render_clip(subject, motion, **{"level": 0, "trial": 0, "size": 32} | changes)
    assert "\n" not in str(caught.value)
