"""BioVid part A, as it lies on a disk.

    ROOT/PartA/starting_point/samples.csv        one line a clip, tab-separated
    ROOT/PartA/video/071309_w_21/071309_w_21-BL1-081.mp4

Copies differ: in the case of folders and files, in line ends, in what stands between the cells. All
that is read. What is wrong is said with file and line; nothing is guessed.
"""

import os
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from painlab.datasets.subjects import Subjects, choose_subjects, two_spellings
from painlab.datasets.tables import Row, read_table, refuse
from painlab.datasets.tasks import LEVEL_NAMES, Sample, SampleSequence
from painlab.errors import DataError

NEEDS = ("subject_name", "class_id", "sample_name")


class BioVid(SampleSequence):
    """The clips of BioVid part A, in the order of its samples.csv: a sequence of `Sample`.

    SynthPain writes the same folders, so its trees are read by the same call.

    Args:
        root: the folder that holds PartA, or PartA itself; folders and files in any case.
        leave_out: subjects to leave out: names, or a text file with one name a line (some studies
            leave out those who show next to nothing).
        skip_missing: leave out clips that are listed but not there, instead of refusing the tree.

    Raises:
        DataError: a folder or table that is missing or unreadable, a line that is not what it
            should be (with file and line), a listed clip without a file, or a name in
            ``leave_out`` that nobody has. ``painlab check-data`` lists everything at once.

    Example:
        >>> import tempfile
        >>> import painlab as pl
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = pl.write_synthpain(folder, subjects=1, per_level=1, frames=1, seed=0)
        ...     data = pl.BioVid(folder)
        >>> len(data), len(data.subjects), data[4].level
        (5, 1, 4)
    """

    def __init__(
        self,
        root: str | os.PathLike,
        *,
        leave_out: Subjects | None = None,
        skip_missing: bool = False,
    ):
        tree = read_tree(root, leave_out=leave_out)
        hint = f"painlab check-data {root} lists all that is wrong"
        refuse(tree.problems, hint=hint)
        if tree.missing and not skip_missing:
            refuse(missing_lines(tree), hint=hint)
        missing = set(tree.missing)
        samples = [sample for sample in tree.samples if sample not in missing]
        if not samples:
            raise DataError(f"{tree.table} lists no clip that is there and not left out.")
        super().__init__(samples, title=Path(root).name or str(root))


@dataclass(frozen=True)
class BioVidTree:
    """What was found: the samples listed (with the place of each) and how the disk answers them."""

    table: Path
    videos: Path
    samples: list[Sample]
    where: dict[Sample, str]
    problems: list[str]  # lines of the table that are not what they should be
    missing: list[Sample]  # listed, but without a file
    unlisted: list[Path]  # .mp4 files that the table does not list, of subjects not left out
    left_out: list[str]


def read_tree(root: str | os.PathLike, *, leave_out: Subjects | None = None) -> BioVidTree:
    """Read samples.csv and the folders of clips; no clip is opened.

    Raises:
        DataError: folders or the table are missing, ambiguous or unreadable, or ``leave_out``
            names somebody who is not there.
    """
    part = _part_a(Path(root))
    starting_point = _entry(part, "starting_point") or part / "starting_point"
    csv = _entry(starting_point, "samples.csv") if starting_point.is_dir() else None
    if csv is None:
        raise DataError(
            f"{starting_point / 'samples.csv'} does not exist; it lists the clips of BioVid."
        )
    videos = _entry(part, "video")
    if videos is None or not videos.is_dir():
        raise DataError(f"{part / 'video'} does not exist; the clips of BioVid lie there.")
    table = read_table(csv, needs=NEEDS, separators="\t;, ")
    present = [row.values["subject_name"] for row in table.rows if row.values["subject_name"]]
    out = choose_subjects(leave_out, present) if leave_out is not None else set()
    clips = _Clips(videos)
    samples, where, problems = [], {}, list(table.problems)
    for row in table.rows:
        if row.values["subject_name"] in out:
            continue
        try:
            sample = _sample(row, clips)
            if sample in where:
                raise DataError(
                    f"{row.where}: {sample.sample_name} is listed already ({where[sample]})."
                )
        except DataError as problem:
            problems.append(str(problem))
        else:
            samples.append(sample)
            where[sample] = row.where
    problems += _clashes(samples, where)
    missing = [sample for sample in samples if sample.path not in clips.taken]
    return BioVidTree(
        csv, videos, samples, where, problems, missing, clips.others(leave_out=out), sorted(out)
    )


