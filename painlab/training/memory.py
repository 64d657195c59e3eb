"""How many folds fit into memory at once: measured on one, and less where it was too much."""

from pathlib import Path

import torch
from einops import repeat

from painlab.config import TemporalConfig, TrainingConfig
from painlab.training.fold_training import TaskData, first_model, fold_losses
from painlab.training.folds import stack
from painlab.training.noise import FoldNoise
from painlab.training.recipe import half_precision

SHARE = 0.6  # of the free memory; the rest is for what operations need while they run
PER_PARAMETER = 4  # tensors: itself, its gradient and AdamW's two moments


def bytes_of_fold(data: TaskData, temporal: TemporalConfig, config: TrainingConfig) -> int:
    """Memory that each further fold takes: parameters, optimiser, and what a step keeps.

    What a step keeps for its backward pass is counted on one forward pass of one fold.
    """
    device, dtype = data.features.device, data.features.dtype
    noise = FoldNoise(0, ["any"], device=device)
    model = stack([first_model("any", temporal, seed=0, dtype=dtype)], noise=noise)
    model = model.to(device).train()
    row = torch.zeros(config.batch, dtype=torch.long, device=device)
    features, found = data.select(repeat(row, "b -> 1 b"), 0)
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    half = half_precision(device, wanted=config.half_precision)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor), half:
        logits = model(features, mask=found)
        losses = fold_losses(logits, data.labels[row][None], label_smoothing=0.0)
    parameters = sum(p.numel() * p.element_size() for p in model.parameters())
    weights = {p.untyped_storage().data_ptr() for p in model.parameters()}
    del losses
    return PER_PARAMETER * parameters + sum(n for at, n in kept.items() if at not in weights)


def free_memory(device: torch.device) -> int:
    """Bytes that can still be had on a device."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    told = Path("/proc/meminfo")  # Linux alone has it
    if not told.exists():
        return 4 * 2**30
    lines = dict(line.split(":", 1) for line in told.read_text().splitlines())
    return int(lines["MemAvailable"].split()[0]) * 1024


def choose_folds_at_once(count: int, *, free: int, each: int) -> int:
    """So many folds that a share of the free memory holds them; at least one.

    Example:
        >>> choose_folds_at_once(87, free=10_000, each=100)
        60
    """
    return max(1, min(count, int(SHARE * free) // each))


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out: on an accelerator, in Python, or in PyTorch on the CPU.

    The last has no error of its own, and neither have the libraries of an accelerator.
    """
    words = ("can't allocate memory", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED")
    known = isinstance(error, (torch.OutOfMemoryError, MemoryError))
    return known or any(word in str(error) for word in words)


def even_groups(names: list[str], at_once: int) -> list[list[str]]:
    """As few groups as there must be, as equal as they can be.

    Example:
        >>> even_groups(["a", "b", "c", "d", "e"], 3)
        [['a', 'b', 'c'], ['d', 'e']]
    """
    groups = -(-len(names) // at_once)
    sizes = [len(names) // groups + (i < len(names) % groups) for i in range(groups)]
    starts = [sum(sizes[:i]) for i in range(groups)]
    return [names[start : start + size] for start, size in zip(starts, sizes, strict=True)]
