"""Random numbers that follow from what they are for: seed, fold and step.

A generator hands out its numbers in the order in which they are asked for, so that a fold would
get others beside other folds, on another device, or after a pause. Here each number is a hash of
its own address, and the same wherever it is computed.
"""

import hashlib
import json

import torch
from torch import Tensor, nn

from painlab.typing import Float, Int

HALF = 0xFFFF  # 16 bits


def seed_of(*told) -> int:
    """64 bits of a digest of what a draw is for: numbers and texts.

    Example:
        >>> seed_of(0, "Anna", "weights") == seed_of(0, "Ben", "weights")
        False
    """
    digest = hashlib.sha256(json.dumps(told).encode()).digest()
    return int.from_bytes(digest[:8], "little")


def generator_of(*told) -> torch.Generator:
    """A generator of PyTorch's, on the CPU, that begins with `seed_of` its purpose."""
    return torch.Generator().manual_seed(seed_of(*told))


def mix(x: Int[Tensor, "..."]) -> Int[Tensor, "..."]:
    """A hash of 32 bits to 32 bits, one to one: lowbias32 (C. Wellons, hash-prospector, 2018).

    Args:
        x: int32, whose products wrap around.
    """
    x = x ^ (x >> 16 & HALF)  # a shift copies the sign, which the bits let in from the left are not
    x = x * 0x7FEB352D
    x = x ^ (x >> 15 & 0x1FFFF)
    x = x * (0x846CA68B - 2**32)
    return x ^ (x >> 16 & HALF)


def mix_number(x: int) -> int:
    """`mix` of one number, with an int32's sign.

    Example:
        >>> mix_number(7) == mix(torch.tensor(7, dtype=torch.int32)).item()
        True
    """
    word = 2**32 - 1
    x = (x ^ x >> 16) * 0x7FEB352D & word
    x = (x ^ x >> 15) * 0x846CA68B & word
    x ^= x >> 16
    return x - (x >> 31 << 32)


class FoldNoise:
    """What is dropped in each fold: a function of the run's seed, the fold, the step and the place.

    Set ``step`` before each step of the training.

    Args:
        seed: of the run.
        folds: their names, in the order of the fold axis.
        device: where the noise is needed.
    """

    def __init__(self, seed: int, folds: list[str], *, device: str | torch.device = "cpu"):
        keys = torch.tensor([seed_of(seed, name, "dropout") - 2**63 for name in folds])
        self.keys = keys.view(torch.int32).view(-1, 2).to(device)  # f 2
        self.step = 0

    def uniform(self, place: int, shape: tuple[int, ...]) -> Int[Tensor, "f ..."]:
        """Whole numbers from -2¹⁵ to 2¹⁵ - 1, all as likely, one an entry of a (f ...) tensor.

        Args:
            place: which of the model's dropouts asks.
            shape: without the fold axis.
        """
        count = torch.Size(shape).numel()
        # numbers of Python's, since copying a tensor to a GPU would wait for it
        low = mix(self.keys[:, :1] ^ mix_number(self.step))  # f 1
        high = mix(self.keys[:, 1:] ^ mix_number(place))  # f 1
        index = torch.arange(-(-count // 2), dtype=torch.int32, device=self.keys.device)
        drawn = mix((index + low) ^ high)  # two numbers in each
        return drawn.view(torch.int16).view(len(low), -1)[:, :count].view(-1, *shape)


class FoldDropout(nn.Module):
    """Dropout of a (f ...) tensor by `FoldNoise`.

    Args:
        noise: of all folds.
        place: a number that no other dropout of the model has.
        probability: with which a value becomes 0, to 1 in 65,536; the others are divided by what
            is left.
    """

    def __init__(self, noise: FoldNoise, *, place: int, probability: float | int):
        super().__init__()
        self.noise, self.place, self.probability = noise, place, probability

    def forward(self, x: Float[Tensor, "f ..."]) -> Float[Tensor, "f ..."]:
        """Zeros in some places, the rest scaled up, so that the mean is unchanged."""
        drawn = self.noise.uniform(self.place, tuple(x.shape[1:]))
        kept = drawn >= round(self.probability * 2**16) - 2**15
        return x * kept.to(x.dtype).div_(1 - self.probability)
