"""Verification: against scikit-learn, against pairs formed one by one, and by its interval."""

import numpy as np
import pytest
from jaxtyping import TypeCheckError
from sklearn.metrics import roc_auc_score

from painlab.errors import ShapeError
from painlab.training.resampling import draw_people
from painlab.training.verification import area_and_error, cosines, pair_weights, verify


def faces(*, people, pictures, signal, seed=0, dim=12):
    """Features with so much of a person in them, and much that all have in common."""
    rng = np.random.default_rng(seed)
    person = np.repeat(np.arange(people), pictures)
    own = rng.normal(size=(people, dim))[person]
    return 30 + signal * own + rng.normal(size=(len(person), dim)), person


def cosine_of_pair(features, person, i, j):
    """By the definition."""
    middle = features[~np.isin(person, [person[i], person[j]])].mean(0)
    a, b = features[i] - middle, features[j] - middle
    return a @ b / np.linalg.norm(a) / np.linalg.norm(b)


def test_cosines_leave_the_pairs_own_people_out_of_the_mean():
    features, person = faces(people=4, pictures=3, signal=1.0)
    alike = cosines(features, person)
    for i in range(12):
        for j in range(12):
            assert alike[i, j] == pytest.approx(cosine_of_pair(features, person, i, j), abs=1e-9)
    assert np.allclose(cosines(features + 1000, person), alike, atol=1e-8)


def test_a_feature_that_says_nothing_has_a_cosine_of_0():
    alike = cosines(np.full((6, 3), 0.1), np.repeat(np.arange(3), 2))
    assert np.allclose(alike, 0)


def test_the_area_of_one_set_is_scikit_learns_over_all_pairs():
    features, person = faces(people=8, pictures=3, signal=0.6)
    pairs = [(i, j) for i in range(24) for j in range(i)]
    score = [cosine_of_pair(features, person, i, j) for i, j in pairs]
    same = [person[i] == person[j] for i, j in pairs]
    told = verify(features, person * 7 + 3, resamples=10)
    assert told.auc == pytest.approx(roc_auc_score(same, score))
    assert (told.people, told.same, told.different) == (8, sum(same), len(same) - sum(same))
    assert 0.6 < told.auc < 0.95


def test_two_sets_are_compared_across_only():
    features, person = faces(people=10, pictures=2, signal=0.6)
    first, second = features[::2], features[1::2]
    order = np.random.default_rng(1).permutation(10)
    told = verify(first, person[::2], second[order], person[1::2][order], resamples=10)
    score = np.array(
        [[cosine_of_pair(features, person, 2 * i, 2 * j + 1) for j in range(10)] for i in range(10)]
    )
    assert (told.same, told.different) == (10, 90)
    assert told.auc == pytest.approx(roc_auc_score(np.eye(10).ravel(), score.ravel()))
    assert told.rank_one == pytest.approx((score.argmax(0) == np.arange(10)).mean())


def test_one_set_enrols_each_picture_in_turn():
    features, person = faces(people=5, pictures=3, signal=0.7)
    right = []
    for turn in range(3):
        gallery = np.arange(5) * 3 + turn
        for i in np.setdiff1d(np.arange(15), gallery):
            best = np.argmax([cosine_of_pair(features, person, i, j) for j in gallery])
            right.append(best == person[i])
    assert verify(features, person, resamples=5).rank_one == pytest.approx(np.mean(right))


def test_who_is_plain_to_see_and_who_is_not():
    seen = verify(*faces(people=12, pictures=4, signal=20.0), resamples=50)
    assert seen.auc == pytest.approx(1.0)
    assert seen.rank_one == 1.0
    assert seen.equal_error == 0.0
    assert seen.auc_interval == pytest.approx((1.0, 1.0))
    unseen = verify(*faces(people=40, pictures=4, signal=0.0), resamples=200)
    assert unseen.auc_interval[0] < 0.5 < unseen.auc_interval[1]
    assert unseen.equal_error == pytest.approx(0.5, abs=0.05)
    assert unseen.rank_one == pytest.approx(1 / 40, abs=0.03)


def test_the_equal_error_of_a_case_worked_by_hand():
    score = np.array([0.9, 0.7, 0.6, 0.4, 0.3, 0.1])
    same = np.array([True, True, False, True, False, False])
    # from 0.6 on, one of three pairs of two is accepted and one of three of one is refused
    area, error = area_and_error(score, same, np.ones(6))
    assert (area, error) == pytest.approx((8 / 9, 1 / 3))
    assert area_and_error(-score, same, np.ones(6)) == pytest.approx((1 / 9, 2 / 3))
    # all alike: on the straight line between "none" and "all", half of both are wrong
    assert area_and_error(np.zeros(6), same, np.ones(6)) == pytest.approx((0.5, 0.5))


def test_weights_are_the_pairs_of_people_drawn_twice():
    """Copies written out one by one; two copies of a person make no pair."""
    features, person = faces(people=6, pictures=3, signal=0.5)
    alike = cosines(features, person)
    drawn = draw_people(6, np.random.default_rng(2))
    assert drawn.sum() == 6
    assert drawn.max() > 1
    copies = [(who, n) for who in range(6) for n in range(int(drawn[who]))]
    pictures = [(copy, i) for copy in copies for i in np.flatnonzero(person == copy[0])]
    score, same = [], []
    for number, (copy, i) in enumerate(pictures):
        for other, j in pictures[:number]:
            if copy == other or copy[0] != other[0]:
                score.append(alike[i, j])
                same.append(copy == other)
    rows, columns = np.triu_indices(18, 1)
    weight = pair_weights(person[rows], person[columns], drawn)
    assert weight.sum() == len(score)
    area, _ = area_and_error(alike[rows, columns], person[rows] == person[columns], weight)
    assert area == pytest.approx(roc_auc_score(same, score))


def test_the_interval_is_as_wide_as_the_area_varies_from_sample_to_sample():
    told = [
        verify(*faces(people=14, pictures=3, signal=0.6, seed=seed), resamples=40)
        for seed in range(24)
    ]
    spread = 2 * 1.96 * np.std([one.auc for one in told])
    width = np.mean([one.auc_interval[1] - one.auc_interval[0] for one in told])
    assert 0.6 * spread < width < 1.6 * spread


def test_people_with_one_picture_are_compared_with_others():
    features, person = faces(people=5, pictures=2, signal=1.0)
    told = verify(features[:7], person[:7], resamples=50)
    assert (told.people, told.same, told.different) == (4, 3, 18)
    assert np.isfinite([told.auc, *told.auc_interval, *told.rank_one_interval]).all()


def test_what_cannot_be_compared_is_refused():
    features, person = faces(people=4, pictures=2, signal=1.0)
    with pytest.raises((ShapeError, TypeCheckError)):
        verify(features, person[:5])
    for arguments, words in (
        ((features[:4], person[:4]), "too few"),
        ((features, np.arange(8)), "no person has two"),
        ((np.full_like(features, np.nan), person), "not numbers"),
        ((features, person, features, person + 1), "person 4 is in the second set"),
        ((features, person, features, None), "or neither"),
    ):
        with pytest.raises(ShapeError, match=words):
            verify(*arguments)
