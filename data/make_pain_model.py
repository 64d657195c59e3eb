"""Makes the pain model that comes with painlab, from the renderer and the pre-trained TNT.

    python data/make_pain_model.py              # features (half an hour of two cores), then seconds

Kill it whenever you like: the same command goes on from the features that it kept.

Thirty-six rendered people are learned from, twenty-four others are tested on; sexes, ages and
expressiveness are alike in both, since SynthPain draws them in blocks. Features are computed in
bfloat16 by a compiled TNT, which takes a C++ compiler and half the time; `predict` computes them in
float32, and the last figures are of that, and of landmarks that were found and not known.

It writes painlab/assets/weights/pain-synthpain.safetensors, the temporal module alone, and
data/results/pain_model.json, from which the card data/pain_synthpain.md has its figures.
"""

import argparse
import json
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch

from painlab.config import TemporalConfig, TrainingConfig
from painlab.datasets.synthpain.dataset import SynthPain
from painlab.datasets.synthpain.people import draw_person
from painlab.datasets.tasks import TASKS
from painlab.errors import PainLabError
from painlab.framework import FACES, PAIN, load_model, model_digest
from painlab.training.features import extract_features
from painlab.training.fold_training import (
    Fold,
    TaskData,
    fold_logits,
    steps_of_run,
    train_folds,
)
from painlab.training.folds import state_of_fold
from painlab.training.metrics import classification_metrics, metric_intervals
from painlab.training.provenance import painlab_commit, write_result
from painlab.training.store import FeatureStore
from painlab.weights import ASSETS, in_half, write_weights

ROOT = Path(__file__).resolve().parents[1]
PEOPLE, LEARNED_FROM, PER_LEVEL, FRAMES = 60, 36, 4, 35
TASK = TASKS["NP-P4"]
TRAINED_ON = (
    "rendered faces (SynthPain), of people who do not exist and whose pain was drawn by a rule; "
    "they have never seen a person in pain"
)
# of the test: so many clips of each of two levels are aligned as `predict` aligns a film
FOUND_PER_LEVEL = 2


