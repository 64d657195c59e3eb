"""A folder of people with every face aligned, as the spatial module will see faces."""

import json
import os
from collections.abc import Callable, Iterator
from functools import cache
from os import PathLike
from pathlib import Path
from typing import NamedTuple

from painlab.alignment import FaceAligner
from painlab.datasets.face_index import FaceIndex, index_faces
from painlab.datasets.faces import read_picture
from painlab.datasets.side_by_side import side_by_side
from painlab.errors import DataError

WITHOUT_FACE, BROKEN, ALIGNER = "without_face.txt", "broken.txt", "aligner.json"
QUALITY = 95  # of the JPEG files
TOGETHER = 16  # pictures that a process is given at a time


class AlignedFolder(NamedTuple):
    """How many pictures were aligned in this run, were there already, and could not be aligned."""

    aligned: int
    there: int
    without_face: int
    broken: int


def align_faces(
    root: str | PathLike,
    out: str | PathLike,
    *,
    landmarks: str = "auto",
    size: int = 224,
    device: str | None = None,
    processes: int = 1,
    partial: bool = False,
    progress: bool = False,
    say: Callable[[str], None] = print,
) -> AlignedFolder:
    """Write an aligned copy of each picture that shows a face, under the same name with .jpg.

    A run that was stopped or killed goes on where it was. Each picture is looked at by itself, and
    the largest face in it is taken. Pictures without a face are named in ``without_face.txt``,
    those that cannot be read in ``broken.txt``; both are left out. ``aligner.json`` says how the
    faces were aligned.

    Args:
        root: the pictures, as `index_faces` takes them.
        out: the folder to write to.
        landmarks, size, device: of `FaceAligner`.
        processes: how many work side by side.
        partial: as of `index_faces`.
        progress: show a bar with the time left on the standard error stream.
        say: told what was left out.

    Raises:
        DataError: as of `index_faces`; where ``out`` was aligned in another way, cannot be
            written, or is ``root``; where two pictures would have one name.
    """
    root, out = Path(root), Path(out)
    if out.resolve() == root.resolve():
        raise DataError(f"{out}: the aligned copies need a folder of their own.")
    index = index_faces(root, partial=partial, say=say)
    try:
        out.mkdir(parents=True, exist_ok=True)
        _own(out, _aligner(landmarks, size, device).description)
        return _align(index, out, (landmarks, size, device), processes, progress)
    except OSError as error:
        raise DataError(f"{error.filename or out} cannot be written ({error.strerror}).") from error


def _align(index: FaceIndex, out: Path, how, processes: int, progress: bool) -> AlignedFolder:
    from tqdm import tqdm

    lists = {name: _Names(out / name) for name in (WITHOUT_FACE, BROKEN)}
    known = set().union(*(names.there for names in lists.values()))
    counts = {"aligned": 0, "there": 0}
    bar = tqdm(
        total=len(index), unit="picture", desc=out.name, dynamic_ncols=True, disable=not progress
    )

    def todo() -> Iterator[tuple]:
        chunk = []
        for name, target in _targets(index):
            if name in known or (out / target).is_file():
                counts["there"] += name not in known
                bar.update()
                continue
            chunk.append((name, target))
            if len(chunk) == TOGETHER:
                yield index.root, out, how, chunk
                chunk = []
        if chunk:
            yield index.root, out, how, chunk

    with bar, lists[WITHOUT_FACE], lists[BROKEN]:
        for results in side_by_side(_align_some, todo(), processes=processes):
            for name, result in results:
                if result == "aligned":
                    counts["aligned"] += 1
                else:
                    lists[result].add(name)
                bar.update()
    return AlignedFolder(
        **counts,
        without_face=len(lists[WITHOUT_FACE].there),
        broken=len(lists[BROKEN].there),
    )


def _targets(index: FaceIndex) -> Iterator[tuple[str, str]]:
    """Every picture's name, and that of its aligned copy, both relative to their root."""
    for person, names in zip(index.people, index.names, strict=True):
        taken: dict[str, str] = {}
        for name in names.split("/"):
            target = name.rpartition(".")[0] + ".jpg"
            if taken.setdefault(target.casefold(), name) != name:
                raise DataError(
                    f"{index.root / person}: {taken[target.casefold()]} and {name} would get one "
                    "name when they are aligned; rename one of them."
                )
            yield f"{person}/{name}", f"{person}/{target}"


def _align_some(job) -> list[tuple[str, str]]:
    """Align a few pictures: what became of each, "aligned" or the list that it belongs to."""
    root, out, how, named = job
    aligner = _aligner(*how)
    return [(name, _align_one(root / name, out / target, aligner)) for name, target in named]


def _align_one(source: Path, target: Path, aligner: FaceAligner) -> str:
    import cv2

    try:
        picture = read_picture(source)
    except DataError as error:
        if isinstance(error.__cause__, OSError):  # no right to read it, say
            raise
        return BROKEN
    clip = aligner(picture[None])
    if not clip.found[0]:
        return WITHOUT_FACE
    quality = [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    _, packed = cv2.imencode(".jpg", clip.frames[0, ..., ::-1], quality)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    part.write_bytes(packed.tobytes())
    part.replace(target)
    return "aligned"


@cache
def _aligner(landmarks: str, size: int, device: str | None) -> FaceAligner:
    """One a process."""
    return FaceAligner(landmarks=landmarks, size=size, device=device)


def _own(out: Path, description: dict) -> None:
    """Keep how the folder's faces are aligned; refuse to mix ways."""
    kept = out / ALIGNER
    text = json.dumps(description, indent=2, sort_keys=True) + "\n"
    if kept.is_file():
        if kept.read_text() != text:
            raise DataError(
                f"{kept}: these faces were aligned in another way; give a new folder, or the same "
                "landmarks and size."
            )
        return
    if any(path.suffix != ".part" for path in out.iterdir()):
        raise DataError(f"{out} holds something else; give a new folder or an empty one.")
    part = kept.with_name(kept.name + ".part")
    part.write_text(text)
    part.replace(kept)


class _Names:
    """A text file of names, one a line, that grows; a line cut short by a kill is taken back."""

    def __init__(self, path: Path):
        self.path = path
        self.file = path.open("ab+")
        self.file.seek(0)
        content = self.file.read()
        whole = content.rfind(b"\n") + 1
        self.file.truncate(whole)
        self.there = set(os.fsdecode(content[:whole]).splitlines())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def add(self, name: str) -> None:
        self.there.add(name)
        self.file.write(os.fsencode(name + "\n"))
        self.file.flush()
