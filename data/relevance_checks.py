"""Grades that need no other method: what the sum of relevance comes to, and several untrained nets.

For data/make_relevance_results.py, whose `Kept` keeps what takes long.
"""

import numpy as np
import torch
from torch import Tensor

from painlab.explain.against_truth import moved_share
from painlab.explain.conservation import (
    shares_below_blocks,
    shares_below_latents,
    sums_between_blocks,
)
from painlab.explain.grading import draw_maps, of_patches
from painlab.explain.maps import upsampled
from painlab.explain.over_people import mean_over_people
from painlab.explain.randomise import randomised, rank_correlation

CLASSES = {"pain": 1, "no pain": 0}
BARS = {"float32": 1e-4, "bfloat16": 0.05}  # of what may be lost of the sum, set beforehand
DRAWS = (1, 2, 3, 4, 5)  # seeds of untrained weights; the first is that of all other grades
AT_ONCE = 6  # pictures


def book_keeping(kept, tnt, images: Tensor, temporal, features: Tensor) -> dict:
    """How far the sum between blocks is from 1, and what part goes to learned parameters."""
    found = {"pictures": len(images), "bars": BARS, "between blocks": {}}
    models = {"float32": tnt, "bfloat16": type(tnt)(tnt.config).eval()}
    models["bfloat16"].load_state_dict(tnt.state_dict())
    for precision, model in models.items():
        model = model.to(getattr(torch, precision))
        parts = images.to(getattr(torch, precision)).split(AT_ONCE)
        of_class = found["between blocks"][precision] = {}
        for name, target in CLASSES.items():

            def add_up(model=model, parts=parts, target=target):
                sums = [sums_between_blocks(model, part, target=target) for part in parts]
                return {"sums": torch.cat(sums, dim=1).numpy()}

            sums = kept.get(f"sums {precision} {name}", add_up)["sums"]
            lost = np.abs(sums - 1).max(0)  # of each picture, at the block where it is most
            of_class[name] = {
                "worst": float(lost.max()),
                "median": float(np.median(lost)),
                "pictures over the bar": int((lost > BARS[precision]).sum()),
            }

    def below():
        parts = [shares_below_blocks(tnt, part, target=1) for part in images.split(AT_ONCE)]
        return {key: torch.cat([part[key] for part in parts]).numpy() for key in parts[0]}

    found["below the blocks"] = _spread(kept.get("shares below blocks", below))
    in_time = shares_below_latents(temporal, features, target=1)
    found["below the latents"] = _spread({key: x.numpy() for key, x in in_time.items()})
    return found


def _spread(shares: dict[str, np.ndarray]) -> dict:
    return {
        name: {"mean": float(x.mean()), "least": float(x.min()), "most": float(x.max())}
        for name, x in shares.items()
    }


def several_draws(kept, tnt, clips, maps: dict[str, Tensor], *, sub_patches: int) -> dict:
    """Chefer's maps against those of several untrained models, on a picture of each person."""
    few = np.unique(clips.people, return_index=True)[1]
    people = [clips.people[i] for i in few]
    moved, own = clips.moved[few], maps["chefer"][few]
    shares, agreement = [], []
    for seed in DRAWS:

        def draw(seed=seed):
            other = randomised(tnt, seed=seed)
            drawn, _ = draw_maps(other, clips.images[few], target=1, method="chefer")
            return {"maps": drawn.numpy()}

        drawn = maps["untrained"][few]
        if seed != DRAWS[0]:
            drawn = torch.from_numpy(kept.get(f"map untrained {seed}", draw)["maps"])
        shares.append(_share(drawn, moved))
        pair = (of_patches(x, sub_patches=sub_patches) for x in (own, drawn))
        agreement.append(rank_correlation(*pair))
    share, by_chance = _share(own, moved), moved.float().mean((-2, -1)).numpy().astype(float)
    mean_share = np.mean(shares, axis=0)
    return {
        "seeds": DRAWS,
        "pictures": len(few),
        "chefer over untrained": {
            "mean": _figure(share, people, against=mean_share),
            "of each draw": [float(share.mean() / one.mean()) for one in shares],
        },
        "untrained, times chance": {
            "mean": _figure(mean_share, people, against=by_chance),
            "of each draw": [float(one.mean() / by_chance.mean()) for one in shares],
        },
        "rank correlation": {
            "mean": _figure(np.mean(agreement, axis=0), people),
            "of each draw": [float(one.mean()) for one in agreement],
        },
    }


def _share(maps: Tensor, moved: Tensor) -> np.ndarray:
    return moved_share(upsampled(maps, moved.shape[-1]), moved).numpy().astype(float)


def _figure(grades: np.ndarray, people: list[str], **how) -> dict:
    one = mean_over_people(grades, people, **how)
    return {"value": one.value, "interval": [one.low, one.high]}