def missing_lines(tree: BioVidTree) -> list[str]:
    """One sentence for each clip that the table lists and the disk lacks."""
    return [f"{tree.where[s]}: the clip {s.path} is missing." for s in tree.missing]


def _sample(row: Row, clips: "_Clips") -> Sample:
    subject, number, name = (row.values[column] for column in NEEDS)
    if not (subject and number and name):
        raise DataError(f"{row.where}: subject_name, class_id or sample_name is empty.")
    if number not in {str(level) for level in range(len(LEVEL_NAMES))}:
        raise DataError(f"{row.where}: class_id {number!r} is unknown; part A has 0 to 4.")
    level = int(number)
    label = row.values.get("class_name", "")
    if label and label.upper() != LEVEL_NAMES[level]:
        raise DataError(
            f"{row.where}: class_id {level} is {LEVEL_NAMES[level]}, but class_name says {label!r}."
        )
    told = re.fullmatch(rf"(.+)-({'|'.join(LEVEL_NAMES)})-\d+", name, flags=re.IGNORECASE)
    if told and (told[1], told[2].upper()) != (subject, LEVEL_NAMES[level]):
        raise DataError(
            f"{row.where}: the name {name} does not fit subject {subject} "
            f"and class {LEVEL_NAMES[level]}."
        )
    return Sample(subject, level, clips.find(subject, name), name)


def _clashes(samples: Iterable[Sample], where: dict[Sample, str]) -> list[str]:
    """One clip listed for two levels or subjects, and one subject under two spellings."""
    problems, files, spelled = [], {}, {}
    for sample in samples:
        first = files.setdefault(sample.path, sample)
        if first is not sample:
            problems.append(
                f"{where[sample]}: the clip {sample.path} is listed already, for another level or "
                f"subject ({where[first]})."
            )
        spelled.setdefault(sample.subject, where[sample])
    names = two_spellings(spelled)
    if names:
        problems.append(
            f"{spelled[names[1]]}: subject {names[1]!r} differs from {names[0]!r} "
            f"({spelled[names[0]]}) only in case or blanks."
        )
    return problems


class _Clips:
    """The .mp4 files below the video folder, each folder listed once, found in any case."""

    def __init__(self, videos: Path):
        self.videos, self.taken = videos, set()
        self._exact: set[tuple[str, str]] = set()
        self._folded: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
        for folder in _names(videos):
            if not (videos / folder).is_dir():
                continue
            for file in _names(videos / folder):
                if file.lower().endswith(".mp4"):
                    self._exact.add((folder, file))
                    self._folded[folder.casefold(), file.casefold()].append((folder, file))

    def find(self, subject: str, name: str) -> Path:
        """The clip's file as it is spelled on the disk; where there is none, as it should be."""
        wanted = (subject, f"{name}.mp4")
        alike = self._folded.get((wanted[0].casefold(), wanted[1].casefold()), [])
        if wanted not in self._exact and len(alike) == 1:
            wanted = alike[0]
        path = self.videos.joinpath(*wanted)
        if wanted in self._exact and path.is_file():
            self.taken.add(path)
        return path

    def others(self, *, leave_out: Iterable[str]) -> list[Path]:
        """The files that were not asked for, but for the folders of the subjects left out."""
        out = {name.casefold() for name in leave_out}
        rest = (
            self.videos / folder / file
            for folder, file in self._exact
            if folder.casefold() not in out
        )
        return sorted(path for path in rest if path not in self.taken)


def _part_a(root: Path) -> Path:
    if not root.is_dir():
        raise DataError(f"{root} is no folder; give the folder that holds BioVid's PartA.")
    part = _entry(root, "PartA") or (root if _entry(root, "starting_point") else None)
    if part is None:
        raise DataError(f"{root} holds no folder PartA; give the folder that holds it.")
    return part


def _entry(folder: Path, name: str) -> Path | None:
    """What has this name in the folder: exactly so, or else in another case."""
    names = _names(folder)
    alike = [other for other in names if other.casefold() == name.casefold()]
    if name in names or not alike:
        return folder / name if alike else None
    if len(alike) > 1:
        raise DataError(f"{folder} holds {' and '.join(sorted(alike))}; keep one of them.")
    return folder / alike[0]


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError as error:
        raise DataError(f"{folder} cannot be listed: {error.strerror}.") from error