def main(arguments: list[str] | None = None) -> int:
    """Features, training, test, weights; the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, default=ROOT / "_build" / "pain-model")
    parser.add_argument("--output", type=Path, default=ASSETS / "weights")
    parser.add_argument("--results", type=Path, default=ROOT / "data" / "results")
    options = parser.parse_args(arguments)
    begin = time.perf_counter()
    try:
        data = SynthPain(subjects=PEOPLE, per_level=PER_LEVEL, frames=FRAMES)
        tnt = load_model(FACES)
        kept = extract_features(
            fast(load_model(FACES)), data, options.work / "features", aligner="truth",
            frames=FRAMES, frames_at_once=FRAMES, progress=True,
        )  # fmt: skip
        model, losses = train(kept, data)
        figures = test(model, kept, data) | {"last_loss": losses[-1][0]}
        figures["found"] = test_as_predict_does(options, model, tnt, kept, data)
    except PainLabError as error:
        print(f"make_pain_model: {error}", file=sys.stderr)
        return 1
    config = {
        "people": PEOPLE, "learned_from": LEARNED_FROM, "per_level": PER_LEVEL, "frames": FRAMES,
        "task": TASK.name, "training": asdict(TrainingConfig.quick()),
    }  # fmt: skip
    seconds = time.perf_counter() - begin
    write_result(options.results / "pain_model.json", figures, config=config, seconds=seconds)
    path = write_weights(
        options.output / f"{PAIN}.safetensors",
        in_half(state_of_fold(model, 0)),
        config=model.config,
        about={
            "name": PAIN,
            "licence": "CC0-1.0",
            "trained_on": TRAINED_ON,
            "classes": json.dumps(["no pain", "pain"]),
            "frames_per_second": "6.25",
            "spatial": FACES,
            "spatial_digest": model_digest(tnt),
            "aligner": json.dumps({"landmarks": "truth"}),
            "made_by": "data/make_pain_model.py",
            "commit": painlab_commit(),
            "date": datetime.now(UTC).date().isoformat(),
            "settings": json.dumps(config),
        },
    )
    print(json.dumps(figures, indent=1))
    print(f"written: {path}")
    return 0


def fast(tnt):
    """The same network in bfloat16, compiled."""
    tnt = tnt.bfloat16()
    tnt.compile()
    return tnt


def number_of(data: SynthPain) -> dict[str, int]:
    """Which of the people each name is."""
    return {data.subject(sample).name: data.subject(sample).index for sample in data}


def task_rows(store: FeatureStore, data: SynthPain, *, learned: bool) -> tuple:
    """Features, and the rows of the people who are learned from, or of the others."""
    features, numbers = store.load(), number_of(data)
    rows = [
        i for i, sample in enumerate(features.samples)
        if sample.subject in numbers and (numbers[sample.subject] < LEARNED_FROM) == learned
    ]  # fmt: skip
    return features, rows


def train(store: FeatureStore, data: SynthPain):
    """The stacked model of one fold, whose test set is everyone it does not learn from."""
    features, rows = task_rows(store, data, learned=True)
    rows = [i for i in rows if features.samples[i].level in TASK.levels]
    labels = (features.levels == TASK.levels[1]).long()
    fold = Fold("the people tested on", torch.tensor(rows), torch.tensor(rows[:1]))
    config = TrainingConfig.quick()
    temporal = TemporalConfig.quick(frames=FRAMES, dim=features.features.shape[-1])
    return train_folds(
        TaskData.of(features, labels), [fold], temporal=temporal, config=config,
        steps=steps_of_run([fold], config),
    )  # fmt: skip


def judge(model, features, rows) -> np.ndarray:
    """The probability of pain of each of these clips."""
    fold = Fold("tested", torch.tensor(rows[:1]), torch.tensor(rows))
    data = TaskData.of(features, torch.zeros(len(features), dtype=torch.long))
    return fold_logits(model, data, [fold])[0].softmax(1)[:, 1].numpy()


def scores(pain: np.ndarray, levels: np.ndarray, people: np.ndarray, level: int) -> dict:
    """Accuracy and the rest at a threshold of a half, no pain against one level."""
    keep = (levels == 0) | (levels == level)
    true, said = (levels[keep] == level).astype(int), (pain[keep] > 0.5).astype(int)
    told = {"clips": int(keep.sum()), "people": len(set(people[keep]))}
    told |= classification_metrics(true, said, classes=2)
    return told | {"interval": metric_intervals(true, said, people[keep], classes=2)["accuracy"]}


def test(model, store: FeatureStore, data: SynthPain) -> dict:
    """By task, by group, and what is said of each level, all of people not learned from."""
    features, rows = task_rows(store, data, learned=False)
    pain = judge(model, features, rows)
    samples = [features.samples[i] for i in rows]
    levels = np.array([sample.level for sample in samples])
    people = np.array([sample.subject for sample in samples])
    by_name = {name: data.subject(one_of(data, name)) for name in sorted(set(people))}
    groups = {
        "women": lambda s: s.sex == "w",
        "men": lambda s: s.sex == "m",
        "18 to 35": lambda s: s.age <= 35,
        "36 to 50": lambda s: 36 <= s.age <= 50,
        "51 to 65": lambda s: s.age >= 51,
        "paler skin": lambda s: darkness(s) <= 0.5,
        "darker skin": lambda s: darkness(s) > 0.5,
        "show little (the quiet quarter)": lambda s: s.expressiveness < 0.2,
        "show more": lambda s: s.expressiveness >= 0.2,
    }
    by_group = {}
    for name, belongs in groups.items():
        inside = np.array([belongs(by_name[who]) for who in people])
        by_group[name] = scores(pain[inside], levels[inside], people[inside], 4)
    return {
        "by_task": {f"NP-P{n}": scores(pain, levels, people, n) for n in range(1, 5)},
        "by_group": by_group,
        "mean_probability_by_level": [float(pain[levels == n].mean()) for n in range(5)],
    }


def test_as_predict_does(options, model, tnt, kept: FeatureStore, data: SynthPain) -> dict:
    """Some clips of the test with found landmarks, in float32, beside the same clips as above."""
    numbers, chosen = number_of(data), {}
    for sample in data:
        if numbers[sample.subject] >= LEARNED_FROM and sample.level in TASK.levels:
            of = chosen.setdefault((sample.subject, sample.level), [])
            of += [sample] * (len(of) < FOUND_PER_LEVEL)
    some = data.only([sample for part in chosen.values() for sample in part])
    found = extract_features(
        tnt, some, options.work / "features-found", aligner="embedded", frames=FRAMES, progress=True
    )
    wanted = {(sample.subject, sample.sample_name) for sample in some}
    told = {}
    for name, store in (("known landmarks", kept), ("found landmarks", found)):
        features = store.load()
        rows = [
            i for i, sample in enumerate(features.samples)
            if (sample.subject, sample.sample_name) in wanted
        ]  # fmt: skip
        levels = features.levels[rows].numpy()
        people = np.array([features.samples[i].subject for i in rows])
        told[name] = scores(judge(model, features, rows), levels, people, 4)
    return told


def one_of(data: SynthPain, subject: str):
    """Any sample of a subject."""
    return next(sample for sample in data if sample.subject == subject)


def darkness(subject) -> float:
    """0 for the palest skin to 1 for the darkest."""
    return draw_person(subject).darkness


if __name__ == "__main__":
    sys.exit(main())
