"""SynthPain onto a disk: BioVid's tree with BioVid's names, and a truth file a clip.

A run can be killed at any moment and started again; it ends with the same bytes as one that was
left in peace. Nothing has its place in the tree before it is whole, samples.csv comes last, and
what is there already is not made again.
"""

import shutil
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from os import PathLike
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from painlab.datasets.synthpain.dataset import SynthPain, refuse_other_settings
from painlab.datasets.synthpain.estimate import Estimate, sensible_processes, spoken_size
from painlab.datasets.synthpain.files import (
    SAMPLES_FILE,
    SCRATCH,
    SETTINGS_FILE,
    publish,
    scratch_folder,
    sole_writer,
    truth_path,
    whole_clip,
)
from painlab.datasets.synthpain.settings import (
    ClipKey,
    Settings,
    list_clips,
    programs_digest,
    read_settings,
    settings_text,
)
from painlab.datasets.synthpain.worker import write_clip
from painlab.datasets.synthpain.workers import write_clips
from painlab.datasets.tasks import LEVEL_NAMES, counted
from painlab.errors import DataError

MEASURED_AFTER = 10  # clips: two of each level
COLUMNS = ("subject_id", "subject_name", "class_id", "class_name", "sample_id", "sample_name")


class Written(NamedTuple):
    """What a run did: clips in all, clips it made, their bytes, and the seconds it took."""

    clips: int
    made: int
    bytes: int
    seconds: float


def write_synthpain(
    root: str | PathLike,
    *,
    subjects: int,
    per_level: int,
    frames: int,
    seed: int,
    size: int = 224,
    processes: int | None = None,
    progress: bool = False,
) -> SynthPain:
    """Write a SynthPain to a folder, or go on with one that was begun there; gives the data set.

    The tree is BioVid's (``PartA/starting_point/samples.csv``, ``PartA/video/SUBJECT/CLIP.mp4`` at
    25 frames a second, or fewer where a clip has fewer than its 138), with
    ``truth/SUBJECT/CLIP.npz`` and ``synthpain.json`` beside it.

    Args:
        root: the folder; it is made, or is empty, or holds what an earlier run left there.
        subjects, per_level, frames, seed, size: as for `SynthPain`.
        processes: how many make clips; if None, one a core (or one, where there is little to do).
            The files do not depend on it, nor the memory of a process on the number of clips.
        progress: show estimates and a progress bar on the standard error stream.

    Returns:
        The `SynthPain` of the folder.

    Raises:
        DataError: a number out of range, a folder that holds something else or a SynthPain of
            other settings or another version, a second run in the same folder, or a disk that is
            too small or refuses the data. What is finished stays, and the next run goes on.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     data = write_synthpain(folder, subjects=1, per_level=1, frames=1, seed=0)
        ...     data[0].path.suffix
        '.mp4'
        >>> len(data)  # one clip of each level
        5
    """
    settings = Settings(subjects=subjects, per_level=per_level, frames=frames, seed=seed, size=size)
    write_tree(Path(root), settings, processes=processes, progress=progress)
    return SynthPain(root)


def write_tree(
    root: Path, settings: Settings, *, processes: int | None = None, progress: bool = False
) -> Written:
    """As `write_synthpain`, but gives what was done."""
    if processes is not None and processes < 1:
        raise DataError(f"processes must be a whole number from 1 on, not {processes}.")
    begin = perf_counter()
    try:
        root.mkdir(parents=True, exist_ok=True)
        with sole_writer(root):
            todo, clips = _open_tree(root, settings)
            if not todo and _table_is_there(root, settings) and not (root / SCRATCH).exists():
                return Written(clips, 0, 0, perf_counter() - begin)
            with scratch_folder(root) as scratch:
                _put_text(scratch, root / SETTINGS_FILE, settings_text(settings))
                # only now: folders without settings would be taken for somebody else's
                _make_folders(root, settings)
                size = _write_todo(root, settings, todo, clips, processes, progress)
                _put_text(scratch, root / SAMPLES_FILE, samples_text(settings))
    except OSError as error:
        where = error.filename or root
        raise DataError(f"{where} cannot be written ({error.strerror}).") from error
    return Written(clips, len(todo), size, perf_counter() - begin)


