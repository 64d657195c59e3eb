"""Makes Table IV on SynthPain: the rivals, on the folds and the clips of Table II.

    python data/make_rivals.py                       # half an hour of one core
    python data/make_rivals.py --only lstm           # one rival
    python data/make_rivals.py --task NP-P4          # one task
    python data/make_rivals.py --seconds 540         # a step of at most so long; see below

Kill it whenever you like: the same command goes on from what it kept, and ends with the same
numbers. With --seconds it stops by itself when the time is up, where nothing is lost, with exit
status 75: the same command goes on until the status is 0. A rival that was trained by other
programs, on other values or with other settings is trained anew.

It writes data/results/rivals_PRESET.json after each rival and task, so that what is there was run,
were it not all of it. Every setting was fixed before anyone was tested: those of networks are the
framework's own (`TrainingConfig.quick`), that of the regression is the oracle's.
"""

import argparse
import hashlib
import json
import sys
import time
from dataclasses import asdict, dataclass, field
from functools import cached_property
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from rivals_cost import costs_of
from torch import Tensor
from tqdm import tqdm

import painlab
from painlab.comparison.clips import SMALL, RivalClips, keep_clips
from painlab.comparison.cnn import CnnTraining, FaceCnn, cnn_features, train_cnn
from painlab.comparison.conv3d import SmallConv3d
from painlab.comparison.distances import DISTANCES, landmark_distances
from painlab.comparison.forest import LandmarkForest
from painlab.comparison.frame_transformer import FrameTransformer
from painlab.comparison.leave_one_out import Rival, leave_one_out
from painlab.comparison.lstm import FrameLSTM
from painlab.comparison.pooled import MeanRegression
from painlab.config import TrainingConfig
from painlab.datasets.synthpain.curves import frame_rate
from painlab.datasets.synthpain.dataset import SynthPain
from painlab.datasets.synthpain.settings import PRESETS, Settings
from painlab.datasets.tasks import TASKS
from painlab.explain.over_people import mean_over_people
from painlab.figures.results import read_result
from painlab.training.clock import Clock, status_of
from painlab.training.kept import KeptPortraits
from painlab.training.provenance import write_result
from painlab.training.rendered import SEED_OF_FACES, RenderedFaces
from painlab.training.results import LosoResult
from painlab.training.store import FeatureStore
from painlab.weights import write_tensors

ROOT = Path(__file__).resolve().parents[1]
# no answer depends on them but through the values, whose digest is looked at
UNSEEN = {"__init__", "clips", "cnn", "cost", "distances"}


@dataclass(frozen=True)
class Plan:
    """Which clips, how the ResNet learns faces, and the rivals: what each reads, and its settings.

    They read the framework's stored features ("tnt"), distances of landmarks ("exact", "found"),
    what the ResNet says of frames ("cnn"), or small aligned faces ("faces").
    """

    data: Settings
    cnn: CnnTraining = field(default_factory=CnnTraining)
    training: TrainingConfig = field(default_factory=TrainingConfig.quick)
    conv3d: dict = field(default_factory=dict)
    trees: int = 200
    seed: int = 0

    @property
    def rivals(self) -> dict[str, tuple[str, Rival]]:
        """By name; the order is that of the table."""
        forest = LandmarkForest(fps=frame_rate(self.data.frames), trees=self.trees)
        return {
            "mean": ("tnt", MeanRegression()),
            "landmarks": ("exact", forest),
            "landmarks found": ("found", forest),
            "mean of CNN": ("cnn", MeanRegression()),
            "lstm": ("cnn", FrameLSTM(config=self.training)),
            "conv3d": ("faces", SmallConv3d(config=self.training, **self.conv3d)),
            "transformer": ("cnn", FrameTransformer(config=self.training)),
        }


PLANS = {
    "tiny": Plan(
        data=Settings(subjects=3, per_level=1, frames=12),
        cnn=CnnTraining(channels=(8, 8, 8, 8), people=2, pictures=4, steps=4, batch=4, warm_up=1),
        training=TrainingConfig.quick(epochs=3, warm_up_epochs=1),
        conv3d={"stride": 1, "depths": (1, 3)},
        trees=10,
    ),
    "small": Plan(data=PRESETS["small"]),
}


