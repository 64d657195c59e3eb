"""Every clip once through alignment and the frozen spatial module; the temporal part learns on."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from painlab.alignment import FaceAligner
from painlab.datasets.synthpain.dataset import SynthPain
from painlab.datasets.synthpain.settings import programs_digest
from painlab.datasets.tasks import Sample, counted
from painlab.errors import DataError, PainLabError, VideoError
from painlab.framework import FACES, load_model, model_digest
from painlab.spatial.tnt import TNT
from painlab.training.augment import augment_clip
from painlab.training.batches import in_order
from painlab.training.clip_faces import aligned_faces, clip_rate
from painlab.training.embeddings import network_features
from painlab.training.recipe import has_bfloat16
from painlab.training.shards import clip_with_source, shards_of
from painlab.training.store import INDEX, FeatureStore
from painlab.typing import Bool, Float, UInt8

FRAMES = 138  # of a clip of BioVid, 5.5 s at 25 frames a second


def extract_features(
    model: nn.Module | str | Path | None,
    samples: Sequence[Sample],
    store: str | PathLike,
    *,
    aligner: FaceAligner | str | None = None,
    views: int = 1,
    stride: int = 1,
    frames: int = FRAMES,
    seed: int = 0,
    half_precision: bool | None = None,
    frames_at_once: int | None = None,
    progress: bool = False,
    say: Callable[[str], None] = print,
    kept: Callable[[], None] | None = None,
) -> FeatureStore:
    """Write the features of all frames of all clips; what is there already is not made again.

    A run that was stopped or killed goes on where it was, at most ten clips earlier. A clip whose
    file has changed is made anew; another model, aligner or stride is refused, since such features
    do not belong together.

    Args:
        model: a TNT without classes, on the device where it is to run; a weights file, or the name
            of weights that come with painlab; None takes those that have learned rendered faces.
        samples: a data set, or some of its samples.
        store: the folder to write to.
        aligner: a `FaceAligner` that makes pictures of the model's size; the name of its landmarks;
            None for "auto"; or "truth" for a `SynthPain`, whose landmarks are known.
        views: how many times each clip is looked at: once as it is, then under another augmentation
            (`augment_clip`) each time, the same for all of its frames.
        stride: how far apart the frames are that are taken: 1, 2, 3, 4 leave 138, 69, 46, 35 of
            138.
        frames: of a clip, before the stride; what is longer is cut.
        seed: of the augmentations.
        half_precision: matrix products of the model in bfloat16, which a GPU does several times
            faster; None goes on as the store was begun, and begins a new one so where the device
            can. The store tells of it. A model that is not in float32 stays as it is.
        frames_at_once: frames that pass through the model together; if None 32 on a CPU, and on a
            GPU all of a clip.
        progress: show a bar with the time left on the standard error stream.
        say: told of clips in which no face was found.
        kept: called after each shard; what it raises ends the work, and nothing is lost.

    Returns:
        The store: ``store.load().features`` are (b v k d), v the views.

    Raises:
        DataError: where there is no sample, the store was made otherwise or cannot be written to.
        PainLabError: where the aligner does not fit the model, or a feature is not a number; and,
            once all other clips are done, where clips could not be read.

    Example:
        >>> import tempfile
        >>> import painlab as pl
        >>> data = pl.SynthPain(subjects=2, per_level=1, frames=8)
        >>> data = data.only(pl.TASKS["NP-P4"].select(data))
        >>> tnt = pl.TNT(pl.FrameworkConfig.tiny().spatial).eval()  # has learned nothing
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     store = pl.extract_features(tnt, data, f"{folder}/store", aligner="truth", frames=8)
        ...     store.load().features.shape  # b v k d
        torch.Size([4, 1, 8, 24])
    """
    from tqdm import tqdm

    model = _model(model)
    aligner = aligner_for(aligner, model, samples)
    if not len(samples):
        raise DataError("extract_features: there is no sample to extract features of.")
    for name, number in (("views", views), ("stride", stride), ("frames", frames)):
        if number < 1:
            raise DataError(f"{name}={number}: give a whole number above 0.")
    how = {"model": model_digest(model), "aligner": how_aligned(aligner)}
    how |= {"views": views, "seed": seed, "stride": stride, "frames": frames}
    half = _half(half_precision, model, Path(store))
    if half:  # a store without the word was made in the model's own type
        how["precision"] = "bfloat16"
    begun = FeatureStore.begin(store, how)
    _refuse_other_levels(begun, samples)
    device, size = model.class_token.device, model.config.image_size
    programs = programs_digest()
    at_once = frames_at_once or (32 if device.type == "cpu" else frames)

    def faces(sample: Sample):
        try:
            seen = aligned_faces(
                samples, sample, aligner, size=size, stride=stride, frames=frames, device=device
            )
            return *seen, clip_rate(samples, sample)
        except VideoError as error:
            return error

    broken: list[str] = []
    with tqdm(
        total=len(samples), unit="clip", desc=begun.root.name, dynamic_ncols=True,
        disable=not progress,
    ) as bar:  # fmt: skip
        for name, part in shards_of(samples):
            clips = [clip_with_source(samples, s, programs=programs) for s in part]
            if not begun.holds(name, clips):
                made = []
                # a GPU would wait for what the next clip needs of the CPU
                ahead = in_order(
                    lambda i, part=part: faces(part[i]),
                    range(len(part)),
                    workers=int(device.type != "cpu"),
                )
                for sample, clip, seen in zip(part, clips, ahead, strict=True):
                    if isinstance(seen, VideoError):
                        broken.append(f"{sample.sample_name} ({seen})")
                        continue
                    images, found, rate = seen
                    if not found.any():
                        say(f"{sample.sample_name} of {sample.subject}: no frame has a face.")
                    pictures = _views(sample, images, found, views=views, seed=seed)
                    features = torch.stack(
                        [_encode(model, view, found, at_once, half) for view in pictures]
                    )  # v k d
                    if not features.isfinite().all():
                        raise PainLabError(
                            f"{sample.sample_name} of {sample.subject}: its features are not "
                            "numbers; the model's weights are damaged."
                        )
                    made.append((replace(clip, frames=len(found), fps=rate), features, found))
                if made:
                    _put(begun, name, made)
                if kept is not None:
                    kept()
            bar.update(len(part))
    if broken:
        raise PainLabError(
            f"{counted(len(broken), 'clip')} could not be read, all others are in {begun.root}: "
            f"{'; '.join(broken)}"
        )
    return begun


def _model(model: nn.Module | str | Path | None) -> TNT:
    loaded = model if isinstance(model, nn.Module) else load_model(model or FACES)
    if not isinstance(loaded, TNT) or loaded.config.classes:
        given = type(loaded).__name__ if model is loaded else model
        raise PainLabError(f"{given}: features come from a TNT without classes.")
    return loaded


def aligner_for(aligner, model: TNT, samples) -> FaceAligner | str:
    """The aligner of `extract_features`, which makes pictures of the model's size, or "truth".

    Raises:
        PainLabError: where it does not fit the model or the samples.
    """
    size = model.config.image_size
    if aligner == "truth":
        if not isinstance(samples, SynthPain) or samples.root is not None:
            raise PainLabError(
                "aligner='truth' is for a SynthPain without a folder, whose landmarks are known "
                "(SynthPain.only keeps some of its clips); give a FaceAligner."
            )
        return aligner
    if not isinstance(aligner, FaceAligner):
        device = model.class_token.device
        aligner = FaceAligner(landmarks=aligner or "auto", size=size, device=device)
    if aligner.size != size:
        raise PainLabError(
            f"the aligner makes pictures of {aligner.size} pixels a side, the model takes {size}."
        )
    return aligner


def how_aligned(aligner: FaceAligner | str) -> dict:
    """What stores and weights tell of an aligner."""
    return {"landmarks": "truth"} if aligner == "truth" else dict(aligner.description)


def _half(wanted: bool | None, model: TNT, store: Path) -> bool:
    """Whether the features are computed in bfloat16."""
    device = model.class_token.device
    can = has_bfloat16(device)
    if wanted and not can:
        raise PainLabError(
            f"half_precision=True: {device} does not compute in bfloat16 by itself; leave it out."
        )
    if wanted is None:
        there = (store / INDEX).exists() and FeatureStore(store).made_from
        wanted = can and (there is False or "precision" in there)
    return wanted and model.class_token.dtype == torch.float32


def _refuse_other_levels(store: FeatureStore, samples: Sequence[Sample]) -> None:
    """Shards are filled by level: fewer levels would write others over those of a level left out.

    Raises:
        DataError: where the store has clips of levels that are not among the samples'.
    """
    more = {clip.level for clip in store.clips} - {sample.level for sample in samples}
    if more:
        raise DataError(
            f"{store.root} holds clips of level {', '.join(map(str, sorted(more)))} too, which are "
            "not asked for now: ask for all of its levels, or give another folder."
        )


def _views(sample: Sample, images, found, *, views: int, seed: int) -> Iterator[Tensor]:
    """A clip's pictures as they are, then augmented, on the device where they are."""
    yield images
    for view in range(1, views):
        yield augment_clip(images, seed=seed, epoch=view, sample=sample, mask=found)


def _encode(
    model: TNT,
    images: UInt8[Tensor, "k height width c"],
    found: Bool[np.ndarray, "k"],
    at_once: int,
    half: bool,
) -> Float[Tensor, "k d"]:
    """Features of the frames that have a face, zeros for the others."""
    features = torch.zeros(len(found), model.config.dim)
    rows = torch.from_numpy(np.flatnonzero(found))
    if len(rows):
        faces = images[rows.to(images.device)]
        features[rows] = network_features(model, faces, at_once=at_once, half=half).cpu()
    return features


def _put(store: FeatureStore, name: str, made) -> None:
    """One shard of clips; shorter ones are filled with zeros that count for nothing."""
    longest = max(len(found) for _, _, found in made)
    views, _, dim = made[0][1].shape
    features = torch.zeros(len(made), views, longest, dim)  # b v k d
    mask = torch.zeros(len(made), longest, dtype=torch.bool)  # b k
    clips = []
    for i, (clip, of_clip, found) in enumerate(made):
        features[i, :, : len(found)] = of_clip
        mask[i, : len(found)] = torch.from_numpy(found)
        clips.append(clip)
    store.put(name, clips, features=features, found=mask)
