"""Pictures of faces as a network in training takes them."""

import numpy as np
import torch
from einops import rearrange
from torch import Tensor

from painlab.datasets.synthpain.actions import ACTIONS
from painlab.training.batches import FaceBatch
from painlab.training.distort import distort_faces
from painlab.typing import UInt8


def prepare(batch: FaceBatch, *, image_size: int, rng: np.random.Generator) -> FaceBatch:
    """Pictures as the network takes them: of its size, distorted, half of them mirrored."""
    images = resize_pictures(batch.images, image_size)
    images = rearrange(images, "b height width c -> b c height width").float() / 255
    images = distort_faces(images, rng)
    mirrored = torch.from_numpy(rng.random(len(images)) < 0.5)
    images = torch.where(rearrange(mirrored, "b -> b 1 1 1"), images.flip(-1), images)
    actions = batch.actions
    if actions is not None:
        actions = torch.where(rearrange(mirrored, "b -> b 1"), actions[:, OTHER_SIDE], actions)
    return FaceBatch(2 * images - 1, batch.identity, actions)


def resize_pictures(
    images: UInt8[Tensor, "b height width c"], size: int
) -> UInt8[Tensor, "b size size c"]:
    """Pictures of another size; smaller ones are means over the pixels that they replace."""
    import cv2

    if images.shape[1:3] == (size, size):
        return images
    way = cv2.INTER_AREA if size < images.shape[1] else cv2.INTER_LINEAR
    resized = [cv2.resize(image.numpy(), (size, size), interpolation=way) for image in images]
    return torch.from_numpy(np.stack(resized))


def _other_side(name: str) -> str:
    """The action of the other half of the face, or the same one."""
    for side, other in (("Left", "Right"), ("Right", "Left")):
        if name.endswith(side):
            return name.removesuffix(side) + other
    return name


OTHER_SIDE = [ACTIONS.index(_other_side(name)) for name in ACTIONS]
