"""What the rivals see of the clips: small aligned faces, and landmarks both exact and found."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from painlab.alignment import FaceAligner
from painlab.datasets.synthpain.dataset import SynthPain
from painlab.datasets.synthpain.render import render_clip
from painlab.datasets.synthpain.settings import programs_digest
from painlab.datasets.tasks import Sample
from painlab.errors import DataError
from painlab.training.clip_faces import align_by_truth
from painlab.training.shards import plain_name
from painlab.typing import Float, UInt8
from painlab.weights import write_tensors

SMALL = 64  # pixels of a side


@dataclass(frozen=True, eq=False, repr=False)
class RivalClips:
    """Clips in the order of their data set.

    Landmarks lie in pixels of the clip, z in the same pixels. Where no face was found the found
    ones are not numbers.
    """

    samples: tuple[Sample, ...]
    faces: UInt8[Tensor, "b k height width c"]  # aligned as the framework's own, by the truth
    exact: Float[Tensor, "b k 68 3"]  # of the head that was drawn
    found: Float[Tensor, "b k 68 3"]  # by `FaceAligner`, in the pictures

    def __repr__(self) -> str:
        b, k, size = self.faces.shape[:3]
        return f"RivalClips({b} clips of {k} frames of {size} pixels)"


def keep_clips(
    data: SynthPain,
    folder: Path,
    *,
    size: int = SMALL,
    landmarks: str = "embedded",
    kept: Callable[[], None] = lambda: None,
    say: Callable[[str], None] = print,
) -> RivalClips:
    """Draw the clips of a data set and look for their landmarks, or read what was kept of that.

    A file of the folder holds a person's clips. One that was made by other programs, with other
    settings or another aligner, or that cannot be read, is made anew.

    Args:
        data: which clips; they need lie on no disk.
        folder: made where it is missing.
        size: pixels of a side of the aligned faces.
        landmarks: how `FaceAligner` finds them.
        kept: called after each file that was written; it may raise to stop there.
        say: told of each person.

    Raises:
        WeightsError: where a file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    aligner = FaceAligner(landmarks=landmarks, size=size, device="cpu")
    people = [(name, list(clips)) for name, clips in groupby(data, lambda sample: sample.subject)]
    parts = []
    for number, (name, clips) in enumerate(people, 1):
        told = _told_of(data, clips, size, aligner)
        path = folder / f"{plain_name(name)}.safetensors"
        part = _read(path, told)
        if part is None:
            drawn = [_draw(data, sample, size, aligner) for sample in clips]
            part = {key: torch.stack([clip[key] for clip in drawn]) for key in drawn[0]}
            write_tensors(path, part, metadata={"clips": told})
            say(f"drawn: {number} of {len(people)} people")
            kept()
        parts.append(part)
    whole = {key: torch.cat([part[key] for part in parts]) for key in parts[0]}
    return RivalClips(samples=tuple(data), **whole)


def _draw(data: SynthPain, sample: Sample, size: int, aligner: FaceAligner) -> dict[str, Tensor]:
    """One clip: its aligned faces (k size size c) and its landmarks, exact and found (k 68 3)."""
    key = data.key(sample)
    clip = render_clip(
        data.subject(sample), data.motion(sample), level=key.level, trial=key.trial,
        size=data.settings.size,
    )  # fmt: skip
    return {
        "faces": align_by_truth(clip, size=size),
        "exact": torch.from_numpy(clip.landmarks),
        "found": torch.from_numpy(aligner(clip.frames.numpy()).landmarks.astype(np.float32)),
    }


def _told_of(data: SynthPain, clips: list[Sample], size: int, aligner: FaceAligner) -> str:
    """All that decides a person's file."""
    settings = data.settings
    return json.dumps(
        {
            "clips": [data.key(sample) for sample in clips],
            "settings": [settings.seed, settings.size, settings.frames],
            "size": size,
            "aligner": aligner.description,
            "programs": programs_digest(),
        },
        sort_keys=True,
    )


def _read(path: Path, told: str) -> dict[str, Tensor] | None:
    """What a file holds, or None where it has to be made."""
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        return None
    try:
        with safe_open(path, "pt") as file:
            if (file.metadata() or {}).get("clips") != told:
                return None
            return {key: file.get_tensor(key) for key in ("faces", "exact", "found")}
    except (SafetensorError, OSError) as error:
        raise DataError(f"{path}: cannot be read ({error}); remove it to draw it anew.") from error
