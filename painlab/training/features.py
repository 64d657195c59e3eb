"""Every clip once through alignment and the frozen spatial module; the temporal part learns on."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from painlab.alignment import FaceAligner, warp
from painlab.config import config_to_dict
from painlab.datasets.synthpain.dataset import SynthPain
from painlab.datasets.synthpain.settings import programs_digest
from painlab.datasets.tasks import Sample, counted
from painlab.errors import DataError, PainLabError, VideoError
from painlab.framework import FACES, load_model
from painlab.spatial.tnt import TNT
from painlab.training.augment import augment_clip
from painlab.training.embeddings import frozen_features
from painlab.training.store import FeatureStore, StoredClip, sha256_of
from painlab.typing import Bool, Float, UInt8
from painlab.video import read_video
from painlab.weights import digest

CLIPS_A_SHARD = 10  # what a kill can cost: minutes on a CPU
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
    frames_at_once: int = 32,
    progress: bool = False,
    say: Callable[[str], None] = print,
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
        stride: every how manieth frame is taken; 1, 2, 3, 4 leave 138, 69, 46, 35 of 138.
        frames: of a clip, before the stride; what is longer is cut.
        seed: of the augmentations.
        frames_at_once: frames that pass through the model together.
        progress: show a bar with the time left on the standard error stream.
        say: told of clips in which no face was found.

    Raises:
        DataError: where there is no sample, the store was made otherwise or cannot be written to.
        PainLabError: where the aligner does not fit the model, or a feature is not a number; and,
            once all other clips are done, where clips could not be read.
    """
    from tqdm import tqdm

    model, aligner = _model(model), _aligner(aligner, model, samples)
    if not len(samples):
        raise DataError("extract_features: there is no sample to extract features of.")
    for name, number in (("views", views), ("stride", stride), ("frames", frames)):
        if number < 1:
            raise DataError(f"{name}={number}: give a whole number above 0.")
    how = {"views": views, "seed": seed, "stride": stride, "frames": frames}
    kept = FeatureStore.begin(store, {**_made_from(model, aligner), **how})
    broken: list[str] = []
    with tqdm(
        total=len(samples), unit="clip", desc=kept.root.name, dynamic_ncols=True,
        disable=not progress,
    ) as bar:  # fmt: skip
        for name, part in _shards(samples):
            clips = [_told(samples, sample) for sample in part]
            if not kept.holds(name, clips):
                made = []
                for sample, clip in zip(part, clips, strict=True):
                    try:
                        images, found = _faces(samples, sample, aligner, model, stride, frames)
                    except VideoError as error:
                        broken.append(f"{sample.sample_name} ({error})")
                        continue
                    if not found.any():
                        say(f"{sample.sample_name} of {sample.subject}: no frame has a face.")
                    pictures = _views(sample, images, found, views=views, seed=seed)
                    features = torch.stack(
                        [_encode(model, view, found, frames_at_once) for view in pictures]
                    )  # v k d
                    if not features.isfinite().all():
                        raise PainLabError(
                            f"{sample.sample_name} of {sample.subject}: its features are not "
                            "numbers; the model's weights are damaged."
                        )
                    made.append((clip, features, found))
                if made:
                    _put(kept, name, made)
            bar.update(len(part))
    if broken:
        raise PainLabError(
            f"{counted(len(broken), 'clip')} could not be read, all others are in {kept.root}: "
            f"{'; '.join(broken)}"
        )
    return kept


def _model(model: nn.Module | str | Path | None) -> TNT:
    loaded = model if isinstance(model, nn.Module) else load_model(model or FACES)
    if not isinstance(loaded, TNT) or loaded.config.classes:
        given = type(loaded).__name__ if model is loaded else model
        raise PainLabError(f"{given}: features come from a TNT without classes.")
    return loaded


