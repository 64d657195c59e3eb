"""Features of many clips on a disk: safetensors shards and an index that says what made them."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path

import torch
from torch import Tensor

from painlab import __version__
from painlab.datasets.tasks import Sample, counted
from painlab.errors import DataError
from painlab.training.json_files import write_json
from painlab.typing import Bool, Float, Int
from painlab.weights import write_tensors

INDEX = "index.json"


@dataclass(frozen=True)
class StoredClip:
    """A clip of a store: whose, which level, its name, and a hash of what it was made from.

    ``fps`` are the frames a second of its film, before any stride; None where nobody noted them.
    """

    subject: str
    level: int
    sample_name: str
    source: str
    frames: int
    fps: float | None = None

    @property
    def sample(self) -> Sample:
        """The clip as a data set tells it, without a file."""
        return Sample(self.subject, self.level, None, self.sample_name)


def range_of_rates(clips: Iterable[StoredClip], *, stride: int) -> tuple[float, float] | None:
    """Least and most frames a second that a stride leaves of clips; None where one is not known."""
    rates = [clip.fps for clip in clips]
    if not rates or None in rates:
        return None
    return min(rates) / stride, max(rates) / stride


@dataclass(frozen=True, eq=False, repr=False)
class Features:
    """The features of clips in memory; frames without a face, and after a clip's end, are zeros."""

    features: Float[Tensor, "b v k d"]  # of each view of each frame
    found: Bool[Tensor, "b k"]  # which frames have a face
    levels: Int[Tensor, "b"]  # 0 to 4
    samples: tuple[Sample, ...]

    def __len__(self) -> int:
        return len(self.samples)

    def __repr__(self) -> str:
        b, v, k, d = self.features.shape
        of = f"{counted(v, 'view')} of {counted(k, 'frame')}"
        return f"Features({counted(b, 'clip')}, {of}, {d} channels)"


