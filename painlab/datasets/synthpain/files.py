"""Where a SynthPain's files lie in its folder, when they are whole, and how they get there."""

import errno
import os
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from painlab.errors import DataError

SETTINGS_FILE = "synthpain.json"
SAMPLES_FILE = Path("PartA", "starting_point", "samples.csv")
SCRATCH = ".unfinished"  # where files are written before they get their places
_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EBADF, errno.EINVAL)  # of file systems without


def video_path(root: Path, subject: str, name: str) -> Path:
    """Where a clip's frames lie, as in BioVid."""
    return root / "PartA" / "video" / subject / f"{name}.mp4"


def truth_path(root: Path, subject: str, name: str) -> Path:
    """Where a clip's truth lies."""
    return root / "truth" / subject / f"{name}.npz"


def publish(part: Path, target: Path) -> int:
    """Give a finished file its place, and its size in bytes to the caller.

    After a power cut the file is there whole or not at all: its data go to the disk first.
    """
    with open(part, "rb+") as file:
        size = os.fstat(file.fileno()).st_size
        os.fsync(file.fileno())
    part.replace(target)
    return size


def present_clips(root: Path) -> set[tuple[str, str]]:
    """Subject and name of each clip with both of its files there; they are not looked into."""
    videos = {(p.parent.name, p.stem) for p in (root / "PartA" / "video").glob("*/*.mp4")}
    truths = {(p.parent.name, p.stem) for p in (root / "truth").glob("*/*.npz")}
    return videos & truths


def whole_clip(root: Path, subject: str, name: str) -> bool:
    """Whether both files of a clip are there and end where they should: copies may be cut short."""
    try:
        return _whole_mp4(video_path(root, subject, name)) and zipfile.is_zipfile(
            truth_path(root, subject, name)
        )
    except FileNotFoundError:
        return False


def _whole_mp4(path: Path) -> bool:
    """Whether the boxes that an .mp4 file consists of add up to its size."""
    size, at, kinds = path.stat().st_size, 0, set()
    with open(path, "rb") as file:
        while at + 8 <= size:
            file.seek(at)
            length, kind = int.from_bytes(file.read(4)), file.read(4)
            if length == 1:  # a length that needs eight bytes follows the kind
                length = int.from_bytes(file.read(8))
            if length < 8:
                return False
            kinds.add(kind)
            at += length
    return at == size and {b"moov", b"mdat"} <= kinds


@contextmanager
def scratch_folder(root: Path) -> Iterator[Path]:
    """An empty folder for unfinished files, gone at the end; a killed run's is emptied."""
    folder = root / SCRATCH
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def sole_writer(root: Path) -> Iterator[None]:
    """Refuse a second run in the same folder while the first goes on.

    The lock is the operating system's and ends with the process, however that ends. Where there is
    none (Windows, some network drives) two runs are not told apart.

    Raises:
        DataError: another run holds the folder.
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    handle = os.open(root, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataError(
                f"{root}: another painlab synth is writing to this folder; wait until it is done."
            ) from None
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
        yield
    finally:
        os.close(handle)
