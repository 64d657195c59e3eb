"""The processes of one training run: alone, or several started by ``torchrun``."""

import os
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import nn

from painlab.errors import PainLabError

LONGEST_WAIT = timedelta(days=7)  # the others wait while one aligns a folder of faces


@dataclass(frozen=True)
class Processes:
    """Which one of how many this is."""

    number: int
    count: int

    @classmethod
    def alone(cls) -> "Processes":
        """One process that needs no other."""
        return cls(0, 1)

    @classmethod
    def of_torchrun(cls, device: torch.device) -> "Processes":
        """What ``torchrun`` tells in the environment; alone where it tells nothing."""
        if "WORLD_SIZE" not in os.environ:
            return cls.alone()
        if device.type == "cuda":
            torch.cuda.set_device(device)
        if not torch.distributed.is_initialized():
            torch.distributed.init_process_group(
                "nccl" if device.type == "cuda" else "gloo",
                timeout=LONGEST_WAIT,
            )
        return cls(torch.distributed.get_rank(), torch.distributed.get_world_size())

    @property
    def first(self) -> bool:
        """Whether this process writes and speaks."""
        return self.number == 0

    def share_of(self, batch: int) -> int:
        """Pictures of a batch that fall to each process.

        Raises:
            PainLabError: where they cannot be shared evenly.
        """
        if batch % self.count:
            raise PainLabError(f"a batch of {batch} cannot be shared by {self.count} processes.")
        return batch // self.count

    def wrap(self, model: nn.Module, device: torch.device) -> nn.Module:
        """The model, its gradients averaged over all processes."""
        if self.count == 1:
            return model
        ids = [device.index] if device.type == "cuda" else None
        return nn.parallel.DistributedDataParallel(model, device_ids=ids)

    def wait(self) -> None:
        """Until all are here: the first has written its checkpoint."""
        if self.count > 1:
            torch.distributed.barrier()

    def end(self) -> None:
        """Let go of the others."""
        if self.count > 1 and torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()


def device_of_process(device: torch.device) -> torch.device:
    """The accelerator of this process, where ``torchrun`` started one for each of a machine's."""
    if device.type == "cuda" and device.index is None:
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
    return device
