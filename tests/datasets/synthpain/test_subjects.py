"""Who the people of SynthPain are, and what their clips are called."""

import re

import numpy as np
import pytest

from painlab.datasets.synthpain import subjects
from painlab.datasets.synthpain.subjects import draw_subject, generator, sample_name
from painlab.datasets.tasks import LEVEL_NAMES
from painlab.errors import DataError

PEOPLE = [draw_subject(0, index) for index in range(200)]


def test_names_are_unique_and_have_biovids_form():
    assert len({person.name for person in PEOPLE}) == 200
    for person in PEOPLE:
        month, day, hour, sex, age = re.fullmatch(
            r"(\d\d)(\d\d)(\d\d)_([mw])_(\d\d)", person.name
        ).groups()
        assert 1 <= int(month) <= 12
        assert 1 <= int(day) <= subjects.DAYS[int(month) - 1]
        assert 9 <= int(hour) <= 16
        assert (sex, int(age)) == (person.sex, person.age)


def test_no_two_of_all_possible_subjects_share_a_session():
    sessions = {subjects._session(5, index) for index in range(subjects.SLOTS)}
    assert len(sessions) == subjects.SLOTS == 2920
    assert draw_subject(5, subjects.SLOTS - 1).index == 2919


@pytest.mark.parametrize("index", [-1, subjects.SLOTS])
def test_a_subject_without_a_name_is_refused(index):
    with pytest.raises(DataError, match=f"no subject {index}.*0 to 2919"):
        draw_subject(0, index)


@pytest.mark.parametrize("seed", range(4))
def test_sexes_and_age_groups_are_balanced_from_the_first_few_on(seed):
    for count in (12, 84):
        people = [draw_subject(seed, index) for index in range(count)]
        assert sum(person.sex == "m" for person in people) == count // 2
        for low, high in subjects.AGE_GROUPS:
            group = [person for person in people if low <= person.age <= high]
            assert len(group) == count // 3
            assert sum(person.sex == "w" for person in group) == count // 6


def test_ages_reach_from_18_to_65():
    ages = [person.age for person in PEOPLE]
    assert min(ages) == 18
    assert max(ages) == 65
    assert 38 < np.mean(ages) < 46


@pytest.mark.parametrize("seed", range(4))
def test_a_quarter_shows_next_to_nothing(seed):
    shown = np.array([draw_subject(seed, index).expressiveness for index in range(88)])
    assert (shown < 0.1).sum() == 22
    assert ((shown < 0.1) | (shown > 0.44)).all()
    assert shown.max() > 0.97
    # and every few people have one, so that a small set has them too
    assert ((shown < 0.1).reshape(22, 4).sum(1) == 1).all()


def test_expressiveness_does_not_follow_sex_or_age():
    quiet = np.array([draw_subject(3, index).expressiveness < 0.1 for index in range(1200)])
    sex = np.array([draw_subject(3, index).sex == "m" for index in range(1200)])
    age = np.array([draw_subject(3, index).age for index in range(1200)])
    assert abs(np.corrcoef(quiet, sex)[0, 1]) < 0.08
    assert abs(np.corrcoef(quiet, age)[0, 1]) < 0.08


def test_traits_stay_within_bounds_and_differ_from_person_to_person():
    for person in PEOPLE:
        assert 0.0 <= person.threshold <= 1.0
        assert 0.0 < person.expressiveness <= 1.0
        assert len(person.weights) == len(subjects.PARTS)
        assert np.exp(np.mean(np.log(person.weights))) == pytest.approx(1.0)
        assert 0.0 <= min(person.rest) < max(person.rest) < 0.4
        assert 5.0 <= person.blinks <= 35.0
    assert len({person.weights for person in PEOPLE}) == 200
    assert len({person.rest for person in PEOPLE}) == 200


def test_a_subject_is_the_same_in_any_order_and_other_with_another_seed():
    forward = [draw_subject(7, index) for index in range(30)]
    subjects._sessions.cache_clear()
    assert [draw_subject(7, index) for index in reversed(range(30))] == forward[::-1]
    other = [draw_subject(8, index) for index in range(30)]
    assert all(a != b for a, b in zip(forward, other, strict=True))
    assert len({a.name for a in forward} & {b.name for b in other}) < 3


def test_samples_are_numbered_as_biovids():
    person = PEOPLE[0]
    names = [sample_name(person, level, trial, 20) for level in range(5) for trial in range(20)]
    assert len(set(names)) == 100
    numbers = {name[-7:-4]: [] for name in names}
    for name in names:
        assert name.startswith(person.name + "-")
        numbers[name[-7:-4]].append(int(name[-3:]))
    assert tuple(numbers) == LEVEL_NAMES
    assert numbers["PA1"] == list(range(1, 21))
    assert numbers["PA4"] == list(range(61, 81))
    assert numbers["BL1"] == list(range(81, 101))


@pytest.mark.parametrize(("level", "trial"), [(5, 0), (-1, 0), (0, 20), (0, -1)])
def test_samples_that_cannot_be_have_no_name(level, trial):
    with pytest.raises(DataError):
        sample_name(PEOPLE[0], level, trial, 20)


def test_every_purpose_has_random_numbers_of_its_own():
    draws = {
        generator(0, stream, subject, level=level, trial=trial).random()
        for stream in subjects.STREAMS
        for subject in range(3)
        for level in range(3)
        for trial in range(3)
    }
    assert len(draws) == 7 * 27