def main(arguments: list[str] | None = None) -> int:
    """Make the table of a preset; the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--preset", choices=sorted(PLANS), default="small")
    parser.add_argument("--work", type=Path, default=ROOT / "_build" / "rivals")
    parser.add_argument("--output", type=Path, default=ROOT / "data", help="of results, features")
    parser.add_argument("--store", type=Path, help="the framework's features of the same clips")
    parser.add_argument("--framework", type=Path, help="what make_results.py wrote of them")
    parser.add_argument("--seconds", type=float, help="stop by then, with exit status 75")
    parser.add_argument("--task", choices=tuple(TASKS), help="this one alone")
    parser.add_argument("--only", choices=tuple(PLANS["small"].rivals), help="this rival alone")
    options = parser.parse_args(arguments)
    data = ROOT / "data"
    options.store = options.store or data / "features" / f"synthpain-{options.preset}"
    options.framework = options.framework or data / "results" / f"loso_{options.preset}.json"
    options.work = options.work / options.preset
    options.clock = Clock(options.seconds)
    torch.set_num_threads(1)  # sums come out alike on one thread only
    return status_of(lambda: make(options), program="make_rivals", folder=options.work)


def make(options) -> None:
    """Each rival on each task, then what each costs."""
    plan = PLANS[options.preset]
    values = Values(options, plan)
    results: dict[str, dict[str, LosoResult]] = {}
    for name, (reads, rival) in plan.rivals.items():
        for task in TASKS:
            wanted = options.only in (None, name) and options.task in (None, task)
            result = run(options, plan, values, name, reads, rival, task, wanted=wanted)
            if result is not None:
                results.setdefault(name, {})[task] = result
                if wanted:
                    write(options, plan, values, results)
    write(options, plan, values, results, measure=not options.only and not options.task)


def run(options, plan: Plan, values, name, reads, rival, task, *, wanted) -> LosoResult | None:
    """What is kept of a rival on a task, or, where it is wanted, what comes of training it."""
    path = options.work / "runs" / name / f"{task}.json"
    if not path.exists() and not wanted:
        return None
    told = {
        "settings": asdict(rival), "values": values.digest(reads), "seed": plan.seed,
        "programs": programs(), "torch": torch.__version__, "scikit-learn": version("scikit-learn"),
    }  # fmt: skip
    key = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]
    if path.exists():
        result = LosoResult.load(path)
        if result.about.get("key") == key:
            return result
        say(f"{path}: made otherwise than it would be now{'; trained anew' if wanted else ''}.")
        if not wanted:
            return None
    with tqdm(total=plan.data.subjects, desc=f"{name}, {task}", unit="fold") as bar:
        result = leave_one_out(
            rival, values[reads], values.samples,
            task=TASKS[task], seed=plan.seed, on_fold=lambda left_out: bar.update(),
        )  # fmt: skip
    result.about["key"] = key
    result.save(path)
    say(f"{name}: {result}, {result.about['seconds']:.0f} s")
    options.clock.kept()
    return result


class Values:
    """What the rivals read of the clips, each made when it is first asked for and then kept."""

    def __init__(self, options, plan: Plan):
        self.options, self.plan = options, plan
        self._made: dict[str, Tensor] = {}
        self._digests: dict[str, str] = {}
        self._told: dict[int, tuple[LosoResult, dict]] = {}

    @cached_property
    def data(self) -> SynthPain:
        """The clips, which lie on no disk."""
        told = self.plan.data
        return SynthPain(subjects=told.subjects, per_level=told.per_level, frames=told.frames)

    @property
    def samples(self):
        """In the order of all values."""
        return tuple(self.data)

    @cached_property
    def clips(self) -> RivalClips:
        """Drawn, aligned, and searched for landmarks."""
        return keep_clips(
            self.data,
            self.options.work / "clips",
            size=SMALL,
            kept=self.options.clock.kept,
            say=say,
        )

    @cached_property
    def cnn(self) -> tuple[FaceCnn, list[dict]]:
        """The ResNet that has learned faces, and how that went."""
        training, folder = self.plan.cnn, self.options.work / "cnn"
        kept = self.options.clock.kept
        faces = RenderedFaces(
            people=training.people, pictures=training.pictures, size=training.size,
            seed=SEED_OF_FACES, say=say,
            keep=KeptPortraits(folder / "portraits", after=kept, say=say),
        )  # fmt: skip
        return train_cnn(
            folder / "checkpoint.safetensors",
            training,
            faces,
            kept=self.options.clock.kept,
            say=say,
        )

    def __getitem__(self, reads: str) -> Tensor:
        if reads not in self._made:
            self._made[reads] = getattr(self, f"_{reads}")()
        return self._made[reads]

    def digest(self, reads: str) -> str:
        """Of the values themselves."""
        if reads not in self._digests:
            data = self[reads].contiguous().numpy().tobytes()
            self._digests[reads] = hashlib.sha256(data).hexdigest()[:16]
        return self._digests[reads]

    def told(self, result: LosoResult, ours: dict) -> dict:
        """What `told` says, drawn once a result."""
        if id(result) not in self._told:
            self._told[id(result)] = result, told(result, ours)
        return self._told[id(result)][1]

    def _tnt(self) -> Tensor:
        stored = FeatureStore(self.options.store).load()
        row = {(s.subject, s.sample_name): i for i, s in enumerate(stored.samples)}
        rows = [row[s.subject, s.sample_name] for s in self.samples]
        return stored.features[rows, 0]  # b k d

    def _exact(self) -> Tensor:
        return self._distances()["exact"]

    def _found(self) -> Tensor:
        return self._distances()["found"]

    def _distances(self) -> dict[str, Tensor]:
        """Both kinds; they are written for the book, which does not draw the clips again."""
        parts = {
            "exact": landmark_distances(self.clips.exact),
            "found": landmark_distances(self.clips.found),
        }
        self._made |= parts
        told = [[s.subject, s.level, s.sample_name] for s in self.samples]
        path = self.options.output / "features" / f"synthpain-{self.options.preset}-distances"
        path.parent.mkdir(parents=True, exist_ok=True)
        about = {"clips": json.dumps(told), "distances": json.dumps(list(DISTANCES))}
        write_tensors(path.with_suffix(".safetensors"), parts, metadata=about)
        return parts

    def _cnn(self) -> Tensor:
        return cnn_features(self.cnn[0], self.clips.faces)

    def _faces(self) -> Tensor:
        return self.clips.faces


def write(options, plan: Plan, values: Values, results, *, measure: bool = False) -> None:
    """The file of results: all that is there of this plan, and what follows from it."""
    path = options.output / "results" / f"rivals_{options.preset}.json"
    config = json.loads(json.dumps(config_of(plan, values)))
    before = read_result(path) if path.exists() else {"config": None, "figures": {}}
    there = before["figures"]
    figures = dict(there) if before["config"] == config else {}
    framework = read_result(options.framework)
    ours = framework["figures"]["loso"]["pre-trained"]["stride 1"]
    figures["rivals"] = {
        name: {task: values.told(result, ours[task]) for task, result in of.items()}
        for name, of in results.items()
    }
    figures["clips"] = {
        task: {
            "subjects": list(result.subjects),
            "sample_names": list(result.sample_names),
            "true": result.true.tolist(),
        }
        for of in results.values()
        for task, result in of.items()
    }
    figures["framework"] = {"file": options.framework.name, "commit": framework["commit"]}
    if measure:
        figures["cnn"] = told_of_cnn(plan, values)
        figures["landmarks"] = told_of_landmarks(values)
        if "costs" not in figures:  # another time would be another figure
            figures["costs"] = costs_of(plan, values)
    if before["config"] == config and figures == there:
        return  # when and by what it was made stays true
    seconds = sum(r.about["seconds"] for of in results.values() for r in of.values())
    write_result(path, figures, config=config, seconds=seconds)


def told(result: LosoResult, ours: dict) -> dict:
    """What the book shows of a rival on a task. The difference is the rival's less the framework's,
    over the same people.
    """
    by_subject = result.by_subject()
    people = sorted(by_subject)
    apart = [by_subject[name] - ours["by_subject"][name] for name in people]
    difference = mean_over_people(np.array(apart), people)
    return {
        "metrics": result.metrics(),
        "intervals": result.intervals(),
        "chance": result.chance(),
        "by_subject": by_subject,
        "predicted": result.predicted.tolist(),
        "difference": [difference.value, [difference.low, difference.high]],
        "seconds": result.about["seconds"],
    }


def told_of_cnn(plan: Plan, values: Values) -> dict:
    """What the ResNet learned from, beside what the framework's TNT did."""
    history = values.cnn[1]
    tnt = json.loads(painlab.load_model(painlab.framework.FACES).about["settings"])["stages"]
    return {
        "history": history,
        "seconds": sum(part["seconds"] for part in history),
        "pictures seen": plan.cnn.steps * plan.cnn.batch,
        "pictures": plan.cnn.people * plan.cnn.pictures,
        "pictures seen by TNT": sum(s["stage"]["steps"] * s["stage"]["batch"] for s in tnt),
        "pictures of TNT": max(s["faces"]["people"] * s["faces"]["pictures"] for s in tnt),
    }