class FeatureStore:
    """A folder of features that `extract_features` wrote, or is writing.

    The index holds what decides the features (the model's weights, how faces were aligned, the
    stride, the views) and of each clip a hash of its source; of each shard it holds the SHA-256.

    Args:
        root: the folder.

    Raises:
        DataError: where the folder holds no store, or its index cannot be read.
    """

    def __init__(self, root: str | PathLike):
        self.root = Path(root)
        path = self.root / INDEX
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
            self.made_from: dict = dict(told["made_from"])
            self._shards = {
                name: (shard["sha256"], tuple(StoredClip(**clip) for clip in shard["clips"]))
                for name, shard in told["shards"].items()
            }
        except (FileNotFoundError, NotADirectoryError) as error:
            raise DataError(
                f"{root} holds no features: painlab extract makes a folder of them."
            ) from error
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({error.strerror or error}).") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(f"{path} is damaged, or no index of features ({error}).") from error

    @classmethod
    def begin(cls, root: str | PathLike, made_from: dict) -> "FeatureStore":
        """The store of a folder to go on with, or a new one.

        Raises:
            DataError: where the folder's features were made from something else, or it cannot be
                written to.
        """
        root = Path(root)
        if (root / INDEX).exists():
            store = cls(root)
            store.refuse_others(made_from)
            return store
        _write_index(root, made_from, {})
        return cls(root)

    def refuse_others(self, made_from: dict) -> None:
        """Refuse a store that was made from something else.

        Raises:
            DataError: names each thing that differs.
        """
        was, now = _flat(self.made_from), _flat(made_from)
        differ = [k for k in sorted(was.keys() | now.keys()) if was.get(k) != now.get(k)]
        if differ:
            told = "; ".join(f"{k} {was.get(k)}, not {now.get(k)}" for k in differ)
            raise DataError(
                f"{self.root} holds features that were made otherwise ({told}): "
                "give another folder, or remove this one."
            )

    def __len__(self) -> int:
        return sum(len(clips) for _, clips in self._shards.values())

    def __repr__(self) -> str:
        return f"FeatureStore({self.root}: {counted(len(self), 'clip')})"

    @property
    def key(self) -> str:
        """A digest of all that the store holds: what made it, which clips, and their numbers."""
        held = {name: digest for name, (digest, _) in self._shards.items()}
        told = json.dumps([self.made_from, held], sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()[:16]

    @property
    def clips(self) -> tuple[StoredClip, ...]:
        """All clips, by the names of their shards."""
        return tuple(clip for name in sorted(self._shards) for clip in self._shards[name][1])

    @property
    def frames_per_second(self) -> tuple[float, float] | None:
        """Of the frames that are kept, the least and the most of all clips; None if not known."""
        return range_of_rates(self.clips, stride=self.made_from.get("stride", 1))

    def holds(self, name: str, clips: Sequence[StoredClip]) -> bool:
        """Whether a shard is there, whole, and of these sources, whatever was counted in them."""
        if name not in self._shards:
            return False
        digest, there = self._shards[name]
        same = [_without_counts(clip) for clip in there] == [_without_counts(c) for c in clips]
        path = self.root / name
        return same and path.is_file() and sha256_of(path) == digest

    def put(
        self,
        name: str,
        clips: Sequence[StoredClip],
        *,
        features: Float[Tensor, "b v k d"],
        found: Bool[Tensor, "b k"],
    ) -> None:
        """Write a shard, then the index that tells of it; each whole or not at all.

        Raises:
            DataError, WeightsError: where they cannot be written.
        """
        path = self.root / name
        tensors = {"features": features.to(torch.bfloat16), "found": found}
        told = json.dumps([asdict(clip) for clip in clips])
        write_tensors(path, tensors, metadata={"painlab": __version__, "clips": told})
        self._shards[name] = (sha256_of(path), tuple(clips))
        _write_index(self.root, self.made_from, self._shards)

    def load(
        self, *, device: str | torch.device = "cpu", dtype: torch.dtype = torch.float32
    ) -> Features:
        """All features in one tensor, in the order of `clips`; shorter clips are filled with zeros.

        Raises:
            DataError: where the store is empty, or a shard is missing or damaged.
        """
        if not len(self):
            raise DataError(f"{self.root} holds no clip yet.")
        shards = list(self._read())
        frames = max(found.shape[1] for _, found in shards)
        _, views, _, dim = shards[0][0].shape
        features = torch.zeros(len(self), views, frames, dim, dtype=dtype, device=device)
        mask = torch.zeros(len(self), frames, dtype=torch.bool, device=device)
        start = 0
        for part, found in shards:
            rows, k = slice(start, start + len(part)), found.shape[1]
            features[rows, :, :k], mask[rows, :k] = part.to(device, dtype), found.to(device)
            start += len(part)
        clips = self.clips
        levels = torch.tensor([clip.level for clip in clips], device=device)
        return Features(features, mask, levels, tuple(clip.sample for clip in clips))

    def _read(self) -> Iterator[tuple[Tensor, Tensor]]:
        from safetensors.torch import load

        for name in sorted(self._shards):
            try:
                data = (self.root / name).read_bytes()
            except OSError as error:
                raise DataError(
                    f"{self.root / name}: cannot be read ({error.strerror})."
                ) from error
            if hashlib.sha256(data).hexdigest() != self._shards[name][0]:
                raise DataError(
                    f"{self.root / name} is damaged: extract the features again, and it is "
                    "written anew."
                )
            tensors = load(data)
            yield tensors["features"], tensors["found"]


def _write_index(root: Path, made_from: dict, shards: dict) -> None:
    """The index, whole or not at all; of each shard its SHA-256 and its clips."""
    told = {
        name: {"sha256": digest, "clips": [asdict(clip) for clip in clips]}
        for name, (digest, clips) in sorted(shards.items())
    }
    write_json(root / INDEX, {"painlab": __version__, "made_from": made_from, "shards": told})


def _without_counts(clip: StoredClip) -> tuple:
    return clip.subject, clip.level, clip.sample_name, clip.source


def _flat(told: dict, before: str = "") -> dict[str, object]:
    """A dictionary of dictionaries as one, its keys joined by dots."""
    flat = {}
    for key, value in told.items():
        flat |= (
            _flat(value, f"{before}{key}.") if isinstance(value, dict) else {before + key: value}
        )
    return flat


def sha256_of(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
