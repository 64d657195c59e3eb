"""How many folds fit: what a fold takes, what is free, and what happens where it was too much."""

from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import torch
from planted import planted_store

import painlab as pl
from painlab.config import TrainingConfig
from painlab.training import loso, memory
from painlab.training.fold_training import TaskData, first_model
from painlab.training.folds import stack
from painlab.training.loso import train_loso
from painlab.training.memory import (
    PER_PARAMETER,
    bytes_of_fold,
    choose_folds_at_once,
    even_groups,
    free_memory,
    is_out_of_memory,
)
from painlab.training.noise import FoldNoise
from painlab.training.runs import LosoRun

TEMPORAL = pl.TemporalConfig(
    frames=24, dim=16, latents=4, latent_dim=16, heads=2, head_dim=8, cross_head_dim=16, bands=2
)
CONFIG = TrainingConfig(epochs=2, warm_up_epochs=1, batch=16)


def data(*, frames=24, mask=False):
    found = torch.ones(40, frames, dtype=torch.bool) if mask else None
    return TaskData(torch.randn(40, 1, frames, 16), found, torch.zeros(40, dtype=torch.long))


def weights_of(temporal):
    count = sum(p.numel() for p in first_model("a", temporal, seed=0).parameters())
    return 4 * PER_PARAMETER * count


def steps_bytes(batch=16, *, frames=24, **changes):
    """What a step keeps of one fold, beside weights and optimiser."""
    temporal = replace(TEMPORAL, frames=frames, **changes)
    config = replace(CONFIG, batch=batch)
    return bytes_of_fold(data(frames=frames), temporal, config) - weights_of(temporal)


def kept_bytes(folds, batch=16):
    """What PyTorch keeps for the backward pass of so many folds: counted once more, by hand."""
    names = [f"p{i}" for i in range(folds)]
    models = [first_model(name, TEMPORAL, seed=0) for name in names]
    model = stack(models, noise=FoldNoise(0, names)).train()
    kept = {p.untyped_storage().data_ptr(): None for p in model.parameters()}
    total, alive = 0, []

    def keep(tensor):
        nonlocal total
        at = tensor.untyped_storage()
        if at.data_ptr() not in kept:
            kept[at.data_ptr()] = None
            total += at.nbytes()
        alive.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        model(torch.randn(folds, batch, 24, 16)).sum()
    return total


def test_a_fold_takes_what_is_kept_for_it():
    one = steps_bytes()
    assert one == pytest.approx(kept_bytes(1), rel=0.02)
    for folds in (2, 5):
        assert kept_bytes(folds) == pytest.approx(folds * one, rel=0.02)


def test_it_grows_as_a_step_does():
    one = steps_bytes()
    assert 1.9 < steps_bytes(32) / one < 2.05  # clips
    assert 1.9 < steps_bytes(64) / steps_bytes(32) < 2.05
    assert 1.3 < steps_bytes(latents=8) / one < 2
    assert 1.2 < steps_bytes(frames=48) / one < 2
    assert steps_bytes(latent_dim=64) > 1.5 * one
    assert steps_bytes(tokens="scalars") > 3 * one
    masked = bytes_of_fold(data(mask=True), TEMPORAL, CONFIG)
    assert masked >= bytes_of_fold(data(), TEMPORAL, CONFIG)


def test_double_precision_takes_twice_as_much():
    twice = data()
    twice = TaskData(twice.features.double(), None, twice.labels)
    ratio = bytes_of_fold(twice, TEMPORAL, CONFIG) / bytes_of_fold(data(), TEMPORAL, CONFIG)
    assert 1.8 < ratio <= 2


def test_it_draws_no_random_number():
    given = data()
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    bytes_of_fold(given, TEMPORAL, CONFIG)
    assert torch.equal(torch.rand(2), expected)


@pytest.mark.parametrize(
    ("count", "free", "each", "chosen"),
    [
        (87, 10_000, 100, 60),
        (87, 10**9, 100, 87),
        (5, 0, 100, 1),
        (1, 10**9, 1, 1),
        (9, 99, 100, 1),
    ],
)
def test_folds_at_once(count, free, each, chosen):
    assert choose_folds_at_once(count, free=free, each=each) == chosen


def test_free_memory_is_the_machines():
    free = free_memory(torch.device("cpu"))
    assert isinstance(free, int)
    assert free > 2**20
    if Path("/proc/meminfo").exists():
        total = int(Path("/proc/meminfo").read_text().split()[1]) * 1024
        assert free < total


