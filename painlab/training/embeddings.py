"""What a picture of a face becomes before anything is asked of it: features, and plain pixels.

The plain ones need no learning. A network has learned something where it does better than they.
"""

import numpy as np
import torch
from einops import rearrange
from torch import Tensor

from painlab.framework import evaluating
from painlab.spatial.tnt import TNT
from painlab.training.pictures import resize_pictures
from painlab.training.pretrain import begin
from painlab.training.recipe import half_precision
from painlab.typing import Float, UInt8


def frozen_features(
    tnt: TNT, images: UInt8[np.ndarray, "b height width c"], *, at_once: int = 32
) -> Float[np.ndarray, "b d"]:
    """The features that a TNT gives of pictures, which are brought to its size.

    Args:
        tnt: without classes; its mode is left as it was.
        images: square pictures of aligned faces.
        at_once: pictures that pass through it together.
    """
    size, images = tnt.config.image_size, torch.from_numpy(images)
    features = [
        network_features(tnt, resize_pictures(part, size), at_once=at_once).cpu()
        for part in images.split(at_once)
    ]
    return torch.cat(features).numpy()


def network_features(
    tnt: TNT, images: UInt8[Tensor, "b height width c"], *, at_once: int = 32, half: bool = False
) -> Float[Tensor, "b d"]:
    """The features that a TNT gives of pictures of its size, in float32, on its device.

    Args:
        tnt: without classes; its mode is left as it was.
        images: on any device.
        at_once: pictures that pass through it together.
        half: matrix products in bfloat16, where the device can.
    """
    device, dtype = tnt.class_token.device, tnt.class_token.dtype
    features = []
    with evaluating(tnt), torch.inference_mode(), half_precision(device, wanted=half):
        for part in images.split(at_once):
            part = rearrange(part.to(device), "b height width c -> b c height width")
            features.append(tnt((part.float() / 127.5 - 1).to(dtype)).float())
    return torch.cat(features)


def untrained(tnt: TNT, *, seed: int = 0, begun: bool = False) -> TNT:
    """A TNT of the same configuration that has learned nothing, on the same device.

    Args:
        tnt: the one that has learned.
        seed: of its weights.
        begun: with the weights of `painlab.training.pretrain.begin`, from which pre-training
            starts, instead of `TNT`'s own. They let more of a picture through.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        other = TNT(tnt.config)
        if begun:
            begin(other)
    return other.to(tnt.class_token.device).eval()


def mean_colour(images: UInt8[np.ndarray, "b height width c"]) -> Float[np.ndarray, "b c"]:
    """The mean of each picture's pixels: three numbers."""
    return images.reshape(len(images), -1, images.shape[-1]).mean(1)


def small_pixels(
    images: UInt8[np.ndarray, "b height width c"], *, size: int, grey: bool = False
) -> Float[np.ndarray, "b d"]:
    """All pixels of pictures made small by means over areas: d = size², times 3 with colours.

    Grey is the luma of ITU-R BT.601.
    """
    small = resize_pictures(torch.from_numpy(images), size).numpy().astype(np.float64)
    if grey:
        small = small @ np.array([[0.299], [0.587], [0.114]])
    return rearrange(small, "b height width c -> b (height width c)")
