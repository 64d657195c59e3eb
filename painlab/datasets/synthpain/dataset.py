"""SynthPain as a sequence of samples: on a disk, or made while it is used."""

from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import asdict
from os import PathLike
from pathlib import Path

import torch
from torch import Tensor

from painlab.datasets.synthpain.files import SAMPLES_FILE, present_clips, truth_path
from painlab.datasets.synthpain.pain import Motion, draw_motion
from painlab.datasets.synthpain.settings import (
    PRESETS,
    ClipKey,
    Settings,
    list_clips,
    read_settings,
)
from painlab.datasets.synthpain.subjects import Subject, draw_subject
from painlab.datasets.synthpain.truth import Truth, make_clip, read_truth
from painlab.datasets.tasks import Sample, SampleSequence, counted
from painlab.errors import DataError
from painlab.typing import UInt8

__all__ = ["PRESETS", "SynthPain"]


class SynthPain(SampleSequence):
    """Rendered clips of faces in pain whose truth is known; a sequence of `Sample`.

    Without a folder the clips lie nowhere (``path`` is None) and are rendered on demand. With
    one it must hold what `write_synthpain` wrote, and the samples are those that `BioVid` gives for
    that folder. A clip follows from the seed, its subject, level and trial alone: it is the same in
    a small set and in a large one, but for its name, which depends on ``per_level`` as BioVid's do.

    Args:
        root: folder of a tree on the disk, or None.
        subjects: how many people (87).
        per_level: clips of each of the five levels for each subject (20).
        frames: frames a clip; the clips tell 5.52 s whatever their number (138).
        seed: another one gives other people (0).
        size: pixels of a side of the square frames, even (224).

    The numbers in brackets hold without ``root``; with it, the tree's own hold, and any that is
    given must agree with them.

    Raises:
        DataError: a number out of range, a folder that holds no SynthPain or another one, or one
            that is not complete.

    Example:
        >>> data = SynthPain(subjects=4, per_level=1, frames=12)
        >>> data
        SynthPain(4 subjects × 5 levels × 1 clip of 12 frames, 224×224, seed 0)
        >>> data[0].level, data.subject(data[0]).sex in "mw"
        (0, True)
    """

    def __init__(
        self,
        root: str | PathLike | None = None,
        *,
        subjects: int | None = None,
        per_level: int | None = None,
        frames: int | None = None,
        seed: int | None = None,
        size: int | None = None,
    ):
        given = {
            "subjects": subjects,
            "per_level": per_level,
            "frames": frames,
            "seed": seed,
            "size": size,
        }
        given = {name: value for name, value in given.items() if value is not None}
        self.root = None if root is None else Path(root)
        if self.root is None:
            self.settings = Settings(**given)
        else:
            self.settings, _ = read_settings(self.root)
            refuse_other_settings(self.root, self.settings, given)
        clips = list(list_clips(self.settings, self.root))
        super().__init__((sample for _, sample in clips), title="SynthPain")
        self._keys = {sample.sample_name: key for key, sample in clips}
        if self.root is not None:
            self._refuse_half_done()

    def __repr__(self) -> str:
        where = "" if self.root is None else f" in {self.root}"
        some = "" if len(self) == self.settings.clips else f"{counted(len(self), 'clip')} of "
        return f"SynthPain({some}{self.settings}{where})"

    def only(self, samples: Iterable[Sample]) -> "SynthPain":
        """The same data with these clips only, which it still renders.

        Args:
            samples: some of its clips, such as ``TASKS["NP-P4"].select(data)``.

        Raises:
            DataError: a sample that is none of its clips.

        Example:
            >>> data = SynthPain(subjects=4, per_level=1, frames=12)
            >>> data.only(sample for sample in data if sample.level in (0, 4))
            SynthPain(8 clips of 4 subjects × 5 levels × 1 clip of 12 frames, 224×224, seed 0)
        """
        chosen = copy(self)
        chosen._samples = tuple(samples)
        for sample in chosen:
            self.key(sample)
        return chosen

    def key(self, sample: Sample) -> ClipKey:
        """The numbers of a clip's subject, level and trial, each from 0.

        Raises:
            DataError: a sample that is none of these.
        """
        key = self._keys.get(sample.sample_name)
        if key is None:
            raise DataError(f"{self!r} has no clip named {sample.sample_name}.")
        return key

    def subject(self, sample: Sample) -> Subject:
        """Who is shown, with all that is drawn for a person; errors are those of `key`."""
        return draw_subject(self.settings.seed, self.key(sample).subject)

    def motion(self, sample: Sample) -> Motion:
        """What the head does in each frame of a clip; errors are those of `key`."""
        key = self.key(sample)
        subject = draw_subject(self.settings.seed, key.subject)
        return draw_motion(subject, level=key.level, trial=key.trial, frames=self.settings.frames)

    def render(
        self,
        sample: Sample | Sequence[Sample],
        *,
        device: str | torch.device | None = None,
        pain: bool = True,
    ) -> UInt8[Tensor, "k height width c"] | UInt8[Tensor, "b k height width c"]:
        """The frames of a clip, or of several in one tensor, made now: nothing is read or written.

        Args:
            sample: one clip, or a sequence of clips.
            device: where the frames are made and stay.
            pain: False gives the same clip had there been no pain.

        Raises:
            DataError: a sample that is none of these, or an empty sequence.
            PainLabError: a device that is not there.
        """
        from painlab.datasets.synthpain.render import render_clip

        if isinstance(sample, Sample):
            key = self.key(sample)
            rendered = render_clip(
                self.subject(sample),
                self.motion(sample),
                level=key.level,
                trial=key.trial,
                size=self.settings.size,
                device=device,
                pain=pain,
            )
            return rendered.frames  # (k height width c)
        samples = sample if isinstance(sample, Sequence) else ()
        if not samples or not all(isinstance(one, Sample) for one in samples):
            raise DataError(
                f"SynthPain.render: give one of {self!r}'s samples, or several, not {sample!r}."
            )
        clips = [self.render(one, device=device, pain=pain) for one in sample]
        return torch.stack(clips)  # (b k height width c)

    def truth(self, sample: Sample) -> Truth:
        """All that is known of a clip: read from the disk, or rendered twice without a ``root``.

        Raises:
            DataError: a sample that is none of these, or a truth file that is damaged.
        """
        key = self.key(sample)
        if self.root is not None:
            subject = draw_subject(self.settings.seed, key.subject)
            return read_truth(truth_path(self.root, subject.name, sample.sample_name))
        _, truth = make_clip(self.settings, key)
        return truth

    def _refuse_half_done(self) -> None:
        there = present_clips(self.root)
        missing = [s for s in self if (s.subject, s.sample_name) not in there]
        if missing or not (self.root / SAMPLES_FILE).is_file():
            raise DataError(
                f"{self.root} is not complete: {len(self) - len(missing):,} of {len(self):,} clips "
                f"are there; run painlab synth {self.root} to go on."
            )


def refuse_other_settings(root: Path, there: Settings, given: dict[str, int]) -> None:
    """Refuse numbers that are given and differ from those of the tree on the disk.

    Raises:
        DataError: names each number that differs.
    """
    was = asdict(there)
    differ = [f"{name} {was[name]}, not {new}" for name, new in given.items() if new != was[name]]
    if differ:
        raise DataError(
            f"{root} holds a SynthPain of other settings ({'; '.join(differ)}); "
            "give the same settings or another folder."
        )
