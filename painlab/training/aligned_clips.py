"""Aligned faces of clips, kept on a disk without loss, so that every pass need not align them."""

import hashlib
import json
from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path
from threading import Lock

import numpy as np
import torch

from painlab.alignment import FaceAligner
from painlab.datasets.synthpain.settings import programs_digest
from painlab.datasets.tasks import Sample
from painlab.errors import DataError
from painlab.spatial.tnt import TNT
from painlab.training import features
from painlab.training.clip_faces import aligned_faces
from painlab.training.joint import require_whole
from painlab.training.shards import clip_with_source
from painlab.typing import Bool, UInt8
from painlab.weights import digest, write_tensors


class AlignedClips:
    """Aligned faces of a data set's clips, each made when it is first asked for and then kept.

    One file a clip, without loss: 21 MB for 138 frames of 224×224 pixels. A file whose clip has
    changed, or that is damaged, is made anew; one that was aligned otherwise is refused. Several
    threads may ask; of several processes, one should have asked for all clips (`keep`) before.

    Args:
        folder: of the files; made where it is missing.
        samples: the data set.
        model: the TNT that shall see the faces: its size, and the device where faces are found.
        aligner, stride, frames: as for `extract_features`.
        say: told of files that are made anew.

    Raises:
        PainLabError: where the aligner does not fit.
    """

    def __init__(
        self,
        folder: str | PathLike,
        samples: Sequence[Sample],
        *,
        model: TNT,
        aligner: FaceAligner | str | None = None,
        stride: int = 1,
        frames: int = features.FRAMES,
        say: Callable[[str], None] = print,
    ):
        require_whole(stride=stride, frames=frames)
        self.folder, self.samples, self.say = Path(folder), samples, say
        self._aligner = features.aligner_for(aligner, model, samples)
        size, self._device = model.config.image_size, model.class_token.device
        self._how = {"size": size, "stride": stride, "frames": frames}
        self.made_from = {"aligner": features.how_aligned(self._aligner), **self._how}
        self._programs = programs_digest()  # once: it reads all files that draw
        self._seen: set[Path] = set()  # files that were compared with what they should be
        self._lock = Lock()  # an aligner follows one face at a time

    def __call__(
        self, sample: Sample
    ) -> tuple[UInt8[np.ndarray, "k height width c"], Bool[np.ndarray, "k"]]:
        """A clip's aligned frames, and which of them have a face.

        Raises:
            VideoError: a film that cannot be read.
            DataError: a file that was aligned otherwise, or a folder that cannot be made.
            WeightsError: where the file cannot be written.
        """
        name = hashlib.sha256(json.dumps([sample.subject, sample.sample_name]).encode())
        path = self.folder / f"{name.hexdigest()[:24]}.safetensors"
        kept = self._read(path, sample) if path in self._seen else None
        if kept is None:
            with self._lock:
                kept = self._read(path, sample) or self._write(path, sample)
        return kept

    def keep(self, samples: Sequence[Sample] | None = None, *, progress: bool = True) -> None:
        """Make the files of some clips, or of all, with a bar on the standard error stream."""
        from tqdm import tqdm

        samples = self.samples if samples is None else samples
        for sample in tqdm(samples, unit="clip", dynamic_ncols=True, disable=not progress):
            self(sample)

    def _read(self, path: Path, sample: Sample):
        from safetensors import SafetensorError, safe_open

        if not path.is_file():
            return None
        try:
            with safe_open(path, "pt") as file:
                tensors = {name: file.get_tensor(name) for name in ("frames", "found")}
                if path not in self._seen:
                    metadata = file.metadata()
                    whole = metadata.pop("sha256") == digest(tensors, metadata)
                    told = json.loads(metadata["clip"])
        except (SafetensorError, OSError, KeyError, ValueError) as error:
            self.say(f"{path} is damaged ({error}): it is made anew.")
            return None
        if path not in self._seen:
            if told["made_from"] != json.loads(json.dumps(self.made_from)):
                raise DataError(
                    f"{path} was aligned otherwise ({told['made_from']}, not {self.made_from}): "
                    "give another folder."
                )
            if not whole or told["clip"] != self._told(sample):
                self.say(f"{path} is {'of another film' if whole else 'damaged'}: made anew.")
                return None
            self._seen.add(path)
        return tensors["frames"].numpy(), tensors["found"].numpy()

    def _write(self, path: Path, sample: Sample):
        frames, found = aligned_faces(
            self.samples, sample, self._aligner, device=self._device, **self._how
        )
        tensors = {"frames": frames.cpu(), "found": torch.from_numpy(found)}
        clip = {"clip": self._told(sample), "made_from": self.made_from}
        told = {"clip": json.dumps(clip, sort_keys=True)}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(f"{self.folder}: cannot be made ({error.strerror}).") from error
        write_tensors(path, tensors, metadata=told | {"sha256": digest(tensors, told)})
        self._seen.add(path)
        return tensors["frames"].numpy(), found

    def _told(self, sample: Sample) -> list[str]:
        clip = clip_with_source(self.samples, sample, programs=self._programs)
        return [clip.subject, clip.sample_name, clip.source]
