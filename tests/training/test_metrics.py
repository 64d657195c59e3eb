"""Metrics: against scikit-learn on all that can happen, and the interval over subjects."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

import painlab as pl
from painlab.errors import ShapeError
from painlab.training.metrics import (
    METRICS,
    confusion_matrix,
    metric_intervals,
    resampled_metrics,
    subject_accuracy,
)
from painlab.training.resampling import interval


def by_scikit_learn(true, predicted, classes):
    how = {"labels": range(classes), "average": "macro", "zero_division": 0}
    return {
        "accuracy": sk.accuracy_score(true, predicted),
        "precision": sk.precision_score(true, predicted, **how),
        "recall": sk.recall_score(true, predicted, **how),
        "f1": sk.f1_score(true, predicted, **how),
    }


def answers(*, people=12, clips=20, classes=2, seed=0, spread=0.15, mean=0.7):
    """Labels, guesses and subjects, of people who differ in how often the guess is right."""
    rng = np.random.default_rng(seed)
    subject = np.repeat([f"p{i:02d}" for i in range(people)], clips)
    true = np.tile(np.arange(clips) % classes, people)
    strength = mean * (1 - mean) / spread**2 - 1
    skill = rng.beta(mean * strength, (1 - mean) * strength, people).repeat(clips)
    right = rng.random(len(true)) < skill
    other = (true + rng.integers(1, classes, len(true))) % classes
    return true, np.where(right, true, other), subject


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_the_same_as_scikit_learns(data):
    """Any number of clips and classes; classes that are missing here, there, or on both sides."""
    classes = data.draw(st.integers(2, 6))
    count = data.draw(st.integers(1, 40))

    def labels():
        among = data.draw(st.sets(st.integers(0, classes - 1), min_size=1))
        drawn = st.sampled_from(sorted(among))
        return np.array(data.draw(st.lists(drawn, min_size=count, max_size=count)))

    true, predicted = labels(), labels()
    found = pl.classification_metrics(true, predicted, classes=classes)
    assert tuple(found) == METRICS
    assert found == pytest.approx(by_scikit_learn(true, predicted, classes), abs=1e-12)
    table = confusion_matrix(true, predicted, classes=classes)
    assert (table == sk.confusion_matrix(true, predicted, labels=range(classes))).all()


def test_a_class_that_nobody_has_counts_as_never_found():
    """By hand: 3 classes, the third neither there nor predicted."""
    found = pl.classification_metrics([0, 0, 1, 1], [0, 0, 1, 0], classes=3)
    assert found["accuracy"] == 0.75
    assert found["precision"] == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert found["recall"] == pytest.approx((1 + 0.5 + 0) / 3)
    assert found["f1"] == pytest.approx((4 / 5 + 2 / 3 + 0) / 3)


def test_balanced_classes_make_macro_recall_the_accuracy():
    true, predicted, _ = answers(classes=5)
    found = pl.classification_metrics(true, predicted, classes=5)
    assert found["recall"] == pytest.approx(found["accuracy"])


@pytest.mark.parametrize("make", [list, np.array, torch.tensor, lambda x: np.array(x, np.uint8)])
def test_labels_of_any_kind(make):
    found = pl.classification_metrics(make([0, 1, 1]), make([0, 1, 0]), classes=2)
    assert found == pytest.approx(by_scikit_learn([0, 1, 1], [0, 1, 0], 2))


def test_accuracy_of_each_subject():
    subject = ["Ben", "Anna", "Ben", "Anna", "Ben", "Ben"]
    found = subject_accuracy([0, 1, 1, 0, 1, 1], [0, 1, 0, 1, 1, 1], subject, classes=2)
    assert list(found.items()) == [("Anna", 0.5), ("Ben", 0.75)]


def test_a_subject_drawn_twice_brings_all_clips_twice():
    true, predicted, subject = answers(people=5, clips=9, classes=3)
    draws = resampled_metrics(true, predicted, subject, classes=3, resamples=20, seed=4)
    rng, names = np.random.default_rng(4), np.unique(subject)
    for number in range(20):
        drawn = names[rng.integers(5, size=5)]
        rows = np.concatenate([np.flatnonzero(subject == name) for name in drawn])
        by_hand = by_scikit_learn(true[rows], predicted[rows], 3)
        assert {name: draws[name][number] for name in METRICS} == pytest.approx(by_hand)


def test_the_interval_is_as_wide_as_the_score_varies_with_other_people():
    told = [answers(people=25, seed=seed) for seed in range(200)]
    accuracy = [np.mean(true == predicted) for true, predicted, _ in told]
    spread = 2 * 1.96 * np.std(accuracy)
    ends = [metric_intervals(*one, classes=2, resamples=400)["accuracy"] for one in told]
    assert np.mean([high - low for low, high in ends]) == pytest.approx(spread, rel=0.15)
    assert np.mean([low < 0.7 < high for low, high in ends]) > 0.88
    # clips drawn one by one would give an interval that is too narrow
    clips = 2 * 1.96 * np.sqrt(0.7 * 0.3 / 500)
    assert spread > 1.4 * clips


def test_two_models_tested_on_the_same_people_are_compared_in_pairs():
    """The second model errs where the first does, and on one clip more of each person."""
    true, predicted, subject = answers(people=30, spread=0.2)
    worse = predicted.copy()
    for name in np.unique(subject):
        right = np.flatnonzero((subject == name) & (predicted == true))
        worse[right[:1]] = 1 - true[right[:1]]
    better, other = (
        resampled_metrics(true, guess, subject, classes=2)["accuracy"]
        for guess in (predicted, worse)
    )
    assert interval(better - other) == pytest.approx((0.05, 0.05))
    assert interval(better)[0] < interval(other)[1]  # the two intervals overlap


def test_the_same_seed_draws_the_same():
    told = answers()
    first, again = (metric_intervals(*told, classes=2, seed=3) for _ in range(2))
    assert first == again != metric_intervals(*told, classes=2, seed=4)
    assert all(low <= high for low, high in first.values())


@pytest.mark.parametrize(
    ("true", "predicted", "classes", "words"),
    [
        ([0, 1, 1], [0, 1], 2, "3 true labels do not fit 2 predicted"),
        ([], [], 2, "true has shape"),
        ([0, 1], [], 2, "predicted has shape"),
        (np.array([[0, 1]]), np.array([[0, 1]]), 2, "true has shape"),
        ([0, 2], [0, 1], 2, "true holds 2: the 2 classes are 0 to 1"),
        ([0, 1], [0, -1], 2, "predicted holds -1"),
        (torch.tensor([0.0, 1.0]), [0, 1], 2, "true holds float32"),
        ([0, 1], np.array([0.0, np.nan]), 2, "predicted holds float64"),
        ([0, 0], [0, 0], 1, "classes=1"),
    ],
)
def test_what_cannot_be_scored_is_refused_in_one_line(true, predicted, classes, words):
    for score in (pl.classification_metrics, confusion_matrix):
        with pytest.raises(ShapeError, match=words) as caught:
            score(true, predicted, classes=classes)
        assert "\n" not in str(caught.value)


def test_subjects_that_do_not_fit_are_refused():
    true, predicted, subject = answers(people=2, clips=4)
    with pytest.raises(ShapeError, match="name one for each"):
        subject_accuracy(true, predicted, subject[:-1], classes=2)
    with pytest.raises(ShapeError, match="all clips are of p00"):
        metric_intervals(true[:4], predicted[:4], subject[:4], classes=2)
    with pytest.raises(ShapeError, match="draw at least once"):
        metric_intervals(true, predicted, subject, classes=2, resamples=0)
