"""The same TNT for pictures of another size: its position encodings interpolated."""

from dataclasses import replace

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from painlab.spatial.tnt import TNT
from painlab.typing import Float


def at_resolution(model: TNT, image_size: int) -> TNT:
    """A copy of a TNT that takes pictures of another size.

    A patch keeps its pixels, so there are more or fewer of them; what they know of their place is
    interpolated (bicubic) over the grid of patches, as Dosovitskiy et al. (2021, section 3.2) do.
    Sub-patches and the class token stay as they are.

    Args:
        model: any `TNT`.
        image_size: pixels of a side, a multiple of the patch's.

    Raises:
        PainLabError: where patches of the model's size do not fill such a picture.

    Example:
        >>> from painlab.config import TNTConfig
        >>> at_resolution(TNT(TNTConfig(image_size=32, depth=1)), 64).patch_position.shape
        torch.Size([17, 192])
    """
    config = replace(model.config, image_size=image_size)
    other = TNT(config).to(model.class_token).train(model.training)
    positions = interpolate_positions(model.patch_position.detach(), config.patches)
    other.load_state_dict(model.state_dict() | {"patch_position": positions})
    return other


def interpolate_positions(
    positions: Float[Tensor, "t d"], patches: int
) -> Float[Tensor, "t_new d"]:
    """Encodings of a class token and a square grid of patches, for another number of patches."""
    token, grid = positions[:1], positions[1:]  # 1 d, n d
    if len(grid) == patches:
        return positions.clone()
    old, new = round(len(grid) ** 0.5), round(patches**0.5)
    grid = rearrange(grid, "(rows cols) d -> 1 d rows cols", rows=old)
    grid = F.interpolate(grid.float(), (new, new), mode="bicubic", align_corners=False)
    grid = rearrange(grid, "1 d rows cols -> (rows cols) d").to(token.dtype)
    return torch.cat([token, grid])  # t d
