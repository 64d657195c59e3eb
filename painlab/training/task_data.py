"""What a task takes from a store of features, and what a reader should know of it before."""

from collections.abc import Callable

import torch
from torch import Tensor

from painlab.datasets.tasks import TASKS, Task, counted
from painlab.errors import DataError
from painlab.training.noise import generator_of
from painlab.training.store import Features, FeatureStore
from painlab.typing import Int


def task_features(
    store: FeatureStore, task: Task, *, stride: int = 1, permute: int | None = None
) -> tuple[Features, Int[Tensor, "b"]]:
    """The clips of a store that a task uses, and the class of each.

    Raises:
        DataError: where there is none, or a feature is not a number; it names the clip.
    """
    if stride < 1:
        raise DataError(f"stride={stride}: give a whole number above 0.")
    every = store.load()
    keep = [i for i, sample in enumerate(every.samples) if sample.level in task.levels]
    if not keep:
        raise DataError(f"{store.root} has no clip of {task.name}.")
    samples = tuple(every.samples[i] for i in keep)
    parts = every.features[keep, :, ::stride], every.found[keep, ::stride], every.levels[keep]
    features = Features(*parts, samples)
    shown = features.features.masked_fill(~features.found[:, None, :, None], 0.0)
    for sample, finite in zip(samples, shown.isfinite().flatten(1).all(1).tolist(), strict=True):
        if not finite:
            raise DataError(
                f"{store.root}: the features of {sample.sample_name} of {sample.subject} are not "
                "numbers; extract them again."
            )
    labels = torch.tensor([task.label(sample) for sample in samples])
    if permute is not None:
        for subject in sorted({sample.subject for sample in samples}):
            rows = torch.tensor([i for i, s in enumerate(samples) if s.subject == subject])
            order = torch.randperm(len(rows), generator=generator_of(permute, subject, "labels"))
            labels[rows] = labels[rows[order]]
    return features, labels


def task_named(task: Task | str) -> Task:
    """A task, or the one of that name.

    Raises:
        DataError: where there is none.
    """
    if isinstance(task, Task):
        return task
    if task not in TASKS:
        raise DataError(f"there is no task {task!r}: choose from {', '.join(TASKS)}.")
    return TASKS[task]


def check_classes(
    labels: Tensor, store: FeatureStore, task: Task, say: Callable[[str], None]
) -> None:
    """Say which classes have no clip.

    Raises:
        DataError: where fewer than two have any.
    """
    there = set(labels.tolist())
    absent = [name for y, name in enumerate(task.class_names) if y not in there]
    if len(there) < 2:
        raise DataError(
            f"{store.root} has no clip of {', '.join(absent)}: {task.name} takes two classes or "
            "more."
        )
    if absent:
        say(f"no clip of {', '.join(absent)}, which count as classes of {task.name} never found.")


def check_task(
    features: Features, labels: Tensor, store: FeatureStore, task: Task, say: Callable[[str], None]
) -> None:
    """Say what is unusual in the data, and refuse what cannot be learned from.

    Raises:
        DataError: where one class is left, for all or for a fold.
    """
    check_classes(labels, store, task, say)
    of: dict[str, set[int]] = {}
    for sample, label in zip(features.samples, labels.tolist(), strict=True):
        of.setdefault(sample.subject, set()).add(label)
    for name in sorted(of):
        others = set().union(*(classes for who, classes in of.items() if who != name))
        if len(others) < 2:
            raise DataError(
                f"without {name} there is one class of {task.name} left to learn from: a fold "
                "needs two."
            )
        if len(of[name]) < 2:
            say(f"{name} has clips of one class of {task.name} only; they count like any others.")
    without = sorted({clip.subject for clip in store.clips} - of.keys())
    if without:
        say(f"no clip of {task.name}, and so no fold: {', '.join(without)}.")
    faceless = int((~features.found.any(1)).sum())
    if faceless:
        say(f"{counted(faceless, 'clip')} without any face: judged by no frame at all.")