def _aligner(aligner, model: TNT, samples) -> FaceAligner | str:
    size = model.config.image_size
    if aligner == "truth":
        if not isinstance(samples, SynthPain) or samples.root is not None:
            raise PainLabError(
                "aligner='truth' is for a SynthPain without a folder, whose landmarks are known; "
                "give a FaceAligner."
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


def _made_from(model: TNT, aligner: FaceAligner | str) -> dict:
    config = {"config": json.dumps(config_to_dict(model.config), sort_keys=True)}
    how = {"landmarks": "truth"} if aligner == "truth" else aligner.description
    return {"model": digest(model.state_dict(), config)[:16], "aligner": dict(how)}


def _shards(samples: Sequence[Sample]) -> Iterator[tuple[str, list[Sample]]]:
    """Some clips of one subject at a time, so that another subject moves no shard."""
    of: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        of[sample.subject].append(sample)
    for subject in sorted(of):
        clips = sorted(of[subject], key=lambda sample: (sample.level, sample.sample_name))
        plain = hashlib.sha256(subject.encode()).hexdigest()[:12]  # a name may hold any letter
        for start in range(0, len(clips), CLIPS_A_SHARD):
            yield f"{plain}-{start // CLIPS_A_SHARD:03d}.safetensors", clips[start:][:CLIPS_A_SHARD]


def _told(samples: Sequence[Sample], sample: Sample) -> StoredClip:
    """The clip, and a hash of its film or of what renders it."""
    if sample.path is None:
        if not isinstance(samples, SynthPain):
            raise DataError(
                f"{sample.sample_name} of {sample.subject} has no film; give the whole SynthPain."
            )
        settings = samples.settings  # a clip does not depend on how many others there are
        told = [settings.seed, settings.size, settings.frames, *samples.key(sample)]
        told = json.dumps([*told, programs_digest()])
        source = hashlib.sha256(told.encode()).hexdigest()
    else:
        try:
            source = sha256_of(sample.path)
        except OSError:
            source = "cannot be read"  # reading it will say why
    return StoredClip(sample.subject, sample.level, sample.sample_name, source, 0)


def _faces(
    samples, sample: Sample, aligner: FaceAligner | str, model: TNT, stride: int, frames: int
) -> tuple[UInt8[np.ndarray, "k height width c"], Bool[np.ndarray, "k"]]:
    """A clip's aligned faces, and which frames have one."""
    if aligner == "truth":
        return _true_faces(samples, sample, model, stride, frames)
    if sample.path is None:
        clip = samples.render(sample, device=model.class_token.device)[:frames:stride].cpu().numpy()
    else:
        clip = read_video(sample.path, stride=stride, max_frames=-(-frames // stride)).frames
    aligned = aligner(clip)
    return aligned.frames, aligned.found


def _true_faces(data: SynthPain, sample: Sample, model: TNT, stride: int, frames: int):
    """Faces aligned by the landmarks of the head that was drawn."""
    from painlab.datasets.synthpain.render import render_clip

    key, size = data.key(sample), model.config.image_size
    clip = render_clip(
        data.subject(sample), data.motion(sample), level=key.level, trial=key.trial,
        size=data.settings.size, device=model.class_token.device,
    )  # fmt: skip
    pictures = clip.frames[:frames:stride].cpu().numpy()  # k height width c
    places = clip.landmarks[:frames:stride] - np.float32([0.5, 0.5, 0])  # middles of pixels
    images = [
        warp.warp_frame(picture, warp.similarity_3d(points, size=size), size=size)
        for picture, points in zip(pictures, places, strict=True)
    ]
    return np.stack(images), np.ones(len(images), bool)


def _views(sample: Sample, images, found, *, views: int, seed: int) -> Iterator[np.ndarray]:
    """A clip's pictures as they are, then augmented."""
    yield images
    for view in range(1, views):
        yield augment_clip(images, seed=seed, epoch=view, sample=sample, mask=found)


def _encode(
    model: TNT,
    images: UInt8[np.ndarray, "k height width c"],
    found: Bool[np.ndarray, "k"],
    at_once: int,
) -> Float[Tensor, "k d"]:
    """Features of the frames that have a face, zeros for the others."""
    features = torch.zeros(len(found), model.config.dim)
    if found.any():
        there = frozen_features(model, images[found], at_once=at_once)
        features[torch.from_numpy(found)] = torch.from_numpy(there)
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
        clips.append(replace(clip, frames=len(found)))
    store.put(name, clips, features=features, found=mask)
