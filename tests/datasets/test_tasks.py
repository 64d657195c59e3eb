"""The five tasks, and what a sample may be."""

from pathlib import Path

import pytest

from painlab.datasets import TASKS, Sample
from painlab.datasets.tasks import LEVEL_NAMES, SampleSequence
from painlab.errors import DataError

CLIPS = [Sample("Anna", level, None, f"{level}-{i}") for i in range(2) for level in range(5)]


def test_the_papers_five_tasks():
    assert list(TASKS) == ["NP-P1", "NP-P2", "NP-P3", "NP-P4", "MC"]
    assert [task.levels for task in TASKS.values()] == [
        (0, 1), (0, 2), (0, 3), (0, 4), (0, 1, 2, 3, 4),
    ]  # fmt: skip
    assert [task.classes for task in TASKS.values()] == [2, 2, 2, 2, 5]
    assert all(task.name == name for name, task in TASKS.items())
    assert TASKS["MC"].class_names == ("NP", "P1", "P2", "P3", "P4")
    assert LEVEL_NAMES == ("BL1", "PA1", "PA2", "PA3", "PA4")


def test_tasks_cannot_be_changed():
    with pytest.raises(TypeError):
        TASKS["NP-P5"] = TASKS["MC"]
    with pytest.raises(AttributeError):
        TASKS["MC"].levels = (0,)


def test_a_task_selects_its_levels_and_numbers_them_from_0():
    task = TASKS["NP-P3"]
    chosen = task.select(CLIPS)
    assert [sample.level for sample in chosen] == [0, 3, 0, 3]
    assert [task.label(sample) for sample in chosen] == [0, 1, 0, 1]
    assert TASKS["MC"].select(CLIPS) == CLIPS
    assert [TASKS["MC"].label(sample) for sample in CLIPS[:5]] == [0, 1, 2, 3, 4]


def test_a_task_has_no_label_for_other_levels():
    with pytest.raises(DataError, match=r"NP-P1 has no class for 4-0 of level 4"):
        TASKS["NP-P1"].label(CLIPS[4])


@pytest.mark.parametrize("level", [-1, 5, True])
def test_a_sample_has_one_of_five_levels(level):
    with pytest.raises(DataError, match="is not 0 to 4"):
        Sample("Anna", level, None, "a")


def test_a_sample_has_a_subject():
    with pytest.raises(DataError, match="no name"):
        Sample(" ", 0, None, "a")


def test_a_sequence_of_samples_is_a_sequence():
    samples = SampleSequence(CLIPS, title="here")
    assert len(samples) == 10
    assert list(samples) == CLIPS
    assert samples[3] == CLIPS[3]
    assert samples[-1] == CLIPS[-1]
    assert samples[2:5] == CLIPS[2:5]
    assert CLIPS[4] in samples
    assert samples.index(CLIPS[4]) == 4
    assert samples.subjects == ("Anna",)
    assert repr(samples) == "SampleSequence(here: 10 clips of 1 subject)"


def test_samples_are_values():
    first, second = (Sample("Anna", 1, Path("a.mp4"), "a") for _ in range(2))
    assert first == second
    assert len({first, second}) == 1


@pytest.mark.parametrize(
    "wrong",
    [{"level": 2.0}, {"level": True}, {"path": "a.mp4"}, {"subject": 1}, {"subject": " "}],
)
def test_a_sample_of_wrong_types_is_refused(wrong):
    from jaxtyping import TypeCheckError

    right = {"subject": "Anna", "level": 2, "path": None, "sample_name": "a"}
    with pytest.raises((DataError, TypeCheckError)):
        Sample(**right | wrong)