@pytest.mark.gpu
def test_free_memory_of_an_accelerator():
    device = torch.device("cuda")
    before = free_memory(device)
    held = torch.empty(2**28, dtype=torch.uint8, device=device)
    assert before - free_memory(device) >= held.numel() - 2**21


def test_groups_are_even_and_in_order():
    names = [f"p{i}" for i in range(87)]
    for at_once in (1, 2, 43, 86, 87, 100):
        groups = even_groups(names, at_once)
        assert list(chain(*groups)) == names
        sizes = [len(group) for group in groups]
        assert max(sizes) <= at_once
        assert max(sizes) - min(sizes) <= 1
        assert len(groups) == -(-87 // at_once)


def test_memory_runs_out_in_several_words():
    for error in (
        torch.OutOfMemoryError("CUDA out of memory."),
        MemoryError(),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    ):
        assert is_out_of_memory(error)
    for error in (RuntimeError("shapes cannot be multiplied"), KeyError("memory")):
        assert not is_out_of_memory(error)


def test_the_cpu_says_what_is_waited_for():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60, dtype=torch.uint8)
    assert is_out_of_memory(caught.value)


GIVEN = {"task": "NP-P4", "config": CONFIG, "temporal": TEMPORAL, "device": "cpu"}


class TestTooMuch:
    @pytest.fixture
    def store(self, tmp_path):
        return planted_store(tmp_path / "store", people=5, frames=6)

    @pytest.fixture
    def only(self, monkeypatch):
        """Let no more than so many folds be trained together; gives the groups that were tried."""

        def set_limit(most, error):
            real, tried = memory_train, []

            def limited(data, folds, **given):
                tried.append([int(fold.name[-2:]) for fold in folds])
                if len(folds) > most:
                    given["checkpoint"].write_bytes(b"of a step before the memory ran out")
                    raise error
                return real(data, folds, **given)

            monkeypatch.setattr(loso, "train_folds", limited)
            return tried

        memory_train = loso.train_folds
        return set_limit

    @pytest.mark.parametrize("error", [torch.OutOfMemoryError("out of memory"), MemoryError()])
    def test_halves_until_it_fits(self, store, tmp_path, only, error):
        whole = train_loso(store, **GIVEN)
        tried = only(2, error)
        result = train_loso(store, out=tmp_path / "run", **GIVEN)
        assert tried == [[0, 1, 2, 3, 4], [0, 1, 2], [0, 1], [2], [3, 4]]
        assert result.missing == ()
        assert result.sample_names == whole.sample_names
        np.testing.assert_allclose(result.logits, whole.logits, rtol=1e-3, atol=1e-4)
        assert sorted(p.name for p in (tmp_path / "run").glob("[!l]*")) == [  # locks may stay
            "folds-000-001.json", "folds-002-002.json", "folds-003-004.json", "run.json",
        ]  # fmt: skip

    def test_goes_on_with_what_the_halves_left(self, store, tmp_path, only):
        tried = only(2, MemoryError())
        run = tmp_path / "run"
        train_loso(store, out=run, **GIVEN)
        tried.clear()
        (run / "folds-002-002.json").unlink()
        assert train_loso(store, out=run, **GIVEN).missing == ()
        assert tried == [[2]]

    def test_one_fold_that_does_not_fit_is_told(self, store, tmp_path, only):
        only(0, torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate 2 GiB."))
        with pytest.raises(
            pl.PainLabError, match="does not hold the fold that leaves out person00"
        ):
            train_loso(store, out=tmp_path / "run", **GIVEN)
        assert LosoRun(tmp_path / "run").results() == {}

    def test_other_errors_are_no_matter_of_memory(self, store, only):
        tried = only(2, RuntimeError("something else"))
        with pytest.raises(RuntimeError, match="something else"):
            train_loso(store, **GIVEN)
        assert len(tried) == 1

    def test_as_many_at_once_as_fit(self, store, tmp_path, monkeypatch):
        each = []
        real = memory.bytes_of_fold
        monkeypatch.setattr(
            loso, "bytes_of_fold", lambda *given: each.append(real(*given)) or each[-1]
        )
        monkeypatch.setattr(loso, "free_memory", lambda device: int(each[-1] * 2.1 / memory.SHARE))
        train_loso(store, out=tmp_path / "run", **GIVEN)
        assert [len(group) for group in LosoRun(tmp_path / "run").groups] == [2, 2, 1]
