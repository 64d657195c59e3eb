"""What a picture of a face becomes before anything is asked of it: features, and plain pixels.

The plain ones need no learning. A network has learned something where it does better than they.
"""

import numpy as np
import torch
from einops import rearrange

from painlab.framework import evaluating
from painlab.spatial.tnt import TNT
from painlab.training.pictures import resize_pictures
from painlab.training.pretrain import begin
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
    size, device, dtype = tnt.config.image_size, tnt.class_token.device, tnt.class_token.dtype
    features = []
    with evaluating(tnt), torch.inference_mode():
        for start in range(0, len(images), at_once):
            part = resize_pictures(torch.from_numpy(images[start : start + at_once]), size)
            part = rearrange(part.to(device), "b height width c -> b c height width")
            features.append(tnt((part.float() / 127.5 - 1).to(dtype)).float().cpu().numpy())
    return np.concatenate(features)


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
