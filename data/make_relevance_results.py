"""Grades relevance maps by every method, where what is true is known: on SynthPain.

    python data/make_relevance_results.py           # half an hour of one core

Kill it whenever you like: the same command goes on from the pieces that it kept.

Space is graded on the TNT that tells pain from single frames, on the strongest frames of clips of
level 4 of the twenty-four people whom neither it nor the pain model has met; time on the pain
model, on the same clips. Clips in which hardly anything can be seen are left out: on them there is
no truth to be found. It is always the class pain that is explained.

It writes data/results/relevance.json.
"""

import argparse
import hashlib
import json
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from einops import rearrange
from relevance_checks import DRAWS, book_keeping, several_draws
from torch import Tensor
from tqdm import tqdm

from painlab.config import config_to_dict
from painlab.datasets.synthpain.dataset import SynthPain
from painlab.errors import PainLabError
from painlab.explain import METHODS, relevance
from painlab.explain.against_truth import temporal_share
from painlab.explain.aligned_truth import aligned_truth
from painlab.explain.grading import (
    draw_maps,
    grade_randomisation,
    grade_removal,
    grade_truth,
    mean_of_others,
)
from painlab.explain.over_people import Figure, mean_over_people
from painlab.explain.randomise import randomised, rank_correlation, stages
from painlab.explain.rivals import ATTENTION_METHODS, random_map
from painlab.explain.strength import change_of, shares_by_strength, truth_map
from painlab.explain.temporal_maps import relevance_of_frames
from painlab.framework import PAIN_OF_FRAMES, framework_of_pain, model_digest, tnt_of_pain
from painlab.training.provenance import write_result
from painlab.video import frames_to_tensor

ROOT = Path(__file__).resolve().parents[1]
PAIN, LEVEL = 1, 4  # the class explained, the level of the clips


class Plan(NamedTuple):
    """What is graded on what; the first four are of data/make_pain_model.py."""

    people: int = 60
    learned_from: int = 36
    per_level: int = 4
    frames: int = 35
    clips: int = 2  # of a person
    visible: float = 0.1  # a clip's greatest true intensity, below which it is left out
    steps: int = 7  # of deletion and insertion
    gradient_steps: int = 16  # of integrated gradients
    cascaded: int = 12  # pictures
    # clips, each of another person, for the gradients of pixels through the whole framework
    gradient_in_time: int = 12
    integrated_in_time: int = 6
    integrated_steps: int = 4


class Kept:
    """Arrays that were made once, in a folder; a bar tells of each."""

    def __init__(self, folder: Path, *, pieces: int):
        self.folder = folder
        self.seconds = 0.0  # that all pieces took, whenever they were made
        self.bar = tqdm(total=pieces, unit="piece", dynamic_ncols=True)

    def get(self, name: str, make) -> dict[str, np.ndarray]:
        """The arrays of that name: read, or made and kept."""
        self.bar.set_postfix_str(name)
        path = self.folder / f"{name.replace(' ', '-').replace(',', '')}.npz"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_suffix(".part")
            begin = time.perf_counter()
            arrays = make()
            arrays["seconds it took"] = np.array(time.perf_counter() - begin)
            with open(part, "wb") as file:
                np.savez(file, **arrays)
            part.replace(path)
        self.bar.update()
        with np.load(path) as file:
            arrays = {key: file[key] for key in file.files}
        self.seconds += float(arrays.pop("seconds it took"))
        return arrays


