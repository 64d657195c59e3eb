"""Where did pain move the picture much? The truth, asked with more than one threshold.

In a face almost everything moves a little with pain: skin is drawn along and light falls otherwise.
A map can hardly miss pixels that moved by two grey levels; it can miss those that moved by thirty.
And in aligned faces pain moves the same places in everyone, so that the truth about other people is
a good guess at that about this one. How good is told as well: no map can be better than the truth.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from einops import reduce
from torch import Tensor

from painlab.explain.against_truth import moved_share
from painlab.explain.grading import mean_of_others
from painlab.explain.maps import proportions, upsampled
from painlab.explain.over_people import Figure, mean_over_people
from painlab.typing import Bool, Float, UInt8

LEVELS = (2, 4, 8, 16, 32)  # grey levels of 255


def change_of(
    faces: UInt8[Tensor, "b height width c"], calm: UInt8[Tensor, "b height width c"]
) -> UInt8[Tensor, "b height width"]:
    """By how many grey levels pictures with and without pain differ, in the channel of the most."""
    apart = (faces.to(torch.int16) - calm.to(torch.int16)).abs()
    return reduce(apart, "b height width c -> b height width", "max").to(torch.uint8)


def shares_by_strength(
    maps: Mapping[str, Float[Tensor, "b rows cols"]],
    change: UInt8[Tensor, "b height width"],
    people: Sequence[str],
    *,
    levels: Sequence[int] = LEVELS,
) -> dict[int, dict[str, dict[str, Figure]]]:
    """`moved_share` where pain moved the picture by so many grey levels or more.

    Args:
        maps: of each method, each picture's of sum 1.
        change: as of `change_of`, in the aligned pictures.
        people: whose pictures they are.
        levels: the thresholds.

    Returns:
        For each threshold, ``times chance``: of each map; ``times mean``: how many times the share
        of the mean map of other people by the same method. The map "truth" among them, which is
        even over what moved, has the greatest figures that are possible.

    Raises:
        DataError: for pictures of a single person.
    """
    found = {}
    for level in levels:
        moved = change >= level
        every = {**maps, "truth": truth_map(moved, rows=next(iter(maps.values())).shape[1])}
        chance = _numbers(moved.float().mean((-2, -1)))
        figures = {"times chance": {}, "times mean": {}}
        for name, own in every.items():
            share = _share(own, moved)
            of_mean = _share(mean_of_others(own, people), moved)
            # what moved does not end at the borders of sub-patches: the truth itself has it all
            share = (chance > 0).astype(float) if name == "truth" else share
            figures["times chance"][name] = mean_over_people(share, people, against=chance)
            figures["times mean"][name] = mean_over_people(share, people, against=of_mean)
        figures["chance"] = {"share of the picture": mean_over_people(chance, people)}
        found[level] = figures
    return found


def truth_map(moved: Bool[Tensor, "b height width"], *, rows: int) -> Float[Tensor, "b rows cols"]:
    """A map of sum 1 that is even over the pixels that moved; even everywhere where none did."""
    side = moved.shape[-1] // rows
    pattern = "b (rows s1) (cols s2) -> b rows cols"
    share = reduce(moved.float(), pattern, "mean", s1=side, s2=side)
    return proportions(share, axes=2)


def _share(maps: Tensor, moved: Tensor) -> np.ndarray:
    return _numbers(moved_share(upsampled(maps, moved.shape[-1]), moved))


def _numbers(values: Tensor) -> np.ndarray:
    return values.cpu().numpy().astype(float)
