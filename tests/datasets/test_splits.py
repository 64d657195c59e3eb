"""Splits by subject, and what the guard against leaks refuses."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.model_selection import LeaveOneGroupOut
from trees import unlike

from painlab.datasets import Sample, check_split, hold_out, leave_one_subject_out
from painlab.errors import DataError


def clips_of(*names, each=3):
    return [Sample(name, i % 5, None, f"{name}-{i}") for i in range(each) for name in names]


def test_each_subject_is_tested_once_and_never_trained_on():
    samples = clips_of("Cem", "Anna", "Ben")
    folds = list(leave_one_subject_out(samples))
    assert [test[0].subject for _, test in folds] == ["Anna", "Ben", "Cem"]
    for train, test in folds:
        assert {s.subject for s in train}.isdisjoint(s.subject for s in test)
        assert sorted(train + test, key=samples.index) == samples
        assert train == sorted(train, key=samples.index)
        check_split(train, test)
    assert sorted((s for _, test in folds for s in test), key=samples.index) == samples


def test_the_folds_are_scikit_learns():
    rng = np.random.default_rng(0)
    samples = [Sample(f"{rng.integers(7)}", 0, None, f"{i}") for i in range(60)]
    groups = [s.subject for s in samples]
    theirs = LeaveOneGroupOut().split(groups, groups=groups)
    ours = leave_one_subject_out(samples)
    for (train, test), (their_train, their_test) in zip(ours, theirs, strict=True):
        assert train == [samples[i] for i in their_train]
        assert test == [samples[i] for i in their_test]


@pytest.mark.parametrize("samples", [[], clips_of("Anna")])
def test_one_subject_cannot_be_left_out(samples):
    with pytest.raises(DataError, match="two subjects or more"):
        leave_one_subject_out(samples)  # at the call, not at the first fold


@pytest.mark.parametrize("other", ["anna", "Anna ", "ANNA", "Ａnna"])
def test_one_person_under_two_spellings_is_refused(other):
    samples = clips_of("Anna", "Ben", other)
    with pytest.raises(DataError, match="only in case or blanks") as refused:
        leave_one_subject_out(samples)
    assert repr("Anna") in str(refused.value)
    assert repr(other) in str(refused.value)
    with pytest.raises(DataError, match="only in case or blanks"):
        hold_out(samples, ["Ben"])


def test_one_film_under_two_names_is_refused(tmp_path, film):
    samples = []
    for i, name in enumerate(("Anna", "Ben", "Cem")):
        path = tmp_path / f"{name}.mp4"
        path.write_bytes(unlike(film, i % 2))  # Cem's film is Anna's
        samples.append(Sample(name, i, path, name))
    for split in (leave_one_subject_out, lambda s: hold_out(s, ["Ben"])):
        with pytest.raises(DataError) as refused:
            split(samples)
        for words in ("Anna.mp4", "Cem.mp4", "subject Anna", "subject Cem", "byte for byte"):
            assert words in str(refused.value)
    assert len(list(leave_one_subject_out(samples[:2]))) == 2


def test_one_film_on_both_sides_of_a_split_of_ones_own(tmp_path, film):
    for name in ("Anna", "Ben"):
        (tmp_path / name).write_bytes(film)
    sides = [[Sample(name, 0, tmp_path / name, name)] for name in ("Anna", "Ben")]
    with pytest.raises(DataError, match="byte for byte"):
        check_split(*sides)


def test_clips_that_are_elsewhere_can_be_split():
    samples = [Sample(name, 0, Path("nowhere") / name, name) for name in ("Anna", "Ben")]
    assert len(list(leave_one_subject_out(samples))) == 2


def test_hold_out():
    samples = clips_of("Anna", "Ben", "Cem")
    train, test = hold_out(samples, ["Cem", "anna"])
    assert train == [s for s in samples if s.subject == "Ben"]
    assert test == [s for s in samples if s.subject != "Ben"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_hold_out_from_a_file(tmp_path, end):
    listed = tmp_path / "strangers.txt"
    lines = ["\ufeff# strangers", "", "  Anna  # the first", "Cem", ""]
    listed.write_bytes(end.join(lines).encode())
    samples = clips_of("Anna", "Ben", "Cem")
    assert hold_out(samples, listed) == hold_out(samples, str(listed))
    assert {s.subject for s in hold_out(samples, listed)[1]} == {"Anna", "Cem"}
    listed.write_text("Anna\nDora\n")
    with pytest.raises(DataError, match=r"strangers\.txt, line 2: no subject is named 'Dora'"):
        hold_out(samples, listed)
    with pytest.raises(DataError, match=r"none\.txt cannot be read"):
        hold_out(samples, tmp_path / "none.txt")


@pytest.mark.parametrize(
    ("subjects", "words"),
    [(["Dora"], "no subject is named 'Dora'"), ([], "names nobody"), (["Anna", "Ben"], "All 2")],
)
def test_hold_out_refuses(subjects, words):
    with pytest.raises(DataError, match=words):
        hold_out(clips_of("Anna", "Ben"), subjects)


@pytest.mark.parametrize("again", ["Anna", "anna", " Anna"])
def test_a_split_of_ones_own_is_checked(again):
    train, test = clips_of("Anna", "Ben"), clips_of("Cem", again)
    with pytest.raises(DataError, match=rf"1 tested subject is .*\({again}\)"):
        check_split(train, test)


def test_films_at_random_are_no_split_by_subject():
    samples = clips_of("Anna", "Ben", "Cem", "Dora")
    with pytest.raises(DataError, match=r"4 tested subjects are .*Anna, Ben, Cem, \.\.\."):
        check_split(samples[4:], samples[:4])
