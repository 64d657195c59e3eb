"""Features of a CNN, frame by frame, into an LSTM that reads them forwards and backwards.

After Thiam et al., "Two-stream attention network" (2020), without its optical flow, and Zhi and
Wan, "Dynamic facial expression feature learning" (2019), without its sparse coding.
"""

from dataclasses import dataclass, field

from einops import reduce
from torch import Tensor, nn

from painlab.comparison.fitting import learn_on_features
from painlab.comparison.leave_one_out import Answer
from painlab.config import TrainingConfig
from painlab.typing import Float, Int


class LSTMClassifier(nn.Module):
    """A bidirectional LSTM over frames; the mean of its states goes into a linear map.

    Args:
        dim: channels of a frame.
        hidden: of each direction.
        classes: to tell apart.
        dropout: of the mean state.
    """

    def __init__(self, *, dim: int, hidden: int, classes: int, dropout: float | int):
        super().__init__()
        self.lstm = nn.LSTM(dim, hidden, batch_first=True, bidirectional=True)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(2 * hidden, classes)

    def forward(self, features: Float[Tensor, "b k d"]) -> Float[Tensor, "b y"]:
        """Logits of clips of standardised features."""
        states, _ = self.lstm(features)  # b k 2h
        return self.head(self.dropout(reduce(states, "b k d -> b d", "mean")))  # b y


@dataclass(frozen=True, kw_only=True)
class FrameLSTM:
    """It sees time one frame after another, and has to remember what it saw."""

    hidden: int = 32
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
        """Train an LSTM on these clips' features, standardised by these clips alone."""
        return learn_on_features(
            lambda: self.network(dim=values.shape[-1], classes=classes),
            values, labels, config=self.config, seed=seed,
        )  # fmt: skip

    def network(self, *, dim: int, classes: int) -> LSTMClassifier:
        """The network, untrained."""
        return LSTMClassifier(dim=dim, hidden=self.hidden, classes=classes, dropout=self.dropout)


def lstm_flops(*, frames: int, dim: int, hidden: int) -> int:
    """Operations of a bidirectional LSTM on one clip: four maps, two directions, 2 a multiply-add.

    torch's counter does not look into torch's LSTM: of `LSTMClassifier` it counts the head alone.
    """
    return frames * 2 * 4 * hidden * (dim + hidden) * 2
