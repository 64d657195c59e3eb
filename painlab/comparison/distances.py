"""Distances between landmarks that tell what a face does, whichever way and how far off it is."""

import numpy as np
import torch
from torch import Tensor

from painlab.alignment.pose import fit_pose
from painlab.typing import Float

# each the mean over its pairs of iBUG's 68 landmarks, counted from 0
DISTANCES: dict[str, tuple[tuple[int, int], ...]] = {
    "between the brows": ((21, 22),),
    "left brow to eye": ((19, 37), (21, 39)),
    "right brow to eye": ((24, 44), (22, 42)),
    "left lids": ((37, 41), (38, 40)),
    "right lids": ((43, 47), (44, 46)),
    "left eye to nose wing": ((39, 31),),
    "right eye to nose wing": ((42, 35),),
    "nose to upper lip": ((33, 51),),
    "left eye to mouth corner": ((36, 48),),
    "right eye to mouth corner": ((45, 54),),
    "mouth width": ((48, 54),),
    "lips, outside": ((51, 57),),
    "lips, inside": ((61, 67), (62, 66), (63, 65)),
    "nose to chin": ((33, 8),),
}


def landmark_distances(landmarks: Float[Tensor, "b k 68 3"]) -> Float[Tensor, "b k d"]:
    """`DISTANCES` of each frame, in millimetres of a head of average size.

    They are distances in space, so that turning the head changes none of them; the pose has only
    to say how large the head appears. It comes from bone (`fit_pose`), not from what moves in pain.
    Frames whose landmarks are not numbers get what lies between their neighbours; a clip without
    any face gets zeros.

    Args:
        landmarks: x and y in pixels of the picture, z in the same pixels.
    """
    pairs = [np.array(of).T for of in DISTANCES.values()]  # each 2 pairs
    clips = []
    for clip in landmarks.double().numpy():  # k 68 3
        frames = np.full((len(clip), len(pairs)), np.nan)  # k d
        for row, points in zip(frames, clip, strict=True):
            if np.isfinite(points).all():
                apart = [np.linalg.norm(points[i] - points[j], axis=1).mean() for i, j in pairs]
                row[:] = np.array(apart) / fit_pose(points).scale
        clips.append(_without_gaps(frames))
    return torch.from_numpy(np.stack(clips)).float()


def _without_gaps(frames: Float[np.ndarray, "k d"]) -> Float[np.ndarray, "k d"]:
    """What is not a number is put on the line between its neighbours."""
    known = np.flatnonzero(np.isfinite(frames).all(1))
    if not len(known):
        return np.zeros_like(frames)
    every = np.arange(len(frames))
    return np.stack([np.interp(every, known, column[known]) for column in frames.T], 1)
