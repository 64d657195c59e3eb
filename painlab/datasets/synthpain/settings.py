"""What a SynthPain is made with, and the file in which a tree on a disk says so."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from numbers import Integral
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from painlab.datasets.synthpain.curves import frame_rate
from painlab.datasets.synthpain.files import SETTINGS_FILE, video_path
from painlab.datasets.synthpain.subjects import SLOTS, draw_subject, sample_name
from painlab.datasets.tasks import LEVEL_NAMES, Sample, counted
from painlab.errors import DataError
from painlab.weights import ASSETS

FORMAT = 1  # of the tree; to be raised when readers of older trees would go wrong

# modules that no picture and no truth depends on
UNSEEN = {
    *("__init__", "dataset", "estimate", "files", "oracle"),
    *("portraits", "settings", "worker", "workers", "writer"),
}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How many subjects, clips of each level for each subject, frames a clip; the seed; pixels.

    Raises:
        DataError: a number that is not whole or out of range.
    """

    subjects: int = 87
    per_level: int = 20
    frames: int = 138
    seed: int = 0
    size: int = 224

    def __post_init__(self):
        ranges = {
            "subjects": (1, SLOTS),
            "per_level": (1, 10_000),
            "frames": (1, 10_000),
            "seed": (0, 2**63 - 1),
            "size": (16, 4096),
        }
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            if not isinstance(value, Integral) or isinstance(value, bool):
                raise DataError(f"SynthPain: {name} must be a whole number, not {value!r}.")
            if not low <= value <= high:
                raise DataError(f"SynthPain: {name} must lie in {low} to {high}, not {value}.")
            object.__setattr__(self, name, int(value))  # numpy's numbers do not go into JSON
        if self.size % 2:
            raise DataError(f"SynthPain: size must be even, as H.264 wants it, not {self.size}.")

    def __str__(self) -> str:
        return (
            f"{counted(self.subjects, 'subject')} × {len(LEVEL_NAMES)} levels × "
            f"{counted(self.per_level, 'clip')} of {counted(self.frames, 'frame')}, "
            f"{self.size}×{self.size}, seed {self.seed}"
        )

    @property
    def clips(self) -> int:
        """How many clips there are in all."""
        return self.subjects * len(LEVEL_NAMES) * self.per_level


#: Sizes to choose from: for tests, for trying things out, and that of BioVid's part A.
PRESETS: Mapping[str, Settings] = MappingProxyType(
    {
        "tiny": Settings(subjects=4, per_level=1, frames=12),
        "small": Settings(subjects=12, per_level=6, frames=35),
        "full": Settings(subjects=87, per_level=20, frames=138),
    }
)


class ClipKey(NamedTuple):
    """Which clip: the subject's number, the level, and the trial within both; all from 0."""

    subject: int
    level: int
    trial: int


def list_clips(settings: Settings, root: Path | None) -> Iterator[tuple[ClipKey, Sample]]:
    """All clips in the order of samples.csv: by subject, then level, then trial."""
    for index in range(settings.subjects):
        subject = draw_subject(settings.seed, index)
        for level in range(len(LEVEL_NAMES)):
            for trial in range(settings.per_level):
                name = sample_name(subject, level, trial, settings.per_level)
                path = root and video_path(root, subject.name, name)
                yield ClipKey(index, level, trial), Sample(subject.name, level, path, name)


def settings_text(settings: Settings) -> str:
    """What synthpain.json holds: always the same text for the same settings and programs."""
    from painlab import __version__

    told = {
        "data": "SynthPain",
        "format": FORMAT,
        **asdict(settings),
        "fps": frame_rate(settings.frames),
        "painlab": __version__,
        "programs": programs_digest(),
    }
    return json.dumps(told, indent=2) + "\n"


def read_settings(root: Path) -> tuple[Settings, str]:
    """The settings of a tree on the disk, and the digest of the programs that began it.

    Raises:
        DataError: no such file, one that is damaged, or one of a later format.
    """
    path = root / SETTINGS_FILE
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        if told["data"] != "SynthPain":
            raise ValueError
        version = int(told["format"])
        numbers = {field.name: told[field.name] for field in fields(Settings)}
        if not all(type(number) is int for number in numbers.values()):
            raise ValueError
        settings = Settings(**numbers)
        digest = str(told["programs"])
    except FileNotFoundError:
        raise DataError(
            f"{root} holds no SynthPain: there is no {SETTINGS_FILE}; "
            "give another folder, or write one with painlab synth."
        ) from None
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}).") from error
    except (
        ValueError, KeyError, TypeError, OverflowError, RecursionError, DataError,
    ) as error:  # fmt: skip
        raise DataError(
            f"{path} is damaged or not SynthPain's; write the data to a new folder."
        ) from error
    if version != FORMAT:
        raise DataError(
            f"{path} has format {version}, and this painlab reads {FORMAT}; update painlab, "
            "or write the data to a new folder."
        )
    return settings, digest


def programs_digest() -> str:
    """A fingerprint of all that pictures and truth are made by: programs and head model."""
    here = Path(__file__).parent
    files = [path for path in here.glob("*.py") if path.stem not in UNSEEN]
    files += ASSETS.glob("head*")
    digest = hashlib.sha256()
    for path in sorted(files, key=lambda path: path.name):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]
