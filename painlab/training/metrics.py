"""How good are predicted classes? The scores of the paper's Table II, and how sure they are.

All are made from a table of counts, and predictions of all folds are pooled before they are
counted. scikit-learn gives the same numbers where it is told all classes: a class that nobody has
is one that is never found, and counts as a score of 0.
"""

from collections.abc import Hashable, Sequence

import numpy as np
from torch import Tensor

from painlab.errors import ShapeError
from painlab.training.resampling import draw_people, interval
from painlab.typing import Float, Int

METRICS = ("accuracy", "precision", "recall", "f1")
Labels = Sequence[int] | np.ndarray | Tensor


def classification_metrics(true: Labels, predicted: Labels, *, classes: int) -> dict[str, float]:
    """Micro accuracy, macro precision, macro recall and macro F1 (paper IV, Table II).

    Macro means that a class's score is computed for the class alone and the mean taken over all
    ``classes``. A score whose divisor is 0 is 0: the precision of a class that was never predicted,
    the recall of one that no clip has, the F1 of one that is neither.

    Args:
        true: (b), the class of each clip, whole numbers from 0; numpy, torch or a list.
        predicted: (b), the class that was predicted for each.
        classes: how many there are.

    Returns:
        "accuracy", "precision", "recall" and "f1", as fractions of 1.

    Raises:
        ShapeError: lists that are empty, differ in length, or hold anything but classes.

    Example:
        >>> classification_metrics([0, 0, 1, 1], [0, 1, 1, 1], classes=2)["accuracy"]
        0.75
    """
    scores = _scores(confusion_matrix(true, predicted, classes=classes))
    return {name: float(score) for name, score in scores.items()}


def confusion_matrix(true: Labels, predicted: Labels, *, classes: int) -> Int[np.ndarray, "y y"]:
    """How many clips of each class (rows) were taken for each class (columns).

    Args and errors are those of `classification_metrics`.

    Example:
        >>> confusion_matrix([0, 0, 1, 1], [0, 1, 1, 1], classes=2).tolist()
        [[1, 1], [0, 2]]
    """
    true, predicted = _checked(true, predicted, classes)
    return _count(true, predicted, np.zeros_like(true), classes=classes, people=1)[0]


def subject_accuracy(
    true: Labels, predicted: Labels, subject: Sequence[Hashable] | np.ndarray, *, classes: int
) -> dict[str, float]:
    """The share of each subject's clips that is right, by the subjects' names in order.

    Args:
        true: (b), as `classification_metrics` takes it.
        predicted: (b), likewise.
        subject: (b), whose clip it is.
        classes: how many there are.

    Raises:
        ShapeError: as `classification_metrics`, or where not each clip has a subject.
    """
    names, counts = _by_subject(true, predicted, subject, classes)
    shares = _scores(counts)["accuracy"]
    return {str(name): float(share) for name, share in zip(names, shares, strict=True)}


def resampled_metrics(
    true: Labels,
    predicted: Labels,
    subject: Sequence[Hashable] | np.ndarray,
    *,
    classes: int,
    resamples: int = 2000,
    seed: int = 0,
) -> dict[str, Float[np.ndarray, "draws"]]:
    """The metrics with the subjects drawn with replacement, all clips of a subject together.

    The same seed draws the same subjects: where two models, or two tasks, were tested on the same
    people, the differences drawing by drawing are the paired bootstrap of their difference.

    Args:
        true: (b), as `classification_metrics` takes it.
        predicted: (b), likewise.
        subject: (b), whose clip it is.
        classes: how many there are.
        resamples: how often subjects are drawn.
        seed: of the drawing.

    Raises:
        ShapeError: as `subject_accuracy`, for a single subject, or for no resamples.
    """
    names, counts = _by_subject(true, predicted, subject, classes)
    if len(names) < 2:
        raise ShapeError(
            f"an interval over subjects takes two of them, and all clips are of {names[0]}."
        )
    if resamples < 1:
        raise ShapeError(f"resamples={resamples}: draw at least once.")
    rng = np.random.default_rng(seed)
    drawn = np.stack([draw_people(len(names), rng) for _ in range(resamples)])  # draws people
    return _scores(np.tensordot(drawn, counts, axes=1))  # of draws y y