def main(arguments: list[str] | None = None, *, plan: Plan | None = None) -> int:
    """All grades, then the file; the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, default=ROOT / "_build" / "relevance")
    parser.add_argument("--results", type=Path, default=ROOT / "data" / "results")
    parser.add_argument("--spatial", default=PAIN_OF_FRAMES, help="weights of a TNT with classes")
    parser.add_argument("--slow", action="store_true", help="do not compile: in float32, no C++")
    options = parser.parse_args(arguments)
    plan = plan or Plan()
    try:
        tnt, framework = tnt_of_pain(options.spatial), framework_of_pain()
        told = json.dumps([plan, model_digest(tnt), model_digest(framework), options.slow])
        folder = options.work / hashlib.sha256(told.encode()).hexdigest()[:12]
        kept = Kept(folder, pieces=5 * len(METHODS) + 26 + len(DRAWS))
        clips = draw_clips(plan, kept)
        quick = tnt if options.slow else in_half_precision(tnt_of_pain(options.spatial))
        figures = {
            "pictures": about_pictures(tnt, clips),
            **grade_space(plan, kept, tnt, quick, clips),
        }
        features = encoded(plan, kept, framework, clips)
        figures["book-keeping"] = book_keeping(
            kept, tnt, clips.images, framework.temporal, features
        )
        figures["time"] = grade_time(plan, kept, framework, clips, features)
        kept.bar.close()
    except PainLabError as error:
        print(f"make_relevance_results: {error}", file=sys.stderr)
        return 1
    config = plan._asdict() | {
        "level": LEVEL, "explained": "pain", "spatial": model_digest(tnt),
        "temporal": model_digest(framework), "tnt": config_to_dict(tnt.config),
        "curves_in": "float32" if options.slow else "bfloat16", "draws": DRAWS,
    }  # fmt: skip
    path = options.results / "relevance.json"
    write_result(path, figures, config=config, seconds=kept.seconds)
    print(f"written: {path}")
    return 0


def in_half_precision(tnt):
    """The same network in bfloat16, compiled: three times as fast, for the thousands of curves."""
    tnt = tnt.bfloat16()
    tnt.compile()
    return tnt


class Clips(NamedTuple):
    """Clips in which pain can be seen, and of each the frame of its greatest intensity."""

    faces: Tensor  # (b k size size c) uint8
    images: Tensor  # (b c height width) in [-1, 1]: the strongest frame
    calm: Tensor  # (b c height width), had there been no pain
    moved: Tensor  # (b height width)
    change: Tensor  # (b height width), in grey levels
    intensity: Tensor  # (b k)
    people: list[str]
    names: list[str]
    unseen: list[str]  # people of whom no clip shows enough


def draw_clips(plan: Plan, kept: Kept) -> Clips:
    """The first clips of each unmet person in which pain can be seen."""
    data = SynthPain(subjects=plan.people, per_level=plan.per_level, frames=plan.frames)
    unmet = [s for s in data if s.level == LEVEL and data.subject(s).index >= plan.learned_from]
    people = {}
    for sample in unmet:
        shown = people.setdefault(sample.subject, [])
        if data.motion(sample).intensity.max() >= plan.visible and len(shown) < plan.clips:
            shown.append(sample)
    samples = [sample for shown in people.values() for sample in shown]

    def draw():
        found = {"faces": [], "calm": [], "moved": [], "intensity": []}
        for sample in tqdm(samples, unit="clip", leave=False, dynamic_ncols=True):
            truth = aligned_truth(data, sample)
            strongest = int(truth.intensity.argmax())
            found["faces"].append(truth.faces.numpy())
            found["calm"].append(truth.calm[strongest].numpy())
            found["moved"].append(truth.moved[strongest].numpy())
            found["intensity"].append(truth.intensity)
        return {name: np.stack(arrays) for name, arrays in found.items()}

    arrays = {name: torch.from_numpy(a) for name, a in kept.get("clips", draw).items()}
    strongest = arrays["intensity"].argmax(1)
    pictures = arrays["faces"][torch.arange(len(samples)), strongest]
    return Clips(
        arrays["faces"],
        frames_to_tensor(pictures),
        frames_to_tensor(arrays["calm"]),
        arrays["moved"],
        change_of(pictures, arrays["calm"]),
        arrays["intensity"],
        [sample.subject for sample in samples],
        [sample.sample_name for sample in samples],
        [name for name, shown in people.items() if not shown],
    )


def figure(*grades, **how) -> dict:
    """What is told of grades, as the file has it."""
    return as_told(mean_over_people(*grades, **how))


def as_told(one: Figure) -> dict:
    """A figure, as the file has it."""
    return {"value": one.value, "interval": [one.low, one.high]}


@torch.no_grad()
def about_pictures(tnt, clips: Clips) -> dict:
    """What is graded on, and what the model says of it."""
    said = {"with pain": clips.images, "the same without": clips.calm}
    pain = {name: tnt(images).softmax(1)[:, PAIN] for name, images in said.items()}
    return {
        "clips": len(clips.names),
        "people": len(set(clips.people)),
        "people who show too little": len(clips.unseen),
        "names": clips.names,
        "intensity": float(clips.intensity.amax(1).mean()),
        "probability of pain": {name: float(p.mean()) for name, p in pain.items()},
        "share called pain": {name: float((p > 0.5).float().mean()) for name, p in pain.items()},
    }


def grade_space(plan: Plan, kept: Kept, tnt, quick, clips: Clips) -> dict:
    """Every method, three maps that no method made, and what they are to each other."""
    images, people = clips.images, clips.people
    r = tnt.config.patch_size // tnt.config.sub_patch_size

    def map_of(model, method):
        def make():
            how = {"steps": plan.gradient_steps}
            maps, seconds = draw_maps(model, images, target=PAIN, method=method, **how)
            return {"maps": maps.numpy(), "seconds": np.array(seconds)}

        return make

    maps, seconds = {}, {}
    for method in METHODS:
        drawn = kept.get(f"map {method}", map_of(tnt, method))
        maps[method], seconds[method] = torch.from_numpy(drawn["maps"]), float(drawn["seconds"])
    born = kept.get("map untrained", map_of(randomised(tnt, seed=1), "chefer"))["maps"]
    maps["untrained"] = torch.from_numpy(born)
    maps["mean map"] = mean_of_others(maps["chefer"], people)
    rows = len(maps["chefer"][0])
    maps["truth"] = truth_map(clips.moved, rows=rows)

    grades, curves = {}, {}
    fills = {"no pain": clips.calm, "blur": "blur", "grey": "grey"}
    for name, own in maps.items():
        grades[name] = grade_truth(own, clips.moved, sub_patches=r)
        for fill, instead in fills.items():

            def remove(own=own, fill=fill, instead=instead):
                areas, means = grade_removal(
                    quick, images, own, target=PAIN, fills={fill: instead}, sub_patches=r,
                    steps=plan.steps, at_once=36,
                )  # fmt: skip
                return areas | {f"curve {key}": np.array(mean) for key, mean in means.items()}

            areas = kept.get(f"removal {name} {fill}", remove)
            found = {key: a.tolist() for key, a in areas.items() if key.startswith("curve ")}
            curves.setdefault(name, {}).update(
                {k.removeprefix("curve "): v for k, v in found.items()}
            )
            grades[name] |= {key: a for key, a in areas.items() if key not in found}
    for method in METHODS:
        few = slice(None, None, 4 if method == "integrated-gradients" else 1)
        told = lambda method=method, few=few: grade_randomisation(  # noqa: E731
            tnt, images[few], maps[method][few], target=PAIN, method=method, sub_patches=r,
            seed=1, steps=plan.gradient_steps,
        )  # fmt: skip
        grades[method]["randomisation"] = kept.get(f"randomisation {method}", told)["all"]

    chance = {"moved share": "moved by chance", "pointing": "moved by chance"}
    chance |= {
        "moved share of patches": "moved by chance",
        "pointing, tolerant": "tolerant by chance",
    }
    methods = {}
    for name, own in grades.items():
        whose = {key: people[::4] if len(g) < len(people) else people for key, g in own.items()}
        methods[name] = {key: figure(g, whose[key]) for key, g in own.items()}
        for key, by_chance in chance.items():
            methods[name][f"{key}, times chance"] = figure(own[key], people, against=own[by_chance])
        methods[name]["seconds a map"] = seconds.get(name)
    samples = {name: len(g["randomisation"]) for name, g in grades.items() if name in METHODS}
    return {
        "methods": methods,
        "samples": {"pictures": len(people), "randomisation": samples, "cascade": plan.cascaded},
        "drawn anew": several_draws(kept, tnt, clips, maps, sub_patches=r),
        "chefer against": compared(grades, people),
        "curves": {"shares": np.linspace(0, 1, plan.steps + 1).tolist(), "methods": curves},
        "by strength": by_strength(maps, clips),
        "cascade": cascade(plan, kept, tnt, clips, maps["chefer"], r),
    }


def by_strength(maps: dict, clips: Clips) -> dict:
    """Shares where pain moved the picture by so many grey levels, and the greatest possible."""
    made = {name: maps[name] for name in (*METHODS, "untrained")}
    told = shares_by_strength(made, clips.change, clips.people)
    return {
        str(level): {
            key: {name: as_told(one) for name, one in part.items()} for key, part in parts.items()
        }
        for level, parts in told.items()
    }


def compared(grades: dict, people: list[str]) -> dict:
    """Paired: how many times the others' share chefer's is, and how much better its areas are."""
    own, found = grades["chefer"], {}
    for name, other in grades.items():
        if name == "chefer":
            continue
        found[name] = {
            f"{key}, times": figure(own[key], people, against=other[key])
            for key in ("moved share", "moved share of patches")
        } | {
            f"{key}, difference": figure(own[key] - other[key], people)
            for key in own
            if key.startswith(("deletion", "insertion"))
        }
    return found


def cascade(plan: Plan, kept: Kept, tnt, clips: Clips, maps: Tensor, r: int) -> dict:
    """Rank correlation of chefer's maps with weights drawn anew from the top down, on some."""
    names = [name for name, _ in stages(tnt)]
    chosen = [names[0], *names[1:-1:2], names[-1]]
    few = np.linspace(0, len(clips.people) - 1, plan.cascaded).round().astype(int)
    people = [clips.people[i] for i in few]
    found = {}
    for stage in chosen:
        told = lambda stage=stage: grade_randomisation(  # noqa: E731
            tnt, clips.images[few], maps[few], target=PAIN, method="chefer", down_to=[stage],
            sub_patches=r, seed=1,
        )  # fmt: skip
        found[stage] = figure(kept.get(f"cascade {stage}", told)[f"down to {stage}"], people)
    return found


