"""How well the oracle can do on SynthPain: the score that a model of its clips can hope for.

Draws the true motion of every clip, learns from its features under leave-one-subject-out, and does
the same with the distractors alone, which must stay at chance. What is done is kept below _build,
so that a run that was stopped goes on from there. Nothing is asserted.
"""

import argparse
import hashlib
import inspect
import json
from importlib.metadata import version
from pathlib import Path
from time import perf_counter

import numpy as np
from _record import ROOT, record

import painlab.datasets.synthpain.oracle as oracle
from painlab.datasets.synthpain.pain import draw_motion
from painlab.datasets.synthpain.subjects import draw_subject, sample_name
from painlab.datasets.tasks import TASKS, Sample

QUIET = (
    0.25  # expressiveness below which a subject is one of the quarter that shows next to nothing
)
CALM_TASKS = ("NP-P4", "MC")


def draw(*, seed: int, subjects: int, per_level: int, frames: int):
    """Samples, their features, those of the distractors alone, and facts about the intensity."""
    samples, features, calm, peaks, quiet = [], [], [], [], []
    for index in range(subjects):
        subject = draw_subject(seed, index)
        for level in range(5):
            for trial in range(per_level):
                motion = draw_motion(subject, level=level, trial=trial, frames=frames)
                name = sample_name(subject, level, trial, per_level)
                samples.append(Sample(subject.name, level, None, name))
                features.append(oracle.motion_features(motion.actions))
                head = np.column_stack([motion.pose, motion.gaze])
                calm.append(
                    np.concatenate(
                        [oracle.motion_features(motion.without_pain), oracle.motion_features(head)]
                    )
                )
                peaks.append(motion.intensity.max())
                quiet.append(subject.expressiveness < QUIET)
    return samples, np.array(features), np.array(calm), np.array(peaks), np.array(quiet)


def kept(folder: Path, features, samples, *, task, classifier: str):
    """Predictions and the seconds they took, from the folder if they were made there before."""
    told = hashlib.sha256(np.ascontiguousarray(features).tobytes())
    told.update(repr([(s.subject, s.sample_name) for s in samples]).encode())
    told.update(inspect.getsource(oracle).encode())
    path = folder / f"{task.name}-{classifier}-{told.hexdigest()[:16]}.json"
    if not path.exists():
        start = perf_counter()
        predicted = oracle.oracle_predictions(features, samples, task=task, classifier=classifier)
        folder.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_text(
            json.dumps({"predicted": predicted.tolist(), "seconds": perf_counter() - start})
        )
        part.replace(path)
    found = json.loads(path.read_text())
    return np.array(found["predicted"]), found["seconds"]


def score(folder: Path, features, samples, quiet, *, task) -> tuple[dict, float]:
    """Both classifiers on one task: accuracies, the better one's by expressiveness, confusion."""
    keep = np.flatnonzero([sample.level in task.levels for sample in samples])
    chosen, quiet = [samples[i] for i in keep], quiet[keep]
    labels = np.array([task.label(sample) for sample in chosen])
    guesses, seconds = {}, 0.0
    for name in oracle.CLASSIFIERS:
        guesses[name], took = kept(folder, features[keep], chosen, task=task, classifier=name)
        seconds += took
    accuracy = {name: float((guess == labels).mean()) for name, guess in guesses.items()}
    best = max(accuracy, key=accuracy.get)
    right = guesses[best] == labels
    confusion = np.zeros((task.classes, task.classes), int)
    np.add.at(confusion, (labels, guesses[best]), 1)
    figures = {
        **accuracy,
        "oracle": accuracy[best],
        "best": best,
        "expressive": float(right[~quiet].mean()) if (~quiet).any() else None,
        "quiet": float(right[quiet].mean()) if quiet.any() else None,
        "clips": len(labels),
        "confusion": confusion.tolist(),
    }
    return figures, seconds


def chance_interval(clips: int, classes: int) -> list[float]:
    """Where 95 % of the accuracies of pure guessing lie."""
    from scipy.stats import binom

    return [float(binom.ppf(p, clips, 1 / classes) / clips) for p in (0.025, 0.975)]


def main() -> None:
    """Print accuracy task by task; with --record keep it in data/results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subjects", type=int, default=87)
    parser.add_argument("--per-level", type=int, default=20)
    parser.add_argument("--frames", type=int, default=138)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--record", action="store_true")
    options = vars(parser.parse_args())
    keep = options.pop("record")
    folder = ROOT / "_build" / "synthpain_oracle"

    start = perf_counter()
    samples, features, calm, peaks, quiet = draw(**options)
    seconds = perf_counter() - start
    print(f"{len(samples)} motions drawn in {seconds:.1f} s", flush=True)
    levels = np.array([sample.level for sample in samples])
    intensity = {
        name: [float(peaks[(levels == level) & who].mean()) for level in range(5)]
        for name, who in (("expressive", ~quiet), ("quiet", quiet))
        if who.any()
    }
    for name, means in intensity.items():
        print(f"mean peak intensity, {name:10} " + " ".join(f"{mean:.3f}" for mean in means))
    figures = {"motions_per_second": len(samples) / seconds, "peak_intensity": intensity}
    for kind, table, tasks in (("oracle", features, TASKS), ("distractors", calm, CALM_TASKS)):
        figures[kind] = {}
        for name in tasks:
            told, took = score(folder, table, samples, quiet, task=TASKS[name])
            told["chance"] = chance_interval(told["clips"], TASKS[name].classes)
            figures[kind][name], seconds = told, seconds + took
            print(
                f"{kind:12} {name:6} {told['oracle']:.4f} by {told['best']:9}"
                f" (logistic {told['logistic']:.4f}, boosting {told['boosting']:.4f};"
                f" chance {told['chance'][0]:.4f} to {told['chance'][1]:.4f})",
                flush=True,
            )
    if keep:
        config = {**options, "scikit-learn": version("scikit-learn")}
        print(record("synthpain_oracle", figures, config=config, seconds=seconds))


if __name__ == "__main__":
    main()
