"""What the face does besides: natural, smooth, and blind to the level."""

import numpy as np
import pytest
from scipy.stats import ks_2samp, kstest

from painlab.datasets.synthpain import distractors, movement
from painlab.datasets.synthpain.actions import ACTIONS, columns
from painlab.datasets.synthpain.curves import SECONDS, clip_times
from painlab.datasets.synthpain.distractors import draw_distractors
from painlab.datasets.synthpain.oracle import motion_features
from painlab.datasets.synthpain.pain import draw_motion
from painlab.datasets.synthpain.subjects import draw_subject, generator

SUBJECTS = [draw_subject(0, index) for index in range(24)]
TIMES = clip_times()


@pytest.fixture(scope="module")
def clips():
    """(level, motion) of 24 subjects x 5 levels x 6 clips."""
    return [
        (level, draw_motion(subject, level=level, trial=trial))
        for subject in SUBJECTS
        for level in range(5)
        for trial in range(6)
    ]


def features_of(motions):
    """Each clip's peaks, means and areas: of the calm face, and of head and eyes."""
    return np.array(
        [
            np.concatenate(
                [
                    motion_features(motion.without_pain),
                    motion_features(np.column_stack([motion.pose, motion.gaze])),
                ]
            )
            for motion in motions
        ]
    )


def least_p(a, b):
    """The smallest p-value of Kolmogorov and Smirnov's test over all features that vary."""
    vary = np.flatnonzero(np.concatenate([a, b]).std(0) > 0)
    return min(ks_2samp(a[:, i], b[:, i]).pvalue for i in vary) * len(vary)


def test_the_level_does_nothing_but_choose_random_numbers(monkeypatch):
    def blind(seed, stream, subject, *, level, trial):
        return generator(seed, stream, subject, level=0, trial=trial)

    monkeypatch.setattr(distractors, "generator", blind)
    for subject in SUBJECTS[:4]:
        calm = [draw_distractors(subject, TIMES, level=level, trial=2) for level in range(5)]
        for other in calm[1:]:
            for one, two in zip(calm[0], other, strict=True):
                assert one.tobytes() == two.tobytes()


def test_distractors_are_distributed_alike_at_every_level(clips):
    by_level = [features_of(m for at, m in clips if at == level) for level in range(5)]
    for level in range(1, 5):
        assert least_p(by_level[0], by_level[level]) > 0.05


def test_the_same_test_sees_the_pain(clips):
    """So that the test above could fail: with the pain left in, level 4 stands out at once."""
    calm, pained = (
        np.array([motion_features(m.actions) for at, m in clips if at == level]) for level in (0, 4)
    )
    assert least_p(calm, pained) < 1e-9


def test_clips_do_not_repeat_from_level_to_level(clips):
    assert len({motion.without_pain.tobytes() for _, motion in clips}) == len(clips)
    assert len({motion.pose.tobytes() for _, motion in clips}) == len(clips)


def test_all_values_are_within_bounds(clips):
    for _, motion in clips:
        for actions in (motion.actions, motion.without_pain):
            assert np.isfinite(actions).all()
            assert actions.min() >= 0.0
            assert actions.max() <= 1.0
        yaw, pitch, roll = np.abs(motion.pose[:, :3]).max(0)
        assert yaw < 50
        assert pitch < 40
        assert roll < 20
        assert np.abs(motion.pose[:, 3:]).max() < 50
        assert np.abs(motion.gaze).max() < movement.EYE_LIMIT


def test_eyes_are_turned_by_the_gaze_alone(clips):
    looks = [column for column, name in enumerate(ACTIONS) if name.startswith("eyeLook")]
    assert len(looks) == 8
    assert not any(motion.actions[:, looks].any() for _, motion in clips)


@pytest.mark.parametrize("index", range(6))
def test_nothing_pops(index):
    """At a tenth of a frame from one instant to the next nothing jumps, blinks included."""
    for trial in range(4):
        motion = draw_motion(SUBJECTS[index], level=4, trial=trial, frames=1371)
        steps = np.abs(np.diff(motion.actions, axis=0)).max(0)
        lids = columns("eyeBlink")
        assert steps[lids].max() < 0.12  # a lid closes in 0.08 s at the fastest
        assert np.delete(steps, lids).max() < 0.06
        assert np.abs(np.diff(motion.pose, axis=0)).max() < 1.0
        assert (
            np.abs(np.diff(motion.gaze, axis=0)).max() < 4.0
        )  # eyes jump, at 1000 degrees a second


def test_faces_are_never_frozen(clips):
    for _, motion in clips:
        assert np.ptp(motion.pose, axis=0).min() > 0.05
        assert (np.ptp(motion.without_pain, axis=0) > 0.001).sum() > 15


