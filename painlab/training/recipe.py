"""The optimiser and the schedule of the paper's Table I, for any model here."""

import math

import torch
from torch import nn

NOT_DECAYED = ("bias", "norm", "token", "position", "latents", "scale")


def parameter_groups(
    model: nn.Module, *, weight_decay: float | int, folds: bool = False
) -> list[dict]:
    """Decay on matrices and kernels only: not on biases, norms, tokens and position encodings.

    With ``folds`` each parameter has a fold axis before its own.
    """
    decayed, free = [], []
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        spared = parameter.ndim < 2 + folds or any(word in name for word in NOT_DECAYED)
        (free if spared else decayed).append(parameter)
    return [
        {"params": decayed, "weight_decay": weight_decay},
        {"params": free, "weight_decay": 0.0},
    ]


def make_optimizer(
    model: nn.Module,
    *,
    learning_rate: float | int,
    weight_decay: float | int,
    folds: bool = False,
    fused: bool | None = None,
) -> torch.optim.AdamW:
    """AdamW (Table I), with PyTorch's default moments; all of a step in one kernel where `fused`.

    With ``folds`` the parameters have a fold axis before their own.
    """
    groups = parameter_groups(model, weight_decay=weight_decay, folds=folds)
    return torch.optim.AdamW(groups, lr=learning_rate, fused=fused)


def learning_rate_at(step: int, *, steps: int, warm_up: int, highest: float) -> float:
    """Linear warm-up over `warm_up` steps, then a cosine down to 0 at `steps` (Table I)."""
    if step < warm_up:
        return highest * (step + 1) / warm_up
    share = (step - warm_up) / max(1, steps - warm_up)
    return highest * 0.5 * (1 + math.cos(math.pi * min(1.0, share)))


def set_learning_rate(
    optimizer: torch.optim.Optimizer, step: int, *, steps: int, warm_up: int, highest: float
) -> None:
    """Give all parameters the rate of this step (`learning_rate_at`)."""
    rate = learning_rate_at(step, steps=steps, warm_up=warm_up, highest=highest)
    for group in optimizer.param_groups:
        group["lr"] = rate


def has_bfloat16(device: torch.device) -> bool:
    """Whether the device computes in bfloat16 by itself: CUDA from compute capability 8.0 on.

    A CPU can, but mostly slower than in float32, and its results are what others are checked
    against: there, training stays in float32.
    """
    if device.type != "cuda":
        return False
    with torch.cuda.device(device):
        return torch.cuda.is_bf16_supported(including_emulation=False)


def half_precision(device: torch.device, *, wanted: bool = True) -> torch.autocast:
    """A context in which matrix products are in bfloat16, where that is wanted and the device can.

    Weights, their gradients and the optimiser stay in float32; the loss belongs outside of it.
    """
    enabled = wanted and has_bfloat16(device)
    return torch.autocast(device.type, torch.bfloat16, enabled=enabled)


def keep_at(step: int, *, averaging: float | int) -> float:
    """What `average_weights` keeps: ``averaging``, less in the first steps, soon outdated."""
    return min(averaging, (1 + step) / (10 + step))


@torch.no_grad()
def average_weights(averaged: nn.Module, model: nn.Module, *, keep: float) -> None:
    """Move a running mean of the weights towards the model's: keep × mean + (1 - keep) × new.

    Whole numbers, as batch norm's counter, are taken over.
    """
    pairs = zip(averaged.state_dict().values(), model.state_dict().values(), strict=True)
    for mean, new in pairs:
        mean.lerp_(new, 1 - keep) if mean.is_floating_point() else mean.copy_(new)
