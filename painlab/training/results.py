"""What a leave-one-subject-out run found: what was said of each clip, and how often it is right."""

import json
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path

import numpy as np

from painlab.datasets.tasks import TASKS, counted
from painlab.errors import DataError
from painlab.training.json_files import write_json
from painlab.training.metrics import (
    METRICS,
    classification_metrics,
    confusion_matrix,
    metric_intervals,
    resampled_metrics,
    subject_accuracy,
)
from painlab.training.resampling import interval
from painlab.typing import Float, Int


@dataclass(frozen=True, eq=False, repr=False)
class LosoResult:
    """All clips of a task with what was said of them; the folds are pooled, as in Table II.

    Raises:
        DataError: where people, names, classes and logits are not as many.

    Example:
        >>> logits = np.array([[2.0, 1.0], [0.0, 1.0], [1.0, 0.0], [1.0, 0.0]])
        >>> people, clips = ("Anna", "Anna", "Ben", "Ben"), ("a", "b", "c", "d")
        >>> result = LosoResult("NP-P4", people, clips, np.array([0, 1, 0, 1]), logits)
        >>> result.metrics()["accuracy"], result.by_subject()
        (0.75, {'Anna': 1.0, 'Ben': 0.5})
    """

    task: str
    subjects: tuple[str, ...]  # b: whose clip it is
    sample_names: tuple[str, ...]  # b
    true: Int[np.ndarray, "b"]  # the class, from 0
    logits: Float[np.ndarray, "b y"]
    missing: tuple[str, ...] = ()  # subjects whose folds were not trained
    about: dict = field(default_factory=dict)  # settings, seconds, device, version

    def __post_init__(self):
        counts = {len(self.subjects), len(self.sample_names), len(self.true), len(self.logits)}
        if len(counts) > 1 or not len(self.true) or self.logits.ndim != 2:
            raise DataError(
                f"a result of {self.task} needs a subject, a name, a class and logits for each "
                f"clip, not {len(self.subjects)}, {len(self.sample_names)}, {len(self.true)} and "
                f"{len(self.logits)}."
            )

    @property
    def classes(self) -> int:
        """How many classes there are to tell apart."""
        return self.logits.shape[1]

    @property
    def predicted(self) -> Int[np.ndarray, "b"]:
        """The class with the highest logit."""
        return self.logits.argmax(1)

    def metrics(self) -> dict[str, float]:
        """Accuracy, macro precision, recall and F1 of all clips (`classification_metrics`)."""
        return classification_metrics(self.true, self.predicted, classes=self.classes)

    def intervals(self, *, resamples: int = 2000, seed: int = 0) -> dict[str, tuple[float, float]]:
        """95 % intervals of the metrics, by a bootstrap over subjects (`metric_intervals`)."""
        return metric_intervals(
            self.true, self.predicted, self.subjects, classes=self.classes,
            resamples=resamples, seed=seed,
        )  # fmt: skip

    def by_subject(self) -> dict[str, float]:
        """The share of each subject's clips that is right."""
        return subject_accuracy(self.true, self.predicted, self.subjects, classes=self.classes)

    def confusion(self) -> Int[np.ndarray, "y y"]:
        """How many clips of each class (rows) were taken for each class (columns)."""
        return confusion_matrix(self.true, self.predicted, classes=self.classes)

    def chance(self) -> float:
        """The accuracy of always saying the most frequent class."""
        return float(np.bincount(self.true).max() / len(self.true))

    def save(self, path: str | PathLike) -> Path:
        """Write everything as JSON; whole or not at all.

        Raises:
            DataError: where it cannot be written.
        """
        told = {
            "task": self.task,
            "missing": list(self.missing),
            "about": self.about,
            "subjects": list(self.subjects),
            "sample_names": list(self.sample_names),
            "true": self.true.tolist(),
            "logits": self.logits.tolist(),
        }
        return write_json(Path(path), told)

    @classmethod
    def load(cls, path: str | PathLike) -> "LosoResult":
        """Read what `save` wrote.

        Raises:
            DataError: where the file is missing, damaged, or no such result.
        """
        try:
            told = json.loads(Path(path).read_text(encoding="utf-8"))
            return cls(
                told["task"], tuple(told["subjects"]), tuple(told["sample_names"]),
                np.array(told["true"], np.int64), np.array(told["logits"], np.float64),
                tuple(told["missing"]), dict(told["about"]),
            )  # fmt: skip
        except (OSError, ValueError, KeyError, TypeError, DataError) as error:
            raise DataError(
                f"{path}: no result of a LOSO run can be read there ({error})."
            ) from error

    def report(self) -> str:
        """The scores with intervals, the confusion matrix and the weakest subjects, as text."""
        scores, sure = self.metrics(), self.intervals() if len(set(self.subjects)) > 1 else {}
        people = counted(len(set(self.subjects)), "subject")
        lines = [f"{self.task}: {counted(len(self.true), 'clip')} of {people}, each left out once"]
        for name, score in scores.items():
            low_high = "  [{:.2f}, {:.2f}]".format(*(100 * x for x in sure[name])) if sure else ""
            lines.append(f"  {name:<10}{100 * score:6.2f} %{low_high}")
        lines.append(f"  {'chance':<10}{100 * self.chance():6.2f} %")
        names = TASKS[self.task].class_names if self.task in TASKS else range(self.classes)
        width = max(len(str(self.confusion().max())), 4) + 2
        lines += ["", "  true \\ said" + "".join(f"{name!s:>{width}}" for name in names)]
        for name, row in zip(names, self.confusion(), strict=True):
            lines.append(f"  {name!s:<11}" + "".join(f"{n:>{width}}" for n in row))
        lines.append("")
        weakest = sorted(self.by_subject().items(), key=lambda item: item[1])[:3]
        told = ", ".join(f"{name} {100 * share:.0f} %" for name, share in weakest)
        lines.append(f"  fewest right: {told}")
        if self.missing:
            lines.append(f"  not trained: {', '.join(self.missing)}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        accuracy = 100 * self.metrics()["accuracy"]
        people = counted(len(set(self.subjects)), "subject")
        gone = f", {len(self.missing)} missing" if self.missing else ""
        clips = counted(len(self.true), "clip")
        return f"LosoResult({self.task}: {accuracy:.2f} % of {clips}, {people}{gone})"


def difference(
    a: LosoResult, b: LosoResult, *, metric: str = "accuracy", resamples: int = 2000, seed: int = 0
) -> tuple[float, tuple[float, float]]:
    """How much better ``a`` is than ``b``, and the 95 % interval: the paired bootstrap.

    Both were tested on the same people; in each drawing the same people are drawn for both.

    Raises:
        DataError: where the people differ.
    """
    if metric not in METRICS:
        raise DataError(f"there is no metric {metric!r}: choose from {', '.join(METRICS)}.")
    if set(a.subjects) != set(b.subjects):
        raise DataError(
            f"{a.task} and {b.task} were tested on different people; a paired difference takes "
            "the same."
        )
    drawn = [
        resampled_metrics(
            r.true, r.predicted, r.subjects, classes=r.classes, resamples=resamples, seed=seed
        )[metric]
        for r in (a, b)
    ]
    return a.metrics()[metric] - b.metrics()[metric], interval(drawn[0] - drawn[1])