def encoded(plan: Plan, kept: Kept, framework, clips: Clips) -> Tensor:
    """The features of all frames, as the framework makes them."""
    inputs = rearrange(clips.faces, "b k height width c -> (b k) height width c")

    @torch.no_grad()
    def encode():
        parts = [framework.spatial(frames_to_tensor(part)).numpy() for part in inputs.split(35)]
        return {"features": np.concatenate(parts).reshape(len(clips.faces), plan.frames, -1)}

    return torch.from_numpy(kept.get("features", encode)["features"])


def grade_time(plan: Plan, kept: Kept, framework, clips: Clips, features: Tensor) -> dict:
    """The share of relevance on frames above half of the peak, through the whole framework."""
    with torch.no_grad():
        pain = framework.temporal(features).softmax(1)[:, PAIN]
    targets = torch.full((len(features),), PAIN)
    own = {m: relevance_of_frames(framework.temporal, features, targets, method=m)
           for m in ATTENTION_METHODS}  # fmt: skip
    shape = (*clips.intensity.shape, 56, 56)
    own["random"] = random_map(shape, like=features, seed=0).sum((-2, -1))
    places = {name: np.arange(len(features)) for name in own}
    first = np.unique(clips.people, return_index=True)[1]
    for method, few in (
        ("gradient-input", first[: plan.gradient_in_time]),
        ("integrated-gradients", first[: plan.integrated_in_time]),
    ):

        def through_all(method=method, few=few):
            faces = [frames_to_tensor(clips.faces[i])[None] for i in few]
            how = {"target": PAIN, "method": method, "steps": plan.integrated_steps}
            found = [relevance(framework, clip, **how).temporal for clip in faces]
            return {"temporal": torch.cat(found).numpy()}

        own[method] = torch.from_numpy(kept.get(f"time {method}", through_all)["temporal"])
        places[method] = few
    methods, against = {}, {}
    chefer = temporal_share(own["chefer"], clips.intensity)[0].numpy().astype(float)
    for name, temporal in own.items():
        both = temporal_share(temporal, clips.intensity[places[name]])
        share, span = (x.numpy().astype(float) for x in both)
        who = [clips.people[i] for i in places[name]]
        methods[name] = {
            "clips": len(who),
            "share": figure(share, who),
            "span": figure(span, who),
            "difference": figure(share - span, who),
            "times chance": figure(share, who, against=span),
        }
        if name != "chefer":  # on the same clips
            against[name] = {
                "clips": len(who),
                "share, difference": figure(chefer[places[name]] - share, who),
            }
    other = randomised(framework.temporal, seed=1)
    for name in ATTENTION_METHODS:
        anew = relevance_of_frames(other, features, targets, method=name)
        methods[name]["randomisation"] = figure(rank_correlation(own[name], anew), clips.people)
    return {"probability of pain": figure(pain.numpy().astype(float), clips.people),
            "methods": methods, "chefer against": against}  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
