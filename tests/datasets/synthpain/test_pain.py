"""What pain does to a face: where, when and how much."""

import dataclasses

import numpy as np
import pytest

from painlab.datasets.synthpain import pain as pain_module
from painlab.datasets.synthpain.actions import columns
from painlab.datasets.synthpain.curves import clip_times
from painlab.datasets.synthpain.distractors import draw_distractors
from painlab.datasets.synthpain.pain import ACTIONS, draw_motion, draw_pain, pain_intensity
from painlab.datasets.synthpain.subjects import draw_subject
from painlab.errors import DataError

SUBJECTS = [draw_subject(0, index) for index in range(24)]
EXPRESSIVE = [subject for subject in SUBJECTS if subject.expressiveness > 0.1]
QUIET = [subject for subject in SUBJECTS if subject.expressiveness < 0.1]
MOVED = sorted(
    column for recipe in pain_module.RECIPES.values() for name in recipe for column in columns(name)
)
FIELDS = ("actions", "without_pain", "intensity", "pose", "gaze")


def pains(subjects, level, trials=8, times=None):
    times = clip_times() if times is None else times
    return np.stack(
        [draw_pain(s, times, level=level, trial=trial) for s in subjects for trial in range(trials)]
    )


def peaks(subjects, level):
    return np.array([pain_intensity(pain).max() for pain in pains(subjects, level)])


def test_the_actions_are_the_52_in_alphabetical_order():
    assert len(ACTIONS) == len(set(ACTIONS)) == 52
    assert list(ACTIONS) == sorted(ACTIONS)
    assert columns("noseSneer") == [ACTIONS.index("noseSneerLeft"), ACTIONS.index("noseSneerRight")]
    with pytest.raises(KeyError):
        columns("noSuchAction")


def test_a_motion_has_the_shapes_and_types_it_says():
    motion = draw_motion(EXPRESSIVE[0], level=4, trial=1)
    shapes = {"actions": (138, 52), "without_pain": (138, 52), "intensity": (138,)}
    shapes |= {"pose": (138, 6), "gaze": (138, 2)}
    for field in FIELDS:
        assert getattr(motion, field).dtype == np.float32
        assert getattr(motion, field).shape == shapes[field]


def test_actions_are_the_calm_face_and_the_pain_clipped():
    for subject in SUBJECTS[:8]:
        for level in range(5):
            motion = draw_motion(subject, level=level, trial=3)
            times = clip_times()
            pain = draw_pain(subject, times, level=level, trial=3)
            calm = draw_distractors(subject, times, level=level, trial=3)
            both = np.clip(calm.actions + pain, 0, 1)
            np.testing.assert_allclose(motion.actions, both, atol=1e-6)
            np.testing.assert_allclose(motion.without_pain, calm.actions, atol=1e-6)
            np.testing.assert_allclose(motion.intensity, pain_intensity(pain), atol=1e-6)
            # pain moves neither head nor eyes
            np.testing.assert_allclose(motion.pose, calm.pose, rtol=1e-6)
            np.testing.assert_allclose(motion.gaze, calm.gaze, rtol=1e-6)


def test_there_is_no_pain_at_level_0():
    for subject in SUBJECTS:
        motion = draw_motion(subject, level=0, trial=0)
        np.testing.assert_array_equal(motion.actions, motion.without_pain)
        assert not motion.intensity.any()


def test_pain_moves_its_own_actions_only_and_all_of_them():
    moved = pains(SUBJECTS, 4).max((0, 1))
    assert np.flatnonzero(moved).tolist() == MOVED
    assert moved[MOVED].min() > 0.3
    assert moved.max() <= 1.0
    assert {ACTIONS[column].removesuffix("Left").removesuffix("Right") for column in MOVED} == {
        "browDown", "cheekSquint", "eyeSquint", "noseSneer", "mouthUpperUp", "eyeBlink", "jawOpen",
        "mouthStretch",
    }  # fmt: skip


def test_the_intensity_is_prkachin_and_solomons():
    def face(**values):
        row = np.zeros((1, 52))
        for name, value in values.items():
            row[0, columns(name)] = value
        return float(pain_intensity(row)[0])

    assert face() == 0.0
    assert face(browDown=0.4) == pytest.approx(5 * 0.4 / 16)
    assert face(cheekSquint=0.2, eyeSquint=0.6) == pytest.approx(5 * 0.6 / 16)
    assert face(noseSneer=0.8, mouthUpperUp=0.2) == pytest.approx(5 * 0.8 / 16)
    assert face(eyeBlink=0.5) == pytest.approx(0.5 / 16)
    assert face(jawOpen=1.0, mouthStretch=1.0, mouthSmile=1.0) == 0.0
    assert face(browDownLeft=0.5) == pytest.approx(5 * 0.25 / 16)
    assert pain_intensity(np.ones((1, 52)))[0] == pytest.approx(1.0)


def test_pain_rises_with_the_level():
    means = [peaks(EXPRESSIVE, level).mean() for level in range(5)]
    assert means[0] == 0.0
    assert (np.diff(means) > 0.05).all()
    assert means[1] < 0.13
    assert 0.40 < means[4] < 0.65


def test_the_quiet_quarter_shows_next_to_nothing_and_the_others_do():
    assert len(QUIET) == 6
    assert peaks(QUIET, 4).max() < 0.12
    assert peaks(QUIET, 4).mean() < 0.05
    assert (peaks(EXPRESSIVE, 4) > 0.15).mean() > 0.95


