"""Makes Tables II and III on SynthPain, from nothing: pictures, features, all folds, the tables.

    python data/make_results.py                      # small: what two cores do in half an hour
    python data/make_results.py --preset full        # BioVid's size: what `make gpu` runs
    python data/make_results.py --preset full --task NP-P4     # one task, from its own clips alone
    python data/make_results.py --seconds 540        # a step of at most so long; see below

Kill it whenever you like: the same command goes on from the features and the checkpoints that it
kept last, and ends with the same numbers. With --seconds it stops by itself when the time is up,
where nothing is lost, with exit status 75: the same command goes on until the status is 0.

It writes data/results/loso_PRESET.json after each task, so that what is there was run, were it not
all of it.
"""

import argparse
import json
import sys
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import torch

from painlab.config import TemporalConfig, TNTConfig, TrainingConfig
from painlab.datasets.synthpain.dataset import SynthPain
from painlab.datasets.synthpain.oracle import oracle_of
from painlab.datasets.synthpain.settings import PRESETS, Settings, programs_digest
from painlab.datasets.tasks import TASKS
from painlab.devices import choose_device
from painlab.figures.results import read_result
from painlab.framework import FACES, load_model
from painlab.spatial.tnt import TNT
from painlab.temporal.transformer import TemporalTransformer
from painlab.training.clip_faces import aligned_faces
from painlab.training.clock import Clock, status_of
from painlab.training.embeddings import mean_colour, small_pixels, untrained
from painlab.training.features import extract_features
from painlab.training.loso import gather, plan_run, train_groups
from painlab.training.provenance import write_result
from painlab.training.results import LosoResult, difference
from painlab.training.shards import clip_with_source, shards_of
from painlab.training.store import FeatureStore

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Plan:
    """What is rendered, how the temporal module is trained on it, and what is compared."""

    data: Settings
    training: TrainingConfig = field(default_factory=TrainingConfig.paper)
    temporal: TemporalConfig = field(default_factory=TemporalConfig)
    spatial: TNTConfig | None = None  # None: the weights that come with painlab
    strides: tuple[int, ...] = (1, 2, 3, 4)
    tasks: tuple[str, ...] = tuple(TASKS)
    # on the pre-trained features alone, but for these tasks
    compared: tuple[str, ...] = ("NP-P1", "NP-P4")
    oracle: bool = True  # of the same clips


QUICK = {"training": TrainingConfig.quick(), "temporal": TemporalConfig.quick()}
PLANS = {
    "tiny": Plan(
        data=PRESETS["tiny"],
        spatial=TNTConfig(image_size=32, dim=24, inner_dim=8, depth=1, inner_heads=2),
        training=TrainingConfig(epochs=3, warm_up_epochs=1, batch=4),
        temporal=TemporalConfig(frames=12, latents=2, latent_dim=8, heads=2, head_dim=4),
        compared=("NP-P4",),
    ),
    "small": Plan(data=PRESETS["small"], **QUICK),
    # the oracle of the full set takes 20 minutes: tests/benchmarks/bench_oracle.py has recorded it
    # and its clips have one view, so that nothing is augmented
    "full": Plan(
        data=PRESETS["full"],
        training=replace(TrainingConfig.paper(), augmentations=()),
        compared=(),
        oracle=False,
    ),
}


