"""How the rivals that are networks learn: by the recipe of the framework's own temporal module."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from painlab.comparison.leave_one_out import Answer
from painlab.config import TrainingConfig
from painlab.errors import PainLabError
from painlab.framework import evaluating
from painlab.training.fold_training import Fold, draw_batches
from painlab.training.recipe import make_optimizer, set_learning_rate
from painlab.typing import Float, Int

AT_ONCE = 64  # clips that are answered together


def fit_network(
    build: Callable[[], nn.Module],
    values: Tensor,
    labels: Int[Tensor, "b"],
    *,
    config: TrainingConfig,
    seed: int,
) -> nn.Module:
    """Train a network on clips: AdamW, warm-up, cosine, smoothed cross-entropy (Table I's way).

    Weights, batches and all that the network drops follow from the seed. The config's own seed and
    its augmentations are not used.

    Args:
        build: makes the network, which takes values (b ...) and gives logits (b y).
        values: of the clips to learn from (b ...).
        labels: their classes.
        config: epochs, batch, rates.
        seed: of all that is random.

    Raises:
        PainLabError: where the training comes to no number.
    """
    everyone = Fold(str(seed), torch.arange(len(labels)), torch.arange(0))
    of_epoch = config.steps_of_epoch(len(labels))
    steps, warm_up = of_epoch * config.epochs, of_epoch * config.warm_up_epochs
    rows, _ = draw_batches(everyone, range(steps), batch=config.batch, views=1, seed=seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build().train()
        optimizer = make_optimizer(
            model, learning_rate=config.learning_rate, weight_decay=config.weight_decay
        )
        for step, row in enumerate(rows):
            set_learning_rate(
                optimizer, step, steps=steps, warm_up=warm_up, highest=config.learning_rate
            )
            loss = F.cross_entropy(
                model(values[row]), labels[row], label_smoothing=config.label_smoothing
            )
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
    if not loss.isfinite():
        raise PainLabError(f"after {steps} steps the loss is {loss}: take a lower learning rate.")
    return model.eval()


def learn_on_features(
    build: Callable[[], nn.Module],
    values: Float[Tensor, "b k d"],
    labels: Int[Tensor, "b"],
    *,
    config: TrainingConfig,
    seed: int,
) -> Answer:
    """Train a network on clips' features, standardised by these clips alone: `fit_network`."""
    scaled = standardiser(values)
    model = fit_network(build, scaled(values), labels, config=config, seed=seed)
    return answers_of(model, scaled)


def answers_of(model: nn.Module, prepare: Callable[[Tensor], Tensor] = lambda x: x) -> Answer:
    """What a trained network says of clips, some at a time; ``prepare`` makes its input."""

    def answer(values: Tensor) -> Float[Tensor, "b y"]:
        with evaluating(model), torch.inference_mode():
            return torch.cat([model(prepare(part)) for part in values.split(AT_ONCE)])

    return answer


def standardiser(values: Float[Tensor, "b k d"]) -> Callable[[Tensor], Tensor]:
    """Brings each channel to mean 0 and spread 1, as they are over these clips and frames."""
    mean, spread = values.mean((0, 1)), values.std((0, 1)).clamp(min=1e-6)  # d
    return lambda others: (others - mean) / spread