def metric_intervals(
    true: Labels,
    predicted: Labels,
    subject: Sequence[Hashable] | np.ndarray,
    *,
    classes: int,
    resamples: int = 2000,
    seed: int = 0,
) -> dict[str, tuple[float, float]]:
    """Low and high end of the 95 % interval of each metric, by `resampled_metrics`.

    With a dozen people it is somewhat too narrow, as the percentiles of a bootstrap are. It tells
    how the score of these trained models varies with the people they are tested on. How it
    varies from training to training, with other seeds, is not in it.

    Args and errors are those of `resampled_metrics`.
    """
    draws = resampled_metrics(
        true, predicted, subject, classes=classes, resamples=resamples, seed=seed
    )
    return {name: interval(values) for name, values in draws.items()}


def _scores(counts) -> dict[str, np.ndarray]:
    """The metrics of tables of counts (... y y), each an array (...)."""
    hits = np.diagonal(counts, axis1=-2, axis2=-1).astype(float)  # ... y
    there, said = counts.sum(-1), counts.sum(-2)  # ... y
    values = (
        _share(hits.sum(-1), counts.sum((-2, -1))),
        _share(hits, said).mean(-1),
        _share(hits, there).mean(-1),
        _share(2 * hits, there + said).mean(-1),
    )
    return dict(zip(METRICS, values, strict=True))


def _share(part, whole) -> np.ndarray:
    """The quotient, 0 where there is nothing to divide by."""
    return np.divide(part, whole, out=np.zeros(np.shape(part)), where=whole > 0)


def _count(true, predicted, row, *, classes: int, people: int) -> np.ndarray:
    """Confusion matrices of so many people, (people y y); ``row`` says whose each clip is."""
    counts = np.zeros((people, classes, classes), np.int64)
    np.add.at(counts, (row, true, predicted), 1)
    return counts


def _by_subject(true, predicted, subject, classes: int):
    """The subjects' names, and a confusion matrix of each."""
    true, predicted = _checked(true, predicted, classes)
    subject = np.asarray(subject)
    if subject.shape != true.shape:
        raise ShapeError(
            f"subjects of shape {subject.shape} do not fit {len(true)} clips: name one for each."
        )
    names, row = np.unique(subject, return_inverse=True)
    return names, _count(true, predicted, row, classes=classes, people=len(names))


def _checked(true, predicted, classes: int) -> tuple[np.ndarray, np.ndarray]:
    if classes < 2:
        raise ShapeError(f"classes={classes}: it takes two classes to tell apart.")
    true, predicted = _whole(true, "true", classes), _whole(predicted, "predicted", classes)
    if len(true) != len(predicted):
        raise ShapeError(
            f"{len(true)} true labels do not fit {len(predicted)} predicted ones: give one each."
        )
    return true, predicted


def _whole(labels: Labels, name: str, classes: int) -> np.ndarray:
    labels = labels.detach().cpu().numpy() if isinstance(labels, Tensor) else np.asarray(labels)
    if labels.ndim != 1 or not labels.size:
        raise ShapeError(f"{name} has shape {labels.shape}: give one label for each clip.")
    if labels.dtype.kind not in "iu":
        raise ShapeError(
            f"{name} holds {labels.dtype}: give whole numbers, the class of each clip."
        )
    wrong = labels[(labels < 0) | (labels >= classes)]
    if wrong.size:
        raise ShapeError(f"{name} holds {wrong[0]}: the {classes} classes are 0 to {classes - 1}.")
    return labels.astype(np.int64)