def test_a_response_is_less_likely_near_the_threshold():
    silent = [(peaks(EXPRESSIVE, level) == 0).mean() for level in range(1, 5)]
    assert sorted(silent, reverse=True) == silent
    assert 0.3 < silent[0] < 0.6
    assert silent[3] < 0.06


def test_a_level_below_the_threshold_leaves_the_face_calm():
    stoic = dataclasses.replace(EXPRESSIVE[0], threshold=1.0)
    assert peaks([stoic], 1).max() == 0.0
    assert peaks([stoic], 2).max() > 0.0


def test_people_differ_in_how_they_show_pain():
    """The share of the brow in the face varies more between people than between their trials."""
    shares = []
    for subject in EXPRESSIVE:
        own = [
            pain[:, columns("browDown")].max() / pain[:, MOVED].max(0).sum()
            for pain in pains([subject], 4)
            if pain.any()
        ]
        shares.append(own)
    within = np.mean([np.var(own) for own in shares])
    between = np.var([np.mean(own) for own in shares])
    assert between > within


def test_left_and_right_differ_slightly():
    tops = pains(EXPRESSIVE, 4).max(1)
    tops = tops[tops.max(1) > 0]
    for name in ("browDown", "eyeSquint", "noseSneer", "mouthUpperUp"):
        left, right = tops[:, columns(name)].T
        seen = (left > 0) & (right > 0)
        ratio = left[seen] / right[seen]
        assert 0.01 < np.abs(ratio - 1).mean() < 0.2
        assert ratio.min() > 0.55
        assert ratio.max() < 1.8


def test_onset_apex_and_offset_lie_within_the_clip():
    times = clip_times()
    onsets, apexes, falls, delays = [], [], [], []
    for pain in pains(EXPRESSIVE, 4):
        curve = pain_intensity(pain)
        if not curve.any():
            continue
        assert curve[0] == curve[-1] == 0.0
        seen = np.flatnonzero(curve > 0.05 * curve.max())
        high = np.flatnonzero(curve > 0.9 * curve.max())
        delays.append(times[seen[0]])
        onsets.append(times[high[0]] - times[seen[0]])
        apexes.append(times[high[-1]] - times[high[0]])
        falls.append(times[seen[-1]] - times[high[-1]])
    assert 0.1 < min(delays) < 0.6
    assert 1.5 < max(delays) < 2.6
    assert min(onsets) > 0.15
    assert 0.3 < np.median(onsets) < 1.5
    assert 0.2 < np.median(apexes) < 2.5
    assert np.median(falls) > np.median(onsets)  # a face relaxes more slowly than it tenses


def test_a_short_clip_is_a_coarser_reading_of_the_same_seconds():
    full = draw_motion(EXPRESSIVE[1], level=4, trial=5)
    for frames, stride in ((138, 1), (69, 2), (46, 3), (35, 4), (12, 12)):
        short = draw_motion(EXPRESSIVE[1], level=4, trial=5, frames=frames)
        for field in FIELDS:
            assert len(getattr(short, field)) == frames
            np.testing.assert_allclose(
                getattr(short, field), getattr(full, field)[::stride], atol=1e-6
            )


@pytest.mark.parametrize("frames", [1, 2, 5, 100, 137, 139, 500])
def test_any_number_of_frames_covers_the_clip(frames):
    times = clip_times(frames)
    assert len(times) == frames
    assert times[0] == 0.0
    assert times[-1] <= 137 / 25
    assert (np.diff(times) > 0).all()
    if frames >= 100:
        assert times[-1] == pytest.approx(137 / 25)


@pytest.mark.parametrize("frames", [35, 12])
def test_the_apex_survives_in_short_clips(frames):
    full = np.array([pain_intensity(p).max() for p in pains(EXPRESSIVE, 4)])
    short = np.array(
        [pain_intensity(p).max() for p in pains(EXPRESSIVE, 4, times=clip_times(frames))]
    )
    ratio = short[full > 0] / full[full > 0]
    assert ratio.min() > {35: 0.9, 12: 0.5}[frames]
    assert np.median(ratio) > {35: 0.98, 12: 0.9}[frames]


def test_pain_does_not_pop():
    """At a tenth of a frame from one instant to the next nothing jumps."""
    fine = pains(EXPRESSIVE[:8], 4, trials=3, times=clip_times(1371))
    assert np.abs(np.diff(fine, axis=1)).max() < 0.03


def test_a_clip_is_the_same_alone_and_in_any_order():
    cases = [(subject, level, trial) for subject in (2, 9) for level in (0, 3) for trial in (0, 19)]
    first = [draw_motion(SUBJECTS[s], level=level, trial=t) for s, level, t in cases]
    for (s, level, t), before in reversed(list(zip(cases, first, strict=True))):
        again = draw_motion(draw_subject(0, s), level=level, trial=t)
        for field in FIELDS:
            assert getattr(again, field).tobytes() == getattr(before, field).tobytes()
    distinct = {motion.actions.tobytes() for motion in first}
    assert len(distinct) == len(cases)


@pytest.mark.parametrize(
    "bad", [{"level": 5}, {"level": -1}, {"trial": -1}, {"frames": 0}, {"frames": -3}]
)
def test_clips_that_cannot_be_are_refused(bad):
    with pytest.raises(DataError, match=str(next(iter(bad.values())))):
        draw_motion(SUBJECTS[0], **{"level": 1, "trial": 0, "frames": 138} | bad)
