"""The baseline that anything must beat: the mean over all frames, and a logistic regression."""

from dataclasses import dataclass

import numpy as np
import torch
from einops import reduce
from torch import Tensor

from painlab.comparison.leave_one_out import Answer
from painlab.typing import Float, Int

SURE = 1e-6  # a probability of 0 has no logarithm


@dataclass(frozen=True, kw_only=True)
class MeanRegression:
    """Mean over the frames, each channel standardised, then logistic regression.

    It cannot see an order: the frames of a clip may be shuffled, and it says the same.

    Attributes:
        strength: the inverse of the penalty on large weights; that of SynthPain's oracle.
    """

    strength: float = 0.05

    def learn(
        self,
        values: Float[Tensor, "b k d"],
        labels: Int[Tensor, "b"],
        *,
        classes: int,
        seed: int,
    ) -> Answer:
        """Fit means, spreads and weights to these clips."""
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        regression = LogisticRegression(C=self.strength, max_iter=1000, random_state=seed)
        model = make_pipeline(StandardScaler(), regression).fit(mean_frame(values), labels.numpy())
        return lambda others: log_chances(model, mean_frame(others), classes=classes)


def mean_frame(values: Float[Tensor, "b k d"]) -> Float[np.ndarray, "b d"]:
    """The mean over the frames."""
    return reduce(values, "b k d -> b d", "mean").double().numpy()


def log_chances(model, features: Float[np.ndarray, "b d"], *, classes: int) -> Tensor:
    """Logarithms (b y) of what a classifier of scikit-learn's takes for the chances of each class.

    A class that it has not met in training gets the smallest.
    """
    chances = np.zeros((len(features), classes))
    chances[:, model.classes_] = model.predict_proba(features)
    return torch.from_numpy(np.log(np.maximum(chances, SURE)))
