"""Features of a few people, without any picture, with a signal that is known."""

from collections.abc import Callable
from pathlib import Path

import torch

from painlab.training.store import FeatureStore, StoredClip

MADE_FROM = {"model": "planted", "aligner": {"landmarks": "none"}, "stride": 1, "views": 1}


def planted_store(
    root: Path,
    *,
    people: int = 4,
    per_level: int = 3,
    levels: tuple[int, ...] = (0, 1, 4),
    frames: int = 6,
    dim: int = 8,
    views: int = 1,
    signal: float = 1.0,
    change: Callable | None = None,
    made_from: dict | None = None,
    fps: tuple[float | None, ...] = (None,),
) -> FeatureStore:
    """A store whose clips say their level in channel 0 of the later frames.

    ``fps`` are those of the people in turn. ``change(subject_number, level, features (v k d),
    found (k,))`` may alter a clip in place.
    """
    store = FeatureStore.begin(root, made_from or {**MADE_FROM, "views": views})
    for who in range(people):
        clips, parts, shown = [], [], []
        rate = fps[who % len(fps)]
        for level in levels:
            for trial in range(per_level):
                generator = torch.Generator().manual_seed(10_000 * who + 100 * level + trial)
                features = torch.randn(views, frames, dim, generator=generator)
                features[:, frames // 2 :, 0] += signal * level
                found = torch.ones(frames, dtype=torch.bool)
                if change is not None:
                    change(who, level, features, found)
                name = f"{who:02d}-{level}-{trial}"
                clips.append(StoredClip(f"person{who:02d}", level, name, "planted", frames, rate))
                parts.append(features)
                shown.append(found)
        store.put(
            f"{who:03d}.safetensors", clips, features=torch.stack(parts), found=torch.stack(shown)
        )
    return store
