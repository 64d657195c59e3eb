"""How hard the tasks are, on fewer subjects and with logistic regression alone.

The bands hold what 14 seeds gave, with two to four points to spare; bench_oracle.py has the whole
set.
"""

import numpy as np
import pytest
from scipy.stats import binomtest

from painlab.datasets.synthpain.oracle import (
    motion_features,
    oracle_accuracy,
    oracle_predictions,
)
from painlab.datasets.synthpain.pain import draw_motion
from painlab.datasets.synthpain.subjects import draw_subject, sample_name
from painlab.datasets.tasks import TASKS, Sample
from painlab.errors import DataError

SUBJECTS, PER_LEVEL, SEED = 24, 10, 0


@pytest.fixture(scope="module")
def data():
    """Samples, features of all actions, and features of the distractors alone."""
    samples, features, calm = [], [], []
    for index in range(SUBJECTS):
        subject = draw_subject(SEED, index)
        for level in range(5):
            for trial in range(PER_LEVEL):
                motion = draw_motion(subject, level=level, trial=trial, frames=69)
                name = sample_name(subject, level, trial, PER_LEVEL)
                samples.append(Sample(subject.name, level, None, name))
                features.append(motion_features(motion.actions))
                others = np.column_stack([motion.without_pain, motion.pose, motion.gaze])
                calm.append(motion_features(others))
    return samples, np.array(features), np.array(calm)


def accuracy(features, samples, task, classifier="logistic"):
    keep = [i for i, sample in enumerate(samples) if sample.level in task.levels]
    chosen = [samples[i] for i in keep]
    labels = np.array([task.label(sample) for sample in chosen])
    predicted = oracle_predictions(features[keep], chosen, task=task, classifier=classifier)
    return (predicted == labels).mean(), len(labels)


def test_features_are_peak_mean_and_area_of_each_curve_and_of_the_sum():
    curves = np.array([[0.2, 0.0], [0.2, 0.5], [0.2, 0.1]])
    peak, mean, area = motion_features(curves).reshape(3, 3)
    np.testing.assert_allclose(peak, [0.2, 0.5, 0.7])
    np.testing.assert_allclose(mean, [0.2, 0.2, 0.4])
    np.testing.assert_allclose(area, [0.0, 5.52 * 0.2, 5.52 * 0.2], atol=1e-12)


def test_tasks_grow_easier_from_level_to_level(data):
    samples, features, _ = data
    found = {name: accuracy(features, samples, task)[0] for name, task in TASKS.items()}
    assert 0.53 < found["NP-P1"] < 0.70
    assert 0.65 < found["NP-P2"] < 0.79
    assert 0.74 < found["NP-P3"] < 0.85
    assert 0.80 < found["NP-P4"] < 0.91
    assert 0.34 < found["MC"] < 0.46
    assert found["NP-P1"] < found["NP-P2"] < found["NP-P3"] < found["NP-P4"]


@pytest.mark.parametrize("name", ["NP-P4", "MC"])
def test_distractors_alone_say_nothing(data, name):
    samples, _, calm = data
    found, clips = accuracy(calm, samples, TASKS[name])
    right = round(found * clips)
    assert binomtest(right, clips, 1 / TASKS[name].classes).pvalue > 0.01


def test_labels_given_at_random_cannot_be_learned(data):
    samples, features, _ = data
    rng = np.random.default_rng(0)
    shuffled = [
        Sample(s.subject, int(level), None, s.sample_name)
        for s, level in zip(samples, rng.permutation([s.level for s in samples]), strict=True)
    ]
    found, clips = accuracy(features, shuffled, TASKS["NP-P4"])
    assert binomtest(round(found * clips), clips, 0.5).pvalue > 0.01


def test_both_classifiers_are_scored_and_find_the_pain(data):
    samples, features, _ = data
    some = {sample.subject for sample in samples[: 6 * 5 * PER_LEVEL]}
    keep = [i for i, sample in enumerate(samples) if sample.subject in some]
    chosen = [samples[i] for i in keep]
    found = oracle_accuracy(features[keep], chosen, task=TASKS["NP-P4"])
    assert set(found) == {"logistic", "boosting"}
    assert min(found.values()) > 0.7
    assert found == oracle_accuracy(features[keep], chosen, task=TASKS["NP-P4"])


def test_what_does_not_fit_is_refused(data):
    samples, features, _ = data
    with pytest.raises(DataError, match="3 rows of features do not fit 2 samples"):
        oracle_predictions(features[:3], samples[:2], task=TASKS["MC"], classifier="logistic")
    with pytest.raises(DataError, match="no oracle named 'magic'"):
        oracle_predictions(features, samples, task=TASKS["MC"], classifier="magic")
