"""Nothing of a person who is left out reaches the training, and LOSO profits from no face."""

from dataclasses import replace

import pytest
import torch
from planted import planted_store

import painlab as pl
from painlab.config import TrainingConfig
from painlab.training.fold_training import (
    Fold,
    TaskData,
    fold_logits,
    make_folds,
    steps_of_run,
    train_folds,
)
from painlab.training.folds import state_of_fold
from painlab.training.loso import task_features, train_loso
from painlab.training.metrics import metric_intervals

TEMPORAL = pl.TemporalConfig(
    frames=4, dim=16, latents=3, latent_dim=32, heads=2, head_dim=8, cross_head_dim=32, bands=2
)
CONFIG = TrainingConfig(epochs=10, warm_up_epochs=1, batch=32, learning_rate=1e-2)
SHORT = replace(CONFIG, epochs=3, batch=8)
TASK = pl.TASKS["NP-P4"]
PEOPLE = 8


def tied_to_the_person(who, level, features, found):
    """Two channels that are each person's own hold a code of the person times the label's sign.

    Who knows the person reads the label there; of a code never seen there is nothing to read. Two
    channels, of opposite signs, so that the layer norm does not tell the label to the others.
    """
    code = 2 * torch.randn(1, generator=torch.Generator().manual_seed(who)).sign()
    features[:] *= 0.1
    features[..., 2 * who] += code * (1 if level else -1)
    features[..., 2 * who + 1] -= code * (1 if level else -1)


@pytest.fixture(scope="module")
def tied(tmp_path_factory):
    return planted_store(
        tmp_path_factory.mktemp("tied"), people=PEOPLE, per_level=6, levels=(0, 4), frames=4,
        dim=16, signal=0.0, change=tied_to_the_person,
    )  # fmt: skip


def test_mixed_subjects_profit_from_who_it_is_and_loso_cannot(tied):
    loso = train_loso(tied, task=TASK, config=CONFIG, temporal=TEMPORAL, device="cpu")
    low, high = loso.intervals()["accuracy"]
    assert low <= 0.5 <= high

    features, labels = task_features(tied, TASK)
    data = TaskData.of(features, labels)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    parts = order.chunk(PEOPLE)
    mixed = [
        Fold(f"part{i}", torch.cat([p for p in parts if p is not part]), part)
        for i, part in enumerate(parts)
    ]
    assert {len(fold.train) for fold in mixed} == {
        len(f.train) for f in make_folds(features.samples)
    }
    model, _ = train_folds(
        data, mixed, temporal=TEMPORAL, config=CONFIG, steps=steps_of_run(mixed, CONFIG)
    )
    said = torch.cat([logits.argmax(1) for logits in fold_logits(model, data, mixed)])
    tested = torch.cat([fold.test for fold in mixed])
    subjects = [features.samples[i].subject for i in tested.tolist()]
    leaked = metric_intervals(labels[tested], said, subjects, classes=2)["accuracy"]
    assert (said == labels[tested]).float().mean() > 0.85
    assert leaked[0] > high


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    store = planted_store(
        tmp_path_factory.mktemp("plain"), people=4, levels=(0, 4), frames=4, dim=16
    )
    return task_features(store, TASK)


def trained(features, labels, found=None):
    folds = make_folds(features.samples)
    data = TaskData(features.features.clone(), found, labels.clone())
    return data, folds


@pytest.mark.parametrize("garbage", ["huge", "noise", "labels", "hidden"])
def test_what_is_left_out_cannot_be_seen_by_the_model(plain, garbage):
    features, labels = plain
    data, folds = trained(features, labels, torch.ones(len(labels), 4, dtype=torch.bool))
    steps = steps_of_run(folds, SHORT)
    before, told = train_folds(data, folds, temporal=TEMPORAL, config=SHORT, steps=steps)

    out = 2
    rows = folds[out].test
    if garbage == "huge":
        data.features[rows] = 1e6
    elif garbage == "noise":
        data.features[rows] = torch.randn(data.features[rows].shape)
    elif garbage == "hidden":
        data.found[rows] = False
        data.features[rows] = float("nan")
    data.labels[rows] = 1 - data.labels[rows]
    after, again = train_folds(data, folds, temporal=TEMPORAL, config=SHORT, steps=steps)

    for i in range(len(folds)):
        pairs = [
            torch.equal(x, state_of_fold(after, i)[name])
            for name, x in state_of_fold(before, i).items()
        ]
        assert all(pairs) if i == out else not any(pairs[:1]) and not all(pairs)
        assert ([e[i] for e in told] == [e[i] for e in again]) == (i == out)


def test_a_frame_without_a_face_in_one_person_changes_no_rounding_in_the_others(plain):
    """With or without a mask the same sums are made: all-true masks change no bit."""
    features, labels = plain
    runs = []
    for found in (None, torch.ones(len(labels), 4, dtype=torch.bool)):
        data, folds = trained(features, labels, found)
        steps = steps_of_run(folds, SHORT)
        runs.append(train_folds(data, folds, temporal=TEMPORAL, config=SHORT, steps=steps)[0])
    for name, value in runs[0].state_dict().items():
        assert torch.equal(value, runs[1].state_dict()[name]), name


def test_each_fold_tests_on_whom_it_never_trains_on(plain):
    features, _ = plain
    for fold in make_folds(features.samples):
        trains = {features.samples[i].subject for i in fold.train.tolist()}
        tests = {features.samples[i].subject for i in fold.test.tolist()}
        assert tests == {fold.name}
        assert trains == {s.subject for s in features.samples} - {fold.name}