def main(arguments: list[str] | None = None) -> int:
    """Make the results of a preset; the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--preset", choices=sorted(PLANS), default="small")
    parser.add_argument("--work", type=Path, default=ROOT / "_build" / "results")
    parser.add_argument("--output", type=Path, help="a folder (default: data/results)")
    parser.add_argument("--device", help="a GPU where there is one, else the CPU")
    parser.add_argument("--seconds", type=float, help="stop by then, with exit status 75")
    parser.add_argument("--task", choices=tuple(TASKS), help="this one alone")
    parser.add_argument("--only", choices=("features", "table-ii", "table-iii", "compared"))
    options = parser.parse_args(arguments)
    if options.output is None:
        options.output = ROOT / "data" / "results" if options.preset != "tiny" else options.work
    options.work = options.work / options.preset
    options.work.mkdir(parents=True, exist_ok=True)
    options.clock = Clock(options.seconds)
    return status_of(lambda: make(options), program="make_results", folder=options.work)


def make(options) -> None:
    """Features, then Table II, then what is compared with it, then Table III."""
    options.device = choose_device(options.device)
    plan = PLANS[options.preset]
    if options.task:
        compared = tuple(task for task in plan.compared if task == options.task)
        plan = replace(plan, tasks=(options.task,), compared=compared)
    store = features(options, plan, "pre-trained")
    wanted = options.only
    if wanted in (None, "table-ii"):
        for task in plan.tasks:
            loso(options, plan, store, task)
            if plan.oracle and task not in there(options)[0].get("oracle", {}):
                add(options, "oracle", oracle_of(drawn(plan), task=TASKS[task]), task)
    if wanted in (None, "compared"):
        for task in plan.compared:
            loso(options, plan, store, task, name="permuted", permute=1)
        for name in ("untrained", "pixels", "colour") if plan.compared else ():
            other = features(options, plan, name)
            for task in plan.compared:
                loso(options, plan, other, task, name=name)
    if wanted in (None, "table-iii"):
        for stride in plan.strides:
            for task in plan.tasks:
                loso(options, plan, store, task, stride=stride)
            time_inference(options, plan, stride)


def features(options, plan: Plan, name: str) -> FeatureStore:
    """The store of a way to describe frames, made where it is not there yet."""
    data = drawn(plan)
    # what is compared needs no other clips
    tasks = plan.tasks if name == "pre-trained" else plan.compared
    levels = {level for task in tasks for level in TASKS[task].levels}
    data = data.only([sample for sample in data if sample.level in levels])
    told = f"-{options.task}" if options.task else ""
    begin, root = time.perf_counter(), options.work / f"features-{name}{told}"
    before = len(FeatureStore(root)) if root.exists() else 0
    try:
        if name not in ("pre-trained", "untrained"):
            return plain_features(options, data, root, name)
        tnt = spatial(plan)
        tnt = untrained(tnt, begun=True) if name == "untrained" else tnt
        return extract_features(
            tnt.to(options.device), data, root, aligner="truth", frames=plan.data.frames,
            progress=True, say=say, kept=options.clock.kept,
        )  # fmt: skip
    finally:
        if before < len(data):  # of making them, not of finding them made
            add(options, "seconds of features", time.perf_counter() - begin, name)


def drawn(plan: Plan) -> SynthPain:
    """The clips of a plan, which lie on no disk."""
    data = plan.data
    return SynthPain(subjects=data.subjects, per_level=data.per_level, frames=data.frames)


def spatial(plan: Plan) -> TNT:
    """The network that describes frames."""
    if plan.spatial is None:
        return load_model(FACES)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return TNT(plan.spatial).eval()


def plain_features(options, data: SynthPain, root: Path, name: str) -> FeatureStore:
    """What needs no network: 8 × 8 mean pixels (192 numbers, as many as TNT's), or one colour."""
    store = FeatureStore.begin(root, {"model": name, "aligner": {"landmarks": "truth"}})
    programs = programs_digest()
    for shard, part in shards_of(data):
        clips = [clip_with_source(data, sample, programs=programs) for sample in part]
        if store.holds(shard, clips):
            continue
        made = []
        for sample in part:
            images, _ = aligned_faces(
                data, sample, "truth", size=224, stride=1, frames=data.settings.frames,
                device=torch.device("cpu"),
            )  # fmt: skip
            images = images.numpy()
            values = mean_colour(images) if name == "colour" else small_pixels(images, size=8)
            made.append(torch.from_numpy(values).float()[None] / 127.5 - 1)  # v k d
        found = torch.ones(len(made), data.settings.frames, dtype=torch.bool)
        store.put(shard, clips, features=torch.stack(made), found=found)
        options.clock.kept()
    return store


def loso(
    options, plan: Plan, store: FeatureStore, task: str, *, name: str = "pre-trained",
    stride: int = 1, permute: int | None = None,
) -> LosoResult:  # fmt: skip
    """A run to its end, or on from where it was."""
    folder = folder_of(options, name, task, stride)
    run = plan_run(
        store, task=task, out=folder, config=plan.training, temporal=plan.temporal,
        stride=stride, permute=permute, device=options.device, say=say,
    )  # fmt: skip
    train_groups(
        run, device=options.device, progress=True, checkpoint_seconds=30, kept=options.clock.kept
    )
    result = gather(run)
    if not (folder / "result.json").exists():
        say(f"{name}, {result.logits.shape} at stride {stride}\n{result.report()}\n")
    result.save(folder / "result.json")
    add(options, "loso", told(result), name, f"stride {stride}", task)
    if (name, stride) == ("pre-trained", 1):
        add(options, "answers", answers(result), task)
    compare(options, plan, result, name, task, stride)
    return result


def folder_of(options, name: str, task: str, stride: int) -> Path:
    """Of a run; a task alone has another store than all of them, and so other runs."""
    alone = "-alone" if options.task else ""
    return options.work / f"{name}-stride-{stride}" / f"{task}{alone}"


def told(result: LosoResult) -> dict:
    """What the book shows of a run."""
    return {
        "clips": len(result.true),
        "subjects": len(set(result.subjects)),
        "metrics": result.metrics(),
        "intervals": result.intervals(),
        "chance": result.chance(),
        "by_subject": result.by_subject(),
        "confusion": result.confusion().tolist(),
        "seconds": result.about["seconds"],
        "frames": result.about["temporal"]["frames"],
    }


def answers(result: LosoResult) -> dict[str, list[float]]:
    """What the person's own fold gave each clip: a probability for each class of the task."""
    chances = torch.from_numpy(result.logits).softmax(-1).tolist()
    pairs = zip(result.sample_names, chances, strict=True)
    return {name: [round(chance, 4) for chance in of] for name, of in pairs}


def compare(options, plan: Plan, result: LosoResult, name: str, task: str, stride: int) -> None:
    """Differences with paired intervals, where both sides are there."""

    def other(name: str, task: str, stride: int) -> LosoResult | None:
        path = folder_of(options, name, task, stride) / "result.json"
        return LosoResult.load(path) if path.exists() else None

    if name != "pre-trained":
        main = other("pre-trained", task, 1)
        if main is not None:
            add(options, "differences", difference(main, result), f"pre-trained - {name}", task)
        return
    weakest = other("pre-trained", "NP-P1", stride)
    if task == "NP-P4" and weakest is not None:
        found = difference(result, weakest)
        add(options, "differences", found, "NP-P4 - NP-P1", f"stride {stride}")
    whole = other("pre-trained", task, 1)
    if stride > 1 and whole is not None:
        found = difference(whole, result)
        add(options, "differences", found, f"stride 1 - stride {stride}", task)


def time_inference(options, plan: Plan, stride: int) -> None:
    """Milliseconds of one clip at so many frames: TNT on each frame, then the temporal module."""
    frames = -(-plan.data.frames // stride)
    if str(frames) in there(options)[0].get("milliseconds of a clip", {}):
        return  # another time would be another figure
    tnt = spatial(plan).to(options.device)
    temporal = TemporalTransformer(
        TemporalConfig(**{**asdict(plan.temporal), "frames": frames, "dim": tnt.config.dim})
    ).eval()
    temporal, size = temporal.to(options.device), tnt.config.image_size
    images = torch.zeros(frames, 3, size, size, device=options.device)
    at_once, taken = 8 if options.device.type == "cpu" else 32, []  # as `predict` does
    with torch.inference_mode():
        for _ in range(6):
            wait(options.device)
            begin = time.perf_counter()
            temporal(torch.cat([tnt(part) for part in images.split(at_once)])[None])
            wait(options.device)
            taken.append(1000 * (time.perf_counter() - begin))
    add(options, "milliseconds of a clip", sorted(taken[1:])[2], str(frames))


def wait(device: torch.device) -> None:
    """Until the device has done all that it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def add(options, what: str, value, *keys: str) -> None:
    """Put a figure into the result's file, beside those that are there from the same plan.

    Where it stands there already nothing is written: when and by what it was made stays true.
    """
    figures, seconds = there(options)
    place = figures
    for key in (what, *keys)[:-1]:
        place = place.setdefault(key, {})
    last = (what, *keys)[-1]
    if what.startswith("seconds"):
        seconds += value
        value += place.get(last, 0.0)  # of all calls
    elif isinstance(value, dict) and last not in place:
        seconds += value.get("seconds") or 0.0
    if place.get(last) == json.loads(json.dumps(value)):
        return
    place[last] = value
    write_result(
        path_of(options), figures, config=config_of(options), seconds=seconds,
        device=str(options.device),
    )  # fmt: skip


def there(options) -> tuple[dict, float]:
    """The figures that this plan has in its file, and the seconds they took."""
    path = path_of(options)
    if path.exists():
        result = read_result(path)
        if result["config"] == json.loads(json.dumps(config_of(options))):
            return result["figures"], result["seconds"]
    return {}, 0.0


def path_of(options) -> Path:
    """Where the results go."""
    return options.output / f"loso_{options.preset}.json"


def config_of(options) -> dict:
    """What decides the figures, but for the store."""
    plan = PLANS[options.preset]
    return {
        "preset": options.preset,
        "data": asdict(plan.data),
        "training": asdict(plan.training),
        "temporal": asdict(plan.temporal),
        "weights": FACES if plan.spatial is None else "untrained",
    }


def say(text: str) -> None:
    """To the standard output, at once."""
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
