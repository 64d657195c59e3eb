"""Which device the networks run on, and how many cores there are."""

import os

import torch

from painlab.errors import PainLabError


def choose_device(device: str | torch.device | None) -> torch.device:
    """The device of that name; a GPU where there is one, else the CPU, if None.

    Raises:
        PainLabError: where this machine has no such device.
    """
    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(device)
        torch.zeros(1, device=device).item()  # the meta device has places but no numbers
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise PainLabError(f"device {device}: PyTorch has no such device here.") from error
    return device


def count_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
