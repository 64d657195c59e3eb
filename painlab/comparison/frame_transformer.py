"""Features of a ResNet, frame by frame, into a transformer in which all frames meet.

After Xu and Liu, "A deep attention transformer network" (2021).
"""

from dataclasses import dataclass, field

import torch
from einops import reduce
from torch import Tensor, nn

from painlab.comparison.fitting import learn_on_features
from painlab.comparison.leave_one_out import Answer
from painlab.config import TrainingConfig
from painlab.typing import Float, Int


class TransformerClassifier(nn.Module):
    """Self-attention between all frames, then their mean into a linear map.

    Args:
        dim: channels of a frame.
        inner: channels within.
        frames: of a clip; each has a learned position.
        layers: of self-attention, each with a feed-forward network of twice the channels.
        heads: of attention.
        classes: to tell apart.
        dropout: of attention and of what each layer adds.
    """

    def __init__(
        self, *, dim: int, inner: int, frames: int, layers: int, heads: int, classes: int,
        dropout: float | int,
    ):  # fmt: skip
        super().__init__()
        self.to_inner = nn.Linear(dim, inner)
        self.position = nn.Parameter(0.02 * torch.randn(frames, inner))
        layer = nn.TransformerEncoderLayer(
            inner, heads, 2 * inner, dropout=dropout, activation="gelu", batch_first=True,
            norm_first=True,
        )  # fmt: skip
        self.encoder = nn.TransformerEncoder(
            layer, layers, norm=nn.LayerNorm(inner), enable_nested_tensor=False
        )
        self.head = nn.Linear(inner, classes)

    def forward(self, features: Float[Tensor, "b k d"]) -> Float[Tensor, "b y"]:
        """Logits of clips of standardised features."""
        tokens = self.encoder(self.to_inner(features) + self.position)  # b k d
        return self.head(reduce(tokens, "b k d -> b d", "mean"))  # b y


@dataclass(frozen=True, kw_only=True)
class FrameTransformer:
    """It sees all frames at once, and compares each with each."""

    inner: int = 32
    layers: int = 2
    heads: int = 4
    dropout: float = 0.1
    config: TrainingConfig = field(default_factory=TrainingConfig.quick)

    def learn(
        self,
        values: Float[Tensor, "b k d"],
        labels: Int[Tensor, "b"],
        *,
        classes: int,
        seed: int,
    ) -> Answer:
        """Train a transformer on these clips' features, standardised by these clips alone."""
        return learn_on_features(
            lambda: self.network(frames=values.shape[1], dim=values.shape[2], classes=classes),
            values, labels, config=self.config, seed=seed,
        )  # fmt: skip

    def network(self, *, frames: int, dim: int, classes: int) -> TransformerClassifier:
        """The network, untrained."""
        return TransformerClassifier(
            dim=dim, inner=self.inner, frames=frames, layers=self.layers, heads=self.heads,
            classes=classes, dropout=self.dropout,
        )  # fmt: skip
