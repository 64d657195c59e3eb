"""A look at a whole data set before any work is done with it: what is there, what is wrong."""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

from painlab.datasets.biovid import BioVidTree, missing_lines, read_tree
from painlab.datasets.duplicates import find_duplicates
from painlab.datasets.manifest import read_rows, samples_of
from painlab.datasets.probe import ClipFacts, probe_clips
from painlab.datasets.report import DataReport
from painlab.datasets.subjects import Subjects, choose_subjects
from painlab.datasets.synthpain.files import SETTINGS_FILE, truth_path
from painlab.datasets.tasks import LEVEL_NAMES, Sample
from painlab.errors import DataError, VideoError

#: BioVid part A as it is given out: subjects, and clips of each level of a subject.
PUBLISHED = (87, 20)


def check_biovid(
    root: str | os.PathLike,
    *,
    leave_out: Subjects | None = None,
    decode: bool = False,
    progress: bool = False,
) -> DataReport:
    """Look at everything below a BioVid folder (or one that SynthPain wrote), and tell all of it.

    Every listed clip is opened, its pictures are counted, and clips of equal content are found.
    That takes some 3 ms a clip of 224×224 pixels, and 30 to 70 ms one of BioVid's size.

    Args:
        root: the folder that holds PartA.
        leave_out: names of subjects to leave out, or a text file with one name a line.
        decode: decode every picture of every clip: finds damage inside a clip, and takes about
            ten times as long.
        progress: show a bar on the standard error stream.

    Raises:
        DataError: there is no table or no folder of clips to look at, or ``leave_out`` names
            somebody who is not there. All else is told in the report.
    """
    start = perf_counter()
    tree = read_tree(root, leave_out=leave_out)
    missing = set(tree.missing)
    there = [sample for sample in tree.samples if sample not in missing]
    facts, unreadable = _probe(there, decode, progress)
    return DataReport(
        table=tree.table,
        samples=tree.samples,
        facts=facts,
        problems=tree.problems or _nothing_listed(tree.table, tree.samples),
        missing=missing_lines(tree) + _missing_truth(Path(root), tree.samples),
        unreadable=unreadable,
        duplicates=find_duplicates(facts, across_subjects=False),
        unlisted=tree.unlisted,
        left_out=tree.left_out,
        remarks=_unlike_published(tree),
        seconds=perf_counter() - start,
    )


def check_manifest(
    path: str | os.PathLike,
    *,
    leave_out: Subjects | None = None,
    decode: bool = False,
    progress: bool = False,
) -> DataReport:
    """Look at every clip that a CSV file lists (see `Manifest`), and tell all of it.

    Arguments and errors are those of `check_biovid`. A listed clip that is not there is among the
    problems of the table.
    """
    start, path = perf_counter(), Path(path)
    rows, problems, _ = read_rows(path)
    present = {row.values["subject"] for row in rows if row.values["subject"]}
    out = choose_subjects(leave_out, present) if leave_out is not None else set()
    samples, more = samples_of(
        [row for row in rows if row.values["subject"] not in out], path.parent
    )
    facts, unreadable = _probe(samples, decode, progress)
    return DataReport(
        table=path,
        samples=samples,
        facts=facts,
        problems=problems + more or _nothing_listed(path, samples),
        missing=[],
        unreadable=unreadable,
        duplicates=find_duplicates(facts, across_subjects=False),
        unlisted=[],
        left_out=sorted(out),
        remarks=[],
        seconds=perf_counter() - start,
    )


def check_data(root: str | os.PathLike, **options) -> DataReport:
    """`check_biovid` for a folder, `check_manifest` for a file, with the same arguments.

    Raises:
        DataError: there is nothing at ``root``, and as these two.
    """
    path = Path(root)
    if not path.exists():
        raise DataError(f"{path} does not exist; give BioVid's folder, or a CSV file of clips.")
    return (check_biovid if path.is_dir() else check_manifest)(path, **options)


def _nothing_listed(table: Path, samples: Sequence[Sample]) -> list[str]:
    return [] if samples else [f"{table} lists no clip."]


def _missing_truth(root: Path, samples: Sequence[Sample]) -> list[str]:
    """A sentence where SynthPain wrote the tree, and clips have lost their truth files."""
    if not (root / SETTINGS_FILE).is_file():
        return []
    lost = [s for s in samples if not truth_path(root, s.subject, s.sample_name).is_file()]
    if not lost:
        return []
    return [
        f"{len(lost):,} of {len(samples):,} clips have no truth file, the first of them "
        f"{lost[0].sample_name}; painlab synth {root} makes them again."
    ]


def _unlike_published(tree: BioVidTree) -> list[str]:
    """A remark where the table lists another number of subjects or clips than BioVid has."""
    people, per_level = PUBLISHED
    counts = Counter(sample.subject for sample in tree.samples)
    usual = set(counts.values()) == {per_level * len(LEVEL_NAMES)}
    if len(counts) + len(tree.left_out) == people and usual:
        return []
    return [
        f"BioVid part A as it is given out has {people} subjects with {per_level} clips of each "
        "level; this table lists others, as SynthPain's smaller sets do."
    ]


def _probe(
    samples: Sequence[Sample], decode: bool, progress: bool
) -> tuple[dict[Sample, ClipFacts], list[str]]:
    """The facts of the clips that can be read, and a sentence for each of the others."""
    from tqdm import tqdm

    with tqdm(total=len(samples), unit="clip", disable=not progress, dynamic_ncols=True) as bar:
        found = probe_clips([sample.path for sample in samples], decode=decode, advance=bar.update)
    both = list(zip(samples, found, strict=True))
    facts = {sample: facts for sample, facts in both if not isinstance(facts, VideoError)}
    return facts, [str(error) for _, error in both if isinstance(error, VideoError)]
