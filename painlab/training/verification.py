"""Does a feature tell people apart? Verification and identification, with intervals over people.

Verification asks of two pictures whether they show one person, by the cosine of their features (as
Cao et al., VGGFace2: a dataset for recognising faces across pose and age, FG 2018, compare
features). Identification asks which of the enrolled people a picture shows.
"""

from dataclasses import dataclass

import numpy as np

from painlab.errors import ShapeError
from painlab.training.resampling import INTERVAL, draw_people
from painlab.typing import Bool, Float, Int


@dataclass(frozen=True)
class Verification:
    """How well people are told apart; every interval holds 95 % and is over people.

    Attributes:
        people: how many people there are.
        same: pairs of pictures that show one person.
        different: pairs of pictures that show two.
        auc: area under the ROC curve: how often a pair of one person is more alike than a pair of
            two. Chance is 0.5.
        equal_error: share of errors at the threshold where as many pairs of two people are
            accepted as pairs of one are refused. Chance is 0.5.
        rank_one: how often the most alike of the enrolled pictures, one a person, is the right
            person's. Chance is 1 / people.
        auc_interval: of the AUC, low and high; likewise the other two.
    """

    people: int
    same: int
    different: int
    auc: float
    auc_interval: tuple[float, float]
    equal_error: float
    equal_error_interval: tuple[float, float]
    rank_one: float
    rank_one_interval: tuple[float, float]


