"""Makes the TNT that tells pain from single frames, from the renderer and the pre-trained TNT.

    python data/make_spatial_pain_model.py          # some half an hour of two cores, seconds later

Relevance maps of the spatial module alone (paper IV-C) need one that has classes. The last four
blocks of `tnt-ti-synthface` learn anew, with a classifier on top; the first eight stay as they are,
so that what they make of each picture is computed once.

People are those of data/make_pain_model.py: thirty-six are learned from, twenty-four others are
tested on. The clips have twelve frames, which tell the same 5.52 seconds as thirty-five, so that
more clips can be drawn in the same time. Kill it whenever you like: the same command goes on from
the clips that it kept.

It writes painlab/assets/weights/tnt-ti-synthpain.safetensors, which holds the tensors that changed,
and data/results/spatial_pain_model.json, from which the card data/tnt_ti_synthpain.md has its
figures.
"""

import argparse
import json
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from einops import pack, repeat
from torch import Tensor
from tqdm import tqdm

from painlab.datasets.synthpain.dataset import SynthPain
from painlab.errors import PainLabError
from painlab.framework import FACES, PAIN_OF_FRAMES, TNT, load_model, model_digest
from painlab.training.aligned_clips import AlignedClips
from painlab.training.distort import recolour
from painlab.training.metrics import classification_metrics, metric_intervals
from painlab.training.noise import generator_of, seed_of
from painlab.training.provenance import painlab_commit, write_result
from painlab.training.recipe import (
    average_weights,
    keep_at,
    make_optimizer,
    set_learning_rate,
)
from painlab.video import frames_to_tensor
from painlab.weights import ASSETS, in_half, write_weights

ROOT = Path(__file__).resolve().parents[1]
TRAINED_ON = (
    "single frames of rendered faces (SynthPain), of people who do not exist and whose pain was "
    "drawn by a rule; it has never seen a person in pain"
)


class Setting(NamedTuple):
    """All that decides the weights; the small one is for tests."""

    people: int = 60
    learned_from: int = 36  # the first so many of them
    per_level: int = 8  # clips of each level to learn from; of the test, half as many
    frames: int = 12
    frozen: int = 8  # blocks
    views: int = 3  # of each picture: as it is, then recoloured; every second is mirrored
    epochs: int = 6
    batch: int = 32
    learning_rate: float = 3e-4
    weight_decay: float = 0.1  # Table I
    label_smoothing: float = 0.1  # Table I
    averaging: float = 0.99  # of the weights, from step to step
    visible_from: float = 0.1  # intensity; clips whose peak is below teach nothing of pain
    seed: int = 0


class Pictures(NamedTuple):
    """Frames of clips, and what is known of each."""

    images: Tensor  # n height width c, uint8
    pain: np.ndarray  # whether the face shows pain
    level: np.ndarray  # of the clip
    before: np.ndarray  # before pain began, in a clip of pain
    person: np.ndarray  # names


