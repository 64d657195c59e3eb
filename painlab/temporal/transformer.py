"""The temporal feature extraction module: cross-attention into latents (paper III-B.2).

A Perceiver (Jaegle et al. 2021) of one round: learned latents look once at all tokens of a clip,
then talk to each other twice. Its cost grows with tokens × latents, not with tokens².
"""

from typing import NamedTuple

import torch
from einops import rearrange, reduce, repeat
from torch import Tensor, nn

from painlab.config import TemporalConfig
from painlab.errors import ShapeError
from painlab.layers import Attention, GatedFeedForward
from painlab.temporal.fourier import fourier_encode
from painlab.typing import Bool, Float


class TemporalMaps(NamedTuple):
    """The attention weights of a temporal transformer."""

    cross: Float[Tensor, "... heads l t"]
    self: tuple[Float[Tensor, "... heads l l"], ...]


class LatentLayer(nn.Module):
    """One attention of the latents and its feed-forward network, normalised before each.

    Without ``context_dim`` the latents attend to each other; with it, to tokens of that width.
    """

    def __init__(
        self, *, dim: int, heads: int, head_dim: int, dropout: float, context_dim: int | None = None
    ):
        super().__init__()
        self.norm_attention = nn.LayerNorm(dim)
        self.norm_context = nn.LayerNorm(context_dim) if context_dim else None
        self.attention = Attention(
            dim=dim, heads=heads, head_dim=head_dim, context_dim=context_dim, dropout=dropout
        )
        self.norm_feed_forward = nn.LayerNorm(dim)
        self.feed_forward = GatedFeedForward(dim=dim)

    def forward(
        self,
        x: Float[Tensor, "... l dl"],
        tokens: Float[Tensor, "... t dt"] | None = None,
        *,
        mask: Bool[Tensor, "... 1 1 t"] | None = None,
        return_weights: bool = False,
    ):
        """Return (... l dl), and with ``return_weights`` also the weights (... heads l t)."""
        out = self.attention(
            self.norm_attention(x),
            None if tokens is None else self.norm_context(tokens),
            mask=mask,
            return_weights=return_weights,
        )
        out, weights = out if return_weights else (out, None)
        x = x + out
        x = x + self.feed_forward(self.norm_feed_forward(x))
        return (x, weights) if return_weights else x


