"""Methods held against the truth and against each other, on pictures of many people.

A grade is one number a picture; `mean_over_people` makes of them what is told of a method.
"""

import time
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from einops import rearrange, reduce
from torch import Tensor

from painlab.errors import DataError
from painlab.explain.against_truth import TOLERANCE, moved_share, pointing_game, widened
from painlab.explain.faithfulness import removal_curve
from painlab.explain.maps import proportions, upsampled
from painlab.explain.methods import relevance
from painlab.explain.randomise import randomised, rank_correlation
from painlab.spatial.tnt import TNT
from painlab.typing import Bool, Float

Grades = dict[str, Float[np.ndarray, "b"]]


def draw_maps(
    model: TNT,
    images: Float[Tensor, "b c height width"],
    *,
    target: int,
    method: str,
    at_once: int = 4,
    **how,
) -> tuple[Float[Tensor, "b rows cols"], float]:
    """Maps of sub-patches (`Relevance.fine`), each of sum 1, and the seconds that one took.

    Args:
        model: with classes.
        images: as `relevance` takes them.
        target: the class explained.
        method: one of `METHODS`.
        at_once: pictures that are explained together.
        how: further arguments of `relevance`. A random map is another one for each picture.
    """
    begin, maps = time.perf_counter(), []
    for start in range(0, len(images), at_once):
        part = images[start : start + at_once]
        found = relevance(model, part, target=target, method=method, seed=start, **how)
        maps.append(found.fine[:, 0])
    seconds = (time.perf_counter() - begin) / len(images)
    return proportions(torch.cat(maps), axes=2), seconds


def mean_of_others(
    maps: Float[Tensor, "b rows cols"], people: Sequence[str]
) -> Float[Tensor, "b rows cols"]:
    """For each picture the mean map of all pictures of other people: what knows no picture.

    A map that is no better has only learned where faces are.

    Raises:
        DataError: for a single person.
    """
    people = np.asarray(people)
    if len(set(people)) < 2:
        raise DataError("the mean map of other people takes two people or more.")
    return torch.stack([maps[torch.from_numpy(people != one)].mean(0) for one in people])


def grade_truth(
    maps: Float[Tensor, "b rows cols"],
    moved: Bool[Tensor, "b height width"],
    *,
    sub_patches: int = 4,
) -> Grades:
    """What of each map falls on the pixels that pain moved, by `moved_share` and `pointing_game`.

    ``moved share`` is of sub-patches; ``moved share of patches`` of the same map at the size of
    patches, evenly spread within each. The chance of each is there too.

    Args:
        maps: of sub-patches.
        moved: of pixels.
        sub_patches: along a patch's side.
    """
    fine = upsampled(maps, moved.shape[-1])
    coarse = upsampled(of_patches(maps, sub_patches=sub_patches), moved.shape[-1])
    near = widened(moved, TOLERANCE)
    grades = {
        "moved share": moved_share(fine, moved),
        "moved share of patches": moved_share(coarse, moved),
        "moved by chance": moved.float().mean((-2, -1)),
        "pointing": pointing_game(fine, moved),
        "pointing, tolerant": pointing_game(fine, near),
        "tolerant by chance": near.float().mean((-2, -1)),
    }
    return {name: values.cpu().numpy().astype(float) for name, values in grades.items()}


def grade_removal(
    model: TNT,
    images: Float[Tensor, "b c height width"],
    maps: Float[Tensor, "b rows cols"],
    *,
    target: int,
    fills: Mapping[str, str | Tensor],
    sub_patches: int = 4,
    at_once: int = 16,
    **how,
) -> tuple[Grades, dict[str, list[float]]]:
    """Areas under the curves of deletion and insertion, and the mean curves (`removal_curve`).

    Args:
        model: with classes.
        images: as `relevance` takes them.
        maps: of sub-patches.
        target: the class whose probability is followed.
        fills: names of what patches are replaced by, and what it is.
        sub_patches: along a patch's side.
        at_once: pictures with gone patches that the model sees together.
        how: further arguments of `removal_curve`.
    """
    spatial = rearrange(of_patches(maps, sub_patches=sub_patches), "b rows cols -> b 1 rows cols")
    targets = torch.full((len(images),), target)
    grades, curves = {}, {}
    for fill, instead in fills.items():
        for name, insertion in (("deletion", False), ("insertion", True)):
            curve = removal_curve(
                model, images, spatial, targets, insertion=insertion, fill=instead,
                at_once=at_once, **how,
            )  # fmt: skip
            grades[f"{name}, {fill}"] = curve.area.numpy().astype(float)
            curves[f"{name}, {fill}"] = [round(float(x), 5) for x in curve.values.mean(0)]
    return grades, curves


def grade_randomisation(
    model: TNT,
    images: Float[Tensor, "b c height width"],
    maps: Float[Tensor, "b rows cols"],
    *,
    target: int,
    method: str,
    down_to: Sequence[str | None] = (None,),
    sub_patches: int = 4,
    seed: int = 0,
    **how,
) -> Grades:
    """Rank correlation of each map of patches with that of a `randomised` model, for each stage.

    ``all`` is the model with all weights drawn anew, ``down to …`` with those from the top on.

    Args:
        model: with classes.
        images: as `relevance` takes them.
        maps: those of the model itself, by the same method.
        target: the class explained.
        method: one of `METHODS`.
        down_to: as `randomised` takes it, one after the other.
        sub_patches: along a patch's side.
        seed: of the weights.
        how: further arguments of `draw_maps`.
    """
    own = of_patches(maps, sub_patches=sub_patches)
    grades = {}
    for stage in down_to:
        other = randomised(model, down_to=stage, seed=seed)
        drawn, _ = draw_maps(other, images, target=target, method=method, **how)
        drawn = of_patches(drawn, sub_patches=sub_patches)
        grades[f"down to {stage}" if stage else "all"] = rank_correlation(own, drawn)
    return grades


def of_patches(
    fine: Float[Tensor, "b height width"], *, sub_patches: int
) -> Float[Tensor, "b rows cols"]:
    """Sub-patches summed up to patches."""
    r = sub_patches
    return reduce(fine, "b (rows r1) (cols r2) -> b rows cols", "sum", r1=r, r2=r)