def samples_text(settings: Settings) -> str:
    """BioVid's samples.csv: separated by tabs, one line a clip."""
    lines = ["\t".join(COLUMNS)]
    for number, (key, sample) in enumerate(list_clips(settings, None), start=1):
        cells = (
            key.subject + 1, sample.subject, key.level, LEVEL_NAMES[key.level],
            number, sample.sample_name,
        )  # fmt: skip
        lines.append("\t".join(map(str, cells)))
    return "\n".join(lines) + "\n"


def _open_tree(root: Path, settings: Settings) -> tuple[list[ClipKey], int]:
    """The clips that are still to be made, and the number of all; refuses a foreign folder."""
    begun = (root / SETTINGS_FILE).exists()
    if begun:
        there, digest = read_settings(root)
        refuse_other_settings(root, there, asdict(settings))
    elif any(path.name != SCRATCH for path in root.iterdir()):
        raise DataError(
            f"{root} is not empty and holds no SynthPain; give a new folder or an empty one."
        )
    clips = list(list_clips(settings, root))
    todo = [key for key, clip in clips if not whole_clip(root, clip.subject, clip.sample_name)]
    if begun and todo and digest != programs_digest():
        raise DataError(
            f"{root} was begun by another version of painlab, whose clips would not match; "
            "finish it with that version, or write to a new folder."
        )
    # one subject after the other, whose skin is painted once; all levels early, to be measured
    return sorted(todo, key=lambda key: (key.subject, key.trial, key.level)), len(clips)


def _make_folders(root: Path, settings: Settings) -> None:
    for folder in {clip.path.parent for _, clip in list_clips(settings, root)}:
        folder.mkdir(parents=True, exist_ok=True)
        truth_path(root, folder.name, "").parent.mkdir(parents=True, exist_ok=True)


def _write_todo(
    root: Path,
    settings: Settings,
    todo: list[ClipKey],
    clips: int,
    processes: int | None,
    progress: bool,
) -> int:
    """Make the clips, watching the room on the disk; gives the bytes written."""
    from tqdm import tqdm

    there = clips - len(todo)
    processes = min(processes or sensible_processes(settings, todo), max(1, len(todo)))
    estimate, written = Estimate(settings, todo, processes=processes), 0
    _refuse_small_disk(root, estimate)
    bar = tqdm(
        total=clips,
        initial=there,
        unit="clip",
        desc=root.name,
        dynamic_ncols=True,
        disable=not progress,
    )
    with bar, closing(_made(root, settings, todo, processes)) as made:
        with_those = f", {there:,} of them there already" if there else ""
        how = "1 process" if processes == 1 else f"{processes} processes"
        _say(bar, f"{counted(clips, 'clip')}{with_those}: {estimate} with {how} (a first guess).")
        for size in made:
            written += size
            estimate.add(size)
            bar.update()
            if estimate.made == MEASURED_AFTER:
                _refuse_small_disk(root, estimate)
                if estimate.seconds > 30:
                    _say(bar, f"Measured on {estimate.made} clips: the rest takes {estimate}.")
    return written


def _made(root: Path, settings: Settings, todo: list[ClipKey], processes: int) -> Iterator[int]:
    """The bytes of each clip as it is finished; one process means this one."""
    if processes > 1:
        yield from write_clips(root, settings, todo, processes=processes)
        return
    for key in todo:
        yield write_clip(root, settings, key)


def _refuse_small_disk(root: Path, estimate: Estimate) -> None:
    free = shutil.disk_usage(root).free
    if estimate.bytes > free:
        raise DataError(
            f"{root}: about {spoken_size(estimate.bytes)} are needed and {spoken_size(free)} are "
            "free; make room or give a folder on another disk."
        )


def _say(bar, text: str) -> None:
    if not bar.disable:
        bar.write(text, file=sys.stderr)


def _put_text(scratch: Path, target: Path, text: str) -> None:
    part = scratch / target.name
    part.write_bytes(text.encode())
    target.parent.mkdir(parents=True, exist_ok=True)
    publish(part, target)


def _table_is_there(root: Path, settings: Settings) -> bool:
    path = root / SAMPLES_FILE
    return path.is_file() and path.read_bytes() == samples_text(settings).encode()
