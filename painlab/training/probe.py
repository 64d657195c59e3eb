"""Can facial actions be read from frozen features by a linear map, on people never seen?

The map is a ridge regression. It is learned on some people's frames and tested on other people's,
so that it measures what the features say of a face's actions and not whose face it is.
"""

from dataclasses import dataclass

import numpy as np

from painlab.datasets.synthpain.actions import columns
from painlab.datasets.synthpain.portraits import PAIN
from painlab.errors import ShapeError
from painlab.training.resampling import draw_people
from painlab.typing import Float, Int

PAIN_ACTIONS = tuple(PAIN)  # what pain uses: both halves of a face are one action
PENALTIES = tuple(np.logspace(-1, 6, 15))
FOLDS = 5  # of the training people, to choose the penalty by


@dataclass(frozen=True)
class Reading:
    """What a probe reads from the frames of the test people.

    Attributes:
        true: (b i), the actions that are there.
        found: (b i), those that were read.
        person: (b), who is shown.
        penalty: the ridge's, chosen on the training people.
    """

    true: Float[np.ndarray, "b i"]
    found: Float[np.ndarray, "b i"]
    person: Int[np.ndarray, "b"]
    penalty: float

    def r2(self, weight: Float[np.ndarray, "b"] | None = None) -> Float[np.ndarray, "i"]:
        """R² of each action: 1 less the squared error over that of the test frames' own mean.

        All test frames are pooled. `weight` says how often each frame counts.
        """
        from sklearn.metrics import r2_score

        return r2_score(self.true, self.found, sample_weight=weight, multioutput="raw_values")

    def within(self) -> "Reading":
        """The same after each test person's own mean is taken from what is true and what is read.

        Its R² says how well changes of one face are followed. It is the easier question, since it
        takes the mean of faces whose actions are unknown: a second figure beside the plain one.
        """
        _, rows = np.unique(self.person, return_inverse=True)
        return Reading(
            _without_means(self.true, rows), _without_means(self.found, rows),
            self.person, self.penalty,
        )  # fmt: skip

    def resampled(self, *, resamples: int = 1000, seed: int = 0) -> Float[np.ndarray, "draws i"]:
        """R² with the test people drawn with replacement, all frames of a person together.

        The same seed draws the same people: two embeddings can be compared drawing by drawing.
        """
        names, rows = np.unique(self.person, return_inverse=True)
        rng = np.random.default_rng(seed)
        return np.stack(
            [self.r2(draw_people(len(names), rng)[rows].astype(float)) for _ in range(resamples)]
        )


def probe_actions(
    features: Float[np.ndarray, "b d"],
    actions: Float[np.ndarray, "b i"],
    person: Int[np.ndarray, "b"],
    *,
    test_features: Float[np.ndarray, "b2 d"],
    test_actions: Float[np.ndarray, "b2 i"],
    test_person: Int[np.ndarray, "b2"],
) -> Reading:
    """Learn a ridge regression on some people, and read the actions of others with it.

    Each feature is standardised by its mean and deviation over the training frames. One penalty
    for all actions is the one of `PENALTIES` with the best mean R² in a cross-validation within the
    training people, where no person is in two folds; the test people have no part in it.

    Args:
        features: (b d) of the training frames.
        actions: (b i), what is to be read from them.
        person: (b), who is shown.
        test_features: (b2 d), likewise of the test people.
        test_actions: (b2 i).
        test_person: (b2).

    Raises:
        ShapeError: where rows do not fit, a person is on both sides, or people are too few.
    """
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import GridSearchCV, GroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if not (len(features) == len(actions) == len(person)) or not (
        len(test_features) == len(test_actions) == len(test_person)
    ):
        raise ShapeError(
            "probe_actions: features, actions and people need the same number of rows."
        )
    both = np.intersect1d(person, test_person)
    if len(both):
        raise ShapeError(f"probe_actions: person {both[0]} is on both sides; test on others.")
    people = len(np.unique(person))
    if people < 2 or len(np.unique(test_person)) < 2:
        raise ShapeError("probe_actions: it takes two people to learn from and two to test on.")
    search = GridSearchCV(
        make_pipeline(StandardScaler(), Ridge()),
        {"ridge__alpha": PENALTIES},
        scoring="r2",
        cv=GroupKFold(min(FOLDS, people)),
    )
    search.fit(features.astype(np.float64), actions, groups=person)
    found = search.predict(test_features.astype(np.float64)).reshape(test_actions.shape)
    return Reading(
        test_actions.astype(np.float64), found, test_person,
        float(search.best_params_["ridge__alpha"]),
    )  # fmt: skip


def pain_actions(actions: Float[np.ndarray, "b actions"]) -> Float[np.ndarray, "b i"]:
    """The actions that pain uses, in the order of `PAIN_ACTIONS`; two halves give their mean."""
    return np.column_stack([actions[:, columns(name)].mean(1) for name in PAIN_ACTIONS])


def _without_means(values, rows):
    sums = np.zeros((rows.max() + 1, values.shape[1]))
    np.add.at(sums, rows, values)
    return values - (sums / np.bincount(rows)[:, None])[rows]
