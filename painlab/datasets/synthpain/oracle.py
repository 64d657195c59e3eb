"""What two classifiers make of the true action curves: a mark to hold a model's score against.

The oracle sees what no camera sees, every action of every frame without error, but not which of
them pain made. It learns from peak, mean and area of each action and of their sum, under the same
leave-one-subject-out protocol as every model; the better of logistic regression and gradient
boosting is reported.
"""

from collections.abc import Sequence

import numpy as np

from painlab.datasets.splits import leave_one_subject_out
from painlab.datasets.synthpain.curves import SECONDS
from painlab.datasets.synthpain.dataset import SynthPain
from painlab.datasets.tasks import Sample, Task
from painlab.errors import DataError
from painlab.typing import Float, Int

CLASSIFIERS = ("logistic", "boosting")


def motion_features(curves: Float[np.ndarray, "k i"]) -> Float[np.ndarray, "o"]:
    """Peak, mean and area of each curve of a clip, and of their sum: ``o = 3 * (i + 1)``.

    The area is the seconds that a curve spends above its own lowest value in the clip, weighted
    with its height there; the area above 0 would be the mean once more.
    """
    curves = np.column_stack([curves, curves.sum(1)]).astype(float)  # (k i+1)
    area = SECONDS * (curves - curves.min(0)).mean(0)
    return np.concatenate([curves.max(0), curves.mean(0), area])


def oracle_predictions(
    features: Float[np.ndarray, "b o"], samples: Sequence[Sample], *, task: Task, classifier: str
) -> Int[np.ndarray, "b"]:
    """The class that each clip gets from a classifier that has not seen its subject.

    Args:
        features: `motion_features` of each clip.
        samples: the clips, all of the task's levels.
        task: which levels to tell apart.
        classifier: "logistic" or "boosting", scikit-learn's, with settings and random state fixed.

    Raises:
        DataError: another classifier, or as many rows of features as there are samples not given;
            also what `leave_one_subject_out` refuses.
    """
    if len(features) != len(samples):
        raise DataError(
            f"{len(features)} rows of features do not fit {len(samples)} samples: give one each."
        )
    labels = np.array([task.label(sample) for sample in samples])
    row = {(sample.subject, sample.sample_name): i for i, sample in enumerate(samples)}
    predicted = np.full(len(samples), -1)
    for train, test in leave_one_subject_out(samples):
        fit, held = ([row[s.subject, s.sample_name] for s in part] for part in (train, test))
        model = _classifier(classifier).fit(features[fit], labels[fit])
        predicted[held] = model.predict(features[held])
    return predicted


def oracle_accuracy(
    features: Float[np.ndarray, "b o"], samples: Sequence[Sample], *, task: Task
) -> dict[str, float]:
    """Accuracy of both classifiers on a task, by name; the oracle's is the larger.

    `features` and `samples` are of all levels or of the task's alone. Raises as
    `oracle_predictions` does.
    """
    keep = [i for i, sample in enumerate(samples) if sample.level in task.levels]
    chosen = [samples[i] for i in keep]
    labels = np.array([task.label(sample) for sample in chosen])
    return {
        name: float(
            (
                oracle_predictions(features[keep], chosen, task=task, classifier=name) == labels
            ).mean()
        )
        for name in CLASSIFIERS
    }


def oracle_of(data: SynthPain, *, task: Task) -> float:
    """The oracle's accuracy on a task, on the very clips of a data set.

    Raises as `oracle_predictions` does.
    """
    samples = task.select(data)
    features = np.array([motion_features(data.motion(sample).actions) for sample in samples])
    return max(oracle_accuracy(features, samples, task=task).values())


def _classifier(name: str):
    """A fresh classifier; scikit-learn is imported here, as nothing else needs it."""
    if name not in CLASSIFIERS:
        raise DataError(f"There is no oracle named {name!r}: take {' or '.join(CLASSIFIERS)}.")
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.feature_selection import VarianceThreshold
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if name == "logistic":
        regression = LogisticRegression(C=0.05, max_iter=1000, random_state=0)
        return make_pipeline(VarianceThreshold(), StandardScaler(), regression)
    boosting = HistGradientBoostingClassifier(
        max_iter=60, learning_rate=0.1, max_leaf_nodes=12, early_stopping=False, random_state=0
    )
    return make_pipeline(VarianceThreshold(), boosting)