class TemporalTransformer(nn.Module):
    """From the features of a clip's frames to class logits (paper III-B.2).

    The axes before the frames are those of a batch, one for the clips of one model. Where the
    parameters have a fold axis before their own, as `painlab.training.folds.stack` gives them, the
    features have it as well: (f b k d).

    Args:
        config: sizes; see `TemporalConfig`.

    Example:
        >>> model = TemporalTransformer(TemporalConfig()).eval()
        >>> model(torch.zeros(4, 138, 192)).shape
        torch.Size([4, 2])
    """

    def __init__(self, config: TemporalConfig | None = None):
        super().__init__()
        self.config = config = config or TemporalConfig()
        self.latents = nn.Parameter(torch.empty(config.latents, config.latent_dim))
        nn.init.trunc_normal_(self.latents, std=0.02)  # as the Perceiver's
        sizes = {"dim": config.latent_dim, "dropout": config.attention_dropout}
        self.cross = LatentLayer(
            heads=config.cross_heads,
            head_dim=config.cross_head_dim,
            context_dim=config.token_dim,
            **sizes,
        )
        self.layers = nn.ModuleList(
            LatentLayer(heads=config.heads, head_dim=config.head_dim, **sizes)
            for _ in range(config.self_attentions)
        )
        self.norm = nn.LayerNorm(config.latent_dim)
        self.classifier = nn.Linear(config.latent_dim, config.classes)

    def tokenise(self, features: Float[Tensor, "... k d"]) -> Float[Tensor, "... t dt"]:
        """Features to tokens with their positions: dt is the configuration's `token_dim`.

        Positions run from -1 to 1 over the configured number of frames, so that a clip shorter by
        a frame is placed as the beginning of a full one, whether it is padded or not.
        """
        if self.config.tokens == "scalars":
            features = rearrange(features, "... k d -> ... (k d) 1")
        *batch, t, _ = features.shape
        whole = self.config.token_count
        positions = torch.linspace(-1, 1, whole, device=features.device)[:t]
        encoding = fourier_encode(
            positions,
            bands=self.config.bands,
            max_frequency=self.config.max_frequency or whole,
        ).to(features.dtype)
        return torch.cat([features, encoding.expand(*batch, -1, -1)], dim=-1)  # ... t dt

    def forward(
        self,
        features: Float[Tensor, "... k d"],
        *,
        mask: Bool[Tensor, "... k"] | None = None,
        return_attention: bool = False,
    ):
        """Class logits (b y) of clips given by the features of their frames.

        Args:
            features: (b k d), at most the configured number of frames.
            mask: (b k), True where a frame counts. What stands in the other frames, were it NaN,
                changes nothing; a clip with no frame at all gets logits that depend on no frame.
            return_attention: also return `TemporalMaps`.

        Raises:
            ShapeError: for too many frames, other channels, or a mask of another shape.
        """
        self._check(features, mask)
        token_mask = None
        if mask is not None:
            features = features.masked_fill(~rearrange(mask, "... k -> ... k 1"), 0.0)
            per_frame = self.config.token_count // self.config.frames
            token_mask = repeat(mask, "... k -> ... 1 1 (k d)", d=per_frame)  # b 1 1 t
        tokens = self.tokenise(features)  # b t dt

        x = rearrange(self.latents, "... l dl -> ... 1 l dl")
        x = x.expand(*features.shape[:-2], -1, -1)  # b l dl
        x = self.cross(x, tokens, mask=token_mask, return_weights=return_attention)
        x, cross = x if return_attention else (x, None)
        weights = []
        for layer in self.layers:
            x = layer(x, return_weights=return_attention)
            if return_attention:
                x, w = x
                weights.append(w)
        logits = self.classifier(self.norm(reduce(x, "... l dl -> ... dl", "mean")))  # b y
        return (
            (logits, TemporalMaps(cross=cross, self=tuple(weights))) if return_attention else logits
        )

    def _check(self, features: Tensor, mask: Tensor | None) -> None:
        frames, dim = self.config.frames, self.config.dim
        batch = f"{len(self.latents)}, b" if self.latents.ndim == 3 else "b"
        fits = features.ndim == self.latents.ndim + 1 and features.shape[-1] == dim
        if not fits or not 0 < features.shape[-2] <= frames:
            raise ShapeError(
                f"this temporal transformer takes features of shape ({batch}, up to {frames}, "
                f"{dim}), not {tuple(features.shape)}."
            )
        if mask is not None and (mask.shape != features.shape[:-1] or mask.dtype != torch.bool):
            raise ShapeError(
                f"the mask must be boolean and of shape {tuple(features.shape[:-1])}, "
                f"not {mask.dtype} and {tuple(mask.shape)}."
            )

    @classmethod
    def from_perceiver(
        cls, perceiver: nn.Module, *, frames: int = 138, dim: int | None = None
    ) -> "TemporalTransformer":
        """The same model as a ``perceiver_pytorch.Perceiver``, weights copied.

        Args:
            perceiver: one round (``depth=1``) over one axis, with Fourier features.
            frames: frames of the longest clip.
            dim: channels of a frame where the Perceiver's input has one channel: its tokens are
                then single numbers, ``frames * dim`` of them.

        Raises:
            PainLabError: for another model, or a form that this one cannot express.
        """
        from painlab.temporal.from_perceiver import perceiver_state, temporal_config

        model = cls(temporal_config(perceiver, frames=frames, dim=dim)).to(perceiver.latents)
        model.load_state_dict(perceiver_state(perceiver.state_dict()))
        return model.train(perceiver.training)
