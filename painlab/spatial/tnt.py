"""The spatial feature extraction module: a Transformer in Transformer (paper III-B.1).

Han et al., "Transformer in Transformer", NeurIPS 2021. Two streams run through the blocks: Y holds
an embedding of every sub-patch, Z one of every patch (and a class token). In each block the inner
transformer lets the sub-patches of a patch talk to each other, their result is added to the patch,
and the outer transformer lets the patches talk.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from einops import pack, rearrange, repeat
from torch import Tensor, nn

from painlab.config import TNTConfig
from painlab.errors import ShapeError
from painlab.layers import Attention, DropPath, FeedForward
from painlab.spatial.patches import split_patches
from painlab.typing import Float


class TNTMaps(NamedTuple):
    """The attention weights of a TNT, one tensor a block."""

    outer: tuple[Float[Tensor, "b heads t t"], ...]  # t = 1+n: the class token, then the patches
    inner: tuple[Float[Tensor, "b n heads m m"], ...]


class LinearStem(nn.Module):
    """Sub-patches to embeddings by one linear projection, as the paper says."""

    def __init__(self, config: TNTConfig):
        super().__init__()
        self.patch, self.sub_patch = config.patch_size, config.sub_patch_size
        self.to_embedding = nn.Linear(config.sub_patch_size**2 * 3, config.inner_dim)

    def forward(self, images: Float[Tensor, "b c height width"]) -> Float[Tensor, "b n m e"]:
        """Cut and project: (b c height width) to (b n m e)."""
        pixels = split_patches(images, patch=self.patch, sub_patch=self.sub_patch)
        pixels = rearrange(pixels, "b n m s1 s2 c -> b n m (s1 s2 c)")
        return self.to_embedding(pixels)  # b n m e


class ConvStem(nn.Module):
    """Sub-patches to embeddings by a 7×7 convolution within each patch, as TNT's code does.

    The stride is the sub-patch's side and the padding 3, so each embedding sees its sub-patch and 3
    pixels more above and to the left of it (zeros beyond the patch).
    """

    def __init__(self, config: TNTConfig):
        super().__init__()
        self.patch = config.patch_size
        self.to_embedding = nn.Conv2d(
            3, config.inner_dim, kernel_size=7, stride=config.sub_patch_size, padding=3
        )

    def forward(self, images: Float[Tensor, "b c height width"]) -> Float[Tensor, "b n m e"]:
        """Cut and convolve: (b c height width) to (b n m e)."""
        b, p = len(images), self.patch
        patches = rearrange(images, "b c (rows p1) (cols p2) -> (b rows cols) c p1 p2", p1=p, p2=p)
        return rearrange(self.to_embedding(patches), "(b n) e r1 r2 -> b n (r1 r2) e", b=b)


class SubPatchesToPatch(nn.Module):
    """All sub-patch embeddings of a patch, as one vector, to the patch's channels.

    Normalised before and after the projection. At the stem it makes Z out of Y; in every block it
    makes the update that "is added to the patch embedding".
    """

    def __init__(self, config: TNTConfig, *, bias: bool):
        super().__init__()
        width = config.sub_patches * config.inner_dim
        self.norm_in = nn.LayerNorm(width)
        self.project = nn.Linear(width, config.dim, bias=bias)
        self.norm_out = nn.LayerNorm(config.dim)

    def forward(self, sub_patches: Float[Tensor, "b n m e"]) -> Float[Tensor, "b n d"]:
        """Flatten, normalise, project, normalise: (b n m e) to (b n d)."""
        flat = rearrange(sub_patches, "b n m e -> b n (m e)")
        return self.norm_out(self.project(self.norm_in(flat)))


class Encoder(nn.Module):
    """A transformer encoder layer, normalised before each part: attention, then feed-forward."""

    def __init__(self, *, dim: int, heads: int, drop_path: float):
        super().__init__()
        self.norm_attention = nn.LayerNorm(dim)
        self.attention = Attention(dim=dim, heads=heads)
        self.norm_feed_forward = nn.LayerNorm(dim)
        self.feed_forward = FeedForward(dim=dim)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Float[Tensor, "... t d"], *, return_weights: bool = False):
        """Return (... t d), and with ``return_weights`` also the weights (... heads t t)."""
        out = self.attention(self.norm_attention(x), return_weights=return_weights)
        out, weights = out if return_weights else (out, None)
        x = x + self.drop_path(out)
        x = x + self.drop_path(self.feed_forward(self.norm_feed_forward(x)))
        return (x, weights) if return_weights else x


class TNTBlock(nn.Module):
    """Inner encoder, sum into the patches, outer encoder."""

    def __init__(self, config: TNTConfig, *, drop_path: float):
        super().__init__()
        self.inner = Encoder(dim=config.inner_dim, heads=config.inner_heads, drop_path=drop_path)
        self.to_patch = SubPatchesToPatch(config, bias=False)
        self.outer = Encoder(dim=config.dim, heads=config.heads, drop_path=drop_path)

    def forward(
        self,
        y: Float[Tensor, "b n m e"],
        z: Float[Tensor, "b t d"],
        *,
        return_weights: bool = False,
    ):
        """Advance both streams; with ``return_weights`` also give the inner and outer weights."""
        y = self.inner(y, return_weights=return_weights)
        y, inner = y if return_weights else (y, None)
        z = z + F.pad(self.to_patch(y), (0, 0, 1, 0))  # the class token has no sub-patches
        z = self.outer(z, return_weights=return_weights)
        z, outer = z if return_weights else (z, None)
        return (y, z, inner, outer) if return_weights else (y, z)


class TNT(nn.Module):
    """A Transformer in Transformer, from images to features or class logits (paper III-B.1).

    Args:
        config: sizes; the default is the paper's.

    Example:
        >>> model = TNT(TNTConfig(image_size=32, depth=1)).eval()
        >>> model(torch.zeros(2, 3, 32, 32)).shape
        torch.Size([2, 192])
    """

    def __init__(self, config: TNTConfig | None = None):
        super().__init__()
        self.config = config = config or TNTConfig()
        self.stem = (LinearStem if config.stem == "linear" else ConvStem)(config)
        self.to_patch = SubPatchesToPatch(config, bias=True)
        self.class_token = nn.Parameter(torch.zeros(config.dim))
        self.patch_position = nn.Parameter(torch.zeros(1 + config.patches, config.dim))  # Eq. 2
        self.sub_patch_position = nn.Parameter(
            torch.zeros(config.sub_patches, config.inner_dim)
        )  # Eq. 3
        rates = [config.drop_path * i / max(1, config.depth - 1) for i in range(config.depth)]
        self.blocks = nn.ModuleList(TNTBlock(config, drop_path=rate) for rate in rates)
        self.norm = nn.LayerNorm(config.dim)
        self.classifier = nn.Linear(config.dim, config.classes) if config.classes else nn.Identity()
        self._initialise()

    def _initialise(self) -> None:
        for parameter in (self.class_token, self.patch_position, self.sub_patch_position):
            nn.init.trunc_normal_(parameter, std=0.02)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, images: Float[Tensor, "b c height width"], *, return_attention: bool = False):
        """Features (b d) of images, or logits (b y) where the configuration has classes.

        Args:
            images: (b 3 height width) of the configured size, values in about [-1, 1]
                (`frames_to_tensor`).
            return_attention: also return `TNTMaps`.

        Raises:
            ShapeError: where the images are not of the configured size, or still whole numbers.
        """
        size = self.config.image_size
        if images.shape[1:] != (3, size, size):
            raise ShapeError(
                f"this TNT takes images of shape (b, 3, {size}, {size}), not {tuple(images.shape)}."
            )
        if not images.is_floating_point():
            raise ShapeError(f"this TNT takes what frames_to_tensor makes, not {images.dtype}.")
        y = self.stem(images) + self.sub_patch_position  # b n m e, Eq. 3
        token = repeat(self.class_token, "d -> b 1 d", b=len(images))
        z, _ = pack([token, self.to_patch(y)], "b * d")  # b 1+n d
        z = z + self.patch_position  # Eq. 2

        maps = []
        for block in self.blocks:
            y, z, *weights = block(y, z, return_weights=return_attention)
            maps.append(weights)

        feature = self.norm(z[:, 0])  # b d: the class token is what the temporal module sees
        output = self.classifier(feature)
        if not return_attention:
            return output
        inner, outer = zip(*maps, strict=True)
        return output, TNTMaps(outer=outer, inner=inner)

    @classmethod
    def from_timm(cls, timm_model: nn.Module) -> "TNT":
        """The same model as a timm TNT, weights copied.

        Args:
            timm_model: an instance of ``timm.models.tnt.TNT`` in its current (not legacy) form.

        Raises:
            PainLabError: for another model, or a form of TNT that this one cannot express.
        """
        from painlab.spatial.from_timm import tnt_config, tnt_state

        model = cls(tnt_config(timm_model)).to(timm_model.cls_token)  # its dtype, its device
        model.load_state_dict(tnt_state(timm_model.state_dict()))
        return model.train(timm_model.training)