def test_blinks_come_at_a_natural_rate_and_take_a_natural_time():
    times = np.arange(0, SECONDS, 0.002)
    starts, lengths, rate = 0, [], 0.0
    for subject in SUBJECTS:
        for trial in range(30):
            rng = generator(0, "distractors", subject.index, trial=trial)
            curve = distractors._blinks(subject, times, rng)[:, 0]
            edges = np.flatnonzero(np.diff((curve > 0.02).astype(int)))
            up = np.diff((curve > 0.02).astype(int))[edges]
            begun = edges[up == 1]
            starts += len(begun)
            for begin in begun:
                ends = edges[(up == -1) & (edges > begin)]
                if len(ends):
                    lengths.append(times[ends[0]] - times[begin])
        rate += subject.blinks / len(SUBJECTS)
    measured = starts / (len(SUBJECTS) * 30 * SECONDS / 60)
    assert measured == pytest.approx(rate, rel=0.08)
    assert 12 < measured < 20
    assert 0.2 < np.median(lengths) < 0.4
    assert max(lengths) < 0.6


def test_a_blink_closes_the_eye_and_both_eyes_together():
    rng = np.random.default_rng(1)
    blinks = [distractors._blinks(SUBJECTS[0], TIMES, rng) for _ in range(60)]
    tops = [curve[:, 0].max() for curve in blinks if curve.max() > 0.3]
    assert np.mean(np.array(tops) > 0.8) > 0.6
    assert max(np.abs(curve[:, 0] - curve[:, 1]).max() for curve in blinks) < 0.25


def test_every_kind_of_distractor_happens_as_often_as_it_says():
    """Counted by what only that gesture moves, over many clips of one lively person."""
    rng = np.random.default_rng(0)
    for name, gesture in distractors.GESTURES.items():
        curves = [distractors._make(gesture, TIMES, rng).max() for _ in range(40)]
        assert np.mean(np.array(curves) > 0.1) > 0.8, name
    calm = [draw_motion(s, level=0, trial=t).without_pain for s in SUBJECTS for t in range(20)]
    tops = np.array([actions.max(0) - actions.min(0) for actions in calm])  # (clips actions)
    share = {
        name: (tops[:, columns(name)[0]] > 0.25).mean()
        for name in ("mouthSmile", "browOuterUp", "browDown", "noseSneer", "mouthPress", "jawOpen")
    }
    assert 0.15 < share["mouthSmile"] < 0.45
    assert 0.08 < share["browOuterUp"] < 0.30
    assert 0.05 < share["browDown"] < 0.25
    assert 0.02 < share["noseSneer"] < 0.15
    assert 0.10 < share["mouthPress"] < 0.40
    assert 0.05 < share["jawOpen"] < 0.30


def test_heads_turn_nod_and_eyes_jump(clips):
    turns = np.mean([np.ptp(motion.pose[:, 0]) > 8 for _, motion in clips])
    nods = np.mean([np.ptp(motion.pose[:, 1]) > 5 for _, motion in clips])
    jumps = np.mean([np.abs(np.diff(motion.gaze, axis=0)).max() > 3 for _, motion in clips])
    assert 0.10 < turns < 0.35
    assert 0.05 < nods < 0.40
    assert 0.5 < jumps < 1.0
    # the line of sight stays near the camera on the whole
    sight = np.concatenate([motion.gaze - motion.pose[:, :2] for _, motion in clips])
    assert np.abs(sight.mean(0)).max() < 2.0


def test_eyes_lead_the_head_and_turn_back_in_it():
    rng = np.random.default_rng(3)
    for _ in range(50):
        head, eyes = movement._turn(np.arange(-2, 8, 0.01), rng)
        reach = head[np.abs(head[:, 0]).argmax(), 0]
        half = [np.flatnonzero(curve / reach > 0.5)[0] for curve in (head[:, 0], eyes[:, 0])]
        assert half[1] < half[0]
        assert abs(reach) >= 6.9


def test_lips_do_not_press_while_the_mouth_is_open_and_shut_eyes_are_not_wide(clips):
    for _, motion in clips:
        calm = motion.without_pain
        opened = calm[:, columns("jawOpen")[0]] > 1 / 3
        assert calm[opened][:, columns("mouthPress")].max(initial=0) == 0.0
        shut = calm[:, columns("eyeBlink")].min(1) > 0.99
        assert calm[shut][:, columns("eyeWide")].max(initial=0) < 0.01


def test_pain_closes_an_eye_no_further_than_shut(clips):
    lids = columns("eyeBlink")
    over = [m.actions[:, lids].max() for level, m in clips if level == 4]
    assert max(over) == 1.0


def test_slow_noise_has_the_spread_it_promises():
    rng = np.random.default_rng(0)
    noise = movement.slow_noise(np.arange(0, 400, 0.2), rng, curves=40, slowest=0.1, fastest=0.7)
    assert noise.std(0).mean() == pytest.approx(1.0, abs=0.05)
    assert abs(noise.mean()) < 0.05
    assert kstest(noise[:, 0][::25], "norm").pvalue > 1e-4