def verify(
    features: Float[np.ndarray, "b d"],
    person: Int[np.ndarray, "b"],
    others: Float[np.ndarray, "b2 d"] | None = None,
    others_person: Int[np.ndarray, "b2"] | None = None,
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> Verification:
    """Compare all pairs of pictures, by the cosine of their centred features.

    With one set, a pair is any two of its pictures; with two, one picture of each (for example
    neutral and smiling), and the first set is the one that is enrolled. Features are centred by
    `cosines`.

    The interval is a bootstrap over people, since pairs that share a person are not independent:
    people are drawn with replacement, and a pair counts as often as it can be formed from those
    drawn. If persons p and q are drawn m(p) and m(q) times, that is m(p) × m(q) times for a pair of
    the two, and m(p) times for a pair of p alone. Two drawings of p are never taken for two people,
    nor is a picture compared with itself. Rank one keeps everyone enrolled, so that the question
    stays as hard as it was, and draws the people who are looked for.

    Args:
        features: (b d), one a picture.
        person: (b), whose they are, as any whole numbers.
        others: (b2 d), the second set.
        others_person: (b2), likewise.
        resamples: how often people are drawn.
        seed: of the drawing.

    Raises:
        ShapeError: where rows do not fit, a person of the second set is not in the first, or there
            are too few people (3) or pictures to form pairs of one person and of two.
    """
    if (others is None) != (others_person is None):
        raise ShapeError("verify: give the features of the second set and its people, or neither.")
    both = others is not None
    every = np.concatenate([features, others]) if both else features
    whose = np.concatenate([person, others_person]) if both else person
    _check(every, whose, np.setdiff1d(others_person, person) if both else ())
    names, whose = np.unique(whose, return_inverse=True)
    alike = cosines(every, whose)  # (b + b2) (b + b2)
    if both:
        rows, columns = np.meshgrid(
            np.arange(len(features)), np.arange(len(features), len(every)), indexing="ij"
        )
        rows, columns = rows.ravel(), columns.ravel()
    else:
        rows, columns = np.triu_indices(len(every), 1)
    first, second = whose[rows], whose[columns]
    if not (first == second).any():
        raise ShapeError("verify: no person has two pictures that can be compared.")
    order = np.argsort(alike[rows, columns])  # sorted once, so that every drawing is quick
    score, first, second = alike[rows, columns][order], first[order], second[order]
    right = _recognised(alike, whose, enrolled=len(features) if both else None)  # people, looks

    def figures(drawn: Float[np.ndarray, "i"]) -> tuple[float, float, float]:
        weight = pair_weights(first, second, drawn)
        found, asked = drawn @ right
        return (*area_and_error(score, first == second, weight), float(found / asked))

    rng, table = np.random.default_rng(seed), []
    while len(table) < resamples:
        drawn = draw_people(len(names), rng)
        weight = pair_weights(first, second, drawn)
        if weight[first == second].any() and weight[first != second].any():
            table.append(figures(drawn))  # a drawing without pairs of both kinds says nothing
    low, high = np.quantile(np.array(table), INTERVAL, axis=0)
    spans = [(float(a), float(b)) for a, b in zip(low, high, strict=True)]
    auc, equal_error, rank_one = figures(np.ones(len(names)))
    return Verification(
        people=len(names), same=int((first == second).sum()),
        different=int((first != second).sum()), auc=auc, auc_interval=spans[0],
        equal_error=equal_error, equal_error_interval=spans[1],
        rank_one=rank_one, rank_one_interval=spans[2],
    )  # fmt: skip


def cosines(
    features: Float[np.ndarray, "b d"], person: Int[np.ndarray, "b"]
) -> Float[np.ndarray, "b b"]:
    """Cosine of each two features, both centred by the mean of everyone else's.

    What all faces have in common would make every cosine about 1, so it is taken away first. The
    mean is over the pictures of all people but the one or two who are compared: nothing that is
    known of them enters it, and pairs of one person and of two are treated alike. A feature that is
    nothing but the mean has a cosine of 0 with all.

    Args:
        features: (b d).
        person: (b), numbers from 0 without a gap.
    """
    x = features.astype(np.float64)
    x = x - x.mean(0)  # the cosines stay the same, rounding errors become small
    rows = [np.flatnonzero(person == who) for who in range(int(person.max()) + 1)]
    sums = np.stack([x[mine].sum(0) for mine in rows])  # people d
    total, alike = sums.sum(0), np.empty((len(x), len(x)))
    for p, mine in enumerate(rows):
        for q, theirs in enumerate(rows[: p + 1]):
            if p == q:
                middle = (total - sums[p]) / (len(x) - len(mine))
            else:
                middle = (total - sums[p] - sums[q]) / (len(x) - len(mine) - len(theirs))
            cosine = _unit(x[mine] - middle) @ _unit(x[theirs] - middle).T
            alike[np.ix_(mine, theirs)], alike[np.ix_(theirs, mine)] = cosine, cosine.T
    return alike


def _unit(vectors: Float[np.ndarray, "b d"]) -> Float[np.ndarray, "b d"]:
    """Vectors of length 1; one of length 0 stays."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(length > 0, length, 1.0)


def pair_weights(
    first: Int[np.ndarray, "t"], second: Int[np.ndarray, "t"], drawn: Float[np.ndarray, "i"]
) -> Float[np.ndarray, "t"]:
    """How often each pair can be formed from people of whom each is drawn so many times.

    Args:
        first: who is in a pair's one picture, numbers from 0.
        second: who is in the other.
        drawn: how often each person is drawn.
    """
    return drawn[first] * np.where(first == second, 1.0, drawn[second])


def area_and_error(
    score: Float[np.ndarray, "t"], same: Bool[np.ndarray, "t"], weight: Float[np.ndarray, "t"]
) -> tuple[float, float]:
    """Area under the ROC curve of weighted pairs, and the error where its two kinds are equal."""
    from sklearn.metrics import auc, roc_curve

    there = weight > 0
    accepted, found, _ = roc_curve(same[there], score[there], sample_weight=weight[there])
    refused = 1 - found
    # along the curve one error grows from 0 to 1 and the other falls: they meet between two points
    at = int(np.argmax(accepted >= refused))
    if at == 0:
        return float(auc(accepted, found)), float(accepted[0])
    before, after = refused[at - 1] - accepted[at - 1], refused[at] - accepted[at]
    share = before / (before - after)
    return (
        float(auc(accepted, found)),
        float(accepted[at - 1] + share * (accepted[at] - accepted[at - 1])),
    )


def _recognised(alike, person, *, enrolled: int | None) -> Float[np.ndarray, "i 2"]:
    """For each person how often they were recognised, and how often they were looked for.

    Without a second set, each person's first picture is enrolled and all others are looked for,
    then each person's second, and so on; with one, as many turns as the first set has.
    """
    people = int(person.max()) + 1
    end = len(person) if enrolled is None else enrolled
    turn = np.zeros(end, int)
    for who in range(people):
        mine = np.flatnonzero(person[:end] == who)
        turn[mine] = np.arange(len(mine))
    told = np.zeros((people, 2))
    for number in range(int(np.bincount(person[:end], minlength=people).min())):
        gallery = np.flatnonzero(turn == number)
        asked = (
            np.setdiff1d(np.arange(end), gallery)
            if enrolled is None
            else np.arange(end, len(person))
        )
        best = person[gallery[alike[asked][:, gallery].argmax(1)]]
        np.add.at(told[:, 0], person[asked], best == person[asked])
        np.add.at(told[:, 1], person[asked], 1)
    return told


def _check(features, person, strangers) -> None:
    if features.ndim != 2 or len(features) != len(person):
        raise ShapeError(
            f"verify: {len(person)} people do not fit features of shape {features.shape}: "
            "give a row each."
        )
    if len(np.unique(person)) < 3:
        raise ShapeError(
            f"verify: {len(np.unique(person))} people are too few: it takes three, since a pair is "
            "centred by the mean of everyone else."
        )
    if not np.isfinite(features).all():
        raise ShapeError("verify: some features are not numbers.")
    if len(strangers):
        raise ShapeError(f"verify: person {strangers[0]} is in the second set but not the first.")
