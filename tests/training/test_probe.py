"""The probe of facial actions: what it reads, on whom, and how sure that is."""

import numpy as np
import pytest
from jaxtyping import TypeCheckError

from painlab.datasets.synthpain.actions import ACTIONS
from painlab.errors import ShapeError
from painlab.training.probe import PAIN_ACTIONS, Reading, pain_actions, probe_actions
from painlab.training.resampling import interval


def frames(*, people, first=0, count=20, said=1.0, own=0.0, seed=0):
    """Features that say so much of two actions, and so much of whose face it is."""
    rng = np.random.default_rng((seed, first))
    person = first + np.repeat(np.arange(people), count)
    actions = rng.beta(1, 3, size=(len(person), 2))
    mixed = np.random.default_rng(5).normal(size=(2, 16))
    features = said * actions @ mixed + own * rng.normal(size=(people, 16))[person - first]
    return features + 0.05 * rng.normal(size=features.shape), actions, person


def read(train, test):
    return probe_actions(*train, test_features=test[0], test_actions=test[1], test_person=test[2])


def test_what_the_features_say_is_read_on_other_people():
    reading = read(frames(people=8), frames(people=5, first=8))
    assert (reading.r2() > 0.95).all()
    low, high = interval(reading.resampled(resamples=100).mean(1))
    assert low <= reading.r2().mean() <= high


def test_what_they_do_not_say_is_not_read():
    reading = read(frames(people=8, said=0.0), frames(people=5, first=8, said=0.0))
    assert (reading.r2() < 0.05).all()
    assert reading.penalty > 1e3


def test_r2_is_the_share_of_the_variance_that_is_explained():
    rng = np.random.default_rng(0)
    true, found, person = rng.random((12, 3)), rng.random((12, 3)), np.repeat(np.arange(4), 3)
    reading = Reading(true, found, person, 1.0)
    by_hand = 1 - ((true - found) ** 2).sum(0) / ((true - true.mean(0)) ** 2).sum(0)
    assert np.allclose(reading.r2(), by_hand)
    often = rng.integers(0, 3, 12)
    repeated = Reading(true.repeat(often, 0), found.repeat(often, 0), person.repeat(often), 1.0)
    assert np.allclose(reading.r2(often.astype(float)), repeated.r2())


def test_people_are_drawn_whole_and_alike_for_every_embedding():
    """With two people each drawing is the one, the other, or both."""
    rng = np.random.default_rng(1)
    true, person = rng.random((10, 1)), np.repeat([3, 8], 5)
    reading = Reading(true, true + 0.3 * rng.normal(size=(10, 1)), person, 1.0)
    drawn = reading.resampled(resamples=40)[:, 0]
    possible = [reading.r2(np.isin(person, whom).astype(float))[0] for whom in ([3], [8], [3, 8])]
    assert np.abs(drawn[:, None] - possible).min(1).max() < 1e-12
    assert len(np.unique(drawn.round(9))) == 3
    assert np.array_equal(drawn, reading.resampled(resamples=40)[:, 0])


def test_within_people_their_own_level_does_not_count():
    rng = np.random.default_rng(2)
    true, person = rng.random((30, 2)), np.repeat(np.arange(3), 10)
    found = true + np.array([-0.4, 0.1, 0.5])[person][:, None]
    reading = Reading(true, found, person, 1.0)
    assert (reading.r2() < 0.1).all()
    assert np.allclose(reading.within().r2(), 1.0)


def test_the_penalty_is_chosen_on_people_left_out():
    """Who someone is foretells the action of the same person's frames, and of nobody else's."""
    rng = np.random.default_rng(3)
    person = np.repeat(np.arange(10), 20)
    codes = np.eye(30)[person] + 0.01 * rng.normal(size=(200, 30))
    actions = rng.random(10)[person][:, None] + 0.01 * rng.normal(size=(200, 1))
    others = np.eye(30)[10 + np.repeat(np.arange(4), 20)]
    test = (others, rng.random((80, 1)), 10 + np.repeat(np.arange(4), 20))
    assert read((codes, actions, person), test).penalty > 1e3


def test_people_on_both_sides_are_refused():
    with pytest.raises(ShapeError, match="person 7 is on both sides"):
        read(frames(people=8), frames(people=3, first=7))
    with pytest.raises(ShapeError, match="two people to learn from"):
        read(frames(people=1), frames(people=3, first=7))
    train, test = frames(people=3), frames(people=3, first=3)
    with pytest.raises((ShapeError, TypeCheckError)):
        probe_actions(
            *train, test_features=test[0], test_actions=test[1][:5], test_person=test[2][:5]
        )


def test_halves_of_a_face_are_one_action():
    actions = np.zeros((2, len(ACTIONS)), np.float32)
    actions[0, ACTIONS.index("browDownLeft")] = 0.4
    actions[1, ACTIONS.index("jawOpen")] = 0.6
    told = pain_actions(actions)
    assert told.shape == (2, len(PAIN_ACTIONS))
    assert told[0, PAIN_ACTIONS.index("browDown")] == pytest.approx(0.2)
    assert told[1, PAIN_ACTIONS.index("jawOpen")] == pytest.approx(0.6)
    assert np.count_nonzero(told) == 2