def told_of_landmarks(values: Values) -> dict:
    """How far found distances are off, beside how much they move within a clip, in millimetres."""
    exact, found = values["exact"].double(), values["found"].double()
    moves, seen = (x - x.mean(1, keepdim=True) for x in (exact, found))  # b k d
    frames = values.clips.found.isfinite().flatten(2).all(2).double().mean()
    return {
        "found": float(frames),
        "moves": dict(zip(DISTANCES, moves.std(1).mean(0).tolist(), strict=True)),
        "off": dict(zip(DISTANCES, (seen - moves).abs().mean((0, 1)).tolist(), strict=True)),
    }


def config_of(plan: Plan, values: Values) -> dict:
    """What decides the figures."""
    return {
        "data": asdict(plan.data),
        "cnn": asdict(plan.cnn),
        "rivals": {name: {"reads": reads, **asdict(r)} for name, (reads, r) in plan.rivals.items()},
        "store": FeatureStore(values.options.store).key,
        "seed": plan.seed,
        "threads": 1,
    }


def programs() -> str:
    """A fingerprint of the programs of the rivals."""
    package = Path(painlab.__file__).parent
    files = sorted(path for path in package.glob("comparison/*.py") if path.stem not in UNSEEN)
    files += [package / "training" / f"{name}.py" for name in ("fold_training", "recipe")]
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def say(text: str) -> None:
    """To the standard output, at once."""
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
