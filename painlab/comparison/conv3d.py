"""Convolutions over height, width and time, from pixels to the answer, trained fold by fold.

After Tavakolian and Hadid, "A spatiotemporal convolutional neural network" (2019): each layer has
kernels of several depths in time side by side, here for what stands and for what moves.
"""

from dataclasses import dataclass, field

import torch
from einops import rearrange, reduce
from torch import Tensor, nn

from painlab.comparison.fitting import answers_of, fit_network
from painlab.comparison.leave_one_out import Answer
from painlab.config import TrainingConfig
from painlab.errors import ShapeError
from painlab.typing import Float, Int, UInt8


class DepthsConv(nn.Module):
    """Convolutions of several depths in time, half as many frames, rows and columns out.

    Args:
        inputs: channels in.
        outputs: channels of each depth.
        depths: frames that a kernel reaches over, odd.
    """

    def __init__(self, *, inputs: int, outputs: int, depths: tuple[int, ...]):
        super().__init__()
        self.convolutions = nn.ModuleList(
            nn.Conv3d(inputs, outputs, (t, 3, 3), stride=2, padding=(t // 2, 1, 1), bias=False)
            for t in depths
        )
        self.norm = nn.BatchNorm3d(outputs * len(depths))

    def forward(self, x: Float[Tensor, "b c k height width"]) -> Float[Tensor, "b d i o q"]:
        """The depths' channels one after another, normalised, what is below 0 cut off."""
        return self.norm(torch.cat([conv(x) for conv in self.convolutions], 1)).relu()


class Conv3dClassifier(nn.Module):
    """Layers of `DepthsConv`, the mean over time and place, and a linear map.

    In training, half of the clips of a batch are mirrored.

    Args:
        channels: of each depth, layer by layer.
        depths: of all layers.
        classes: to tell apart.
        dropout: of the mean.
    """

    def __init__(
        self, *, channels: tuple[int, ...], depths: tuple[int, ...], classes: int,
        dropout: float | int,
    ):  # fmt: skip
        super().__init__()
        self.depths = depths
        widths = [1, *(c * len(depths) for c in channels)]
        self.layers = nn.Sequential(
            *(
                DepthsConv(inputs=i, outputs=o, depths=depths)
                for i, o in zip(widths, channels, strict=False)
            )
        )
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(widths[-1], classes)

    def forward(self, clips: Float[Tensor, "b k height width"]) -> Float[Tensor, "b y"]:
        """Logits of small grey clips.

        Raises:
            ShapeError: where a clip is shorter than the last layer's deepest kernel takes.
        """
        least = (max(self.depths) - 1) * 2 ** (len(self.layers) - 1) + 1
        if clips.shape[1] < least:
            raise ShapeError(
                f"{clips.shape[1]} frames are too few: the last layer's kernels reach over "
                f"{max(self.depths)} of its own, for which it takes {least}."
            )
        if self.training:
            mirrored = rearrange(torch.rand(len(clips)) < 0.5, "b -> b 1 1 1")
            clips = torch.where(mirrored, clips.flip(-1), clips)
        x = self.layers(rearrange(clips, "b k height width -> b 1 k height width"))
        x = reduce(x, "b d k height width -> b d", "mean")
        return self.head(self.dropout(x))  # b y


@dataclass(frozen=True, kw_only=True)
class SmallConv3d:
    """It sees time as it sees height and width: by what is near.

    Attributes:
        size: pixels of a side that faces are brought to, in grey.
        channels: of each depth, layer by layer.
        depths: in frames.
        stride: how far apart the frames are that it is given.
    """

    size: int = 32
    channels: tuple[int, ...] = (4, 4, 8)
    depths: tuple[int, ...] = (1, 5)
    stride: int = 2
    dropout: float = 0.1
    config: TrainingConfig = field(default_factory=TrainingConfig.quick)

    def learn(
        self,
        values: UInt8[Tensor, "b k height width c"],
        labels: Int[Tensor, "b"],
        *,
        classes: int,
        seed: int,
    ) -> Answer:
        """Train on these clips' pixels; their mean and spread bring all others to scale."""
        pixels = self.pixels_of(values)
        mean, spread = pixels.mean(), pixels.std().clamp(min=1e-6)
        model = fit_network(
            lambda: self.network(classes=classes),
            (pixels - mean) / spread, labels, config=self.config, seed=seed,
        )  # fmt: skip
        return answers_of(model, lambda others: (self.pixels_of(others) - mean) / spread)

    def pixels_of(self, clips: UInt8[Tensor, "b k height width c"]) -> Float[Tensor, "b t i o"]:
        """What it is given of clips, before it is brought to scale."""
        return grey_pixels(clips[:, :: self.stride], size=self.size)

    def network(self, *, classes: int) -> Conv3dClassifier:
        """The network, untrained."""
        return Conv3dClassifier(
            channels=self.channels, depths=self.depths, classes=classes, dropout=self.dropout
        )


def grey_pixels(
    clips: UInt8[Tensor, "b k height width c"], *, size: int
) -> Float[Tensor, "b k i o"]:
    """Grey clips of ``size`` pixels a side, each the mean of those it replaces; 0 to 1."""
    p1, p2 = clips.shape[2] // size, clips.shape[3] // size
    parts = [
        reduce(
            clip.float(), "k (height p1) (width p2) c -> k height width", "mean", p1=p1, p2=p2
        )
        for clip in clips
    ]  # fmt: skip
    return torch.stack(parts) / 255
