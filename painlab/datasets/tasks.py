"""A clip and its label, and the five tasks that the paper cuts out of the same clips (section IV).

A sample is one clip: who it shows, the level of the stimulus, and where it lies. A task is a choice
of levels. Every data set of painlab is a sequence of samples, so that whatever takes samples takes
BioVid, a manifest of your own clips and SynthPain alike.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from types import MappingProxyType

from painlab.errors import DataError

#: BioVid's names of the levels 0 to 4: baseline, then four levels of heat.
LEVEL_NAMES = ("BL1", "PA1", "PA2", "PA3", "PA4")

#: The paper's names of the same levels, of which its tasks' names are made.
PAPER_NAMES = ("NP", "P1", "P2", "P3", "P4")


@dataclass(frozen=True)
class Sample:
    """One clip: who it shows, the level of the stimulus (0 to 4), its file, and its name.

    ``path`` is None for a clip that lies on no disk, as SynthPain's need not. Two samples of one
    data set never share both subject and ``sample_name``.

    Raises:
        DataError: a subject without a name, a level that is not 0 to 4, or a path of another type.

    Example:
        >>> Sample("Anna", 4, None, "anna-1").level
        4
    """

    subject: str
    level: int
    path: Path | None
    sample_name: str

    def __post_init__(self):
        if not isinstance(self.path, (Path, type(None))):
            raise DataError(f"Sample {self.sample_name!r}: path {self.path!r} is no pathlib.Path.")
        if not isinstance(self.subject, str) or not self.subject.strip():
            raise DataError(f"Sample {self.sample_name!r}: its subject has no name; give it one.")
        whole = isinstance(self.level, Integral) and not isinstance(self.level, bool)
        if not whole or self.level not in range(len(LEVEL_NAMES)):
            raise DataError(f"Sample {self.sample_name!r}: level {self.level!r} is not 0 to 4.")


class SampleSequence(Sequence[Sample]):
    """What the data sets have in common: samples in a fixed order, and who is in them.

    Args:
        samples: the clips, in the order in which they will be given.
        title: what ``repr`` calls their origin, such as the name of a folder.
    """

    def __init__(self, samples: Iterable[Sample], *, title: str):
        self._samples, self._title = tuple(samples), title

    def __len__(self) -> int:
        return len(self._samples)

    def __iter__(self) -> Iterator[Sample]:
        return iter(self._samples)

    def __getitem__(self, index):
        """One sample, or a list of them for a slice."""
        return list(self._samples[index]) if isinstance(index, slice) else self._samples[index]

    @property
    def subjects(self) -> tuple[str, ...]:
        """The names of the subjects, sorted."""
        return tuple(sorted({sample.subject for sample in self._samples}))

    def __repr__(self) -> str:
        clips, people = counted(len(self), "clip"), counted(len(self.subjects), "subject")
        return f"{type(self).__name__}({self._title}: {clips} of {people})"


@dataclass(frozen=True)
class Task:
    """A choice of levels, and so of clips: the first level is class 0, the next class 1.

    Example:
        >>> task = TASKS["NP-P4"]
        >>> task.levels, task.classes, task.class_names
        ((0, 4), 2, ('NP', 'P4'))
    """

    name: str
    levels: tuple[int, ...]

    @property
    def classes(self) -> int:
        """How many classes there are to tell apart."""
        return len(self.levels)

    @property
    def class_names(self) -> tuple[str, ...]:
        """The paper's names of the classes, in the order of their labels."""
        return tuple(PAPER_NAMES[level] for level in self.levels)

    def select(self, samples: Iterable[Sample]) -> list[Sample]:
        """The samples that the task uses, in their order."""
        return [sample for sample in samples if sample.level in self.levels]

    def label(self, sample: Sample) -> int:
        """The class of a sample, from 0 on.

        Raises:
            DataError: the task does not use the sample's level.
        """
        if sample.level not in self.levels:
            raise DataError(
                f"Task {self.name} has no class for {sample.sample_name} of level {sample.level}; "
                "take the clips that Task.select gives."
            )
        return self.levels.index(sample.level)


#: The paper's five tasks by name: no pain against one level each, and all five levels.
TASKS: Mapping[str, Task] = MappingProxyType(
    {
        **{f"NP-P{level}": Task(f"NP-P{level}", (0, level)) for level in range(1, 5)},
        "MC": Task("MC", (0, 1, 2, 3, 4)),
    }
)


def counted(number: int, thing: str) -> str:
    """A number with its noun: ``counted(1, "clip")`` is "1 clip", of 8700 it is "8,700 clips"."""
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"
