"""Splits by subject, and the guard against the same person on both sides.

A model that has seen a person can know the face instead of the pain. Every split here keeps each
person on one side, and refuses data in which one person could stand on both: under two spellings
of one name, or with one film under two names.
"""

from collections.abc import Iterable, Iterator, Sequence

from painlab.datasets.duplicates import refuse_shared_clips
from painlab.datasets.subjects import Subjects, choose_subjects, subject_key, two_spellings
from painlab.datasets.tasks import Sample, counted
from painlab.errors import DataError

Split = tuple[list[Sample], list[Sample]]


def leave_one_subject_out(samples: Iterable[Sample]) -> Iterator[Split]:
    """For each subject, in the order of their names: what to train on, and that subject's clips.

    The paper's protocol (section IV). Both lists keep the order of the samples. All checks are
    made at the call, before the first split.

    Args:
        samples: the clips.

    Returns:
        An iterator over the splits, each a list to train on and a list to test on.

    Raises:
        DataError: fewer than two subjects, two spellings of one name, or the same film under two
            subjects (`refuse_shared_clips` says how films are compared).

    Example:
        >>> clips = [Sample(who, 0, None, "a") for who in ("Ben", "Anna", "Cem", "Ben")]
        >>> [(len(train), test[0].subject) for train, test in leave_one_subject_out(clips)]
        [(3, 'Anna'), (2, 'Ben'), (3, 'Cem')]
    """
    samples = list(samples)
    _refuse_hidden_people(samples)
    subjects = sorted({sample.subject for sample in samples})
    if len(subjects) < 2:
        raise DataError(
            f"Leaving one subject out needs clips of two subjects or more, not {len(subjects)}."
        )
    return ((_of(samples, {name}, False), _of(samples, {name}, True)) for name in subjects)


def hold_out(samples: Iterable[Sample], subjects: Subjects) -> Split:
    """One split for cheap runs: what to train on, and the clips of the given subjects.

    Args:
        samples: the clips.
        subjects: names, in any case, or a text file with one name a line.

    Returns:
        A list to train on and a list to test on, both in the order of the samples.

    Raises:
        DataError: as `leave_one_subject_out`; also a name that no sample has, no name at all, or
            all of them.

    Example:
        >>> clips = [Sample(who, 0, None, "a") for who in ("Ben", "Anna", "Cem")]
        >>> train, test = hold_out(clips, ["anna"])
        >>> [clip.subject for clip in train], [clip.subject for clip in test]
        (['Ben', 'Cem'], ['Anna'])
    """
    samples = list(samples)
    _refuse_hidden_people(samples)
    present = {sample.subject for sample in samples}
    held = choose_subjects(subjects, present)
    if held == present:
        raise DataError(f"All {len(present)} subjects are held out; leave some to train on.")
    return _of(samples, held, False), _of(samples, held, True)


def check_split(train: Iterable[Sample], test: Iterable[Sample]) -> None:
    """Refuse a split of your own that has a person on both sides.

    Args:
        train: the clips to learn from.
        test: the clips to be tested on.

    Example:
        >>> import painlab as pl
        >>> anna, ben = (Sample(who, 0, None, "a") for who in ("Anna", "Ben"))
        >>> check_split(train=[anna], test=[ben])
        >>> try:
        ...     check_split(train=[anna, ben], test=[ben])
        ... except pl.PainLabError as error:
        ...     print(str(error).partition(";")[0])
        1 tested subject is trained on as well (Ben)

    Raises:
        DataError: a subject on both sides, under one spelling or two, or the same film under two
            subjects.
    """
    train, test = list(train), list(test)
    trained = {subject_key(sample.subject) for sample in train}
    both = sorted({s.subject for s in test if subject_key(s.subject) in trained})
    if both:
        names = ", ".join(both[:3]) + (", ..." if len(both) > 3 else "")
        tested = counted(len(both), "tested subject")
        raise DataError(
            f"{tested} {'is' if len(both) == 1 else 'are'} trained on as well ({names}); "
            "split by subject, as leave_one_subject_out does."
        )
    _refuse_hidden_people(train + test)


def _refuse_hidden_people(samples: Sequence[Sample]) -> None:
    spellings = two_spellings(sorted({sample.subject for sample in samples}))
    if spellings:
        raise DataError(
            f"Subjects {spellings[0]!r} and {spellings[1]!r} differ only in case or blanks; "
            "spell one person one way, or give two people names that differ."
        )
    refuse_shared_clips(samples)


def _of(samples: Sequence[Sample], subjects: set[str], inside: bool) -> list[Sample]:
    return [sample for sample in samples if (sample.subject in subjects) is inside]
