"""Any rival under the protocol of the paper: leave one subject out, with nothing of it to learn."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from painlab.datasets.tasks import Sample, Task
from painlab.errors import DataError
from painlab.training.fold_training import make_folds
from painlab.training.noise import generator_of, seed_of
from painlab.training.results import LosoResult
from painlab.typing import Float, Int

# from the values of some clips (b ...) to what is said of each (b y): the largest is the answer
Answer = Callable[[Tensor], Float[Tensor, "b y"]]


@runtime_checkable
class Rival(Protocol):
    """A way to learn a task, with all of its settings fixed before anyone is tested.

    Rivals are frozen dataclasses: `asdict` tells their settings.
    """

    def learn(self, values: Tensor, labels: Int[Tensor, "b"], *, classes: int, seed: int) -> Answer:
        """Learn from the clips of the people in training, and answer for any others.

        Everything that is fitted is fitted here: means, spreads, trees, weights.
        """
        ...


def leave_one_out(
    rival: Rival,
    values: Tensor,
    samples: Sequence[Sample],
    *,
    task: Task,
    seed: int = 0,
    permute: int | None = None,
    on_fold: Callable[[str], None] = lambda name: None,
) -> LosoResult:
    """Train and test a rival once a subject, each time without that subject.

    The folds are those of `painlab.train_loso`. A fold's seed follows from the run's and from who
    is left out. ``about`` tells the seconds of the processor; waiting for it is not among them.

    Args:
        rival: what learns.
        values: of each clip (b ...), in the order of the samples.
        samples: the clips, of any levels.
        task: which of them are told apart.
        seed: of all that is random.
        permute: a seed with which each subject's labels are shuffled among its clips.
        on_fold: told after each fold who was left out.

    Raises:
        DataError: where values and samples do not fit; also what `leave_one_subject_out` refuses.
    """
    if len(values) != len(samples):
        raise DataError(f"{len(values)} values do not fit {len(samples)} clips: give one each.")
    keep = [i for i, sample in enumerate(samples) if sample.level in task.levels]
    values, chosen = values[keep], [samples[i] for i in keep]
    labels = torch.tensor([task.label(sample) for sample in chosen])
    if permute is not None:
        labels = permuted(labels, [sample.subject for sample in chosen], seed=permute)
    logits = torch.zeros(len(chosen), task.classes, dtype=torch.float64)
    begin = time.process_time()
    for fold in make_folds(chosen):
        answer = rival.learn(
            values[fold.train], labels[fold.train],
            classes=task.classes, seed=seed_of(seed, fold.name) % 2**32,
        )  # fmt: skip
        logits[fold.test] = answer(values[fold.test]).double()
        on_fold(fold.name)
    return LosoResult(
        task=task.name,
        subjects=tuple(sample.subject for sample in chosen),
        sample_names=tuple(sample.sample_name for sample in chosen),
        true=labels.numpy().astype(np.int64),
        logits=logits.numpy(),
        about={
            "rival": type(rival).__name__,
            "settings": asdict(rival),
            "seed": seed,
            "permute": permute,
            "seconds": time.process_time() - begin,
        },
    )


def permuted(labels: Int[Tensor, "b"], people: Sequence[str], *, seed: int) -> Int[Tensor, "b"]:
    """The labels of each person shuffled among that person's clips."""
    labels = labels.clone()
    for name in sorted(set(people)):
        rows = torch.tensor([i for i, person in enumerate(people) if person == name])
        order = torch.randperm(len(rows), generator=generator_of(seed, name, "labels"))
        labels[rows] = labels[rows[order]]
    return labels
