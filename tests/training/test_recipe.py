"""Optimiser and schedule of Table I."""

import math

import pytest
import torch
from torch import nn

import painlab as pl
from painlab.config import TrainingConfig
from painlab.training.recipe import (
    half_precision,
    has_bfloat16,
    learning_rate_at,
    make_optimizer,
    parameter_groups,
    set_learning_rate,
)


def test_decay_spares_biases_norms_tokens_and_positions():
    model = pl.TNT(pl.TNTConfig(image_size=32, dim=24, heads=2, inner_dim=8, depth=1))
    decayed, free = parameter_groups(model, weight_decay=0.1)
    names = {id(p): name for name, p in model.named_parameters()}
    kept = [names[id(p)] for p in decayed["params"]]
    spared = [names[id(p)] for p in free["params"]]
    assert sorted(kept + spared) == sorted(names.values())
    assert (decayed["weight_decay"], free["weight_decay"]) == (0.1, 0.0)
    assert all(name.endswith("weight") and "norm" not in name for name in kept)
    assert any("token" in name for name in spared)
    assert any("position" in name for name in spared)


def decayed_names(model):
    """The parameters with decay, and those without; each is in one of the two."""
    names = {id(p): name for name, p in model.named_parameters()}
    groups = parameter_groups(model, weight_decay=0.1)
    decayed, free = ([names[id(p)] for p in group["params"]] for group in groups)
    assert sorted(decayed + free) == sorted(names.values())
    return set(decayed), set(free)


@pytest.mark.parametrize(
    "config",
    [
        pl.FrameworkConfig.tiny(),
        pl.FrameworkConfig(
            spatial=pl.TNTConfig(image_size=32, depth=1, stem="conv"),
            temporal=pl.TemporalConfig(tokens="scalars", frames=8),
        ),
    ],
    ids=["linear, frames", "conv, scalars"],
)
def test_the_frameworks_matrices_and_kernels_decay_and_nothing_else(config):
    model = pl.PainFramework(config)
    maps = [(n, m) for n, m in model.named_modules() if isinstance(m, (nn.Linear, nn.Conv2d))]
    decayed, free = decayed_names(model)
    assert decayed == {f"{name}.weight" for name, _ in maps}
    assert {f"{name}.bias" for name, m in maps if m.bias is not None} <= free
    assert {f"{n}.weight" for n, m in model.named_modules() if isinstance(m, nn.LayerNorm)} <= free
    assert {name for name in free if not name.endswith((".weight", ".bias"))} == {
        "spatial.class_token",
        "spatial.patch_position",
        "spatial.sub_patch_position",
        "temporal.latents",
    }


def test_a_leading_axis_of_folds_changes_nothing_of_what_decays():
    """A bias of several folds has two axes, as a matrix has."""
    model = pl.PainFramework(pl.FrameworkConfig.tiny())
    alone = decayed_names(model)
    for parameter in model.parameters():
        parameter.data = parameter.data.expand(3, *parameter.shape).clone()
    assert decayed_names(model) == alone


def test_a_step_without_gradients_shrinks_what_decays_and_leaves_the_rest():
    """AdamW's decay is the learning rate times the decay, apart from the gradient."""
    model = pl.PainFramework(pl.FrameworkConfig.tiny())
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    optimizer = make_optimizer(model, learning_rate=1e-4, weight_decay=0.1)
    assert isinstance(optimizer, torch.optim.AdamW)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    decayed, _ = decayed_names(model)
    for name, parameter in model.named_parameters():
        share = 1 - 1e-4 * 0.1 if name in decayed else 1.0
        assert torch.allclose(parameter, share * before[name], rtol=1e-7, atol=0), name


def test_the_rates_of_table_i():
    """A binary task of BioVid: 86 people's 40 clips, and what each step of the run is given."""
    training = TrainingConfig.paper()
    of_epoch = training.steps_of_epoch(86 * 40)
    asked = {
        "steps": training.epochs * of_epoch,
        "warm_up": training.warm_up_epochs * of_epoch,
        "highest": training.learning_rate,
    }
    assert asked["steps"] == 21_600
    model = pl.PainFramework(pl.FrameworkConfig.tiny())
    optimizer = make_optimizer(
        model, learning_rate=training.learning_rate, weight_decay=training.weight_decay
    )
    for step, rate in ((0, 1e-4 / 540), (539, 1e-4), (540, 1e-4), (11_070, 0.5e-4)):
        set_learning_rate(optimizer, step, **asked)
        assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([rate] * 2)
    set_learning_rate(optimizer, 21_599, **asked)
    assert 0 < optimizer.param_groups[0]["lr"] < 1e-11


def test_a_cpu_computes_in_float32():
    cpu = torch.device("cpu")
    assert not has_bfloat16(cpu)
    with half_precision(cpu):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32


@pytest.mark.gpu
def test_a_gpu_computes_in_bfloat16_where_it_has_it():
    gpu = torch.device("cuda", torch.cuda.current_device())
    x = torch.ones(2, 2, device=gpu)
    with half_precision(gpu):
        assert (x @ x).dtype == (torch.bfloat16 if has_bfloat16(gpu) else torch.float32)
    with half_precision(gpu, wanted=False):
        assert (x @ x).dtype == torch.float32


def test_frozen_parameters_are_left_out():
    model = pl.TNT(pl.TNTConfig(image_size=32, dim=24, heads=2, inner_dim=8, depth=1))
    for parameter in model.stem.parameters():
        parameter.requires_grad_(False)
    held = {id(p) for group in parameter_groups(model, weight_decay=0.1) for p in group["params"]}
    assert not held & {id(p) for p in model.stem.parameters()}
    assert make_optimizer(model, learning_rate=1e-4, weight_decay=0.1).defaults["lr"] == 1e-4


def test_warm_up_then_cosine():
    rates = [learning_rate_at(s, steps=110, warm_up=10, highest=1.0) for s in range(111)]
    assert rates[:10] == pytest.approx([0.1 * (i + 1) for i in range(10)])
    assert rates[10] == 1.0
    assert rates[60] == pytest.approx(0.5)
    assert rates[85] == pytest.approx(0.5 * (1 + math.cos(math.pi * 0.75)))
    assert rates[110] == pytest.approx(0.0, abs=1e-12)