def main(arguments: list[str] | None = None, setting: Setting | None = None) -> int:
    """Clips, training, test, weights; the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, default=ROOT / "_build" / "spatial-pain-model")
    parser.add_argument("--output", type=Path, default=ASSETS / "weights")
    parser.add_argument("--results", type=Path, default=ROOT / "data" / "results")
    options, setting = parser.parse_args(arguments), setting or Setting()
    begin = time.perf_counter()
    try:
        for folder in (options.output, options.results):
            if not folder.is_dir():
                raise PainLabError(f"{folder} is no folder: make it, or give another one.")
        data = SynthPain(
            subjects=setting.people, per_level=setting.per_level, frames=setting.frames
        )
        base = load_model(FACES)
        clips = AlignedClips(
            options.work / "aligned", data, model=base, aligner="truth", frames=setting.frames
        )
        learned, tested = (pictures(data, clips, setting, learned=which) for which in (True, False))
        tnt, loss = train(base, learned, setting)
        figures = test(tnt, tested, data) | {
            "last_loss": loss,
            "learned_from": {
                "pain": int(learned.pain.sum()),
                "no pain": int((~learned.pain).sum()),
            },
        }
        seconds = time.perf_counter() - begin
        config = setting._asdict() | {"base": FACES}
        write_result(
            options.results / "spatial_pain_model.json", figures, config=config, seconds=seconds
        )
        path = write(options.output / f"{PAIN_OF_FRAMES}.safetensors", tnt, base, config)
    except PainLabError as error:
        print(f"make_spatial_pain_model: {error}", file=sys.stderr)
        return 1
    print(json.dumps(figures, indent=1))
    print(f"written: {path}")
    return 0


def pictures(data: SynthPain, clips: AlignedClips, setting: Setting, *, learned: bool) -> Pictures:
    """Some frames of all clips of the people learned from, or of the others.

    Pain is learned from levels 3 and 4 of the faces that show it at all; all are tested on.
    """
    most, seen = (3, setting.visible_from) if learned else (2, 0.0)
    levels = (0, 3, 4) if learned else range(5)
    per_level = setting.per_level if learned else setting.per_level // 2
    rows = []
    chosen = [
        sample for sample in data
        if (data.key(sample).subject < setting.learned_from) == learned
        and sample.level in levels and data.key(sample).trial < per_level
    ]  # fmt: skip
    for sample in tqdm(chosen, unit="clip", dynamic_ncols=True):
        frames, _ = clips(sample)
        pain, calm = frames_of(data.motion(sample).intensity, most=most, seen=seen)
        for number in [*pain, *calm]:
            before = sample.level > 0 and number in calm
            # a copy, lest the whole clip stays for the sake of a frame
            image = torch.from_numpy(frames[number].copy())
            rows.append((image, number in pain, sample.level, before, sample.subject))
    images, *told = zip(*rows, strict=True)
    return Pictures(torch.stack(images), *map(np.array, told))


def frames_of(intensity: np.ndarray, *, most: int, seen: float) -> tuple[list[int], list[int]]:
    """Numbers of frames of a clip that show pain, and of such that show none.

    Pain is an intensity of at least half the clip's peak; there are up to so many of these frames,
    and none where the peak is not above ``seen``. None is shown before the pain begins: one frame
    in the middle of that time, and two of a clip in which no pain ever is.
    """
    peak = intensity.max()
    if peak == 0:
        return [], spread(np.arange(len(intensity)), 2)
    pain = np.flatnonzero(intensity >= peak / 2) if peak > seen else np.array([], int)
    return spread(pain, most), spread(np.flatnonzero(intensity.cumsum() == 0), 1)


def spread(numbers: np.ndarray, most: int) -> list[int]:
    """Up to so many of some numbers, far from each other and from both ends."""
    places = np.linspace(0, len(numbers) - 1, most + 2)[1:-1].round().astype(int)
    return numbers[np.unique(places)].tolist() if len(numbers) else []


@torch.no_grad()
def first_blocks(tnt: TNT, images: Tensor, frozen: int) -> tuple[Tensor, Tensor]:
    """Both streams, (b n m e) and (b 1+n d), after so many blocks."""
    y = tnt.stem(images) + tnt.sub_patch_position
    token = repeat(tnt.class_token, "d -> b 1 d", b=len(images))
    z, _ = pack([token, tnt.to_patch(y)], "b * d")
    z = z + tnt.patch_position
    for block in tnt.blocks[:frozen]:
        y, z = block(y, z)
    return y, z


def last_blocks(tnt: TNT, y: Tensor, z: Tensor, frozen: int) -> Tensor:
    """Logits (b y) of both streams."""
    for block in tnt.blocks[frozen:]:
        y, z = block(y, z)
    return tnt.classifier(tnt.norm(z[:, 0]))


def view_of(images: Tensor, number: int, rng: np.random.Generator) -> Tensor:
    """Pictures (b c height width) in -1..1 from frames: mirrored, or in other light and colours."""
    images = frames_to_tensor(images)
    images = images.flip(-1) if number % 2 else images
    return 2 * recolour((images + 1) / 2, rng) - 1 if number else images


def train(base: TNT, learned: Pictures, setting: Setting) -> tuple[TNT, float]:
    """The TNT with its last blocks learned anew and rounded as the file has it, and its loss."""
    torch.manual_seed(seed_of(setting.seed, "classifier") % 2**63)
    tnt = TNT(replace(base.config, classes=2))
    tnt.load_state_dict(base.state_dict(), strict=False)  # all but the classifier
    tnt.eval().requires_grad_(False)
    for part in (*tnt.blocks[setting.frozen :], tnt.norm, tnt.classifier):
        part.requires_grad_(True)
    count, parts = len(learned.images), []
    bar = tqdm(total=setting.views * count, unit="picture", dynamic_ncols=True)
    for view in range(setting.views):
        rng = np.random.default_rng((setting.seed, view))
        for some in learned.images.split(setting.batch):
            halves = first_blocks(tnt, view_of(some, view, rng), setting.frozen)
            parts.append([stream.half() for stream in halves])
            bar.update(len(some))
    bar.close()
    y, z = (torch.cat(stream) for stream in zip(*parts, strict=True))  # views n, one after another
    labels = torch.from_numpy(learned.pain).long()
    weight = count / (2 * labels.bincount(minlength=2))
    optimizer = make_optimizer(
        tnt, learning_rate=setting.learning_rate, weight_decay=setting.weight_decay
    )
    averaged = TNT(tnt.config).eval()
    averaged.load_state_dict(tnt.state_dict())
    per_epoch, losses = count // setting.batch, []
    steps = setting.epochs * per_epoch
    with tqdm(range(steps), unit="step", dynamic_ncols=True) as bar:
        for step in bar:
            epoch, place = divmod(step, per_epoch)
            generator = generator_of(setting.seed, "order", epoch)
            rows = torch.randperm(count, generator=generator)[place * setting.batch :]
            rows = rows[: setting.batch]
            drawn = generator_of(setting.seed, "view", step)
            view = torch.randint(setting.views, rows.shape, generator=drawn)
            torch.manual_seed(seed_of(setting.seed, "dropped paths", step) % 2**63)
            set_learning_rate(
                optimizer, step, steps=steps, warm_up=min(per_epoch, steps // 10) or 1,
                highest=setting.learning_rate,
            )  # fmt: skip
            tnt.train()
            chosen = view * count + rows
            logits = last_blocks(tnt, y[chosen].float(), z[chosen].float(), setting.frozen)
            loss = F.cross_entropy(
                logits, labels[rows], weight=weight, label_smoothing=setting.label_smoothing
            )
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            average_weights(averaged, tnt, keep=keep_at(step, averaging=setting.averaging))
            losses = [*losses, loss.item()][-per_epoch:]
            bar.set_postfix(loss=f"{np.mean(losses):.3f}")
    rounded = {name: t.half().float() for name, t in averaged.state_dict().items()}
    averaged.load_state_dict(rounded)
    return averaged.requires_grad_(True), float(np.mean(losses))


@torch.inference_mode()
def judge(tnt: TNT, images: Tensor) -> np.ndarray:
    """The probability of pain of each picture."""
    parts = tqdm(images.split(16), unit="batch", dynamic_ncols=True)
    return torch.cat([tnt(frames_to_tensor(part)).softmax(1)[:, 1] for part in parts]).numpy()


def scores(tested: Pictures, pain: np.ndarray, keep: np.ndarray) -> dict:
    """Accuracy and the rest of some pictures, at a threshold of a half."""
    true, said = tested.pain[keep].astype(int), (pain[keep] > 0.5).astype(int)
    people = tested.person[keep]
    told = {"frames": int(keep.sum()), "of pain": int(true.sum()), "people": len(set(people))}
    told |= classification_metrics(true, said, classes=2)
    if told["people"] > 1:
        told["interval"] = metric_intervals(true, said, people, classes=2)["accuracy"]
    return told


def test(tnt: TNT, tested: Pictures, data: SynthPain) -> dict:
    """By level and by how much people show, all of people not learned from."""
    pain = judge(tnt, tested.images)
    first = np.flatnonzero(tested.level == 0)[::2]  # one a clip, as many as of other clips
    rest = np.isin(np.arange(len(pain)), first)
    strong = np.isin(tested.level, (0, 3, 4))
    subjects = {s.name: s for s in map(data.subject, data)}
    quiet_first = sorted(set(tested.person), key=lambda name: subjects[name].expressiveness)
    quarters = np.array_split(np.array(quiet_first), 4)
    shown = np.array([subjects[name].sex == "w" for name in tested.person])
    groups = {"women": shown, "men": ~shown}
    for name, people in zip(("quietest", "second", "third", "liveliest"), quarters, strict=True):
        groups[f"{name} quarter"] = np.isin(tested.person, people)
    groups["all but the quietest quarter"] = ~groups["quietest quarter"]
    kinds = {"no pain (level 0)": tested.level == 0, "before onset": tested.before}
    kinds |= {f"apex of level {n}": tested.pain & (tested.level == n) for n in range(1, 5)}
    return {
        "strong": scores(tested, pain, strong),
        "by_level": {str(n): scores(tested, pain, (tested.level == n) | rest) for n in range(1, 5)},
        "by_group": {name: scores(tested, pain, strong & of) for name, of in groups.items()},
        "mean_probability": {name: float(pain[of].mean()) for name, of in kinds.items()},
    }


def write(path: Path, tnt: TNT, base: TNT, config: dict) -> Path:
    """What differs from the base, in half precision."""
    below = base.state_dict()
    changed = {
        name: tensor for name, tensor in tnt.state_dict().items()
        if name not in below or not torch.equal(tensor, below[name])
    }  # fmt: skip
    about = {
        "name": PAIN_OF_FRAMES,
        "licence": "CC0-1.0",
        "trained_on": TRAINED_ON,
        "classes": json.dumps(["no pain", "pain"]),
        "base": FACES,
        "base_digest": model_digest(base),
        "aligner": json.dumps({"landmarks": "truth"}),
        "made_by": "data/make_spatial_pain_model.py",
        "commit": painlab_commit(),
        "date": datetime.now(UTC).date().isoformat(),
        "settings": json.dumps(config),
    }
    return write_weights(path, in_half(changed), config=tnt.config, about=about)


if __name__ == "__main__":
    sys.exit(main())
